//! A one-off task: it has to end with exit code 0 (CONTRACTS 3.5.21).

use super::cause;
use super::seen::{Container, Seen, Task};
use super::watch::{Phase, Watch};
use super::{Action, Look, Scene, Turn, minutes};
use crate::error::FailureKind;
use crate::names::short;

/// How long a task may take to stop once it was asked to: ECS kills what does not end within its
/// stop timeout, at most two minutes on Fargate.
const STOP_SECONDS: u64 = 300;

/// ECS's states of a task on its way to RUNNING.
const STATES: [&str; 4] = ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"];

/// One look at a task that was started.
pub(super) fn forward(watch: &mut Watch, seen: &Seen, scene: &Scene<'_>) -> Look {
    if watch.phase == Phase::Served {
        return Look::Served;
    }
    let Some(found) = &seen.task else {
        return Look::Do(Action::ReadTask);
    };
    let Some(task) = found else {
        if watch.progress.may_be_unseen(scene.now) {
            return Look::Wait("the task does not show yet".into(), 1);
        }
        watch.cause = Some("ECS does not know the task any more".into());
        return Look::Turn(FailureKind::JobFailed);
    };
    if task.last_status == "STOPPED" {
        return ended(watch, seen, task, scene);
    }
    let state = STATES.iter().position(|state| *state == task.last_status);
    let runs = state == Some(3);
    if runs {
        watch.progress.at = scene.now;
    }
    watch
        .progress
        .take(state.map_or(0, |n| n as i64 + 1), scene.now);
    // A task that runs is at work; how long it may take is for the deadline.
    let why = if scene.is_late() {
        Some(scene.too_late())
    } else if !runs && scene.has_stalled(watch) {
        Some(scene.stalled())
    } else {
        None
    };
    if let Some(why) = why {
        watch.cause = Some(format!("the task is {}: {why}", task.last_status));
        return Look::Turn(FailureKind::JobFailed);
    }
    Look::Wait(
        format!("{} is {}", short(&watch.became), task.last_status),
        if runs { 50 } else { 10 },
    )
}

/// Whether it is seen to have ended with exit code 0.
pub(super) fn ended_well(seen: &Seen, scene: &Scene<'_>) -> bool {
    let task = seen.task.iter().flatten().next();
    let stopped = task.filter(|task| task.last_status == "STOPPED");
    let container = stopped.and_then(|task| counts(task, scene));
    container.is_some_and(|container| container.exit_code == Some(0))
}

fn ended(watch: &mut Watch, seen: &Seen, task: &Task, scene: &Scene<'_>) -> Look {
    let container = counts(task, scene);
    if container.is_some_and(|container| container.exit_code == Some(0)) {
        watch.phase = Phase::Served;
        return Look::Served;
    }
    let cause = cause::from_task(task, container.map(|container| container.name.as_str()));
    let text = match (cause.wrote, &seen.log) {
        (Some(wrote), None) => return Look::Do(Action::ReadLog(wrote)),
        (Some(_), Some(lines)) => cause::with_log(cause.text, lines),
        (None, _) => cause.text,
    };
    watch.cause = Some(text);
    Look::Turn(FailureKind::JobFailed)
}

/// The container whose exit code counts: the named one, or the only one. Preflight saw to it that
/// there is no other, apart from what AWS puts into every task of an account.
fn counts<'a>(task: &'a Task, scene: &Scene<'_>) -> Option<&'a Container> {
    let named = scene.target.task().and_then(|task| task.container.as_ref());
    task.containers.iter().find(|container| match named {
        Some(name) => container.name == *name,
        None => !container.name.starts_with("aws-guardduty-agent"),
    })
}

/// One look while everything goes back. What a task did cannot be undone; one that still runs when
/// something beside it failed may end by itself within rollbackMinutes, since half a migration is
/// worse than a whole one. One that failed its own deadline is stopped.
pub(super) fn back(
    watch: &mut Watch,
    seen: &Seen,
    scene: &Scene<'_>,
    turn: Turn,
    place: usize,
    stop: bool,
) -> Look {
    let asked = match watch.phase {
        Phase::Back { asked } => asked,
        // A delivery that was lost, or one whose request had no answer, may have started it.
        Phase::Waiting => false,
        Phase::Served => {
            return Look::Over("done with exit code 0, which cannot be undone".into());
        }
        Phase::Forward | Phase::Stuck => return Look::Over("not stopped; look at it".into()),
    };
    let Some(found) = &seen.task else {
        return Look::Do(Action::ReadTask);
    };
    let Some(task) = found else {
        if watch.progress.may_be_unseen(scene.now) {
            return Look::Wait("the task may not show yet".into(), 50);
        }
        return Look::Over(if watch.deployment.is_empty() {
            "not started".into()
        } else {
            "not known to ECS".into()
        });
    };
    if watch.deployment.is_empty() {
        let id = task.arn.rsplit('/').next().unwrap_or_default();
        id.clone_into(&mut watch.deployment);
    }
    if task.last_status == "STOPPED" {
        return Look::Over(match counts(task, scene).and_then(|c| c.exit_code) {
            Some(code) => format!("stopped, exit code {code}"),
            None => "stopped".into(),
        });
    }
    if stop {
        return Look::Over(format!("{}; onFailure is \"stop\"", task.last_status));
    }
    let late = scene.now >= turn.since + minutes(scene.file.rollback_minutes);
    if scene.now >= turn.since + minutes(scene.file.rollback_minutes) + STOP_SECONDS {
        return Look::Over(format!(
            "still {}, {}; look at it",
            task.last_status,
            if asked {
                "though it was told to stop"
            } else {
                "and could not be stopped"
            }
        ));
    }
    if !asked && (late || turn.target == place) {
        return Look::Do(Action::StopTask);
    }
    Look::Wait(format!("the task is {}", task.last_status), 50)
}
