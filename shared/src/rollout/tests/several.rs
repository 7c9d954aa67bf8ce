//! Several targets: in order, side by side, back together, and how it is told.

use super::super::report::{self, Placed};
use super::task::{exited, sight as task_sight, task};
use super::*;
use crate::error::FailureKind::{JobFailed, PermissionError, RevisionOutOfSync};
use crate::job::answer::Outcome;

/// Migrate, then the API, then the web before it; the worker beside all of them.
fn four() -> Rollout {
    let targets = json!([
        {"task": "migrate", "like": "api", "cluster": "test"},
        {"service": "api", "cluster": "test", "after": ["migrate"]},
        {"service": "web", "cluster": "test", "after": ["api"]},
        {"service": "worker", "cluster": "test"},
    ]);
    Rollout::of(targets, json!({}))
}

fn before() -> Seen {
    seen(vec![deployment(true, WAS, 2, "COMPLETED")])
}

fn under_way() -> Seen {
    let mut sight = seen(vec![
        deployment(true, OURS, 1, "IN_PROGRESS"),
        deployment(false, WAS, 2, "COMPLETED"),
    ]);
    sight.stopped = Some(Vec::new());
    sight
}

fn serves() -> Seen {
    let mut sight = seen(vec![deployment(true, OURS, 2, "COMPLETED")]);
    sight.serving = serving("a");
    sight
}

fn overtaken() -> Seen {
    seen(vec![deployment(true, THEIRS, 2, "COMPLETED")])
}

fn begun() -> Carried {
    Carried::Begun("ecs-svc/2".into())
}

/// The four, of which the first two are done and the others on their way.
fn three_serve() -> Rollout {
    let mut rollout = four();
    for n in 0..4 {
        rollout.carried(n, begun(), 0);
    }
    let done = || task_sight(Some(exited(0)));
    let step = rollout.step(&[done(), serves(), under_way(), under_way()], 60);
    assert!(matches!(step, Step::Wait { .. }), "{step:?}");
    rollout
}

#[track_caller]
fn does(step: Step, expected: &[(usize, Action)]) {
    assert_eq!(step, Step::Do(expected.to_vec()));
}

#[track_caller]
fn waits(step: Step, part: &str) {
    assert!(
        matches!(&step, Step::Wait { text, .. } if text.contains(part)),
        "{step:?}"
    );
}

#[test]
fn each_begins_when_what_it_comes_after_is_done_and_proven() {
    let mut rollout = four();
    let none = Seen::default;
    does(
        rollout.step(&[none(), before(), before(), before()], 0),
        &[(0, Action::Begin), (3, Action::Begin)],
    );
    rollout.carried(0, Carried::Begun("1".into()), 0);
    rollout.carried(3, begun(), 0);
    let running = || task_sight(Some(task("RUNNING")));
    let step = rollout.step(&[running(), before(), before(), under_way()], 60);
    waits(
        step,
        "migrate: web:8 is RUNNING; api: waits for migrate; web: waits for api; worker",
    );
    let done = || task_sight(Some(exited(0)));
    let step = rollout.step(&[done(), before(), before(), under_way()], 90);
    does(step, &[(1, Action::Begin)]);
    rollout.carried(1, begun(), 90);
    // Counts alone do not let the next one begin: the tasks have to say so.
    let mut counts = serves();
    counts.serving = None;
    does(
        rollout.step(&[none(), counts, before(), under_way()], 120),
        &[(1, Action::ReadServing)],
    );
    let mut too_few = serves();
    too_few.serving.as_mut().unwrap().pop();
    waits(
        rollout.step(&[none(), too_few, before(), under_way()], 120),
        "waits for api",
    );
    does(
        rollout.step(&[none(), serves(), before(), under_way()], 125),
        &[(2, Action::Begin)],
    );
    rollout.carried(2, begun(), 125);
    waits(
        rollout.step(&[none(), serves(), under_way(), under_way()], 130),
        "2 of 4 are done",
    );
    // All in one look, or none: what served before has to serve still.
    waits(
        rollout.step(&[none(), under_way(), serves(), serves()], 150),
        "api",
    );
    let step = rollout.step(&[none(), serves(), serves(), serves()], 160);
    assert!(matches!(step, Step::Done(proofs) if proofs.len() == 4));
}

