//! A rollout's end, in words and in output variables.

use std::collections::BTreeMap;

use serde_json::Value;

use super::proof::Proof;
use super::watch::{Ending, Watch};
use crate::error::{Failure, FailureKind};
use crate::job::answer::{Outcome, cut};
use crate::names::short;
use crate::rollout_file::target::ServiceTarget;

/// Where a target is, in words.
pub fn place(target: &ServiceTarget, account: &str) -> String {
    format!(
        "service {} (cluster {}, {}, account {account})",
        target.name,
        target.cluster,
        target.region.as_str()
    )
}

/// "1 task", "2 tasks".
pub(super) fn tasks(count: u32) -> String {
    if count == 1 {
        "1 task".into()
    } else {
        format!("{count} tasks")
    }
}

/// Success: the release serves, and this is the proof.
pub fn success(
    target: &ServiceTarget,
    account: &str,
    watch: &Watch,
    proof: &Proof,
    started: u64,
    now: u64,
) -> Outcome {
    let seconds = now.saturating_sub(started);
    let how = match &watch.was {
        _ if watch.unchanged => "as before; nothing was changed".to_owned(),
        Some(was) => format!("was {}, after {seconds} s", short(was)),
        None => format!("after {seconds} s"),
    };
    let mut summary = format!(
        "{} serves {} ({}), {how}",
        place(target, account),
        short(&proof.task_definition),
        tasks(proof.running),
    );
    for note in &proof.notes {
        summary.push_str("; ");
        summary.push_str(note);
    }
    // An approval's fields take 1,000 characters with all else, and no variables (3.2.16).
    let summary = cut(&summary.replace("#{", "# {"), 700);
    let digests: serde_json::Map<String, Value> = proof
        .images
        .iter()
        .map(|served| (served.container.clone(), Value::from(served.digest.clone())))
        .collect();
    let document = serde_json::json!({"targets": [proof.to_json(target, account, watch, now)]});
    let variables = BTreeMap::from([
        ("Summary".to_owned(), summary.clone()),
        ("Proof".to_owned(), document.to_string()),
        (
            "TaskDefinitionArns".to_owned(),
            proof.task_definition.clone(),
        ),
        ("DeploymentIds".to_owned(), proof.deployment.clone()),
        (
            "ImageDigests".to_owned(),
            Value::Object(digests).to_string(),
        ),
        ("DurationSeconds".to_owned(), seconds.to_string()),
    ]);
    Outcome::Success {
        variables,
        summary,
        external_id: Some(proof.deployment.clone()),
    }
}

/// Failure while a deployment is under way: it goes on without us.
pub fn unwatched(watch: &Watch, mut failure: Failure) -> Failure {
    failure.message.push_str(&format!(
        "\nIt was {}, became {}, and what it is now cannot be told: ECS goes on without being \
         watched. Look at the service; a retry of the stage takes up what is there.",
        watch.was.as_deref().map_or("unknown", short),
        short(&watch.became)
    ));
    failure
}

/// Failure: the first cause, and what the target was, became and is now.
pub fn failure(target: &ServiceTarget, account: &str, watch: &Watch, ending: &Ending) -> Failure {
    let kind = if ending.overtaken {
        FailureKind::RevisionOutOfSync
    } else {
        FailureKind::JobFailed
    };
    let next = if ending.overtaken {
        "Nothing was changed back. Find out who else deploys this service, then retry the stage."
    } else {
        "Mend the cause and release again; a retry of the stage tries this very release once more."
    };
    Failure::new(
        kind,
        format!(
            "{} was not released: {}.\nIt was {}, became {}{}, and is now {}.\n{next}",
            place(target, account),
            ending.cause.trim_end_matches('.'),
            watch.was.as_deref().map_or("unknown", short),
            short(&watch.became),
            if watch.deployment.is_empty() {
                String::new()
            } else {
                format!(" ({})", watch.deployment)
            },
            ending.now,
        ),
    )
}
