//! The rollout itself, by the same engine as everywhere: checked and begun once, then a look in each step.

use std::time::Duration;

use aws::job::{Round, now};
use driver::artifacts::{Artifacts, Released};
use driver::check::{Checked, Checking, check};
use driver::prepare;
use driver::release::{self, Good};
use driver::request::Request;
use driver::{Purpose, Work, advance, live, preflight, publish, sight};
use shared::error::{Failure, FailureKind};
use shared::job::answer::Outcome;
use shared::job::{Artifact, Job, JobId, token};
use shared::ledger::{self, Came, Entry, NOTHING};
use shared::names::RoleArn;
use shared::preview::Finding;
use shared::preview::fingerprint::{Live, fingerprint};
use shared::production::record::{End, OfTarget, Phase};
use shared::release::outcome::Kind;
use shared::rollout::proof::Proof;
use shared::rollout::{self, State, Step, binding, report};
use shared::rollout_file::target::Target;

use crate::begin::statement;
use crate::handler::{Next, Stop, unavailable};
use crate::lock;
use crate::place::{Deployer, Held};

/// The role of this function, as template.yaml names it.
const ROLE: &str = "redbutton-production-deployer";

/// How long a step looks before it hands over.
const LOOKS: Duration = Duration::from_secs(60);

/// The job that the engine's driver works for: in production nobody invokes it, and it has no
/// credentials but the function's own.
fn job(deployer: &Deployer, held: &Held, good: &Good) -> Result<Job, Stop> {
    let Some(id) = JobId::parse(&held.record.id) else {
        return Err(Stop::Lost(format!("{} is no record's id", held.record.id)));
    };
    let inputs = good.statement.predicate.artifacts.iter();
    let inputs = inputs.filter(|one| one.path.is_none());
    let inputs = inputs.map(|one| Artifact {
        name: one.artifact.clone(),
        bucket: deployer.setup.releases.clone(),
        key: one.key.clone(),
    });
    Ok(Job::inside(id, &deployer.setup.account, inputs.collect()))
}

fn request(good: &Good) -> Request {
    Request {
        execution: good.statement.predicate.source.execution.clone(),
        pipeline: None,
        file: good.file.clone(),
    }
}

fn purpose(deployer: &Deployer) -> Purpose {
    Purpose::RollOut {
        state_bucket: Some(deployer.setup.state.clone()),
    }
}

fn state_of(work: &Work<'_>, held: &Held) -> Result<State, Stop> {
    let operations: Vec<String> = work.ends.iter().map(|end| end.operation.clone()).collect();
    let binding = binding(&work.request.execution, &operations);
    match &held.record.state {
        Some(token) => {
            token::decode(token, &binding).map_err(|failure| Stop::Lost(failure.message))
        }
        None => Ok(State {
            binding,
            attempt: held.record.id.clone(),
            started: held.record.rolling,
            targets: Vec::new(),
            turned: None,
        }),
    }
}

/// The third phase: everything is checked, compared with what was left, and begun.
pub async fn prepare(deployer: &Deployer, held: &mut Held) -> Result<Next, Stop> {
    lock::owned(deployer, &held.record).await?;
    if held.record.rolling == 0 {
        // Written down before anything is begun: the attempt's deadlines count from here.
        held.record.rolling = now();
        return Ok(Next::Go);
    }
    let (good, trusted) = statement(deployer, held).await?;
    if !trusted {
        let summary = "its signature counts no more; nothing was changed".to_owned();
        let reasons = vec!["no key that is trusted now has signed it".to_owned()];
        held.record
            .ends_untouched(Kind::Refused, now(), summary, reasons);
        return Ok(Next::Go);
    }
    let (job, request) = (job(deployer, held, &good)?, request(&good));
    let work = Work::new(&deployer.clients, &job, &request, purpose(deployer)).await;
    let mut state = state_of(&work, held)?;
    let released = Released::new(&good.statement);
    let mut artifacts = Artifacts::released(&deployer.clients, &job, &released).await;
    let checked = match check(&work, &state, &mut artifacts).await {
        Ok(Checking::Checked(checked)) => *checked,
        Ok(Checking::Busy(text)) if driver::decide::is_late(&request.file, &state, now()) => {
            let failure = driver::decide::still_busy(&request.file, &text);
            return Ok(refused(held, &failure));
        }
        Ok(Checking::Busy(text)) => return Ok(Next::Wait(text)),
        Err(failure) => return Ok(not_prepared(held, &work, &state, failure)),
    };
    if held.record.abandoned.is_none() {
        let against = match unchanged(deployer, held, &good, &work, &checked).await? {
            Some(reasons) => Some((
                "production is not what the approver saw, nor what the last release left",
                reasons,
            )),
            None => around(&work, &checked).await.map(|reasons| {
                let summary = "what it needs is not there, or not to be used; nothing was changed";
                (summary, reasons)
            }),
        };
        if let Some((summary, reasons)) = against {
            held.record
                .ends_untouched(Kind::Refused, now(), summary.to_owned(), reasons);
            return Ok(Next::Go);
        }
    }
    if let Err(failure) = prepare::prepare_checked(&work, &mut state, checked).await {
        return Ok(not_prepared(held, &work, &state, failure));
    }
    held.record.from = state
        .targets
        .iter()
        .map(|watch| watch.was.clone().unwrap_or_default())
        .collect();
    held.record.state = Some(token::encode(&state));
    held.record.phase = Phase::RollOut;
    Ok(Next::Go)
}

