//! What `watch` promises, in cases and properties.

use super::super::seen::{Container, Event, Task};
use super::*;
use serde_json::json;

const WAS: &str = "arn:aws:ecs:ap-southeast-2:333333333333:task-definition/web:7";
const OURS: &str = "arn:aws:ecs:ap-southeast-2:333333333333:task-definition/web:8";
const THEIRS: &str = "arn:aws:ecs:ap-southeast-2:333333333333:task-definition/web:9";
const START: u64 = 1_000_000;

fn file(extra: serde_json::Value) -> RolloutFile {
    let mut file =
        json!({"targets": [{"service": "web", "cluster": "test"}], "region": "ap-southeast-2"});
    for (key, value) in extra.as_object().unwrap() {
        file[key] = value.clone();
    }
    RolloutFile::from_value(&file).unwrap()
}

fn watch() -> Watch {
    Watch {
        was: Some(WAS.into()),
        became: OURS.into(),
        deployment: "ecs-svc/2".into(),
        ..Default::default()
    }
}

fn deployment(primary: bool, definition: &str, running: u32, state: &str) -> Deployment {
    Deployment {
        id: if definition == OURS {
            "ecs-svc/2".into()
        } else {
            "ecs-svc/1".into()
        },
        primary,
        task_definition: definition.into(),
        running,
        state: RolloutState::parse(Some(state)),
        ..Default::default()
    }
}

fn seen(deployments: Vec<Deployment>) -> Seen {
    let service = Service {
        status: "ACTIVE".into(),
        desired: 2,
        rolls_back_itself: true,
        deployments,
        ..Default::default()
    };
    Seen {
        service,
        ..Default::default()
    }
}

fn stopped(reason: &str) -> Option<Vec<Task>> {
    Some(vec![Task {
        task_definition: OURS.into(),
        last_status: "STOPPED".into(),
        stop_code: "EssentialContainerExited".into(),
        stopped_reason: reason.into(),
        ..Default::default()
    }])
}

fn serving(digest: &str) -> Option<Vec<Task>> {
    let task = Task {
        task_definition: OURS.into(),
        last_status: "RUNNING".into(),
        containers: vec![Container {
            name: "web".into(),
            image: format!("r/web@sha256:{}", "a".repeat(64)),
            digest: Some(format!("sha256:{}", digest.repeat(64))),
            ..Default::default()
        }],
        ..Default::default()
    };
    Some(vec![task.clone(), task])
}

fn step(watch: &mut Watch, seen: &Seen, after: u64) -> Step {
    advance(watch, seen, &file(json!({})), START, START + after)
}

#[test]
fn done_means_ours_finished_complete_alone_and_by_digest() {
    let mut sight = seen(vec![deployment(true, OURS, 2, "COMPLETED")]);
    assert_eq!(step(&mut watch(), &sight, 60), Step::ReadServing);
    sight.serving = serving("a");
    assert!(matches!(step(&mut watch(), &sight, 60), Step::Done(proof) if proof.running == 2));
    sight.serving = serving("b");
    assert!(matches!(
        step(&mut watch(), &sight, 60),
        Step::ReadPlatforms(_)
    ));
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
        assert!(matches!(step(&mut watch(), &sight, 60), Step::Wait(_)));
    }
    // A failed deployment that ECS still lists is no obstacle once it has no task.
    let mut sight = seen(vec![
        deployment(true, OURS, 2, "COMPLETED"),
        deployment(false, THEIRS, 0, "FAILED"),
    ]);
    sight.serving = serving("a");
    assert!(matches!(step(&mut watch(), &sight, 60), Step::Done(_)));
}

#[test]
fn an_unknown_state_is_waited_for_and_said() {
    let mut sight = seen(vec![deployment(true, OURS, 2, "BRAND_NEW_STATE")]);
    sight.stopped = Some(Vec::new());
    let Step::Wait(text) = step(&mut watch(), &sight, 60) else {
        panic!()
    };
    assert!(text.contains("BRAND_NEW_STATE"), "{text}");
}

#[test]
fn a_rollback_by_ecs_is_a_failure_with_its_cause_once_the_old_version_serves() {
    let mut watch = watch();
    let mut sight = seen(vec![
        deployment(true, WAS, 1, "IN_PROGRESS"),
        deployment(false, OURS, 0, "FAILED"),
    ]);
    assert_eq!(step(&mut watch, &sight, 60), Step::ReadStopped);
    sight.stopped = stopped("Essential container in task exited");
    let Step::Wait(text) = step(&mut watch, &sight, 60) else {
        panic!()
    };
    assert!(text.contains("web:7: 1 of 2"), "{text}");
    let sight = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    let Step::Failed(ending) = step(&mut watch, &sight, 90) else {
        panic!()
    };
    assert!(
        ending.cause.contains("Essential container") && ending.now.starts_with("web:7 (2 of 2"),
        "{ending:?}"
    );
    assert!(!ending.overtaken);
}

#[test]
fn where_the_breaker_does_not_go_back_redbutton_does_once() {
    let mut watch = watch();
    let mut sight = seen(vec![
        deployment(true, OURS, 0, "FAILED"),
        deployment(false, WAS, 2, "COMPLETED"),
    ]);
    sight.service.rolls_back_itself = false;
    sight.stopped = stopped("Essential container in task exited");
    assert_eq!(step(&mut watch, &sight, 60), Step::GoBack(WAS.into()));
    assert!(matches!(step(&mut watch, &sight, 65), Step::Wait(_)));
    // With a breaker that goes back, ECS is given a minute to begin.
    let mut watch = super::tests::watch();
    sight.service.rolls_back_itself = true;
    assert!(matches!(step(&mut watch, &sight, 60), Step::Wait(_)));
    assert_eq!(step(&mut watch, &sight, 121), Step::GoBack(WAS.into()));
}