#[test]
fn the_first_failure_brings_back_what_was_changed_and_only_that() {
    let mut rollout = four();
    rollout.carried(0, Carried::Begun("1".into()), 0);
    rollout.carried(3, begun(), 0);
    let mut failed = task_sight(Some(exited(3)));
    failed.log = Some(Vec::new());
    let looks = [failed.clone(), before(), before(), serves()];
    does(rollout.step(&looks, 60), &[(3, Action::GoBack(WAS.into()))]);
    rollout.carried(3, Carried::GoingBack(WAS.into()), 60);
    waits(
        rollout.step(&[failed.clone(), before(), before(), serves()], 65),
        "not begun yet",
    );
    let Step::Failed(ending) = rollout.step(&[failed, before(), before(), before()], 120) else {
        panic!()
    };
    let expected = [
        "stopped, exit code 3",
        "as before, web:7",
        "as before, web:7",
        "web:7 (2 of 2",
    ];
    for (now, expected) in ending.now.iter().zip(expected) {
        assert!(now.starts_with(expected), "{now}");
    }
}

#[test]
fn what_served_goes_back_with_the_others_and_what_a_task_did_stays() {
    let mut rollout = three_serve();
    let mut failing = under_way();
    failing.service.deployments[0].state = RolloutState::Failed;
    failing.service.rolls_back_itself = false;
    let back = || Action::GoBack(WAS.into());
    let step = rollout.step(&[Seen::default(), serves(), failing, under_way()], 90);
    does(step, &[(1, back()), (2, back()), (3, back())]);
    for n in 1..4 {
        rollout.carried(n, Carried::GoingBack(WAS.into()), 90);
    }
    let step = rollout.step(&[Seen::default(), before(), before(), before()], 150);
    let Step::Failed(ending) = step else {
        panic!("{step:?}")
    };
    assert_eq!((ending.turn.target, ending.turn.since), (2, START + 90));
    assert!(ending.now[0].contains("cannot be undone"), "{ending:?}");
}

#[test]
fn a_task_beside_a_failure_may_end_by_itself() {
    let targets = json!([
        {"task": "migrate", "like": "web", "cluster": "test"},
        {"service": "web", "cluster": "test"},
    ]);
    let mut rollout = Rollout::of(targets, json!({}));
    rollout.carried(0, Carried::Begun("1".into()), 0);
    rollout.carried(1, begun(), 0);
    let running = || task_sight(Some(task("RUNNING")));
    let mut rolled_back = seen(vec![
        deployment(true, WAS, 2, "COMPLETED"),
        deployment(false, OURS, 0, "FAILED"),
    ]);
    rolled_back.stopped = Some(Vec::new());
    waits(
        rollout.step(&[running(), rolled_back.clone()], 60),
        "the task is RUNNING",
    );
    waits(
        rollout.step(&[running(), rolled_back.clone()], 30 * 60),
        "the task is RUNNING",
    );
    does(
        rollout.step(&[running(), rolled_back.clone()], 31 * 60),
        &[(0, Action::StopTask)],
    );
    let step = rollout.step(&[task_sight(Some(exited(0))), rolled_back], 29 * 60);
    assert!(matches!(step, Step::Failed(ending) if ending.now[0] == "stopped, exit code 0"));
}

#[test]
fn one_that_was_overtaken_is_left_alone_while_the_others_go_back() {
    let mut rollout = three_serve();
    let step = rollout.step(&[Seen::default(), serves(), overtaken(), under_way()], 120);
    does(
        step,
        &[
            (1, Action::GoBack(WAS.into())),
            (3, Action::GoBack(WAS.into())),
        ],
    );
    rollout.carried(1, Carried::GoingBack(WAS.into()), 120);
    rollout.carried(3, Carried::GoingBack(WAS.into()), 120);
    let step = rollout.step(&[Seen::default(), before(), overtaken(), before()], 180);
    let Step::Failed(ending) = step else {
        panic!("{step:?}")
    };
    assert_eq!(
        (ending.turn.kind, ending.turn.target),
        (RevisionOutOfSync, 2)
    );
    assert!(
        ending.now[2].contains("somebody else deployed web:9"),
        "{ending:?}"
    );
}

#[test]
fn what_somebody_deployed_while_it_waited_is_not_begun() {
    let mut rollout = four();
    rollout.carried(0, Carried::Begun("1".into()), 0);
    rollout.carried(3, begun(), 0);
    let done = task_sight(Some(exited(0)));
    let step = rollout.step(&[done, overtaken(), before(), before()], 5);
    waits(step, "may not show yet");
    assert_eq!(rollout.state.turned.unwrap().kind, RevisionOutOfSync);
    assert_eq!(rollout.state.targets[1].phase, Phase::Waiting);
}

