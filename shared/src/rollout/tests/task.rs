//! One-off tasks (CONTRACTS 3.5.21).

use super::*;
use crate::error::FailureKind::JobFailed;

/// A task that was begun in the first second.
fn begun(extra: Value) -> Rollout {
    let task = json!([{"task": "migrate", "like": "web", "cluster": "test"}]);
    let mut rollout = Rollout::of(task, extra);
    Is::Begin.check(&rollout.look(&Seen::default(), 0));
    rollout.carried(0, Carried::Begun("1".into()), 0);
    rollout
}

pub(super) fn task(status: &str) -> Task {
    Task {
        task_definition: OURS.into(),
        last_status: status.into(),
        ..Default::default()
    }
}

/// A task that ended with an exit code.
pub(super) fn exited(code: i32) -> Task {
    Task {
        stop_code: "EssentialContainerExited".into(),
        stopped_reason: "Essential container in task exited".into(),
        containers: vec![Container {
            name: "web".into(),
            exit_code: Some(code),
            ..Default::default()
        }],
        ..task("STOPPED")
    }
}

pub(super) fn sight(task: Option<Task>) -> Seen {
    Seen {
        task: Some(task),
        ..Default::default()
    }
}

#[test]
fn done_means_exit_code_0() {
    let mut rollout = begun(json!({}));
    Is::ReadTask.check(&rollout.look(&Seen::default(), 1));
    for status in ["PROVISIONING", "PENDING", "RUNNING", "DEPROVISIONING"] {
        Is::Wait(status).check(&rollout.look(&sight(Some(task(status))), 20));
    }
    Is::Done.check(&rollout.look(&sight(Some(exited(0))), 30));
}

#[test]
fn the_named_container_counts() {
    let mut both = exited(0);
    both.containers.insert(
        0,
        Container {
            name: "aws-guardduty-agent-x".into(),
            exit_code: Some(137),
            ..Default::default()
        },
    );
    Is::Done.check(&begun(json!({})).look(&sight(Some(both)), 30));
    let named = json!([{"task": "t", "like": "web", "cluster": "test", "container": "web"}]);
    let mut rollout = Rollout::of(named, json!({}));
    rollout.carried(0, Carried::Begun("1".into()), 0);
    let mut sidecar_first = exited(0);
    sidecar_first.containers.insert(
        0,
        Container {
            name: "proxy".into(),
            exit_code: Some(1),
            ..Default::default()
        },
    );
    Is::Done.check(&rollout.look(&sight(Some(sidecar_first)), 30));
}

#[test]
fn another_exit_code_fails_with_the_lines_of_its_log() {
    let mut rollout = begun(json!({}));
    let mut looks = sight(Some(exited(3)));
    Is::ReadLog.check(&rollout.look(&looks, 30));
    looks.log = Some(vec!["no such column: x".into()]);
    let failed = rollout.look(&looks, 30);
    Is::Failed(JobFailed, "exit code 3", "stopped, exit code 3").check(&failed);
    Is::Failed(JobFailed, "its log:\n  no such column: x", "").check(&failed);
    looks.log = Some(Vec::new());
    Is::Failed(JobFailed, "exit code 3", "").check(&begun(json!({})).look(&looks, 30));
}

#[test]
fn what_never_started_fails_with_ecss_words() {
    let never = Task {
        stop_code: "TaskFailedToStart".into(),
        stopped_reason: "CannotPullContainerError: not found".into(),
        ..task("STOPPED")
    };
    let failed = begun(json!({})).look(&sight(Some(never)), 30);
    Is::Failed(JobFailed, "CannotPullContainerError", "stopped").check(&failed);
}

#[test]
fn what_vanished_fails_once_it_cannot_be_a_lag() {
    let mut rollout = begun(json!({}));
    Is::Wait("does not show yet").check(&rollout.look(&sight(None), 29));
    Is::Failed(JobFailed, "does not know", "not known").check(&rollout.look(&sight(None), 30));
}

#[test]
fn a_task_that_is_too_late_or_stalls_is_stopped_and_reported_once_it_is() {
    for (status, late, why) in [
        ("RUNNING", 120 * 60, "timeoutMinutes"),
        ("PENDING", 16 * 60, "stallMinutes"),
    ] {
        let mut rollout = begun(json!({}));
        let looks = sight(Some(task(status)));
        Is::Wait(status).check(&rollout.look(&looks, 10));
        Is::Wait(status).check(&rollout.look(&looks, late - 120));
        Is::StopTask.check(&rollout.look(&looks, late));
        rollout.carried(0, Carried::Stopping, late);
        Is::Wait(status).check(&rollout.look(&looks, late + 5));
        let stopped = sight(Some(exited(143)));
        let failed = rollout.look(&stopped, late + 60);
        Is::Failed(JobFailed, why, "stopped, exit code 143").check(&failed);
    }
}

#[test]
fn a_task_without_an_answer_is_begun_again_and_is_the_same_one() {
    let task = json!([{"task": "migrate", "like": "web", "cluster": "test"}]);
    let mut rollout = Rollout::of(task, json!({}));
    rollout.carried(0, Carried::Unanswered, 0);
    Is::Begin.check(&rollout.look(&Seen::default(), 5));
    rollout.carried(0, Carried::Begun("1".into()), 5);
    Is::ReadTask.check(&rollout.look(&Seen::default(), 6));
}

#[test]
fn a_task_that_aws_refuses_to_start_is_a_failure_of_its_kind() {
    let one = json!([{"task": "migrate", "like": "web", "cluster": "test"}]);
    let mut rollout = Rollout::of(one, json!({}));
    let refusal = Failure::new(FailureKind::PermissionError, "not allowed to run it");
    rollout.carried(0, Carried::Refused(refusal), 0);
    let failed = rollout.look(&sight(None), 1);
    Is::Failed(FailureKind::PermissionError, "not allowed", "not started").check(&failed);
}

#[test]
fn on_failure_stop_lets_a_task_run() {
    let mut rollout = begun(json!({"onFailure": "stop"}));
    let failed = rollout.look(&sight(Some(task("RUNNING"))), 120 * 60);
    Is::Failed(
        JobFailed,
        "timeoutMinutes",
        "RUNNING; onFailure is \"stop\"",
    )
    .check(&failed);
}