#[test]
fn on_failure_stop_adds_no_rollback() {
    let file = file(json!({"onFailure": "stop"}));
    let mut sight = seen(vec![deployment(true, OURS, 0, "FAILED")]);
    sight.stopped = stopped("Essential container in task exited");
    let step = advance(&mut watch(), &sight, &file, START, START + 60);
    assert!(matches!(step, Step::Failed(ending) if ending.now.contains("onFailure")));
}

#[test]
fn a_hopeless_cause_turns_back_at_once_even_with_a_breaker() {
    let mut watch = watch();
    let mut sight = seen(vec![
        deployment(true, OURS, 0, "IN_PROGRESS"),
        deployment(false, WAS, 2, "COMPLETED"),
    ]);
    sight.service.deployments[0].failed = 1;
    assert_eq!(step(&mut watch, &sight, 5), Step::ReadStopped);
    sight.stopped = stopped("CannotPullContainerError: r/web@sha256:0: not found");
    assert_eq!(step(&mut watch, &sight, 5), Step::GoBack(WAS.into()));
}

#[test]
fn deadline_and_stall_turn_back() {
    let sight = || {
        let mut sight = seen(vec![
            deployment(true, OURS, 1, "IN_PROGRESS"),
            deployment(false, WAS, 2, "COMPLETED"),
        ]);
        sight.stopped = Some(Vec::new());
        sight
    };
    let mut watch = watch();
    assert!(matches!(step(&mut watch, &sight(), 60), Step::Wait(_)));
    assert!(matches!(
        step(&mut watch, &sight(), 60 + 15 * 60),
        Step::GoBack(_)
    ));
    assert!(watch.cause.unwrap().contains("stallMinutes (15)"));
    let mut watch = super::tests::watch();
    watch.progress = Progress {
        balance: -1,
        at: START + 119 * 60,
    };
    assert!(matches!(
        step(&mut watch, &sight(), 120 * 60),
        Step::GoBack(_)
    ));
    assert!(watch.cause.unwrap().contains("timeoutMinutes (120)"));
}

#[test]
fn a_bake_time_or_a_slow_drain_is_no_stall() {
    let mut watch = Watch {
        progress: Progress {
            balance: 2,
            at: START,
        },
        ..watch()
    };
    let sight = seen(vec![
        deployment(true, OURS, 2, "IN_PROGRESS"),
        deployment(false, WAS, 1, "COMPLETED"),
    ]);
    assert!(matches!(step(&mut watch, &sight, 60 * 60), Step::Wait(_)));
}

#[test]
fn another_controller_is_told_apart_from_a_rollback_and_left_alone() {
    for mut watch in [
        watch(),
        Watch {
            phase: Phase::Back {
                since: START,
                asked: true,
            },
            cause: Some("x".into()),
            ..watch()
        },
    ] {
        let sight = seen(vec![deployment(true, THEIRS, 2, "COMPLETED")]);
        let Step::Failed(ending) = step(&mut watch, &sight, 60) else {
            panic!()
        };
        assert!(
            ending.overtaken && ending.cause.contains("web:9"),
            "{ending:?}"
        );
    }
    let mut inactive = seen(vec![deployment(true, OURS, 2, "COMPLETED")]);
    inactive.service.status = "DRAINING".into();
    assert!(matches!(step(&mut watch(), &inactive, 60), Step::Failed(ending) if ending.overtaken));
}

#[test]
fn a_description_may_lag_behind_for_half_a_minute() {
    let sight = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    assert!(matches!(step(&mut watch(), &sight, 29), Step::Wait(_)));
    assert_eq!(step(&mut watch(), &sight, 30), Step::ReadStopped);
}

#[test]
fn a_duplicate_that_came_between_goes_along() {
    let mut watch = super::super::start::already_tried(OURS.into(), Some(WAS.into()), START);
    let sight = seen(vec![deployment(true, OURS, 2, "COMPLETED")]);
    assert_eq!(step(&mut watch, &sight, 5), Step::ReadServing);
    assert_eq!(
        (watch.phase, watch.deployment.as_str()),
        (Phase::Forward, "ecs-svc/2")
    );
}

#[test]
fn going_back_ends_even_when_it_hangs() {
    let mut watch = Watch {
        phase: Phase::Back {
            since: START,
            asked: true,
        },
        cause: Some("x".into()),
        ..watch()
    };
    let sight = seen(vec![deployment(true, WAS, 0, "IN_PROGRESS")]);
    assert!(matches!(step(&mut watch, &sight, 60), Step::Wait(_)));
    let Step::Failed(ending) = step(&mut watch, &sight, 30 * 60) else {
        panic!()
    };
    assert!(ending.now.contains("not finished"), "{ending:?}");
}

#[test]
fn without_stopped_tasks_the_service_names_the_cause() {
    let mut sight = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    sight.stopped = Some(Vec::new());
    sight.service.events = vec![Event {
        at: START + 5,
        message: "(service web) was unable to place a task".into(),
    }];
    let Step::Failed(ending) = step(&mut watch(), &sight, 60) else {
        panic!()
    };
    assert!(ending.cause.contains("unable to place"), "{ending:?}");
}
