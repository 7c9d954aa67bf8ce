//! The beginning: which release is meant, a record of it, an attempt of its own, and the whole
//! verification once more, by object version.

use aws::error::CallError;
use aws::job::now;
use aws::s3::bucket::list;
use aws::s3::kept;
use driver::release::{self, Looked};
use shared::ledger::{self, Came, Entry, Order};
use shared::production::record::{self, Phase, Record};
use shared::production::wish::{Drift, Wanted, Wish};
use shared::release::outcome::{self, Kind, Outcome};
use shared::release::{ENVELOPE, folder};

use crate::handler::{Next, Stop};
use crate::place::{Deployer, Held, Overtaken};

/// What beginning came to.
pub enum Begun {
    /// A record.
    Held(Box<Held>),
    /// There is nothing to begin with, and why.
    Not(String),
}

/// Finds the release, and makes a record of it.
pub async fn begin(
    deployer: &Deployer,
    execution: &str,
    began: u64,
    wish: &Wish,
    wanted: &Wanted,
) -> Result<Begun, Stop> {
    let name = match wanted {
        Wanted::Release(name) => name.clone(),
        Wanted::Previous { target } => match previous(deployer, target.as_deref()).await? {
            Ok(name) => name,
            Err(why) => return Ok(Begun::Not(why)),
        },
        Wanted::CleanUp(_) => return Ok(Begun::Not("a clean-up begins nothing".to_owned())),
    };
    let key = format!("{}{ENVELOPE}", folder(&name));
    let envelope = kept::get(deployer.releases(), &key, wish.arrived.as_deref()).await?;
    let Some(envelope) = envelope else {
        return Ok(Begun::Not(format!(
            "there is no release {name}: s3://{}/{key} is not there{}",
            deployer.setup.releases,
            wish.arrived
                .as_ref()
                .map(|version| format!(" in version {version}"))
                .unwrap_or_default()
        )));
    };
    let asked = wish.arrived.is_none();
    let record = Record {
        version: 1,
        id: record::id(execution),
        execution: execution.to_owned(),
        envelope: envelope.version,
        sha256: ledger::hash(&envelope.bytes),
        attempt: 0,
        order: Order {
            at: if asked { began } else { envelope.written },
            release: name.clone(),
        },
        release: name,
        asked,
        accept_drift: wish.drift == Some(Drift::Accept),
        began,
        phase: Phase::Verify,
        targets: Vec::new(),
        approvers: Vec::new(),
        state: None,
        rolling: 0,
        from: Vec::new(),
        abandoned: None,
        end: None,
    };
    match deployer.create(record).await? {
        Ok(held) => Ok(Begun::Held(Box::new(held))),
        Err(Overtaken) => Err(Stop::Overtaken),
    }
}

/// The release that served a target before the one that does.
async fn previous(
    deployer: &Deployer,
    target: Option<&str>,
) -> Result<Result<String, String>, CallError> {
    let target = match target {
        Some(target) => target.to_owned(),
        None => {
            let all = list(deployer.releases(), ledger::FOLDER).await?;
            let targets = ledger::targets(all.iter().map(|entry| entry.key.as_str()));
            match targets.as_slice() {
                [one] => one.clone(),
                [] => {
                    return Ok(Err(
                        "the ledger is empty: there is nothing to go back to".to_owned()
                    ));
                }
                many => {
                    return Ok(Err(format!(
                        "\"previous\" of which target? Name one by \"target\": {}",
                        many.join(", ")
                    )));
                }
            }
        }
    };
    let Some((mut entry, _)) = release::head(deployer.releases(), &target).await? else {
        return Ok(Err(format!("the ledger has no entry of target {target}")));
    };
    // The newest success is what serves: a failure after it went back to it.
    let mut serves: Option<String> = None;
    loop {
        if let (Came::Served, Some(of)) = (entry.result, &entry.release) {
            match &serves {
                None => serves = Some(of.name.clone()),
                Some(now) if *now != of.name => return Ok(Ok(of.name.clone())),
                Some(_) => {}
            }
        }
        let before: Option<Entry> = match entry.number {
            0 | 1 => None,
            number => release::entry(deployer.releases(), &target, number - 1)
                .await?
                .map(|(entry, _)| entry),
        };
        match before {
            Some(before) => entry = before,
            None => {
                return Ok(Err(format!(
                    "no other release than {} has served {target}: there is nothing to go back to",
                    serves.as_deref().unwrap_or("none")
                )));
            }
        }
    }
}

