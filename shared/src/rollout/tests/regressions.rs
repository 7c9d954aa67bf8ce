//! Histories that once ended wrongly, each by its name.

mod deliveries;

use super::super::seen::{Recent, ServiceDeployment, Status};
use super::*;
use crate::error::FailureKind::{JobFailed, PermissionError};
use crate::job::token;

#[test]
fn nothing_begun_and_nothing_seen_is_never_done() {
    let mut rollout = Rollout::begun(json!({}));
    assert!(matches!(rollout.step(&[], 60), Step::Wait { .. }));
    rollout.state.targets.clear();
    let mut sight = seen(vec![deployment(true, OURS, 2, "COMPLETED")]);
    sight.serving = serving("a");
    Is::Wait("").check(&rollout.look(&sight, 60));
}

#[test]
fn a_description_may_fall_back_behind_what_was_seen() {
    let mut rollout = Rollout::begun(json!({}));
    let newer = seen(vec![
        deployment(true, OURS, 0, "IN_PROGRESS"),
        deployment(false, WAS, 2, "COMPLETED"),
    ]);
    Is::Wait("").check(&rollout.look(&newer, 5));
    let older = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    Is::Wait("does not show yet").check(&rollout.look(&older, 10));
    Is::ReadStopped.check(&rollout.look(&older, 40));
}

#[test]
fn a_version_that_never_finished_is_no_strangers_while_ours_does_not_show() {
    let sight = seen(vec![
        deployment(true, THEIRS, 1, "IN_PROGRESS"),
        deployment(false, WAS, 2, "COMPLETED"),
    ]);
    Is::Wait("does not show yet").check(&Rollout::begun(json!({})).look(&sight, 29));
}

#[test]
fn what_was_complete_for_long_does_not_stall_when_a_task_is_replaced() {
    let mut rollout = Rollout::begun(json!({}));
    let complete = seen(vec![
        deployment(true, OURS, 2, "COMPLETED"),
        deployment(false, WAS, 1, "COMPLETED"),
    ]);
    Is::Wait("").check(&rollout.look(&complete, 60));
    Is::Wait("").check(&rollout.look(&complete, 60 * 60));
    let mut one_died = seen(vec![deployment(true, OURS, 1, "COMPLETED")]);
    one_died.stopped = Some(Vec::new());
    Is::Wait("1 of 2").check(&rollout.look(&one_died, 60 * 60 + 5));
    Is::GoBack(WAS).check(&rollout.look(&one_died, 75 * 60));
}

#[test]
fn old_tasks_that_go_slowly_are_no_stall_behind_a_successful_deployment() {
    let mut sight = seen(vec![
        deployment(true, OURS, 2, "IN_PROGRESS"),
        deployment(false, WAS, 1, "COMPLETED"),
    ]);
    sight.service.strategy.name = "BLUE_GREEN".into();
    sight.deployment = Some(Some(ServiceDeployment {
        status: Status::Successful,
        tasks: (2, 2),
        ..Default::default()
    }));
    let mut rollout = Rollout::begun(json!({}));
    rollout.state.targets[0].deployment = "ours".into();
    for after in [60, 60 * 60] {
        Is::Wait("old tasks are not gone").check(&rollout.look(&sight, after));
    }
}

#[test]
fn a_way_back_without_an_answer_is_asked_for_again_until_it_is_late() {
    let sight = seen(vec![
        deployment(true, OURS, 1, "IN_PROGRESS"),
        deployment(false, WAS, 1, "COMPLETED"),
    ]);
    let mut rollout = Rollout::begun(json!({}));
    rollout.carried(0, Carried::Refused(Failure::new(JobFailed, "x")), 60);
    for after in [60, 65, 29 * 60] {
        Is::GoBack(WAS).check(&rollout.look(&sight, after));
        rollout.carried(0, Carried::Unanswered, after);
    }
    Is::Failed(JobFailed, "x", "not within rollbackMinutes").check(&rollout.look(&sight, 31 * 60));
}

#[test]
fn a_beginning_that_aws_never_answers_has_the_deadline() {
    let before = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    let mut rollout = Rollout::of(json!([{"service": "web", "cluster": "test"}]), json!({}));
    Is::Begin.check(&rollout.look(&before, 119 * 60));
    Is::Wait("may have been begun").check(&rollout.look(&before, 120 * 60));
    Is::Failed(JobFailed, "could not be begun", "as before")
        .check(&rollout.look(&before, 121 * 60));
}

#[test]
fn a_task_that_cannot_be_stopped_ends_too() {
    let task = json!([{"task": "migrate", "like": "web", "cluster": "test"}]);
    let mut rollout = Rollout::of(task, json!({}));
    rollout.carried(0, Carried::Begun("1".into()), 0);
    let sight = Seen {
        task: Some(Some(Task {
            last_status: "RUNNING".into(),
            ..Default::default()
        })),
        ..Default::default()
    };
    for after in [120, 149] {
        Is::StopTask.check(&rollout.look(&sight, after * 60));
        rollout.carried(0, Carried::Unanswered, after * 60);
    }
    Is::Failed(JobFailed, "timeoutMinutes", "could not be stopped")
        .check(&rollout.look(&sight, 155 * 60));
}

