//! Rolling deployments on their way forward.

use super::super::seen::Event;
use super::*;
use crate::error::FailureKind::{JobFailed, RevisionOutOfSync};

// rules: 3.5.11 3.5.26
#[test]
fn done_means_ours_finished_complete_alone_and_by_digest() {
    let mut sight = seen(vec![deployment(true, OURS, 2, "COMPLETED")]);
    Is::ReadServing.check(&Rollout::begun(json!({})).look(&sight, 60));
    sight.serving = serving("a");
    let done = Rollout::begun(json!({})).look(&sight, 60);
    assert!(matches!(done, Next::Done(proofs) if proofs[0].running == 2));
    sight.serving = serving("b");
    let unsure = Rollout::begun(json!({})).look(&sight, 60);
    assert!(matches!(unsure, Next::Do(Action::ReadPlatforms(_))));
    // COMPLETED in words is not enough: too few run, or the old ones still do (3.5.26).
    for early in [
        vec![deployment(true, OURS, 1, "COMPLETED")],
        vec![
            deployment(true, OURS, 2, "COMPLETED"),
            deployment(false, WAS, 1, "COMPLETED"),
        ],
        vec![deployment(true, OURS, 2, "IN_PROGRESS")],
        vec![deployment(true, OURS, 2, "BRAND_NEW_STATE")],
    ] {
        let mut sight = seen(early);
        sight.stopped = Some(Vec::new());
        Is::Wait("").check(&Rollout::begun(json!({})).look(&sight, 60));
    }
    // A failed deployment that ECS still lists is no obstacle once it has no task.
    let mut sight = seen(vec![
        deployment(true, OURS, 2, "COMPLETED"),
        deployment(false, THEIRS, 0, "FAILED"),
    ]);
    sight.serving = serving("a");
    Is::Done.check(&Rollout::begun(json!({})).look(&sight, 60));
}

// rules: 3.5.12
#[test]
fn a_classic_load_balancers_service_has_no_state_and_its_counts_decide() {
    let Next::Do(action) =
        Rollout::begun(json!({})).look(&seen(vec![deployment(true, OURS, 2, "")]), 60)
    else {
        panic!("complete and alone: the tasks are read")
    };
    assert_eq!(action, Action::ReadServing);
    let mut partly = seen(vec![
        deployment(true, OURS, 1, ""),
        deployment(false, WAS, 1, ""),
    ]);
    partly.stopped = Some(Vec::new());
    Is::Wait("1 of 2").check(&Rollout::begun(json!({})).look(&partly, 60));
}

// rules: 3.5.13
#[test]
fn an_unknown_state_is_waited_for_and_said() {
    let mut sight = seen(vec![deployment(true, OURS, 2, "BRAND_NEW_STATE")]);
    sight.stopped = Some(Vec::new());
    Is::Wait("BRAND_NEW_STATE").check(&Rollout::begun(json!({})).look(&sight, 60));
}

// rules: 3.2.4
#[test]
fn deadline_and_stall_turn_back() {
    let mut sight = seen(vec![
        deployment(true, OURS, 1, "IN_PROGRESS"),
        deployment(false, WAS, 2, "COMPLETED"),
    ]);
    sight.stopped = Some(Vec::new());
    let mut rollout = Rollout::begun(json!({}));
    Is::Wait("1 of 2").check(&rollout.look(&sight, 60));
    Is::GoBack(WAS).check(&rollout.look(&sight, 60 + 15 * 60));
    assert!(rollout.cause(0).contains("stallMinutes (15)"));
    let mut rollout = Rollout::begun(json!({}));
    rollout.state.targets[0].progress = Progress {
        balance: -1,
        at: START + 119 * 60,
    };
    Is::GoBack(WAS).check(&rollout.look(&sight, 120 * 60));
    assert!(rollout.cause(0).contains("timeoutMinutes (120)"));
}

// rules: 3.5.15 3.5.17
#[test]
fn a_bake_time_or_a_slow_drain_is_no_stall() {
    let mut rollout = Rollout::begun(json!({}));
    rollout.state.targets[0].progress = Progress {
        balance: 2,
        at: START,
    };
    let sight = seen(vec![
        deployment(true, OURS, 2, "IN_PROGRESS"),
        deployment(false, WAS, 1, "COMPLETED"),
    ]);
    Is::Wait("").check(&rollout.look(&sight, 60 * 60));
}

#[test]
fn tasks_that_do_not_show_have_the_deadline() {
    let mut sight = seen(vec![deployment(true, OURS, 2, "COMPLETED")]);
    sight.serving = Some(Vec::new());
    Is::Wait("0 of 2 tasks are seen").check(&Rollout::begun(json!({})).look(&sight, 60));
    let mut rollout = Rollout::begun(json!({}));
    Is::GoBack(WAS).check(&rollout.look(&sight, 120 * 60));
    assert!(
        rollout.cause(0).contains("timeoutMinutes"),
        "{}",
        rollout.cause(0)
    );
}

