//! One target under way: what is remembered between looks, and what the next step is.
//!
//! [`advance`] is pure: the same watch, the same sight and the same time give the same step. All
//! deadlines count from the attempt's start and travel in the token.

use super::cause::{self, Cause};
use super::proof::{self, Proof, Verdict};
use super::seen::{Deployment, RolloutState, Seen, Service};
use crate::names::short;
use crate::rollout_file::images::Image;
use crate::rollout_file::{OnFailure, RolloutFile};

/// What is remembered of a target between looks; it fits the token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watch {
    /// ARN of what served before; none when there is nothing to go back to.
    pub was: Option<String>,
    /// ARN of what we released.
    pub became: String,
    /// Id of the deployment that we watch.
    pub deployment: String,
    /// Nothing had to be changed.
    pub unchanged: bool,
    /// Where it is.
    pub phase: Phase,
    /// The first cause, once one was seen.
    pub cause: Option<String>,
    /// The most progress seen, and when (seconds since the epoch).
    pub progress: Progress,
    /// When stopped tasks were last asked for.
    pub asked_stopped: u64,
}

/// Where a target is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// On its way to the new version.
    #[default]
    Forward,
    /// On its way back; `asked` when redbutton asked for it, not ECS's breaker.
    Back {
        /// Seconds since the epoch.
        since: u64,
        /// Whether redbutton asked for it.
        asked: bool,
    },
}

/// Running tasks of ours minus those of others: grows while a rollout goes well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// The best balance so far.
    pub balance: i64,
    /// When it was reached, seconds since the epoch.
    pub at: u64,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Pause, look again.
    Wait(String),
    /// Read the stopped tasks, advance again with them.
    ReadStopped,
    /// Read the tasks that should run, advance again with them.
    ReadServing,
    /// Read the platform manifests of these images, advance again with them.
    ReadPlatforms(Vec<Image>),
    /// Bring the service back to this task definition.
    GoBack(String),
    /// The release serves.
    Done(Proof),
    /// It does not, and nothing more will be done.
    Failed(Ending),
}

/// How a rollout failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The first cause.
    pub cause: String,
    /// What serves now, in words.
    pub now: String,
    /// Somebody else changed the service meanwhile.
    pub overtaken: bool,
}

/// What a description may lag behind an update by (CONTRACTS 3.5.10).
const CONSISTENCY_SECONDS: u64 = 30;
/// How long ECS's own rollback may take to begin after it gave a deployment up.
const BREAKER_SECONDS: u64 = 60;
/// Without failed tasks in the counts, stopped tasks are still asked for this often.
const ASK_STOPPED_SECONDS: u64 = 30;

/// The next step. `started` is when the attempt began; all times are seconds since the epoch.
pub fn advance(watch: &mut Watch, seen: &Seen, file: &RolloutFile, started: u64, now: u64) -> Step {
    let Some(primary) = seen
        .service
        .primary()
        .filter(|_| seen.service.status == "ACTIVE")
    else {
        return Step::Failed(Ending {
            cause: format!("the service is {} now", seen.service.status),
            now: "it is not ACTIVE any more".into(),
            overtaken: true,
        });
    };
    if let Some(stopped) = &seen.stopped {
        watch.asked_stopped = now;
        if let Some(cause) =
            cause::from_tasks(stopped, &watch.became).filter(|_| watch.cause.is_none())
        {
            watch.cause = Some(cause.text);
        }
    }
    // A duplicate that took this attempt for tried and gone (it knows no deployment) sees that
    // another delivery has just begun it: it goes along.
    if watch.deployment.is_empty() && primary.task_definition == watch.became {
        watch.phase = Phase::Forward;
    }
    match watch.phase {
        Phase::Forward => forward(watch, seen, primary, file, started, now),
        Phase::Back { .. } => back(watch, seen, primary, file, now),
    }
}

