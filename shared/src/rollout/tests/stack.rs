//! Stacks on their way forward: CloudFormation's events, what serves in the stack, why an update failed.

mod back;

use super::*;
use crate::rollout::seen::stack::{Event, InService, Inside, StackSeen};
use crate::rollout::stack::{change_set_name, token_back, token_cancel};

const ATTEMPT: &str = "11111111-abcd-1111-abcd-111111abcdef";
const STACK: &str = "arn:aws:cloudformation:ap-southeast-2:333333333333:stack/web/1";
const NESTED: &str = "arn:aws:cloudformation:ap-southeast-2:333333333333:stack/web-App/2";
const SERVICE: &str = "arn:aws:ecs:ap-southeast-2:333333333333:service/test/web";

fn ours() -> String {
    token(ATTEMPT, 0)
}

fn way_back() -> String {
    token_back(&ours())
}

/// `logical status [reason]`; the stack itself is `-`. Oldest first, as things happen.
fn events(token: &str, told: &[&str]) -> Vec<Event> {
    let each = told.iter().enumerate().map(|(n, told)| {
        let mut words = told.splitn(3, ' ');
        let logical = words.next().unwrap();
        let status = words.next().unwrap();
        let (kind, physical) = match logical {
            "-" => ("AWS::CloudFormation::Stack", STACK),
            "App" => ("AWS::CloudFormation::Stack", NESTED),
            "Service" => ("AWS::ECS::Service", SERVICE),
            "Definition" => ("AWS::ECS::TaskDefinition", OURS),
            _ => ("AWS::Logs::LogGroup", "group"),
        };
        Event {
            stack: STACK.into(),
            at: START + n as u64,
            logical: logical.replace('-', "web"),
            physical: physical.into(),
            kind: kind.into(),
            status: status.into(),
            reason: words.next().unwrap_or_default().into(),
            token: token.into(),
        }
    });
    let mut events: Vec<Event> = each.collect();
    events.reverse();
    events
}

/// The same, newest first, one list after the other.
fn then(mut newer: Vec<Event>, older: Vec<Event>) -> Vec<Event> {
    newer.extend(older);
    newer
}

fn sight(events: Vec<Event>, inside: Option<Seen>) -> Seen {
    Seen {
        stack: Some(StackSeen {
            events,
            inside: inside.map(|seen| Inside {
                definitions: vec![OURS.into()],
                services: vec![InService {
                    cluster: "test".into(),
                    name: "web".into(),
                    seen,
                }],
            }),
            given: None,
            nested: None,
        }),
        ..Seen::default()
    }
}

fn serves_ours() -> Seen {
    Seen {
        serving: serving("a"),
        ..seen(vec![deployment(true, OURS, 2, "COMPLETED")])
    }
}

const COMPLETE: [&str; 4] = [
    "- UPDATE_IN_PROGRESS",
    "Definition UPDATE_COMPLETE",
    "Service UPDATE_COMPLETE",
    "- UPDATE_COMPLETE",
];

fn file(extra: Value) -> Rollout {
    Rollout::of(json!([{"stack": "web"}]), extra)
}

/// A stack whose change set was executed.
fn begun(extra: Value) -> Rollout {
    let mut rollout = file(extra);
    waits(&mut rollout, 0);
    rollout.carried(0, Carried::Begun("id".into()), 0);
    rollout
}

fn waits(rollout: &mut Rollout, n: usize) {
    rollout.state.targets[n] = Watch {
        was: Some("2026-11-20T08:00:00Z".into()),
        became: change_set_name(ATTEMPT, n),
        deployment: "id".into(),
        phase: Phase::Waiting,
        ..Watch::default()
    };
}

#[track_caller]
fn check_do(next: &Next, expected: &Action) {
    assert_eq!(next, &Next::Do(expected.clone()));
}

fn within(action: Action) -> Action {
    Action::Within(0, Box::new(action))
}