#[test]
fn redbutton_asks_even_where_rollback_minutes_are_as_short_as_ecs_takes() {
    let mut sight = seen(vec![deployment(true, OURS, 0, "FAILED")]);
    sight.stopped = stopped("Essential container in task exited");
    let mut rollout = Rollout::begun(json!({"rollbackMinutes": 1}));
    Is::Wait("ECS gave it up").check(&rollout.look(&sight, 60));
    Is::GoBack(WAS).check(&rollout.look(&sight, 95));
}

/// Two services side by side, the first of which AWS refuses to begin.
fn first_refused() -> Rollout {
    let services = json!([
        {"service": "web", "cluster": "test"}, {"service": "api", "cluster": "test"},
    ]);
    let mut rollout = Rollout::of(services, json!({}));
    let refusal = Failure::new(PermissionError, "not allowed");
    rollout.carried(0, Carried::Refused(refusal), 1);
    rollout
}

#[test]
fn what_is_begun_beside_a_refusal_goes_back() {
    let before = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    let ours = seen(vec![
        deployment(true, OURS, 0, "IN_PROGRESS"),
        deployment(false, WAS, 2, "COMPLETED"),
    ]);
    let back = Step::Do(vec![(1, Action::GoBack(WAS.into()))]);
    for carried in [
        Carried::Begun("ecs-svc/2".into()),
        Carried::BegunBefore,
        Carried::Unanswered,
    ] {
        let mut rollout = first_refused();
        rollout.carried(1, carried, 2);
        let step = rollout.step(&[before.clone(), before.clone()], 3);
        assert!(matches!(step, Step::Wait { .. }), "{step:?}");
        assert_eq!(rollout.step(&[before.clone(), ours.clone()], 20), back);
    }
    // What a delivery began that was lost shows, though this one never began it.
    assert_eq!(
        first_refused().step(&[before.clone(), ours.clone()], 20),
        back
    );
    // And both may be refused.
    let mut rollout = first_refused();
    rollout.carried(
        1,
        Carried::Refused(Failure::new(PermissionError, "neither")),
        2,
    );
    let step = rollout.step(&[before.clone(), before], 3);
    assert!(matches!(step, Step::Failed(_)), "{step:?}");
    assert_eq!(rollout.cause(1), "neither");
}

/// A blue/green service, and what ECS's record has of it, newest first.
fn blue_green(deployments: Vec<Deployment>, recent: &[(&str, Status)]) -> Seen {
    let mut sight = seen(deployments);
    sight.service.strategy.name = "BLUE_GREEN".into();
    let recent = recent.iter().map(|(definition, status)| Recent {
        task_definition: (*definition).into(),
        status: status.clone(),
        ..Default::default()
    });
    sight.recent = Some(recent.collect());
    sight
}

#[test]
fn what_was_served_before_ecs_kept_a_record_is_served() {
    let mut sight = blue_green(vec![deployment(true, OURS, 2, "COMPLETED")], &[]);
    sight.serving = serving("a");
    let mut rollout = Rollout::begun(json!({}));
    rollout.state.targets[0].unchanged = true;
    Is::Done.check(&rollout.look(&sight, 60));
    // What we began has a record.
    sight.stopped = Some(Vec::new());
    Is::GoBack(WAS).check(&Rollout::begun(json!({})).look(&sight, 60));
}

#[test]
fn an_older_failure_or_no_record_says_nothing_about_this_way_back() {
    let was = || vec![deployment(true, WAS, 2, "COMPLETED")];
    for recent in [
        &[][..],
        &[
            (THEIRS, Status::RollbackSuccessful),
            (WAS, Status::Successful),
        ],
    ] {
        let mut rollout = Rollout::begun(json!({}));
        rollout.carried(0, Carried::Refused(Failure::new(JobFailed, "x")), 5);
        let failed = rollout.look(&blue_green(was(), recent), 60);
        assert!(
            matches!(&failed, Next::Failed { now, .. } if now == "web:7 (2 of 2 tasks run)"),
            "{failed:?}"
        );
    }
    // Without a record, what is PRIMARY still goes back.
    let mut rollout = Rollout::begun(json!({}));
    rollout.carried(0, Carried::Refused(Failure::new(JobFailed, "x")), 5);
    let ours = blue_green(vec![deployment(true, OURS, 2, "COMPLETED")], &[]);
    Is::GoBack(WAS).check(&rollout.look(&ours, 60));
}

#[test]
fn what_was_asked_for_in_the_first_second_stays_asked_for_in_the_token() {
    let services = json!([
        {"service": "web", "cluster": "test"}, {"service": "api", "cluster": "test"},
    ]);
    let mut rollout = Rollout::of(services, json!({}));
    rollout.carried(1, Carried::Unanswered, 0);
    rollout.state = token::decode(&token::encode(&rollout.state), &rollout.state.binding).unwrap();
    rollout.carried(0, Carried::Refused(Failure::new(PermissionError, "no")), 2);
    assert_eq!(rollout.state.targets[1].phase, Phase::Back { asked: false });
}