/// What AWS did not answer may pass; everything else refuses it.
fn not_prepared(held: &mut Held, work: &Work<'_>, state: &State, failure: Failure) -> Next {
    match prepare::may_pass(work, &failure, state) {
        true => Next::Wait(failure.message),
        false => refused(held, &failure),
    }
}

/// What speaks against it around its targets: roles, secrets, log groups, images, and who may use them. As
/// the preview looked at it; what cannot be proven speaks against nothing.
async fn around(work: &Work<'_>, checked: &Checked) -> Option<Vec<String>> {
    let own = |end: &driver::End<'_>| {
        let partition = end.target.region.partition();
        let account = &end.account;
        RoleArn::parse(&format!("arn:{partition}:iam::{account}:role/{ROLE}"))
    };
    let deployers: Vec<Option<RoleArn>> = work.ends.iter().map(own).collect();
    let found = preflight::preflight(work, checked, &deployers).await;
    let names = work.ends.iter().map(|end| end.target.name.as_str());
    let names: Vec<&str> = names.collect();
    let refused = found.into_iter().filter_map(|(n, finding)| match finding {
        Finding::Refused(text) => Some(format!("{}: {text}", names.get(n)?)),
        Finding::NotProvable(_) => None,
    });
    let reasons: Vec<String> = refused.collect();
    (!reasons.is_empty()).then_some(reasons)
}

/// Nothing was changed, and this is why.
fn refused(held: &mut Held, failure: &Failure) -> Next {
    let mut reasons: Vec<String> = held.record.abandoned.iter().cloned().collect();
    reasons.push(failure.message.clone());
    let summary = "it cannot be rolled out as it is; nothing was changed".to_owned();
    held.record
        .ends_untouched(Kind::Refused, now(), summary, reasons);
    Next::Go
}

/// Whether what is live is what the preview saw or what the ledger's last entries left; if not, what
/// differs. A target without an entry gets its first one, which says what was there.
async fn unchanged(
    deployer: &Deployer,
    held: &Held,
    good: &Good,
    work: &Work<'_>,
    checked: &Checked,
) -> Result<Option<Vec<String>>, Stop> {
    let lives = match live::live(work, &checked.seen).await {
        Ok(lives) => lives,
        Err(failure) if failure.kind == FailureKind::SystemUnavailable => {
            return Err(unavailable(failure));
        }
        Err(_) if held.record.accept_drift => return Ok(None),
        // What hides what is live hides drift, too.
        Err(failure) => return Ok(Some(vec![failure.message])),
    };
    let heads = release::heads(deployer.releases(), &held.record.targets).await?;
    let preview = good.statement.predicate.preview.as_ref();
    let seen = preview.map(|preview| preview.fingerprint.as_str());
    let as_previewed = seen == Some(fingerprint(&lives).as_str());
    if !as_previewed && !held.record.accept_drift {
        let mut reasons = Vec::new();
        let targets = held.record.targets.iter().zip(&good.file.targets);
        for ((id, target), (live, head)) in targets.zip(lives.iter().zip(&heads)) {
            if target.task().is_some() {
                continue;
            }
            match head {
                Some((head, _)) if head.live == fingerprint(std::slice::from_ref(live)) => {}
                Some((head, _)) => reasons.push(format!(
                    "{id}: {} is live, and entry {} of the ledger left {}; its settings may differ, too",
                    serving(live),
                    head.number,
                    or_nothing(&head.to)
                )),
                None if seen.is_none() => {}
                None => reasons.push(format!(
                    "{id}: {} is live, which is not what the preview saw, and the ledger knows nothing \
                     of it yet",
                    serving(live)
                )),
            }
        }
        if !reasons.is_empty() {
            reasons.push(
                "Find out who changed it. Then bring it back, or preview and approve a new release, or \
                 deploy this one over it: {\"release\": …, \"drift\": \"accept\"}"
                    .to_owned(),
            );
            return Ok(Some(reasons));
        }
    }
    let targets = held.record.targets.iter().zip(&good.file.targets);
    for ((id, target), (live, head)) in targets.zip(lives.iter().zip(&heads)) {
        if head.is_none() && target.task().is_none() {
            adopt(deployer, held, id, live).await?;
        }
    }
    Ok(None)
}