// rules: 3.6.10 3.6.19
#[test]
fn a_stack_has_succeeded_when_its_service_serves_what_the_stack_says() {
    let mut rollout = file(json!({}));
    waits(&mut rollout, 0);
    Is::Begin.check(&rollout.look(&Seen::default(), 0));
    rollout.carried(0, Carried::Begun("id".into()), 0);
    let other = events("of-somebody", &COMPLETE);
    for after in [1, 100] {
        let next = rollout.look(&sight(other.clone(), None), after);
        Is::Wait("does not show yet").check(&next);
    }
    let at_work = ["- UPDATE_IN_PROGRESS", "Group UPDATE_IN_PROGRESS"];
    let at_work = then(events(&ours(), &at_work), other);
    Is::Wait("UPDATE_IN_PROGRESS, at work on Group").check(&rollout.look(&sight(at_work, None), 5));
    let complete = || events(&ours(), &COMPLETE);
    check_do(
        &rollout.look(&sight(complete(), None), 10),
        &Action::ReadInside,
    );
    let coming = seen(vec![deployment(true, OURS, 1, "IN_PROGRESS")]);
    Is::Wait("service web: web:8: 1 of 2 tasks run")
        .check(&rollout.look(&sight(complete(), Some(coming)), 10));
    let unread = Seen {
        serving: None,
        ..serves_ours()
    };
    check_do(
        &rollout.look(&sight(complete(), Some(unread)), 15),
        &within(Action::ReadServing),
    );
    let Next::Done(proofs) = rollout.look(&sight(complete(), Some(serves_ours())), 15) else {
        panic!("it serves")
    };
    assert_eq!(proofs[0].task_definition, OURS);
    assert_eq!(
        (
            proofs[0].services.len(),
            proofs[0].running,
            proofs[0].images.len()
        ),
        (1, 2, 1)
    );
}

// rules: 3.6.5
#[test]
fn a_stack_without_changes_is_proven_all_the_same() {
    let mut rollout = file(json!({}));
    rollout.state.targets[0] = Watch {
        was: Some("2026-11-20T08:00:00Z".into()),
        became: change_set_name(ATTEMPT, 0),
        unchanged: true,
        ..Watch::default()
    };
    check_do(&rollout.look(&sight(vec![], None), 0), &Action::ReadInside);
    Is::Done.check(&rollout.look(&sight(vec![], Some(serves_ours())), 0));
    let gone_back = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    let gone_back = Seen {
        stopped: Some(vec![]),
        ..gone_back
    };
    let next = rollout.look(&sight(vec![], Some(gone_back)), 60);
    Is::Failed(FailureKind::JobFailed, "gives no reason", "as before").check(&next);
}

// rules: 3.6.10 3.6.15
#[test]
fn the_first_failed_resource_leads_and_ecs_explains_it() {
    let told = [
        "- UPDATE_IN_PROGRESS",
        "Definition UPDATE_COMPLETE",
        "Service UPDATE_FAILED Resource handler returned message: did not stabilize",
        "Group UPDATE_FAILED Resource update cancelled",
        "- UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to update: [Service].",
    ];
    let mut rollout = begun(json!({}));
    let failing = || events(&ours(), &told);
    check_do(
        &rollout.look(&sight(failing(), None), 20),
        &Action::ReadInside,
    );
    let back = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    check_do(
        &rollout.look(&sight(failing(), Some(back.clone())), 20),
        &within(Action::ReadStopped),
    );
    let explained = Seen {
        stopped: stopped("Essential container in task exited"),
        ..back
    };
    Is::Wait("UPDATE_ROLLBACK_IN_PROGRESS")
        .check(&rollout.look(&sight(failing(), Some(explained)), 20));
    let cause = rollout.cause(0);
    assert!(
        cause.starts_with("Service (AWS::ECS::Service) UPDATE_FAILED: Resource handler"),
        "{cause}"
    );
    assert!(
        cause.contains("a task of web:8 stopped: Essential container") && !cause.contains("Group"),
        "{cause}"
    );
    let over = then(events(&ours(), &["- UPDATE_ROLLBACK_COMPLETE"]), failing());
    check_do(
        &rollout.look(&sight(over.clone(), None), 25),
        &Action::ReadInside,
    );
    // Undoing made a revision of its own; the stack says which.
    let mut settled = sight(
        over,
        Some(seen(vec![deployment(true, WAS, 2, "COMPLETED")])),
    );
    let inside = settled.stack.as_mut().unwrap().inside.as_mut().unwrap();
    inside.definitions = vec![WAS.into()];
    Is::Failed(
        FailureKind::JobFailed,
        "did not stabilize",
        "UPDATE_ROLLBACK_COMPLETE, template and parameters as before; service web serves web:7 (2 of 2",
    )
    .check(&rollout.look(&settled, 25));
}