fn forward(
    watch: &mut Watch,
    seen: &Seen,
    primary: &Deployment,
    file: &RolloutFile,
    started: u64,
    now: u64,
) -> Step {
    let service = &seen.service;
    if primary.task_definition != watch.became {
        if watch
            .was
            .as_ref()
            .is_none_or(|was| *was != primary.task_definition)
        {
            return overtaken(service, primary);
        }
        let unseen = !service
            .deployments
            .iter()
            .any(|d| d.task_definition == watch.became);
        if unseen && now < started + CONSISTENCY_SECONDS {
            return Step::Wait("the new deployment does not show yet".into());
        }
        return turn_back(watch, seen, primary, file, started, now, None);
    }
    // Somebody forced a new deployment of the very same version: that one is followed.
    watch.deployment.clone_from(&primary.id);
    match &primary.state {
        RolloutState::Failed => return turn_back(watch, seen, primary, file, started, now, None),
        RolloutState::Completed | RolloutState::None if settled(service, primary) => {
            return prove(watch, seen, primary, file, started, now);
        }
        _ => {}
    }
    let hopeless = watch.cause.as_deref().is_some_and(cause::hopeless);
    if hopeless {
        let why = "waiting cannot mend this";
        return turn_back(watch, seen, primary, file, started, now, Some(why.into()));
    }
    let balance = i64::from(primary.running)
        - service
            .deployments
            .iter()
            .filter(|d| !d.primary)
            .map(|d| i64::from(d.running))
            .sum::<i64>();
    if watch.progress.at == 0 || balance > watch.progress.balance {
        watch.progress = Progress { balance, at: now };
    }
    if now >= started + minutes(file.timeout_minutes) {
        let why = format!(
            "it was not finished within timeoutMinutes ({})",
            file.timeout_minutes
        );
        return turn_back(watch, seen, primary, file, started, now, Some(why));
    }
    // With all of ours running, what is left is draining and baking: that is ECS's to time.
    let incomplete = primary.running < service.desired;
    if incomplete && now >= watch.progress.at + minutes(file.stall_minutes) {
        let why = format!(
            "it made no progress for stallMinutes ({})",
            file.stall_minutes
        );
        return turn_back(watch, seen, primary, file, started, now, Some(why));
    }
    let asked_lately = now < watch.asked_stopped.max(started) + ASK_STOPPED_SECONDS;
    if watch.cause.is_none()
        && seen.stopped.is_none()
        && (primary.failed > 0 || incomplete && !asked_lately)
    {
        return Step::ReadStopped;
    }
    Step::Wait(progress_text(watch, primary, service))
}

/// Invariant 2 without the tasks: PRIMARY is ours, finished, complete and alone.
fn settled(service: &Service, primary: &Deployment) -> bool {
    let others_drained = service
        .deployments
        .iter()
        .filter(|d| !d.primary)
        .all(|d| d.running == 0 && d.pending == 0);
    primary.running == service.desired && primary.pending == 0 && others_drained
}

fn prove(
    watch: &mut Watch,
    seen: &Seen,
    primary: &Deployment,
    file: &RolloutFile,
    started: u64,
    now: u64,
) -> Step {
    let Some(tasks) = &seen.serving else {
        return Step::ReadServing;
    };
    match proof::verdict(watch, seen, tasks) {
        Verdict::Proven(proof) => Step::Done(proof),
        Verdict::NotYet(text) => Step::Wait(text),
        Verdict::ReadPlatforms(images) => Step::ReadPlatforms(images),
        Verdict::Otherwise(text) => {
            watch.cause = Some(text);
            turn_back(watch, seen, primary, file, started, now, None)
        }
    }
}

/// Turns round, once the cause was read while ECS still has it. `why` is redbutton's own reason.
fn turn_back(
    watch: &mut Watch,
    seen: &Seen,
    primary: &Deployment,
    file: &RolloutFile,
    started: u64,
    now: u64,
    why: Option<String>,
) -> Step {
    if watch.cause.is_none() && seen.stopped.is_none() {
        return Step::ReadStopped;
    }
    let ours = seen
        .service
        .deployments
        .iter()
        .find(|d| d.task_definition == watch.became);
    let from_service = || cause::from_service(&seen.service, ours, started);
    let cause = watch
        .cause
        .take()
        .or_else(|| from_service().map(|Cause { text, .. }| text));
    watch.cause = Some(match (why, cause) {
        (Some(why), Some(cause)) => format!("{cause} ({why})"),
        (Some(why), None) => why,
        (None, Some(cause)) => cause,
        (None, None) => "ECS rolled the deployment back and gives no reason".into(),
    });
    watch.phase = Phase::Back {
        since: now,
        asked: false,
    };
    back(watch, seen, primary, file, now)
}