#[test]
fn a_service_without_an_answer_is_begun_again_once_it_would_show() {
    let before = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    let mut rollout = Rollout::of(json!([{"service": "web", "cluster": "test"}]), json!({}));
    rollout.carried(0, Carried::Unanswered, 5);
    Is::Wait("may have been begun").check(&rollout.look(&before, 34));
    Is::Begin.check(&rollout.look(&before, 35));
}

#[test]
fn a_service_that_shows_is_never_called_unknown_because_its_record_does_not() {
    let refused = Blind::Refused(Failure::new(PermissionError, "not shown"));
    for blind in [Blind::NotNow("not answered".into()), refused] {
        let mut rollout = Rollout::begun(json!({}));
        rollout.carried(0, Carried::Refused(Failure::new(JobFailed, "x")), 60);
        let silent = |deployments| Seen {
            recent: None,
            blind: Some(blind.clone()),
            ..blue_green(deployments, &[])
        };
        let both = silent(vec![
            deployment(true, OURS, 2, "IN_PROGRESS"),
            deployment(false, WAS, 2, "COMPLETED"),
        ]);
        Is::GoBack(WAS).check(&rollout.look(&both, 60));
        rollout.carried(0, Carried::GoingBack(WAS.into()), 60);
        Is::Wait("has not begun").check(&rollout.look(&both, 90));
        // Asking again is safe where what asks sees whether ECS goes back.
        match blind {
            Blind::NotNow(_) => Is::GoBack(WAS).check(&rollout.look(&both, 120)),
            Blind::Refused(_) => Is::Wait("has not begun").check(&rollout.look(&both, 120)),
        }
        let back = silent(vec![deployment(true, WAS, 2, "COMPLETED")]);
        Is::Failed(JobFailed, "x", "web:7 (2 of 2 tasks run)").check(&rollout.look(&back, 180));
    }
}

#[test]
fn a_description_from_before_the_beginning_is_no_way_back_that_ended() {
    let ours = vec![
        deployment(true, OURS, 0, "IN_PROGRESS"),
        deployment(false, WAS, 2, "COMPLETED"),
    ];
    let older = || vec![deployment(true, WAS, 2, "COMPLETED")];
    let record = [(WAS, Status::Successful)];
    let cases = [
        (seen(ours.clone()), seen(older())),
        (blue_green(ours, &record[..0]), blue_green(older(), &record)),
    ];
    for (ours, older) in cases {
        let mut rollout = Rollout::begun(json!({}));
        rollout.carried(0, Carried::Refused(Failure::new(JobFailed, "x")), 1);
        Is::GoBack(WAS).check(&rollout.look(&ours, 5));
        rollout.carried(0, Carried::GoingBack(WAS.into()), 5);
        Is::Wait("may not show yet").check(&rollout.look(&older, 10));
        Is::Failed(JobFailed, "x", "web:7").check(&rollout.look(&older, 30));
    }
}

#[test]
fn a_description_older_than_the_record_shows_no_stranger() {
    // What was left unfinished before ours is PRIMARY in it.
    let older = || {
        vec![
            deployment(true, THEIRS, 0, "IN_PROGRESS"),
            deployment(false, WAS, 2, "COMPLETED"),
        ]
    };
    let record = [(OURS, Status::RollbackSuccessful)];
    let mut rollout = Rollout::begun(json!({}));
    rollout.carried(0, Carried::Refused(Failure::new(JobFailed, "x")), 1);
    Is::Wait("may not show yet").check(&rollout.look(&blue_green(older(), &record), 15));
    let back = vec![deployment(true, WAS, 2, "COMPLETED")];
    Is::Failed(JobFailed, "x", "web:7").check(&rollout.look(&blue_green(back, &record), 20));
    // Once it is no old one, or when the record has them last, somebody else it is.
    let newest = [
        (THEIRS, Status::InProgress),
        (OURS, Status::RollbackSuccessful),
    ];
    for (record, after) in [(&record[..], 30), (&newest[..], 15)] {
        let mut rollout = Rollout::begun(json!({}));
        rollout.carried(0, Carried::Refused(Failure::new(JobFailed, "x")), 1);
        Is::Failed(JobFailed, "x", "somebody else deployed web:9")
            .check(&rollout.look(&blue_green(older(), record), after));
    }
}

#[test]
fn a_cause_that_was_read_stays_when_nothing_shows_any_more() {
    let refused = Blind::Refused(Failure::new(PermissionError, "not shown"));
    for blind in [Blind::NotNow("not answered".into()), refused] {
        let mut rollout = Rollout::begun(json!({}));
        rollout.state.targets[0].cause = Some("exit code 3".into());
        let dark = Seen {
            blind: Some(blind),
            ..Default::default()
        };
        Is::Wait("cannot be seen now").check(&rollout.look(&dark, 120 * 60));
        assert!(rollout.cause(0).contains("not "), "{}", rollout.cause(0));
        assert!(
            rollout.cause(0).ends_with("; exit code 3"),
            "{}",
            rollout.cause(0)
        );
    }
}