// rules: 3.6.15
#[test]
fn a_nested_stack_that_failed_is_read_for_its_first_failure() {
    let told = [
        "- UPDATE_IN_PROGRESS",
        "App UPDATE_FAILED Embedded stack was not successfully updated",
        "- UPDATE_ROLLBACK_IN_PROGRESS",
    ];
    let mut rollout = begun(json!({}));
    check_do(
        &rollout.look(&sight(events(&ours(), &told), None), 20),
        &Action::ReadNested(NESTED.into()),
    );
    let mut looked = sight(events(&ours(), &told), None);
    let mut nested = events(
        "of-cloudformation",
        &[
            "Group UPDATE_FAILED of an earlier update",
            "- UPDATE_IN_PROGRESS",
            "Group UPDATE_FAILED the group is full",
            "Other UPDATE_FAILED Resource update cancelled",
        ],
    );
    for event in &mut nested {
        event.stack = NESTED.into();
        event.physical = event.physical.replace(STACK, NESTED);
    }
    looked.stack.as_mut().unwrap().nested = Some(nested);
    Is::Wait("UPDATE_ROLLBACK").check(&rollout.look(&looked, 20));
    let cause = rollout.cause(0);
    assert_eq!(
        cause,
        "Group (AWS::Logs::LogGroup) UPDATE_FAILED: the group is full in nested stack App"
    );
}

// rules: 3.5.28 3.6.19
#[test]
fn what_waiting_cannot_mend_gives_the_update_up_at_once() {
    let told = [
        "- UPDATE_IN_PROGRESS",
        "Definition UPDATE_COMPLETE",
        "Service UPDATE_IN_PROGRESS",
    ];
    let mut rollout = begun(json!({}));
    let waits = || events(&ours(), &told);
    check_do(&rollout.look(&sight(waits(), None), 5), &Action::ReadInside);
    let mut failing = deployment(true, OURS, 0, "IN_PROGRESS");
    failing.failed = 1;
    let inside = seen(vec![failing, deployment(false, WAS, 2, "COMPLETED")]);
    check_do(
        &rollout.look(&sight(waits(), Some(inside.clone())), 5),
        &within(Action::ReadStopped),
    );
    let missing = "CannotPullContainerError: web:9: not found";
    let explained = Seen {
        stopped: stopped(missing),
        ..inside
    };
    check_do(
        &rollout.look(&sight(waits(), Some(explained)), 5),
        &Action::GiveUp,
    );
    rollout.carried(0, Carried::Stopping, 5);
    assert!(rollout.cause(0).contains("waiting cannot mend this"));
    // The rollback that was asked for has the token of the asking.
    let back = [
        "- UPDATE_ROLLBACK_IN_PROGRESS User Initiated",
        "- UPDATE_ROLLBACK_COMPLETE",
    ];
    let over = then(events(&token_cancel(&ours()), &back), waits());
    let mut settled = sight(
        over,
        Some(seen(vec![deployment(true, WAS, 2, "COMPLETED")])),
    );
    let inside = settled.stack.as_mut().unwrap().inside.as_mut().unwrap();
    inside.definitions = vec![WAS.into()];
    Is::Failed(
        FailureKind::JobFailed,
        "not found",
        "UPDATE_ROLLBACK_COMPLETE",
    )
    .check(&rollout.look(&settled, 20));
}