#[test]
fn on_failure_stop_leaves_all_as_they_are() {
    let mut rollout = three_serve();
    rollout.file.on_failure = OnFailure::Stop;
    let mut failing = under_way();
    failing.service.deployments[0].state = RolloutState::Failed;
    let step = rollout.step(&[Seen::default(), serves(), failing, under_way()], 90);
    let Step::Failed(ending) = step else {
        panic!("{step:?}")
    };
    assert!(
        ending.now[1..]
            .iter()
            .all(|now| now.contains("onFailure is \"stop\"")),
        "{ending:?}"
    );
}

#[test]
fn what_aws_refuses_to_show_turns_the_others_round() {
    let mut rollout = three_serve();
    let refused = Seen {
        blind: Some(Blind::Refused(Failure::new(
            PermissionError,
            "the role cannot be assumed any more",
        ))),
        ..Default::default()
    };
    let looks = [Seen::default(), refused, before(), before()];
    // For a minute it may be a permission on its way.
    waits(rollout.step(&looks, 120), "cannot be seen now");
    let step = rollout.step(&looks, 180);
    let Step::Failed(ending) = step else {
        panic!("{step:?}")
    };
    assert_eq!((ending.turn.kind, ending.turn.target), (PermissionError, 1));
    assert!(
        ending.now[1].starts_with("unknown, look at it"),
        "{ending:?}"
    );
    assert!(rollout.cause(1).contains("cannot be assumed"));
}

#[test]
fn silence_about_one_holds_up_no_other_and_has_the_deadline() {
    let mut rollout = three_serve();
    let silent = Seen {
        blind: Some(Blind::NotNow("ecs:DescribeServices is not answered".into())),
        ..Default::default()
    };
    let looks = [Seen::default(), silent.clone(), serves(), serves()];
    waits(rollout.step(&looks, 120), "is not answered");
    let looks = [Seen::default(), silent.clone(), silent.clone(), silent];
    let late = 120 * 60;
    waits(rollout.step(&looks, late), "cannot be seen now");
    let Some(turn) = rollout.state.turned else {
        panic!("the deadline turns it round")
    };
    assert_eq!(
        (turn.kind, turn.target),
        (FailureKind::SystemUnavailable, 1)
    );
    let Step::Failed(ending) = rollout.step(&looks, late + 30 * 60) else {
        panic!("rollbackMinutes end it")
    };
    assert!(ending.now[1].contains("is not answered"), "{ending:?}");
}

fn placed(rollout: &Rollout) -> Vec<Placed<'_>> {
    rollout
        .file
        .targets
        .iter()
        .map(|target| (target, "333333333333"))
        .collect()
}

/// The four without the worker.
fn three() -> Rollout {
    let mut rollout = four();
    rollout.file.targets.pop();
    rollout.state.targets.pop();
    rollout
}

#[test]
fn success_is_told_in_one_paragraph() {
    let mut rollout = three();
    for n in 0..3 {
        rollout.carried(n, begun(), 0);
    }
    let step = rollout.step(&[task_sight(Some(exited(0))), serves(), serves()], 60);
    let Step::Done(proofs) = step else {
        panic!("{step:?}")
    };
    let told = report::success(&placed(&rollout), &rollout.state, &proofs, &[], START + 60);
    let Outcome::Success {
        summary, variables, ..
    } = told
    else {
        panic!()
    };
    let variables: Vec<String> = variables
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    insta::assert_snapshot!(format!("{summary}\n\n{}", variables.join("\n")));
}

#[test]
fn failure_tells_the_first_cause_and_what_each_target_is_now() {
    let mut rollout = three();
    for n in 0..3 {
        rollout.carried(n, begun(), 0);
    }
    let done = task_sight(Some(exited(0)));
    let mut failing = under_way();
    failing.stopped = stopped("CannotPullContainerError: r/web@sha256:0: not found");
    rollout.step(&[done, serves(), failing], 60);
    rollout.carried(1, Carried::GoingBack(WAS.into()), 60);
    let refusal = Failure::new(PermissionError, "ecs:UpdateService is denied");
    rollout.carried(2, Carried::Refused(refusal), 60);
    let step = rollout.step(&[Seen::default(), before(), under_way()], 120);
    let Step::Failed(ending) = step else {
        panic!("{step:?}")
    };
    assert_eq!(ending.turn.kind, JobFailed);
    let failure = report::failure(&placed(&rollout), &rollout.state, &ending);
    insta::assert_snapshot!(failure.to_string());
}