fn back(
    watch: &mut Watch,
    seen: &Seen,
    primary: &Deployment,
    file: &RolloutFile,
    now: u64,
) -> Step {
    let Phase::Back { since, asked } = watch.phase else {
        return Step::Wait("going back".into());
    };
    let service = &seen.service;
    if watch.cause.is_none() && seen.stopped.is_none() {
        return Step::ReadStopped;
    }
    let late = now >= since + minutes(file.rollback_minutes);
    if primary.task_definition == watch.became {
        let Some(was) = watch.was.clone().filter(|was| *was != watch.became) else {
            return failed(watch, service, "there is no other version to go back to");
        };
        if file.on_failure == OnFailure::Stop {
            return failed(
                watch,
                service,
                "onFailure is \"stop\", so redbutton did not go back",
            );
        }
        // What ECS gave up, ECS brings back where its breaker is told to; all else is for us.
        let ecs_turns = service.rolls_back_itself
            && primary.state == RolloutState::Failed
            && now < since + BREAKER_SECONDS;
        if !asked && !ecs_turns {
            watch.phase = Phase::Back { since, asked: true };
            return Step::GoBack(was);
        }
        if late {
            return failed(
                watch,
                service,
                "going back has not begun; look at the service",
            );
        }
        return Step::Wait("going back has not begun yet".into());
    }
    if watch
        .was
        .as_ref()
        .is_some_and(|was| *was != primary.task_definition)
    {
        return overtaken(service, primary);
    }
    let finished = matches!(primary.state, RolloutState::Completed | RolloutState::None);
    if finished && settled(service, primary) {
        return failed(watch, service, "");
    }
    if late {
        return failed(
            watch,
            service,
            "going back is not finished; look at the service",
        );
    }
    Step::Wait(format!(
        "going back to {}: {} of {} tasks run",
        short(&primary.task_definition),
        primary.running,
        service.desired
    ))
}

fn failed(watch: &Watch, service: &Service, remark: &str) -> Step {
    let cause = watch
        .cause
        .clone()
        .unwrap_or_else(|| "no reason is known".into());
    let mut now = now_serving(service);
    if !remark.is_empty() {
        now.push_str("; ");
        now.push_str(remark);
    }
    Step::Failed(Ending {
        cause,
        now,
        overtaken: false,
    })
}

fn overtaken(service: &Service, primary: &Deployment) -> Step {
    Step::Failed(Ending {
        cause: format!(
            "somebody else deployed {} while this rollout was under way",
            short(&primary.task_definition)
        ),
        now: now_serving(service),
        overtaken: true,
    })
}

/// What serves now, in words.
pub fn now_serving(service: &Service) -> String {
    let Some(primary) = service.primary() else {
        return "nothing".into();
    };
    let state = match &primary.state {
        RolloutState::Completed | RolloutState::None => "",
        RolloutState::Failed => ", which ECS gave up",
        _ => ", still being rolled out",
    };
    let mut text = format!(
        "{}{state} ({} of {} tasks run)",
        short(&primary.task_definition),
        primary.running,
        service.desired
    );
    for other in service
        .deployments
        .iter()
        .filter(|d| !d.primary && d.running > 0)
    {
        text.push_str(&format!(
            ", and {} tasks of {}",
            other.running,
            short(&other.task_definition)
        ));
    }
    text
}

fn progress_text(watch: &Watch, primary: &Deployment, service: &Service) -> String {
    let mut text = format!(
        "{}: {} of {} tasks run",
        short(&watch.became),
        primary.running,
        service.desired
    );
    if primary.failed > 0 {
        text.push_str(&format!(", {} failed", primary.failed));
    }
    if let RolloutState::Unknown(state) = &primary.state {
        text.push_str(&format!(
            "; ECS says {state}, which this version does not know: waiting"
        ));
    }
    if let Some(cause) = &watch.cause {
        text.push_str(&format!("; {cause}"));
    }
    text
}

fn minutes(minutes: u32) -> u64 {
    u64::from(minutes) * 60
}

#[cfg(test)]
mod tests {
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
        assert!(
            matches!(step(&mut watch(), &inactive, 60), Step::Failed(ending) if ending.overtaken)
        );
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
}
