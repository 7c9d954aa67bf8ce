//! Waiting for the targets: the newest release waits, older ones give way; nobody begins during a freeze;
//! locks are taken in sorted order, so that two releases never hold one each (CONTRACTS 3.9.4).

use aws::error::CallError;
use aws::job::now;
use aws::s3::bucket::list;
use aws::s3::kept;
use driver::release;
use shared::ledger::lock::{self, Found, Lock};
use shared::ledger::turn::{Waiting, gives_way};
use shared::production::freeze::{self, Freeze, Meanwhile};
use shared::production::record::{Phase, Record};
use shared::release::outcome::Kind;

use crate::handler::{Next, Stop};
use crate::place::{Deployer, Held};

/// The second phase.
pub async fn wait(deployer: &Deployer, held: &mut Held) -> Result<Next, Stop> {
    if let Some(why) = held.record.abandoned.clone() {
        let summary = "it was given up before anything was changed".to_owned();
        held.record
            .ends_untouched(Kind::Failed, now(), summary, vec![why]);
        return Ok(Next::Go);
    }
    queue(deployer, &held.record).await?;
    if let Some(reasons) = outdone(deployer, &held.record).await? {
        return Ok(superseded(held, reasons));
    }
    if let Some(kept) = kept::get(deployer.state(), freeze::KEY, None).await?
        && let Some(freeze) = Freeze::parse(&kept.bytes, now())
    {
        let says = freeze.says();
        return Ok(match freeze.releases {
            Meanwhile::Wait => Next::Wait(says),
            Meanwhile::Refuse => {
                let summary = "nothing is deployed during a freeze".to_owned();
                held.record
                    .ends_untouched(Kind::Refused, now(), summary, vec![says]);
                Next::Go
            }
        });
    }
    if let Some(text) = take(deployer, &held.record).await? {
        return Ok(Next::Wait(text));
    }
    // Whoever had the locks until now may have deployed what is newer.
    if let Some(reasons) = outdone(deployer, &held.record).await? {
        return Ok(superseded(held, reasons));
    }
    leave_queue(deployer, &held.record).await?;
    held.record.phase = Phase::Prepare;
    Ok(Next::Go)
}

fn superseded(held: &mut Held, reasons: Vec<String>) -> Next {
    let summary = "a newer release goes first".to_owned();
    held.record
        .ends_untouched(Kind::Superseded, now(), summary, reasons);
    Next::Go
}

/// Stands in the queue of every target.
async fn queue(deployer: &Deployer, record: &Record) -> Result<(), CallError> {
    for target in &record.targets {
        let key = lock::place(target, &record.order, &record.id);
        kept::put(deployer.state(), &key, record.release.as_bytes(), None).await?;
    }
    Ok(())
}

async fn leave_queue(deployer: &Deployer, record: &Record) -> Result<(), CallError> {
    for target in &record.targets {
        let key = lock::place(target, &record.order, &record.id);
        kept::delete(deployer.state(), &key, None).await?;
    }
    Ok(())
}

/// What is newer, and was deployed already or waits, too.
async fn outdone(deployer: &Deployer, record: &Record) -> Result<Option<Vec<String>>, CallError> {
    let heads = release::last_entries(deployer.releases(), &record.targets).await?;
    let mut queues = Vec::new();
    for target in &record.targets {
        let mut queue = Vec::new();
        for one in list(deployer.state(), &lock::queue(target)).await? {
            // Whoever left it between two calls waits no more.
            let kept = kept::get(deployer.state(), &one.key, None).await?;
            queue.extend(kept.and_then(|kept| Waiting::read(target, &one.key, &kept.bytes)));
        }
        queues.push((target.clone(), queue));
    }
    let ours = Waiting::new(&record.order, &record.id);
    Ok(gives_way(&ours, &heads, &queues))
}

/// Takes the locks of all targets; what there is to wait for, if one is taken.
async fn take(deployer: &Deployer, record: &Record) -> Result<Option<String>, CallError> {
    let mut targets = record.targets.clone();
    targets.sort();
    targets.dedup();
    for target in targets {
        let key = lock::key(&target);
        let wanted = Lock {
            version: 1,
            owner: record.id.clone(),
            execution: record.execution.clone(),
            release: record.release.clone(),
            since: now(),
        };
        let bytes = serde_json::to_vec_pretty(&wanted).unwrap_or_default();
        if kept::put(deployer.state(), &key, &bytes, None)
            .await?
            .is_some()
        {
            continue;
        }
        match found(deployer, &target, &record.id).await?.0 {
            Found::Ours => {}
            // It was given back between two calls: the next step takes it.
            Found::Free => return Ok(Some(format!("{target} has just become free"))),
            Found::Taken(other) => {
                return Ok(Some(format!(
                    "release {other} is being deployed to {target}"
                )));
            }
        }
    }
    Ok(None)
}

/// Whose a lock is, and what it was read as.
async fn found(
    deployer: &Deployer,
    target: &str,
    id: &str,
) -> Result<(Found, Option<String>), CallError> {
    let key = lock::key(target);
    let kept = kept::get(deployer.state(), &key, None).await?;
    let found = lock::found(kept.as_ref().map(|kept| kept.bytes.as_slice()), id);
    let found = found.map_err(|why| {
        let place = format!("s3://{}/{key} {why}", deployer.setup.state);
        CallError::unusable("s3:GetObject", place)
    })?;
    Ok((found, kept.map(|kept| kept.etag)))
}

/// Reads the locks again before something is written: they may be nobody else's.
pub async fn owned(deployer: &Deployer, record: &Record) -> Result<(), Stop> {
    for target in &record.targets {
        match found(deployer, target, &record.id).await?.0 {
            Found::Ours => {}
            Found::Free => {
                return Err(Stop::Lost(format!("the lock of {target} is gone")));
            }
            Found::Taken(other) => {
                let why = format!("the lock of {target} is release {other}'s");
                return Err(Stop::Lost(why));
            }
        }
    }
    Ok(())
}

/// Gives back what is ours, and leaves the queues.
pub async fn give_back(deployer: &Deployer, record: &Record) -> Result<(), CallError> {
    leave_queue(deployer, record).await?;
    for target in &record.targets {
        let (found, etag) = found(deployer, target, &record.id).await?;
        // Between the two calls another invocation may have given it back, and somebody taken it.
        if found == Found::Ours {
            kept::delete(deployer.state(), &lock::key(target), etag.as_deref()).await?;
        }
    }
    Ok(())
}
