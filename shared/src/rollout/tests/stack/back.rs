//! A stack on its way back: by CloudFormation itself, by a second change set, beside others.

use super::*;

// rules: 3.6.10 3.6.20
#[test]
fn a_service_that_goes_back_after_the_update_brings_the_stack_back() {
    let mut rollout = begun(json!({}));
    let complete = || events(&ours(), &COMPLETE);
    let gone_back = Seen {
        stopped: stopped("Task failed ELB health checks"),
        ..seen(vec![deployment(true, WAS, 2, "COMPLETED")])
    };
    let next = rollout.look(&sight(complete(), Some(gone_back)), 60);
    check_do(&next, &Action::Restore);
    assert!(
        rollout
            .cause(0)
            .starts_with("service web: a task of web:8 stopped: Task failed ELB"),
        "{}",
        rollout.cause(0)
    );
    rollout.carried(0, Carried::Stopping, 60);
    let at_work = then(events(&way_back(), &["- UPDATE_IN_PROGRESS"]), complete());
    Is::Wait("UPDATE_IN_PROGRESS").check(&rollout.look(&sight(at_work, None), 65));
    let restored = || then(events(&way_back(), &COMPLETE), complete());
    let drains = seen(vec![
        deployment(true, OURS, 2, "IN_PROGRESS"),
        deployment(false, WAS, 1, "COMPLETED"),
    ]);
    Is::Wait("serves web:8").check(&rollout.look(&sight(restored(), Some(drains)), 70));
    Is::Failed(
        FailureKind::JobFailed,
        "ELB",
        "UPDATE_COMPLETE, template and parameters as before; service web serves web:8",
    )
    .check(&rollout.look(&sight(restored(), Some(serves_ours())), 75));
}

// rules: 3.6.7
#[test]
fn the_deadline_ends_an_update_and_a_rollback_that_is_stuck_is_explained() {
    let mut rollout = begun(json!({"timeoutMinutes": 10}));
    let at_work = || {
        events(
            &ours(),
            &["- UPDATE_IN_PROGRESS", "Group UPDATE_IN_PROGRESS"],
        )
    };
    check_do(&rollout.look(&sight(at_work(), None), 600), &Action::GiveUp);
    assert!(rollout.cause(0).contains("timeoutMinutes (10)"));
    rollout.carried(0, Carried::Stopping, 600);
    let stuck = [
        "- UPDATE_ROLLBACK_IN_PROGRESS",
        "- UPDATE_ROLLBACK_FAILED The following resource(s) failed: [Group].",
    ];
    let next = rollout.look(
        &sight(
            then(events(&token_cancel(&ours()), &stuck), at_work()),
            None,
        ),
        610,
    );
    Is::Failed(
        FailureKind::JobFailed,
        "timeoutMinutes",
        "aws cloudformation continue-update-rollback --stack-name web --region ap-southeast-2",
    )
    .check(&next);
}

#[test]
fn what_cannot_be_looked_at_on_the_way_back_is_waited_for_or_said() {
    let mut rollout = begun(json!({"timeoutMinutes": 10}));
    let at_work = sight(events(&ours(), &["- UPDATE_IN_PROGRESS"]), None);
    check_do(&rollout.look(&at_work, 600), &Action::GiveUp);
    rollout.carried(0, Carried::Stopping, 600);
    let blinded = |blind| Seen {
        blind: Some(blind),
        ..sight(
            then(
                events(&token_cancel(&ours()), &["- UPDATE_ROLLBACK_COMPLETE"]),
                events(&ours(), &["- UPDATE_IN_PROGRESS"]),
            ),
            None,
        )
    };
    let silent = blinded(Blind::NotNow("ecs:DescribeServices is not answered".into()));
    Is::Wait("is not answered").check(&rollout.look(&silent, 605));
    let refused = Failure::new(FailureKind::PermissionError, "access denied: ecs");
    let next = rollout.look(&blinded(Blind::Refused(refused)), 610);
    let now = "template and parameters as before; what its services do could not be looked at";
    Is::Failed(FailureKind::JobFailed, "timeoutMinutes", now).check(&next);
}

#[test]
fn going_back_is_asked_for_once_and_again_when_it_does_not_begin() {
    let mut rollout = begun(json!({}));
    let gone_back = || {
        let seen = Seen {
            stopped: stopped("Task failed ELB health checks"),
            ..seen(vec![deployment(true, WAS, 2, "COMPLETED")])
        };
        sight(events(&ours(), &COMPLETE), Some(seen))
    };
    check_do(&rollout.look(&gone_back(), 60), &Action::Restore);
    rollout.carried(0, Carried::Stopping, 60);
    Is::Wait("has not begun yet").check(&rollout.look(&gone_back(), 65));
    check_do(&rollout.look(&gone_back(), 120), &Action::Restore);
}

