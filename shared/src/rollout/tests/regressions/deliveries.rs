//! Several deliveries of one job act at the same time, each with its own token: what one of them
//! began, another one may only see later.

use super::super::task::{exited, sight};
use super::*;

#[test]
fn what_another_delivery_began_may_not_show_either() {
    // A duplicate saw our deployment and watches it; the next look is older.
    let mut rollout = Rollout::begun(json!({}));
    rollout.state.targets[0].progress = Progress::default();
    let older = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    Is::Wait("does not show yet").check(&rollout.look(&older, 10));
    // Or the list of deployments is.
    let mut rollout = Rollout::begun(json!({}));
    rollout.state.targets[0].progress = Progress::default();
    let mut sight = seen(vec![deployment(true, OURS, 0, "IN_PROGRESS")]);
    sight.service.strategy.name = "BLUE_GREEN".into();
    sight.recent = Some(Vec::new());
    Is::Wait("does not show yet").check(&rollout.look(&sight, 10));
}

#[test]
fn a_task_that_a_lost_delivery_started_is_looked_for_and_stopped() {
    let targets = json!([
        {"service": "web", "cluster": "test"}, {"task": "migrate", "like": "web", "cluster": "test"},
    ]);
    let before = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    for unanswered in [false, true] {
        let mut rollout = Rollout::of(targets.clone(), json!({}));
        if unanswered {
            rollout.carried(1, Carried::Unanswered, 0);
        }
        rollout.carried(
            0,
            Carried::Refused(Failure::new(PermissionError, "not allowed")),
            1,
        );
        let mut task = Seen::default();
        let step = rollout.step(&[before.clone(), task.clone()], 60);
        assert_eq!(step, Step::Do(vec![(1, Action::ReadTask)]));
        let mut none = Rollout {
            state: rollout.state.clone(),
            file: rollout.file.clone(),
        };
        task.task = Some(None);
        let step = none.step(&[before.clone(), task.clone()], 60);
        assert!(matches!(step, Step::Failed(ending) if ending.now[1] == "not started"));
        task.task = Some(Some(Task {
            arn: "arn:aws:ecs:ap-southeast-2:333333333333:task/test/0123".into(),
            last_status: "RUNNING".into(),
            ..Default::default()
        }));
        let step = rollout.step(&[before.clone(), task.clone()], 60);
        assert!(matches!(step, Step::Wait { .. }), "{step:?}");
        assert_eq!(rollout.state.targets[1].deployment, "0123");
        let step = rollout.step(&[before.clone(), task], 31 * 60);
        assert_eq!(step, Step::Do(vec![(1, Action::StopTask)]));
    }
}

#[test]
fn what_could_begin_is_not_called_untouched_before_it_would_show() {
    let targets = json!([
        {"task": "migrate", "like": "web", "cluster": "test"},
        {"service": "web", "cluster": "test", "after": "migrate"},
        {"service": "api", "cluster": "test", "after": "web"},
    ]);
    let before = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    let ours = seen(vec![deployment(true, OURS, 0, "IN_PROGRESS")]);
    let mut rollout = Rollout::of(targets, json!({}));
    rollout.state.targets[0].phase = Phase::Served;
    // Too late for this delivery; an earlier one began it a moment ago.
    let late = 120 * 60;
    let step = rollout.step(&[Seen::default(), before.clone(), before.clone()], late);
    assert!(
        matches!(&step, Step::Wait { text, .. } if text.starts_with("web:")),
        "{step:?}"
    );
    let step = rollout.step(&[Seen::default(), ours, before], late + 15);
    assert_eq!(step, Step::Do(vec![(1, Action::GoBack(WAS.into()))]));
}

/// A one-off task and a service after it, of which this delivery began neither: another one started
/// the task, which still runs, and to this one it was refused.
fn refused_beside_another() -> (Rollout, Seen, Seen) {
    let targets = json!([
        {"task": "migrate", "like": "web", "cluster": "test"},
        {"service": "web", "cluster": "test", "after": "migrate"},
    ]);
    let before = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    let mut rollout = Rollout::of(targets, json!({}));
    for after in [0, 5] {
        // Stopping the task is refused, too.
        rollout.carried(0, Carried::Refused(Failure::new(JobFailed, "x")), after);
    }
    (rollout, sight(Some(exited(0))), before)
}

#[test]
fn what_comes_after_a_task_that_ends_on_the_way_back_may_be_begun_by_another() {
    let (mut rollout, ended, before) = refused_beside_another();
    for after in [40, 69] {
        let step = rollout.step(&[ended.clone(), before.clone()], after);
        assert!(
            matches!(&step, Step::Wait { text, .. } if text.starts_with("web: it may have been begun")),
            "{step:?}"
        );
    }
    let ours = seen(vec![
        deployment(true, OURS, 0, "IN_PROGRESS"),
        deployment(false, WAS, 2, "COMPLETED"),
    ]);
    let mut other = Rollout {
        state: rollout.state.clone(),
        file: rollout.file.clone(),
    };
    let back = Step::Do(vec![(1, Action::GoBack(WAS.into()))]);
    assert_eq!(rollout.step(&[ended.clone(), ours], 69), back);
    // The next look is older, and it is not over yet.
    let step = rollout.step(&[ended.clone(), before.clone()], 75);
    assert!(matches!(step, Step::Wait { .. }), "{step:?}");
    // Begun by nobody, it is as before.
    let step = other.step(&[ended, before], 70);
    assert!(
        matches!(&step, Step::Failed(ending) if ending.now[1].starts_with("as before, web:7")),
        "{step:?}"
    );
}

