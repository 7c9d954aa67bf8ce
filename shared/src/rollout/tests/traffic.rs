//! Blue/green, linear and canary deployments (CONTRACTS 3.5.13 to 3.5.16, 3.5.25 to 3.5.27).

use super::super::seen::{Hook, Recent, ServiceDeployment, Status};
use super::*;
use crate::error::FailureKind::{JobFailed, RevisionOutOfSync};

pub(super) const STATUSES: [&str; 10] = [
    "PENDING",
    "IN_PROGRESS",
    "SUCCESSFUL",
    "STOP_REQUESTED",
    "STOPPED",
    "ROLLBACK_REQUESTED",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_SUCCESSFUL",
    "ROLLBACK_FAILED",
    "BRAND_NEW_STATUS",
];

/// A service deployment at a stage, all tasks running.
pub(super) fn at(status: &str, stage: &str) -> ServiceDeployment {
    ServiceDeployment {
        status: Status::parse(status),
        stage: stage.into(),
        tasks: (2, 2),
        ..Default::default()
    }
}

/// Blue and green both run, nothing was stopped; and this is our service deployment.
pub(super) fn sight(ours: ServiceDeployment) -> Seen {
    let mut sight = seen(vec![
        deployment(true, OURS, 2, "IN_PROGRESS"),
        deployment(false, WAS, 2, "COMPLETED"),
    ]);
    sight.service.strategy.name = "BLUE_GREEN".into();
    sight.stopped = Some(Vec::new());
    sight.deployment = Some(Some(ours));
    sight
}

/// ECS's record, newest first.
pub(super) fn recent(list: &[(&str, &str, &str)]) -> Option<Vec<Recent>> {
    let recent = list.iter().map(|(id, definition, status)| Recent {
        id: (*id).into(),
        task_definition: (*definition).into(),
        status: Status::parse(status),
        reason: "as ECS says".into(),
        ..Default::default()
    });
    Some(recent.collect())
}

/// Begun, and its service deployment is known.
pub(super) fn mapped(extra: Value) -> Rollout {
    let mut rollout = Rollout::begun(extra);
    rollout.state.targets[0].deployment = "ours".into();
    rollout
}

// rules: 3.5.13
#[test]
fn every_status_on_the_way_forward() {
    for status in STATUSES {
        let mut rollout = mapped(json!({}));
        let mut looks = sight(at(status, "BAKE_TIME"));
        looks.recent = recent(&[("ours", OURS, status)]);
        let expected = match status {
            "SUCCESSFUL" => Is::Wait("the old tasks are not gone yet"),
            "STOP_REQUESTED" => Is::Wait("somebody stops it"),
            "BRAND_NEW_STATUS" => Is::Wait("BRAND_NEW_STATUS, which this version does not know"),
            "PENDING" | "IN_PROGRESS" => Is::Wait("blue/green, BAKE_TIME, 2 of 2 tasks run"),
            "STOPPED" => Is::GoBack(WAS),
            "ROLLBACK_REQUESTED" | "ROLLBACK_IN_PROGRESS" => Is::Wait("ECS goes back"),
            "ROLLBACK_SUCCESSFUL" => Is::Wait("going back to web:7"),
            _ => Is::Failed(
                JobFailed,
                "could not roll",
                "ECS could not go back (as ECS says)",
            ),
        };
        expected.check(&rollout.look(&looks, 60));
        let turned = rollout.state.turned.is_some();
        assert_eq!(
            turned,
            status == "STOPPED" || status.starts_with("ROLLBACK"),
            "{status}"
        );
    }
}

// rules: 3.5.11 3.5.26
#[test]
fn success_is_ours_successful_alone_complete_and_seen_in_the_tasks() {
    let mut alone = sight(at("SUCCESSFUL", "CLEAN_UP"));
    alone.service.deployments = vec![deployment(true, OURS, 2, "COMPLETED")];
    Is::ReadServing.check(&mapped(json!({})).look(&alone, 60));
    let mut early = alone.clone();
    early.service.deployments[0].running = 1;
    Is::Wait("the old tasks are not gone").check(&mapped(json!({})).look(&early, 60));
    let mut early = alone.clone();
    early
        .service
        .deployments
        .push(deployment(false, WAS, 0, "COMPLETED"));
    Is::Wait("the old tasks are not gone").check(&mapped(json!({})).look(&early, 60));
    alone.serving = serving("a");
    let done = mapped(json!({})).look(&alone, 60);
    assert!(matches!(done, Next::Done(proofs) if proofs[0].deployment == "ours"));
}