#[test]
fn on_failure_stop_leaves_a_stack_as_it_is() {
    let mut rollout = begun(json!({"timeoutMinutes": 10, "onFailure": "stop"}));
    let at_work = sight(events(&ours(), &["- UPDATE_IN_PROGRESS"]), None);
    let next = rollout.look(&at_work, 600);
    Is::Failed(
        FailureKind::JobFailed,
        "timeoutMinutes",
        "UPDATE_IN_PROGRESS; onFailure is \"stop\"",
    )
    .check(&next);
}

// rules: 3.6.8
#[test]
fn a_stack_that_the_release_made_stays() {
    let mut rollout = begun(json!({}));
    rollout.state.targets[0].was = None;
    let made = events(&ours(), &["- CREATE_IN_PROGRESS", "- CREATE_COMPLETE"]);
    let broken = Seen {
        stopped: stopped("CannotPullContainerError: web:9: not found"),
        ..seen(vec![deployment(true, OURS, 0, "IN_PROGRESS")])
    };
    let next = rollout.look(&sight(made, Some(broken)), 30);
    Is::Failed(
        FailureKind::JobFailed,
        "not found",
        "CREATE_COMPLETE; it was made by this release and stays",
    )
    .check(&next);
}

// rules: 3.3.1 3.6.19
#[test]
fn a_delivery_that_finds_the_way_back_of_an_earlier_one_only_watches_it() {
    let mut rollout = begun(json!({}));
    let was_there = then(events(&way_back(), &COMPLETE), events(&ours(), &COMPLETE));
    let next = rollout.look(&sight(was_there, Some(serves_ours())), 30);
    Is::Failed(
        FailureKind::JobFailed,
        "an earlier delivery of the job turned round",
        "UPDATE_COMPLETE, template and parameters as before; service web serves web:8",
    )
    .check(&next);
}

fn both() -> Rollout {
    let mut rollout = Rollout::of(
        json!([
            {"stack": "web"},
            {"service": "worker", "cluster": "test"},
        ]),
        json!({}),
    );
    waits(&mut rollout, 0);
    rollout.state.targets[1] = start::waiting(Some(WAS.into()), OURS.into());
    rollout
}

#[test]
fn a_stack_and_a_service_go_back_together() {
    let mut rollout = both();
    for n in 0..2 {
        rollout.carried(n, Carried::Begun("ecs-svc/2".into()), 0);
    }
    let complete = || sight(events(&ours(), &COMPLETE), Some(serves_ours()));
    let mut failing = seen(vec![deployment(true, OURS, 0, "FAILED")]);
    failing.stopped = stopped("Essential container in task exited");
    let Step::Do(actions) = rollout.step(&[complete(), failing], 30) else {
        panic!("both go back")
    };
    assert!(actions.contains(&(0, Action::Restore)), "{actions:?}");
    rollout.carried(0, Carried::Stopping, 30);
    let restored = then(events(&way_back(), &COMPLETE), events(&ours(), &COMPLETE));
    let restored = sight(restored, Some(serves_ours()));
    let back = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    let Step::Failed(ending) = rollout.step(&[restored, back], 75) else {
        panic!("both are back")
    };
    assert!(
        ending.now[0]
            .starts_with("UPDATE_COMPLETE, template and parameters as before; service web")
    );
    assert!(ending.now[1].starts_with("web:7"), "{ending:?}");
    let placed: Vec<_> = rollout
        .file
        .targets
        .iter()
        .map(|t| (t, "333333333333"))
        .collect();
    let told = report::failure(&placed, &rollout.state, &ending).message;
    assert!(
        told.contains("- web was last changed at 2026-11-20T08:00:00Z, was given redbutton-")
            && told.contains("- worker was web:7, became web:8"),
        "{told}"
    );
}

#[test]
fn a_change_set_that_was_never_executed_is_removed() {
    let mut rollout = both();
    rollout.state.targets[0].phase = Phase::Waiting;
    rollout.file.targets[0].after = vec![1];
    rollout.carried(1, Carried::Begun("ecs-svc/2".into()), 0);
    let mut failing = seen(vec![deployment(true, OURS, 0, "FAILED")]);
    failing.stopped = stopped("Essential container in task exited");
    let before = || sight(events("of-somebody", &COMPLETE), None);
    let Step::Do(actions) = rollout.step(&[before(), failing.clone()], 40) else {
        panic!("the change set goes")
    };
    assert!(actions.contains(&(0, Action::Discard)), "{actions:?}");
    rollout.carried(0, Carried::Discarded, 40);
    let back = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    let Step::Failed(ending) = rollout.step(&[before(), back], 75) else {
        panic!("all is back")
    };
    assert_eq!(ending.now[0], "as before, UPDATE_COMPLETE");
}
