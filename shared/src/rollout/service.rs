//! A service on its way forward: rolling deployments, and what all strategies have in common.

use super::cause::{self, Cause};
use super::proof::{self, Verdict};
use super::seen::{Deployment, RolloutState, Seen, Service};
use super::watch::{Phase, Progress, Watch};
use super::{Action, Look, Scene, shows, traffic, undo};
use crate::error::FailureKind;
use crate::names::short;
use crate::preflight::EXIT_AT_START;

/// Without failed tasks in the counts, stopped tasks are still asked for this often.
const ASK_STOPPED_SECONDS: u64 = 30;

/// One look at a service that was begun.
pub(super) fn forward(watch: &mut Watch, seen: &Seen, scene: &Scene<'_>) -> Look {
    let service = &seen.service;
    let Some(primary) = service.primary().filter(|_| service.status == "ACTIVE") else {
        watch.cause = Some(format!("the service is {} now", service.status));
        return Look::Turn(FailureKind::RevisionOutOfSync);
    };
    // Another delivery began it: what it did may not show either.
    if watch.progress.at == 0 {
        watch.progress = Progress::begun(scene.now);
    }
    if seen.stopped.is_some() {
        watch.asked_stopped = scene.now;
    }
    if let Err(look) = look_for_the_cause(watch, seen, scene) {
        return look;
    }
    if service.strategy.shifts_traffic() {
        return traffic::forward(watch, seen, primary, scene);
    }
    if primary.task_definition != watch.became {
        return not_primary(watch, seen, primary, scene);
    }
    // Somebody forced a new deployment of the very same version: that one is followed.
    watch.deployment.clone_from(&primary.id);
    let others = service.deployments.iter().filter(|d| !d.primary);
    let balance = i64::from(primary.running) - others.map(|d| i64::from(d.running)).sum::<i64>();
    watch.progress.take(balance, scene.now);
    // With all of ours running, what is left is draining and baking: that is ECS's to time.
    let incomplete = primary.running < service.desired;
    if !incomplete {
        watch.progress.at = scene.now;
    }
    match &primary.state {
        RolloutState::Failed => return turn(watch, seen, scene, None),
        RolloutState::Completed | RolloutState::None if settled(service, primary) => {
            return served(watch, seen, scene);
        }
        _ => {}
    }
    if scene.is_late() {
        return turn(watch, seen, scene, Some(scene.too_late()));
    }
    if scene.has_stalled(watch) {
        return turn(watch, seen, scene, Some(scene.stalled()));
    }
    if may_ask_for_stopped(watch, seen, scene, primary, incomplete) {
        return Look::Do(Action::ReadStopped);
    }
    let share = u64::from(primary.running.min(service.desired)) * 90;
    let percent = 5 + share / u64::from(service.desired.max(1));
    let text = progress_text(watch, primary, service);
    Look::Wait(text, u8::try_from(percent).unwrap_or(95))
}

/// What explains why the service does not come up: something to read first, or a cause that waiting
/// cannot mend. None while there is nothing, or nothing decisive.
pub(super) fn cause_of(
    watch: &mut Watch,
    seen: &Seen,
    scene: &Scene<'_>,
    primary: &Deployment,
) -> Option<Look> {
    if seen.stopped.is_some() {
        watch.asked_stopped = scene.now;
    }
    if let Err(look) = look_for_the_cause(watch, seen, scene) {
        return Some(look);
    }
    let incomplete = primary.running < seen.service.desired;
    may_ask_for_stopped(watch, seen, scene, primary, incomplete)
        .then_some(Look::Do(Action::ReadStopped))
}

/// Takes the first cause in that stopped tasks show, with the last lines of its log. One that
/// waiting cannot mend turns the rollout round at once.
fn look_for_the_cause(watch: &mut Watch, seen: &Seen, scene: &Scene<'_>) -> Result<(), Look> {
    let Some(stopped) = seen.stopped.as_ref().filter(|_| watch.cause.is_none()) else {
        return Ok(());
    };
    let Some(cause) = cause::from_tasks(stopped, &watch.became) else {
        return Ok(());
    };
    let allowed = |entry: &str| scene.file.allow.iter().any(|allowed| allowed == entry);
    let hopeless = cause.hopeless || cause.at_start && !allowed(EXIT_AT_START);
    let text = match (cause.wrote, &seen.log) {
        (Some(wrote), None) => return Err(Look::Do(Action::ReadLog(wrote))),
        (Some(_), Some(lines)) => cause::with_log(cause.text, lines),
        (None, _) => cause.text,
    };
    watch.cause = Some(text);
    if hopeless && watch.phase == Phase::Forward {
        let why = "waiting cannot mend this".to_owned();
        return Err(turn(watch, seen, scene, Some(why)));
    }
    Ok(())
}