/// Takes an attempt that nobody else has: what says that it began can be written once.
async fn claim(deployer: &Deployer, held: &mut Held) -> Result<(), Stop> {
    if held.record.attempt > 0 {
        return Ok(());
    }
    let name = held.record.release.clone();
    let newest = release::newest(deployer.releases(), &name).await?;
    let mut attempt = newest.map_or(1, |(attempt, result)| match result {
        // It may be our own, written by an invocation that died right after.
        Kind::Started => attempt,
        _ => attempt + 1,
    });
    loop {
        let outcome = Outcome {
            version: 1,
            release: name.clone(),
            release_sha256: held.record.sha256.clone(),
            attempt,
            result: Kind::Started,
            at: held.record.began,
            // The execution makes it one of its own.
            summary: format!("taken up by {}", held.record.execution),
            reasons: Vec::new(),
            ledger: Vec::new(),
        };
        let bytes = outcome.bytes();
        let key = outcome::key(&name, attempt, Kind::Started);
        let ours = match kept::put(deployer.releases(), &key, &bytes, None).await? {
            Some(_) => true,
            None => {
                let there = kept::get(deployer.releases(), &key, None).await?;
                there.is_some_and(|there| there.bytes == bytes)
            }
        };
        if ours {
            held.record.attempt = attempt;
            return Ok(());
        }
        attempt += 1;
    }
}

/// The first phase.
pub async fn verify(deployer: &Deployer, held: &mut Held) -> Result<Next, Stop> {
    claim(deployer, held).await?;
    if let Some(why) = held.record.abandoned.clone() {
        let summary = "it was given up before anything was changed".to_owned();
        held.record
            .ends_untouched(Kind::Failed, now(), summary, vec![why]);
        return Ok(Next::Go);
    }
    let good = match look(deployer, held).await? {
        Ok(good) => good,
        Err(reasons) => {
            let summary = "it does not hold any more what it was let in for".to_owned();
            held.record
                .ends_untouched(Kind::Refused, now(), summary, reasons);
            return Ok(Next::Go);
        }
    };
    let approvals = &good.statement.predicate.approvals;
    held.record.approvers = approvals.iter().map(|one| one.by.clone()).collect();
    held.record.targets = good.targets();
    if held.record.asked {
        let heads = release::last_entries(deployer.releases(), &held.record.targets).await?;
        held.record.order = held.record.order.clone().after(&heads);
    }
    held.record.phase = Phase::Wait;
    Ok(Next::Go)
}

/// The release of a record, by its version, verified; or every reason against it.
pub async fn look(
    deployer: &Deployer,
    held: &Held,
) -> Result<Result<Box<release::Good>, Vec<String>>, CallError> {
    let policy = match &deployer.setup.policy {
        Ok(policy) => policy,
        Err(why) => return Err(CallError::unusable("lambda:InvokeFunction", why.clone())),
    };
    let record = &held.record;
    let region = deployer.clients.region();
    let version = Some(record.envelope.as_str());
    let looked = release::look(
        deployer.releases(),
        region,
        policy,
        &record.release,
        version,
        record.asked,
    );
    Ok(match looked.await? {
        Looked::Good(good) => Ok(good),
        Looked::Refused { reasons, .. } => Err(reasons),
        Looked::Gone => Err(vec!["its envelope is not there any more".to_owned()]),
    })
}

/// The release of a record: by the version and the hash of its envelope, which was verified before anything
/// else was done. And whether a key that is trusted now still says so: one that goes meanwhile must not stop
/// the way back.
pub async fn statement(
    deployer: &Deployer,
    held: &Held,
) -> Result<(Box<release::Good>, bool), Stop> {
    let record = &held.record;
    let key = format!("{}{ENVELOPE}", folder(&record.release));
    let version = Some(record.envelope.as_str());
    let envelope = kept::get(deployer.releases(), &key, version).await?;
    let lost = |why: &str| Stop::Lost(format!("the envelope of release {} {why}", record.release));
    let envelope = envelope.ok_or_else(|| lost("is not there any more"))?;
    let policy = match &deployer.setup.policy {
        Ok(policy) => policy,
        Err(why) => return Err(CallError::unusable("lambda:InvokeFunction", why.clone()).into()),
    };
    if ledger::hash(&envelope.bytes) != record.sha256 {
        return Err(lost("has another hash than when it was verified"));
    }
    let opened = release::opened(&envelope, policy);
    let (good, trusted) = opened.map_err(|why| lost(&why))?;
    Ok((Box::new(good), trusted))
}