// rules: 3.5.25
#[test]
fn our_deployment_is_found_once_in_ecss_record() {
    let mut looks = sight(at("PENDING", ""));
    looks.deployment = None;
    let mut rollout = Rollout::begun(json!({}));
    Is::ReadRecent.check(&rollout.look(&looks, 5));
    looks.recent = recent(&[("before", WAS, "SUCCESSFUL")]);
    Is::Wait("does not show yet").check(&rollout.look(&looks, 5));
    Is::Failed(JobFailed, "ECS shows no deployment of it", "").check(&{
        let mut never = looks.clone();
        never.service.deployments = vec![deployment(true, WAS, 2, "COMPLETED")];
        Rollout::begun(json!({})).look(&never, 40)
    });
    // Below a newer one, too.
    looks.recent = recent(&[("newer", THEIRS, "PENDING"), ("ours", OURS, "IN_PROGRESS")]);
    Is::ReadDeployment.check(&rollout.look(&looks, 10));
    assert_eq!(rollout.state.targets[0].deployment, "ours");
    looks.recent = None;
    Is::ReadDeployment.check(&rollout.look(&looks, 15));
    looks.deployment = Some(None);
    Is::Wait("does not show its deployment").check(&rollout.look(&looks, 15));
    looks.recent = recent(&[("ours", OURS, "IN_PROGRESS")]);
    Is::GoBack(WAS).check(&rollout.look(&looks, 120 * 60));
}

// rules: 3.5.15 3.5.16 3.5.17
#[test]
fn bakes_steps_and_pauses_never_stall_and_scaling_up_does() {
    let pause = Hook {
        status: "AWAITING_ACTION".into(),
        pause: true,
        ..Default::default()
    };
    for (stage, hooks, stalls) in [
        ("BAKE_TIME", vec![], false),
        ("PRODUCTION_TRAFFIC_SHIFT", vec![], false),
        ("POST_SCALE_UP", vec![pause], false),
        ("POST_SCALE_UP", vec![], true),
        ("SCALE_UP", vec![], true),
    ] {
        let mut rollout = mapped(json!({}));
        let mut ours = at("IN_PROGRESS", stage);
        ours.tasks = (1, 2);
        ours.hooks = hooks;
        let mut looks = sight(ours);
        looks.recent = recent(&[("ours", OURS, "IN_PROGRESS")]);
        Is::Wait(stage).check(&rollout.look(&looks, 60));
        looks.stopped = stopped("Task failed ELB health checks");
        let last = rollout.look(&looks, 60 + 15 * 60);
        if stalls {
            Is::GoBack(WAS)
        } else {
            Is::Wait(stage)
        }
        .check(&last);
        let cause = rollout.cause(0);
        assert_eq!(
            cause.contains("stallMinutes (15)"),
            stalls,
            "{stage}: {cause}"
        );
        assert!(cause.contains("ELB health checks"), "{stage}: {cause}");
    }
}

#[test]
fn the_deadline_ends_even_a_bake() {
    let mut looks = sight(at("IN_PROGRESS", "BAKE_TIME"));
    looks.recent = recent(&[("ours", OURS, "IN_PROGRESS")]);
    let mut rollout = mapped(json!({}));
    Is::GoBack(WAS).check(&rollout.look(&looks, 120 * 60));
    assert!(rollout.cause(0).contains("timeoutMinutes (120)"));
}

// rules: 3.5.16
#[test]
fn a_pause_tells_who_waits_for_whom() {
    let mut ours = at("IN_PROGRESS", "POST_TEST_TRAFFIC_SHIFT");
    ours.traffic = Some(0.0);
    ours.hooks = vec![Hook {
        id: "hook-1".into(),
        pause: true,
        status: "AWAITING_ACTION".into(),
        then: "ROLLBACK".into(),
        ..Default::default()
    }];
    let Next::Wait(text) = mapped(json!({})).look(&sight(ours), 60) else {
        panic!()
    };
    insta::assert_snapshot!(text);
}

