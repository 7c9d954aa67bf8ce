//! Rolling deployments on their way back.

use super::*;
use crate::error::FailureKind::{JobFailed, RevisionOutOfSync};

const EXITED: &str = "Essential container in task exited";

/// One service whose way back began a minute after the start, asked for by redbutton or not.
fn going_back(asked: bool) -> Rollout {
    let mut rollout = Rollout::begun(json!({}));
    let watch = &mut rollout.state.targets[0];
    watch.phase = Phase::Back { asked };
    watch.cause = Some("x".into());
    watch.progress.take(0, START + 5);
    rollout.state.turned = Some(Turn {
        since: START + 60,
        target: 0,
        kind: FailureKind::JobFailed,
    });
    rollout
}

// rules: 3.5.11 3.5.27 3.5.28
#[test]
fn a_rollback_by_ecs_is_a_failure_with_its_cause_once_the_old_version_serves() {
    let mut rollout = Rollout::begun(json!({}));
    let mut sight = seen(vec![
        deployment(true, WAS, 1, "IN_PROGRESS"),
        deployment(false, OURS, 0, "FAILED"),
    ]);
    Is::ReadStopped.check(&rollout.look(&sight, 60));
    sight.stopped = stopped(EXITED);
    Is::Wait("web:7: 1 of 2").check(&rollout.look(&sight, 60));
    let sight = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    Is::Failed(JobFailed, EXITED, "web:7 (2 of 2").check(&rollout.look(&sight, 90));
}

// rules: 3.5.27
#[test]
fn where_the_breaker_does_not_go_back_redbutton_does_once() {
    let mut sight = seen(vec![
        deployment(true, OURS, 0, "FAILED"),
        deployment(false, WAS, 2, "COMPLETED"),
    ]);
    sight.service.rolls_back_itself = false;
    sight.stopped = stopped(EXITED);
    let mut rollout = Rollout::begun(json!({}));
    Is::GoBack(WAS).check(&rollout.look(&sight, 60));
    rollout.carried(0, Carried::GoingBack(WAS.into()), 61);
    Is::Wait("has not begun yet").check(&rollout.look(&sight, 65));
    // With a breaker that goes back, ECS is given a minute to begin.
    sight.service.rolls_back_itself = true;
    let mut rollout = Rollout::begun(json!({}));
    Is::Wait("ECS gave it up").check(&rollout.look(&sight, 60));
    Is::GoBack(WAS).check(&rollout.look(&sight, 121));
}

#[test]
fn a_way_back_that_aws_refuses_ends_there() {
    let sight = seen(vec![deployment(true, OURS, 2, "COMPLETED")]);
    let mut rollout = going_back(false);
    Is::GoBack(WAS).check(&rollout.look(&sight, 65));
    let refusal = Failure::new(FailureKind::PermissionError, "not allowed to update");
    rollout.carried(0, Carried::Refused(refusal), 66);
    let why = "x; it could not be brought back: not allowed to update";
    Is::Failed(JobFailed, why, "web:8 (2 of 2").check(&rollout.look(&sight, 70));
}

#[test]
fn what_was_registered_again_is_what_serves_in_the_end() {
    let mut rollout = going_back(false);
    let again = THEIRS.to_owned();
    rollout.carried(0, Carried::GoingBack(again), 66);
    let sight = seen(vec![deployment(true, THEIRS, 2, "COMPLETED")]);
    Is::Failed(JobFailed, "x", "web:9 (2 of 2 tasks run)").check(&rollout.look(&sight, 100));
}

// rules: 3.5.27
#[test]
fn on_failure_stop_adds_no_rollback() {
    let mut sight = seen(vec![deployment(true, OURS, 0, "FAILED")]);
    sight.stopped = stopped(EXITED);
    let failed = Rollout::begun(json!({"onFailure": "stop"})).look(&sight, 60);
    Is::Failed(JobFailed, EXITED, "onFailure").check(&failed);
}

#[test]
fn without_another_version_there_is_nowhere_to_go_back_to() {
    let mut sight = seen(vec![deployment(true, OURS, 0, "FAILED")]);
    sight.service.rolls_back_itself = false;
    sight.stopped = stopped(EXITED);
    let mut rollout = Rollout::begun(json!({}));
    rollout.state.targets[0].was = None;
    Is::Failed(JobFailed, EXITED, "no other version").check(&rollout.look(&sight, 60));
}

#[test]
fn somebody_elses_version_is_left_alone_on_the_way_back_too() {
    let sight = seen(vec![deployment(true, THEIRS, 2, "COMPLETED")]);
    let mut rollout = going_back(true);
    Is::Failed(JobFailed, "x", "somebody else deployed web:9").check(&rollout.look(&sight, 60));
    let failed = Rollout::begun(json!({})).look(&sight, 60);
    Is::Failed(RevisionOutOfSync, "web:9", "web:9").check(&failed);
}

#[test]
fn going_back_ends_even_when_it_hangs() {
    let mut rollout = going_back(true);
    let sight = seen(vec![deployment(true, WAS, 0, "IN_PROGRESS")]);
    Is::Wait("going back to web:7: 0 of 2").check(&rollout.look(&sight, 90));
    let failed = rollout.look(&sight, 31 * 60);
    Is::Failed(JobFailed, "x", "not within rollbackMinutes").check(&failed);
}

#[test]
fn what_was_asked_for_without_an_answer_is_looked_for_before_it_counts_as_untouched() {
    let mut rollout = Rollout::of(json!([{"service": "web", "cluster": "test"}]), json!({}));
    rollout.carried(0, Carried::Unanswered, 10);
    rollout.carried(0, Carried::Refused(Failure::configuration("no")), 12);
    let before = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    let after = seen(vec![deployment(true, OURS, 2, "COMPLETED")]);
    let kind = FailureKind::ConfigurationError;
    let mut other = Rollout {
        state: rollout.state.clone(),
        file: rollout.file.clone(),
    };
    Is::Wait("may not show yet").check(&rollout.look(&before, 15));
    Is::GoBack(WAS).check(&rollout.look(&after, 30));
    Is::Failed(kind, "no", "web:7").check(&other.look(&before, 40));
}

#[test]
fn a_version_that_was_made_primary_again_since_the_start_is_no_old_description() {
    let mut back = deployment(true, WAS, 2, "COMPLETED");
    let mut rollout = going_back(true);
    Is::Wait("may not show").check(&rollout.look(&seen(vec![back.clone()]), 10));
    back.changed = START + 5;
    let looked = rollout.look(&seen(vec![back]), 10);
    assert!(matches!(looked, Next::Failed { .. }), "{looked:?}");
}