#[test]
fn a_service_that_stands_still_ends_an_update_and_a_slow_database_does_not() {
    let mut rollout = begun(json!({"stallMinutes": 5}));
    let slow = || {
        let told = ["- UPDATE_IN_PROGRESS", "Group UPDATE_IN_PROGRESS"];
        sight(events(&ours(), &told), None)
    };
    for after in [5, 305, 905] {
        Is::Wait("at work on Group").check(&rollout.look(&slow(), after));
    }
    let stands = |running| {
        let told = [
            "- UPDATE_IN_PROGRESS",
            "Definition UPDATE_COMPLETE",
            "Service UPDATE_IN_PROGRESS",
        ];
        let inside = Seen {
            stopped: Some(vec![]),
            ..seen(vec![deployment(true, OURS, running, "IN_PROGRESS")])
        };
        sight(events(&ours(), &told), Some(inside))
    };
    Is::Wait("at work on Service").check(&rollout.look(&stands(0), 910));
    Is::Wait("at work on Service").check(&rollout.look(&stands(1), 1_205));
    Is::Wait("at work on Service").check(&rollout.look(&stands(1), 1_500));
    check_do(&rollout.look(&stands(1), 1_505), &Action::GiveUp);
    assert!(rollout.cause(0).contains("stallMinutes (5)"));
}

#[test]
fn an_image_that_nothing_runs_is_no_release() {
    let mut rollout = Rollout::of(
        json!([{"stack": "web", "imageParameters": {"web": "Image", "job": "Job"}}]),
        json!({}),
    );
    waits(&mut rollout, 0);
    rollout.carried(0, Carried::Begun("id".into()), 0);
    let given = |images: &[(&str, &str)]| {
        let mut looked = sight(events(&ours(), &COMPLETE), Some(serves_ours()));
        let images = images.iter();
        looked.stack.as_mut().unwrap().given = Some(
            images
                .map(|(key, image)| ((*key).to_owned(), (*image).to_owned()))
                .collect(),
        );
        looked
    };
    let unread = sight(events(&ours(), &COMPLETE), Some(serves_ours()));
    check_do(&rollout.look(&unread, 10), &Action::ReadGiven);
    let runs = format!("r/web@sha256:{}", "a".repeat(64));
    let both = given(&[("Image", &runs), ("Job", "r/job:2")]);
    let Next::Done(proofs) = rollout.look(&both, 10) else {
        panic!("one of them serves")
    };
    assert!(
        proofs[0].notes[0].contains("r/job:2 (parameter Job)"),
        "{proofs:?}"
    );
    let none = given(&[("Image", "r/web:3"), ("Job", "r/job:2")]);
    check_do(&rollout.look(&none, 10), &Action::Restore);
    assert!(
        rollout
            .cause(0)
            .contains("no service of the stack runs r/web:3")
    );
}

// rules: 3.6.10
#[test]
fn a_service_of_a_family_without_a_name_is_seen_to_go_back() {
    let mut rollout = begun(json!({}));
    let nameless = arn("web-Definition-1a2b", 1);
    let told = [
        "- UPDATE_IN_PROGRESS",
        "Definition UPDATE_COMPLETE",
        "- UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "Definition DELETE_COMPLETE",
        "- UPDATE_COMPLETE",
    ];
    let mut told = events(&ours(), &told);
    let gone = told
        .iter_mut()
        .find(|event| event.status == "DELETE_COMPLETE");
    gone.unwrap().physical.clone_from(&nameless);
    let back = Seen {
        stopped: Some(vec![]),
        ..seen(vec![deployment(true, &nameless, 2, "COMPLETED")])
    };
    let mut looked = sight(told, Some(back));
    // Another service, so that nothing can be told by there being only one.
    let inside = looked.stack.as_mut().unwrap().inside.as_mut().unwrap();
    inside.definitions.push(arn("other", 3));
    check_do(&rollout.look(&looked, 60), &Action::Restore);
}

// rules: 3.6.19
#[test]
fn what_somebody_else_does_to_the_stack_is_not_changed_back() {
    let mut rollout = begun(json!({}));
    let theirs = events("of-somebody", &["- UPDATE_IN_PROGRESS"]);
    let next = rollout.look(&sight(then(theirs, events(&ours(), &COMPLETE)), None), 30);
    Is::Failed(
        FailureKind::RevisionOutOfSync,
        "somebody else changed the stack",
        "somebody else",
    )
    .check(&next);
}
