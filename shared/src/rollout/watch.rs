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
        if unseen && now < watch.progress.at.max(started) + CONSISTENCY_SECONDS {
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
mod tests;
