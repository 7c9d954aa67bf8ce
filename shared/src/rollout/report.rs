//! A rollout's end, in words and in output variables.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::proof::Proof;
use super::watch::{Phase, Watch};
use super::{Ending, State};
use crate::error::{Failure, FailureKind};
use crate::job::answer::{Outcome, cut};
use crate::names::short;
use crate::rollout_file::target::{Kind, Target};

/// A target and the account that it is in.
pub type Placed<'a> = (&'a Target, &'a str);

/// Where a target is, in words.
pub fn place((target, account): Placed<'_>) -> String {
    let (kind, name, region) = (target.kind.word(), &target.name, target.region.as_str());
    match target.kind {
        Kind::Stack(_) => format!("{kind} {name} ({region}, account {account})"),
        _ => format!(
            "{kind} {name} (cluster {}, {region}, account {account})",
            target.cluster
        ),
    }
}

/// "1 task", "2 tasks".
fn tasks(count: u32) -> String {
    if count == 1 {
        "1 task".into()
    } else {
        format!("{count} tasks")
    }
}

/// Success: the release serves, and these are the proofs, one per target.
pub fn success(
    targets: &[Placed<'_>],
    state: &State,
    proofs: &[Proof],
    remarks: &[String],
    now: u64,
) -> Outcome {
    let seconds = now.saturating_sub(state.started);
    let mut summary = match (targets, state.targets.as_slice(), proofs) {
        ([target], [watch], [proof]) => {
            let how = match (&target.0.kind, &watch.was) {
                (Kind::Task(_), _) => format!("after {seconds} s"),
                (Kind::Stack(_), _) if !watch.unchanged => format!("after {seconds} s"),
                _ if watch.unchanged => "as before; nothing was changed".to_owned(),
                (_, Some(was)) => format!("was {}, after {seconds} s", short(was)),
                (_, None) => format!("after {seconds} s"),
            };
            format!("{} {}, {how}", place(*target), does(target.0, watch, proof))
        }
        _ => {
            let each = targets.iter().zip(&state.targets).zip(proofs);
            let each: Vec<String> = each
                .map(|(((target, _), watch), proof)| {
                    let was = match &watch.was {
                        _ if watch.unchanged => ", as before".to_owned(),
                        Some(_) if target.stack().is_some() => String::new(),
                        Some(was) => format!(", was {}", short(was)),
                        None => String::new(),
                    };
                    format!("{} {}{was}", target.name, does(target, watch, proof))
                })
                .collect();
            let count = targets.len();
            format!(
                "{count} targets released in {seconds} s: {}",
                each.join("; ")
            )
        }
    };
    // What went wrong besides must not be cut off.
    if !remarks.is_empty() {
        summary = format!("{}; {summary}", remarks.join("; "));
    }
    for note in proofs.iter().flat_map(|proof| &proof.notes) {
        summary.push_str("; ");
        summary.push_str(note);
    }
    // An approval's fields take 1,000 characters with all else, and no variables (3.2.16).
    let summary = cut(&summary.replace("#{", "# {"), 700);
    let external_id = proofs.first().map(|proof| proof.deployment.clone());
    Outcome::Success {
        variables: variables(targets, state, proofs, &summary, seconds, now),
        summary,
        external_id,
    }
}

fn does(target: &Target, watch: &Watch, proof: &Proof) -> String {
    let what = short(&proof.task_definition);
    match target.kind {
        Kind::Service(_) => format!("serves {what} ({})", tasks(proof.running)),
        Kind::Task(_) => format!("ended with exit code 0 ({what})"),
        Kind::Stack(_) => {
            let each = proof.services.iter().map(|one| {
                let what = short(&one.proof.task_definition);
                format!(
                    "service {} serves {what} ({})",
                    one.service,
                    tasks(one.proof.running)
                )
            });
            let each: Vec<String> = each.collect();
            let how = match (watch.unchanged, &watch.was) {
                (true, _) => "has no changes",
                (false, Some(_)) => "is updated",
                (false, None) => "is made",
            };
            match each.as_slice() {
                [] => how.to_owned(),
                _ => format!("{how}: {}", each.join(", ")),
            }
        }
    }
}

fn variables(
    targets: &[Placed<'_>],
    state: &State,
    proofs: &[Proof],
    summary: &str,
    seconds: u64,
    now: u64,
) -> BTreeMap<String, String> {
    let mut digests = Map::new();
    let mut documents = Vec::new();
    for (((target, account), watch), proof) in targets.iter().zip(&state.targets).zip(proofs) {
        documents.push(proof.to_json(target, account, watch, now));
        for served in &proof.images {
            let digest = Value::from(served.digest.clone());
            let known = digests.get(&served.container);
            // Two targets may have containers of one name.
            let name = match known.filter(|known| **known != digest) {
                Some(_) => format!("{}/{}", target.name, served.container),
                None => served.container.clone(),
            };
            digests.insert(name, digest);
        }
    }
    let joined = |of: fn(&Proof) -> &str| {
        let each: Vec<&str> = proofs.iter().map(of).collect();
        each.join(",")
    };
    BTreeMap::from([
        ("Summary".to_owned(), summary.to_owned()),
        (
            "Proof".to_owned(),
            serde_json::json!({ "targets": documents }).to_string(),
        ),
        (
            "TaskDefinitionArns".to_owned(),
            joined(|proof| &proof.task_definition),
        ),
        (
            "DeploymentIds".to_owned(),
            joined(|proof| &proof.deployment),
        ),
        (
            "ImageDigests".to_owned(),
            Value::Object(digests).to_string(),
        ),
        ("DurationSeconds".to_owned(), seconds.to_string()),
    ])
}

/// Failure in a pipeline: [`what_failed`], and what its reader can do next.
pub fn failure(targets: &[Placed<'_>], state: &State, ending: &Ending) -> Failure {
    let kind = ending.turn.kind;
    let next = match kind {
        FailureKind::RevisionOutOfSync => {
            "What somebody else deployed was not changed back. Find out who else deploys this \
             service, then retry the stage."
        }
        FailureKind::PermissionError => "Let redbutton in, then retry the stage.",
        _ => {
            "Mend the cause and release again; a retry of the stage tries this very release once \
             more."
        }
    };
    let what = what_failed(targets, state, ending);
    Failure::new(kind, format!("{what}\n{next}"))
}

/// The first cause, and what each target was, became and is now.
pub fn what_failed(targets: &[Placed<'_>], state: &State, ending: &Ending) -> String {
    let first = ending.turn.target;
    let cause = state
        .targets
        .get(first)
        .and_then(|watch| watch.cause.clone())
        .unwrap_or_else(|| "no reason is known".into());
    let what = targets
        .get(first)
        .map(|target| place(*target))
        .unwrap_or_default();
    let each = targets
        .iter()
        .zip(&state.targets)
        .zip(&ending.now)
        .enumerate();
    let each: Vec<String> = each
        .map(|(n, ((target, watch), now))| {
            let own = watch.cause.as_ref().filter(|_| n != first);
            let own = own.map(|cause| format!("; {cause}")).unwrap_or_default();
            (target.0, format!("{}{own}", fate(target.0, watch, now)))
        })
        .map(|(target, fate)| match targets.len() {
            1 => format!("It {fate}."),
            _ => format!("- {} {fate}.", target.name),
        })
        .collect();
    format!(
        "{what} was not released: {}.\n{}{}",
        cause.trim_end_matches('.'),
        if targets.len() > 1 {
            "What the targets were, became and are now:\n"
        } else {
            ""
        },
        each.join("\n"),
    )
}

/// Was, became, is now.
fn fate(target: &Target, watch: &Watch, now: &str) -> String {
    let became = short(&watch.became);
    if target.task().is_some() {
        return format!("(task, {became}) is {now}");
    }
    if target.stack().is_some() {
        return match (&watch.was, watch.phase) {
            _ if watch.unchanged => format!("was not changed, and is {now}"),
            (_, Phase::Waiting) => format!("was not changed, and is {now}"),
            (Some(was), _) => {
                format!("was last changed at {was}, was given {became}, and is now {now}")
            }
            (None, _) => format!("was not there, was given {became}, and is now {now}"),
        };
    }
    let was = watch.was.as_deref().map_or("unknown", short);
    if watch.phase == Phase::Waiting || watch.unchanged {
        return format!("was not changed, and is {now}");
    }
    let deployment = match watch.deployment.as_str() {
        "" => String::new(),
        deployment => format!(" ({deployment})"),
    };
    format!("was {was}, became {became}{deployment}, and is now {now}")
}