#[test]
fn a_hopeless_cause_turns_back_at_once_even_with_a_breaker() {
    let mut rollout = Rollout::begun(json!({}));
    let mut sight = seen(vec![
        deployment(true, OURS, 0, "IN_PROGRESS"),
        deployment(false, WAS, 2, "COMPLETED"),
    ]);
    sight.service.deployments[0].failed = 1;
    Is::ReadStopped.check(&rollout.look(&sight, 5));
    sight.stopped = stopped("CannotPullContainerError: r/web@sha256:0: not found");
    Is::GoBack(WAS).check(&rollout.look(&sight, 5));
    assert!(
        rollout.cause(0).contains("waiting cannot mend"),
        "{}",
        rollout.cause(0)
    );
}

/// Tasks whose container ended by itself `lived` seconds after its start.
fn exited(lived: u64) -> Option<Vec<Task>> {
    let mut tasks = stopped("Essential container in task exited");
    let task = &mut tasks.as_mut().unwrap()[0];
    task.started_at = START + 10;
    task.stopped_at = START + 10 + lived;
    task.containers = vec![Container {
        name: "web".into(),
        exit_code: Some(3),
        ..Default::default()
    }];
    tasks
}

#[test]
fn an_exit_at_start_turns_back_with_the_log_unless_it_is_allowed() {
    let mut sight = seen(vec![
        deployment(true, OURS, 0, "IN_PROGRESS"),
        deployment(false, WAS, 2, "COMPLETED"),
    ]);
    for (lived, extra, turns) in [
        (5, json!({}), true),
        (5, json!({"allow": ["exitAtStart"]}), false),
        (90, json!({}), false),
    ] {
        let mut rollout = Rollout::begun(extra);
        sight.log = None;
        sight.stopped = exited(lived);
        Is::ReadLog.check(&rollout.look(&sight, 120));
        sight.log = Some(vec!["panic: no database".into()]);
        let next = rollout.look(&sight, 120);
        if turns {
            Is::GoBack(WAS)
        } else {
            Is::Wait("no database")
        }
        .check(&next);
        assert!(
            rollout.cause(0).ends_with("panic: no database"),
            "{}",
            rollout.cause(0)
        );
    }
}

// rules: 3.5.20
#[test]
fn another_controller_is_told_apart_from_a_rollback_and_left_alone() {
    let sight = seen(vec![deployment(true, THEIRS, 2, "COMPLETED")]);
    let mut rollout = Rollout::begun(json!({}));
    Is::Failed(RevisionOutOfSync, "web:9", "web:9 (2 of 2").check(&rollout.look(&sight, 60));
    let mut inactive = seen(vec![deployment(true, OURS, 2, "COMPLETED")]);
    inactive.service.status = "DRAINING".into();
    let failed = Rollout::begun(json!({})).look(&inactive, 60);
    Is::Failed(RevisionOutOfSync, "DRAINING", "DRAINING").check(&failed);
}

// rules: 3.5.10
#[test]
fn a_description_may_lag_behind_for_half_a_minute() {
    let sight = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    Is::Wait("does not show yet").check(&Rollout::begun(json!({})).look(&sight, 29));
    Is::ReadStopped.check(&Rollout::begun(json!({})).look(&sight, 30));
}

// rules: 3.3.1
#[test]
fn a_duplicate_that_came_between_goes_along() {
    let mut rollout = Rollout::of(json!([{"service": "web", "cluster": "test"}]), json!({}));
    Is::Begin.check(&rollout.look(&seen(vec![deployment(true, WAS, 2, "COMPLETED")]), 1));
    rollout.carried(0, Carried::BegunBefore, 1);
    let sight = seen(vec![deployment(true, OURS, 2, "COMPLETED")]);
    Is::ReadServing.check(&rollout.look(&sight, 5));
    let watch = &rollout.state.targets[0];
    assert_eq!(
        (watch.phase, watch.deployment.as_str()),
        (Phase::Forward, "ecs-svc/2")
    );
}

#[test]
fn what_was_tried_before_and_does_not_show_was_rolled_back() {
    let mut rollout = Rollout::of(json!([{"service": "web", "cluster": "test"}]), json!({}));
    rollout.carried(0, Carried::BegunBefore, 100);
    let mut sight = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    sight.stopped = Some(Vec::new());
    Is::Wait("does not show yet").check(&rollout.look(&sight, 129));
    Is::Failed(JobFailed, "rolled the deployment back", "web:7").check(&rollout.look(&sight, 130));
}

// rules: 3.5.28
#[test]
fn without_stopped_tasks_the_service_names_the_cause() {
    let mut sight = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    sight.stopped = Some(Vec::new());
    sight.service.events = vec![Event {
        at: START + 5,
        message: "(service web) was unable to place a task".into(),
    }];
    let failed = Rollout::begun(json!({})).look(&sight, 60);
    Is::Failed(JobFailed, "unable to place", "web:7").check(&failed);
}