fn not_primary(watch: &mut Watch, seen: &Seen, primary: &Deployment, scene: &Scene<'_>) -> Look {
    // What is PRIMARY before ours shows may be a version that never finished, and so not `was`.
    if !shows(watch, seen) && watch.progress.may_be_unseen(scene.now) {
        return Look::Wait("the new deployment does not show yet".into(), 1);
    }
    if watch.was.as_ref() != Some(&primary.task_definition) {
        watch.cause = Some(undo::overtaken_by(&seen.service));
        return Look::Turn(FailureKind::RevisionOutOfSync);
    }
    turn(watch, seen, scene, None)
}

/// Whether ECS calls a deployment finished.
pub(super) fn is_finished(deployment: &Deployment) -> bool {
    matches!(
        deployment.state,
        RolloutState::Completed | RolloutState::None
    )
}

/// Invariant 2 without the tasks: PRIMARY is ours, finished, complete and alone.
pub(super) fn settled(service: &Service, primary: &Deployment) -> bool {
    let others_drained = service
        .deployments
        .iter()
        .filter(|d| !d.primary)
        .all(|d| d.running == 0 && d.pending == 0);
    primary.running == service.desired && primary.pending == 0 && others_drained
}

/// It has settled. What others wait for is proven before they begin; all else in the end.
pub(super) fn served(watch: &mut Watch, seen: &Seen, scene: &Scene<'_>) -> Look {
    if watch.phase == Phase::Served || !scene.awaited {
        return Look::Served;
    }
    let Some(tasks) = &seen.serving else {
        return Look::Do(Action::ReadServing);
    };
    match proof::verdict(watch, seen, tasks) {
        Verdict::Proven(_) => {
            watch.phase = Phase::Served;
            Look::Served
        }
        Verdict::ReadPlatforms(images) => Look::Do(Action::ReadPlatforms(images)),
        Verdict::NotYet(text) if scene.is_late() => {
            watch.cause = Some(format!("{text} ({})", scene.too_late()));
            Look::Turn(FailureKind::JobFailed)
        }
        Verdict::NotYet(text) => Look::Wait(text, 95),
        Verdict::Otherwise(text) => {
            watch.cause = Some(text);
            Look::Turn(FailureKind::JobFailed)
        }
    }
}

/// Without a cause, stopped tasks are asked for: at once when the counts show failed ones.
pub(super) fn may_ask_for_stopped(
    watch: &Watch,
    seen: &Seen,
    scene: &Scene<'_>,
    primary: &Deployment,
    incomplete: bool,
) -> bool {
    let asked_lately = scene.now < watch.asked_stopped.max(scene.started) + ASK_STOPPED_SECONDS;
    watch.cause.is_none()
        && seen.stopped.is_none()
        && (primary.failed > 0 || incomplete && !asked_lately)
}

/// Turns round, once the cause was read while ECS still has it. `why` is redbutton's own reason.
pub(super) fn turn(watch: &mut Watch, seen: &Seen, scene: &Scene<'_>, why: Option<String>) -> Look {
    if watch.cause.is_none() && seen.stopped.is_none() {
        return Look::Do(Action::ReadStopped);
    }
    let deployments = &seen.service.deployments;
    let ours = deployments
        .iter()
        .find(|d| d.task_definition == watch.became);
    let from_service = || cause::from_service(&seen.service, ours, scene.started);
    let cause = watch
        .cause
        .take()
        .or_else(|| from_service().map(|Cause { text, .. }| text));
    watch.cause = Some(match (why, cause) {
        (Some(why), Some(cause)) => format!("{why}: {cause}"),
        (Some(why), None) => why,
        (None, Some(cause)) => cause,
        (None, None) => "ECS rolled the deployment back and gives no reason".into(),
    });
    Look::Turn(FailureKind::JobFailed)
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