// rules: 3.5.28
#[test]
fn the_cause_is_what_ecs_says_of_hooks_alarms_breaker_and_rollback() {
    let hook = |status: &str, pause| Hook {
        status: status.into(),
        pause,
        function: "arn:aws:lambda:ap-southeast-2:333333333333:function:check".into(),
        ..Default::default()
    };
    let rolled_back = || at("ROLLBACK_SUCCESSFUL", "CLEAN_UP");
    let causes: Vec<String> = [
        ServiceDeployment {
            hooks: vec![hook("FAILED", false)],
            ..rolled_back()
        },
        ServiceDeployment {
            hooks: vec![hook("TIMED_OUT", true)],
            ..rolled_back()
        },
        ServiceDeployment {
            alarms: vec!["5xx".into(), "p99".into()],
            ..rolled_back()
        },
        ServiceDeployment {
            failures: (3, 3),
            ..rolled_back()
        },
        ServiceDeployment {
            rollback: "Rolled back by the breaker.".into(),
            reason: "Rolled back by the breaker".into(),
            ..rolled_back()
        },
        ServiceDeployment {
            reason: "Stopped by user".into(),
            ..at("STOPPED", "")
        },
        ServiceDeployment {
            reason: "No capacity.".into(),
            ..at("ROLLBACK_FAILED", "")
        },
        rolled_back(),
    ]
    .into_iter()
    .map(|ours| {
        let mut rollout = mapped(json!({}));
        let mut looks = sight(ours);
        looks.recent = recent(&[("ours", OURS, "ROLLBACK_IN_PROGRESS")]);
        rollout.look(&looks, 60);
        rollout.cause(0)
    })
    .collect();
    insta::assert_snapshot!(causes.join("\n"));
}

#[test]
fn a_failed_task_is_read_while_ecs_has_it() {
    let mut ours = at("IN_PROGRESS", "SCALE_UP");
    ours.failures = (1, 3);
    let mut looks = sight(ours);
    looks.stopped = None;
    let mut rollout = mapped(json!({}));
    Is::ReadStopped.check(&rollout.look(&looks, 10));
    looks.stopped = stopped("Task failed ELB health checks");
    Is::Wait("ELB health checks").check(&rollout.look(&looks, 10));
    looks.stopped = None;
    Is::Wait("ELB health checks").check(&rollout.look(&looks, 15));
}

#[test]
fn ours_succeeded_and_another_is_primary() {
    let looks = |primary: &str, list: &[(&str, &str, &str)]| {
        let mut looks = sight(at("SUCCESSFUL", "CLEAN_UP"));
        looks.service.deployments = vec![deployment(true, primary, 2, "COMPLETED")];
        looks.recent = recent(list);
        looks
    };
    let mut unread = looks(WAS, &[]);
    unread.recent = None;
    Is::ReadRecent.check(&mapped(json!({})).look(&unread, 60));
    let lagging = looks(WAS, &[("ours", OURS, "SUCCESSFUL")]);
    Is::Wait("not PRIMARY yet").check(&mapped(json!({})).look(&lagging, 60));
    let brought_back = looks(
        WAS,
        &[("back", WAS, "SUCCESSFUL"), ("ours", OURS, "SUCCESSFUL")],
    );
    let mut rollout = mapped(json!({}));
    let failed = rollout.look(&brought_back, 60);
    Is::Failed(
        JobFailed,
        "brought back after it had succeeded",
        "web:7 (2 of 2",
    )
    .check(&failed);
    let overtaken = looks(
        THEIRS,
        &[("x", THEIRS, "SUCCESSFUL"), ("ours", OURS, "SUCCESSFUL")],
    );
    let mut rollout = mapped(json!({}));
    let failed = rollout.look(&overtaken, 60);
    Is::Failed(RevisionOutOfSync, "somebody else deployed web:9", "web:9").check(&failed);
}

#[test]
fn a_stop_by_somebody_elses_deployment_is_told_as_that() {
    let mut looks = sight(at("STOPPED", ""));
    looks.service.deployments = vec![deployment(true, THEIRS, 1, "IN_PROGRESS")];
    looks.recent = recent(&[("x", THEIRS, "IN_PROGRESS"), ("ours", OURS, "STOPPED")]);
    let mut rollout = mapped(json!({}));
    let failed = rollout.look(&looks, 60);
    Is::Failed(RevisionOutOfSync, "somebody else deployed web:9", "web:9").check(&failed);
}