/// The ledger begins with what is there.
async fn adopt(deployer: &Deployer, held: &Held, id: &str, live: &Live) -> Result<(), Stop> {
    let there = serving(live);
    let entry = Entry {
        version: 1,
        target: id.to_owned(),
        number: 1,
        previous: NOTHING.to_owned(),
        result: Came::Adopted,
        at: held.record.rolling,
        release: None,
        from: there.clone(),
        to: there,
        proof: None,
        live: fingerprint(std::slice::from_ref(live)),
        reasons: Vec::new(),
    };
    let key = ledger::key(id, 1);
    aws::s3::kept::put(deployer.releases(), &key, &entry.bytes(), None).await?;
    Ok(())
}

/// What a target serves, as the ledger says it.
fn serving(live: &Live) -> String {
    if let Some((stack, _)) = &live.stack {
        let at = shared::moment::utc(stack.changed).unwrap_or_default();
        return format!("stack, last changed at {at}");
    }
    let mut services = live.services.iter();
    let service = services.next().and_then(|(_, service)| service.primary());
    service
        .map(|primary| primary.task_definition.clone())
        .unwrap_or_else(|| "nothing".to_owned())
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

/// The fourth phase: one look, and what follows from it.
pub async fn roll_out(deployer: &Deployer, held: &mut Held) -> Result<Next, Stop> {
    lock::owned(deployer, &held.record).await?;
    let (good, trusted) = statement(deployer, held).await?;
    if !trusted && held.record.abandoned.is_none() {
        held.record.abandoned = Some("no key that is trusted now has signed it".to_owned());
    }
    let (job, request) = (job(deployer, held, &good)?, request(&good));
    let work = Work::new(&deployer.clients, &job, &request, purpose(deployer)).await;
    let mut state = state_of(&work, held)?;
    if let Some(why) = &held.record.abandoned {
        rollout::give_up(&mut state, &request.file, why, now());
    }
    let seen = sight::look(&work, &state).await;
    let round = Round::of(LOOKS);
    let step = advance::advance(&work, &mut state, seen, &[], &round).await;
    held.record.state = Some(token::encode(&state));
    let placed = work.placed();
    match step {
        Step::Wait { text, .. } => Ok(Next::Wait(text)),
        Step::Do(_) => Ok(Next::Wait("going on".to_owned())),
        Step::Done(proofs) => {
            let at = now();
            let remarks = publish::publish(&work, &proofs).await;
            let outcome = report::success(&placed, &state, &proofs, &remarks, at);
            let Outcome::Success { summary, .. } = outcome else {
                return Err(Stop::Lost("a success is told as something else".to_owned()));
            };
            let targets = work.ends.iter().zip(&state.targets).zip(&proofs);
            let targets = targets.map(|((end, watch), proof)| {
                let shown = proof.to_json(end.target, &end.account, watch, at);
                (became(end.target, proof), Some(shown))
            });
            let targets: Vec<_> = targets.collect();
            let end = ended(&work, Kind::Served, at, summary, vec![], targets);
            held.record.ends(end.await);
            Ok(Next::Go)
        }
        Step::Failed(ending) => {
            let what = report::what_failed(&placed, &state, &ending);
            let (first, rest) = what.split_once('\n').unwrap_or((what.as_str(), ""));
            let reasons = rest.lines().map(str::to_owned).collect();
            let targets = ending.now.iter().map(|now| (now.clone(), None)).collect();
            let end = ended(
                &work,
                Kind::Failed,
                now(),
                first.to_owned(),
                reasons,
                targets,
            );
            held.record.ends(end.await);
            Ok(Next::Go)
        }
    }
}

fn became(target: &Target, proof: &Proof) -> String {
    match target.stack() {
        Some(_) => {
            let each = proof
                .services
                .iter()
                .map(|one| one.proof.task_definition.as_str());
            let each: Vec<&str> = each.collect();
            format!("{} ({})", proof.deployment, each.join(", "))
        }
        None => proof.task_definition.clone(),
    }
}

/// The end of a rollout, with the live state that it left.
async fn ended(
    work: &Work<'_>,
    result: Kind,
    at: u64,
    summary: String,
    reasons: Vec<String>,
    targets: Vec<(String, Option<serde_json::Value>)>,
) -> End {
    // The rollout has come to its end, whether or not this can be read: with nothing here the next release
    // is refused as long as nobody accepts that.
    let lives: Vec<String> = match live::now(work).await {
        Ok(lives) => {
            let each = lives.iter();
            each.map(|live| fingerprint(std::slice::from_ref(live)))
                .collect()
        }
        Err(failure) => {
            tracing::warn!(why = failure.message, "what is live now could not be read");
            vec![String::new(); targets.len()]
        }
    };
    let targets = targets.into_iter().zip(lives);
    let targets = targets.map(|((to, proof), live)| OfTarget { to, proof, live });
    End {
        result,
        at,
        summary,
        reasons,
        targets: targets.collect(),
        ledger: Vec::new(),
    }
}