#[test]
fn nobody_begins_what_comes_after_a_task_that_failed() {
    let (mut rollout, _, before) = refused_beside_another();
    let step = rollout.step(&[sight(Some(exited(3))), before], 40);
    assert!(
        matches!(&step, Step::Failed(ending) if ending.now[0] == "stopped, exit code 3"),
        "{step:?}"
    );
}

#[test]
fn what_comes_after_a_service_may_be_begun_by_another_that_saw_it_serve() {
    let targets = json!([
        {"service": "api", "cluster": "test"},
        {"service": "web", "cluster": "test", "after": "api"},
    ]);
    let mut rollout = Rollout::of(targets, json!({}));
    rollout.carried(0, Carried::Begun("ecs-svc/2".into()), 0);
    // Its tasks exit; for a moment all of them ran.
    let mut fails = seen(vec![deployment(true, OURS, 0, "FAILED")]);
    fails.stopped = Some(Vec::new());
    let before = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    let step = rollout.step(&[fails, before.clone()], 60);
    assert!(matches!(step, Step::Wait { .. }), "{step:?}");
    let both = [before.clone(), before];
    let step = rollout.step(&both, 89);
    assert!(
        matches!(&step, Step::Wait { text, .. } if text.contains("web: it may have been begun")),
        "{step:?}"
    );
    let step = rollout.step(&both, 90);
    assert!(matches!(step, Step::Failed(_)), "{step:?}");
}

#[test]
fn what_went_without_an_answer_long_ago_may_have_been_begun_just_now() {
    let ours = || vec![deployment(true, OURS, 0, "IN_PROGRESS")];
    let before = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    let unanswered = || {
        let mut rollout = Rollout::of(json!([{"service": "web", "cluster": "test"}]), json!({}));
        rollout.carried(0, Carried::Unanswered, 0);
        rollout
    };
    // It shows, and the list of deployments is older.
    let record = [(WAS, Status::Successful)];
    Is::Wait("does not show yet").check(&unanswered().look(&blue_green(ours(), &record), 55));
    // The next look is older.
    let mut rollout = unanswered();
    let mut starts = seen(ours());
    starts.stopped = Some(Vec::new());
    Is::Wait("0 of 2").check(&rollout.look(&starts, 55));
    Is::Wait("does not show yet").check(&rollout.look(&before, 60));
    // What is beside it turns them round before it shows.
    let services = json!([
        {"service": "web", "cluster": "test"}, {"service": "api", "cluster": "test"},
    ]);
    let mut rollout = Rollout::of(services, json!({}));
    rollout.carried(0, Carried::Unanswered, 0);
    rollout.carried(1, Carried::Refused(Failure::new(JobFailed, "x")), 55);
    let both = [before.clone(), before];
    let step = rollout.step(&both, 84);
    assert!(
        matches!(&step, Step::Wait { text, .. } if text.starts_with("web:")),
        "{step:?}"
    );
    let step = rollout.step(&both, 85);
    assert!(matches!(step, Step::Failed(_)), "{step:?}");
}

#[test]
fn nothing_more_begins_beside_what_an_earlier_delivery_may_have_brought_back() {
    let targets = json!([
        {"task": "migrate", "like": "web", "cluster": "test"},
        {"service": "api", "cluster": "test"},
        {"service": "web", "cluster": "test", "after": "migrate"},
    ]);
    let before = || seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    let starts = || {
        let mut starts = seen(vec![deployment(true, OURS, 0, "IN_PROGRESS")]);
        starts.stopped = Some(Vec::new());
        starts
    };
    let mut rollout = Rollout::of(targets, json!({}));
    rollout.carried(0, Carried::Begun("1".into()), 0);
    rollout.carried(1, Carried::BegunBefore, 0);
    let ended = || sight(Some(exited(0)));
    let step = rollout.step(&[ended(), before(), before()], 5);
    assert!(
        matches!(&step, Step::Wait { text, .. } if text.contains("web: waits for what was begun beside it")),
        "{step:?}"
    );
    let mut other = Rollout {
        state: rollout.state.clone(),
        file: rollout.file.clone(),
    };
    // It shows, and the rollout goes on; or it was brought back, and so is all the rest.
    let step = rollout.step(&[ended(), starts(), before()], 20);
    assert_eq!(step, Step::Do(vec![(2, Action::Begin)]));
    let mut brought_back = before();
    brought_back.stopped = Some(Vec::new());
    let step = other.step(&[ended(), brought_back.clone(), before()], 30);
    assert!(matches!(step, Step::Wait { .. }), "{step:?}");
    assert_eq!(other.state.turned.map(|turn| turn.target), Some(1));
    let step = other.step(&[ended(), brought_back, before()], 60);
    assert!(
        matches!(&step, Step::Failed(ending) if ending.now[2].starts_with("as before")),
        "{step:?}"
    );
}

#[test]
fn what_is_refused_later_on_may_have_been_begun_by_one_that_had_less_to_ask_for() {
    // Whoever registered the revision itself need not look whether it was deployed.
    let targets = json!([
        {"task": "migrate", "like": "web", "cluster": "test"},
        {"service": "web", "cluster": "test", "after": "migrate"},
    ]);
    let before = seen(vec![deployment(true, WAS, 2, "COMPLETED")]);
    let mut rollout = Rollout::of(targets, json!({}));
    rollout.state.targets[0].phase = Phase::Served;
    let refusal = Failure::new(PermissionError, "may not list tasks");
    rollout.carried(1, Carried::Refused(refusal), 60);
    let both = [Seen::default(), before];
    let step = rollout.step(&both, 89);
    assert!(matches!(step, Step::Wait { .. }), "{step:?}");
    let step = rollout.step(&both, 90);
    assert!(
        matches!(&step, Step::Failed(ending) if ending.now[1].starts_with("as before")),
        "{step:?}"
    );
}
