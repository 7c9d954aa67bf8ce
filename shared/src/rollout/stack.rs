//! A stack: CloudFormation carries the update out, and what serves in it afterwards is what counts
//! (CONTRACTS 3.6).
//!
//! In reading order: whose operation the stack's events show (`operation`), what the services in it do
//! (`services`), why an update failed (`cause`), and the way back (`back`).

mod back;
mod cause;
mod operation;
mod services;

pub(super) use back::back;
pub(super) use operation::{has_failed, shows};
pub(super) use services::prove;

use super::seen::Seen;
use super::seen::stack::{Event, StackSeen};
use super::watch::{Progress, Watch};
use super::{Action, Look, Scene};
use crate::error::FailureKind;
use operation::{Doing, Stage, doing};

/// CloudFormation's name of the type.
const SERVICE: &str = "AWS::ECS::Service";
const TASK_DEFINITION: &str = "AWS::ECS::TaskDefinition";
const STACK: &str = "AWS::CloudFormation::Stack";

/// What an update that is finished is ahead of one that is not, in progress.
const FINISHED: i64 = 1_000_000;

/// The name of an attempt's change set: at most 128 letters, digits and hyphens (CONTRACTS 3.6.6).
pub fn change_set_name(attempt: &str, n: usize) -> String {
    format!("redbutton-{attempt}-{n}")
}

/// What our operation on the way back is recognised by.
pub fn token_back(token: &str) -> String {
    format!("{token}-back")
}

/// What giving our update up is recognised by.
pub fn token_cancel(token: &str) -> String {
    format!("{token}-cancel")
}

/// Whether an event is of an attempt's update, of giving it up, or of its way back. `token` is the
/// update's.
pub fn is_of_attempt(event: &Event, token: &str) -> bool {
    event
        .token
        .strip_prefix(token)
        .is_some_and(|rest| ["", "-cancel", "-back"].contains(&rest))
}

/// One look at a stack whose change set was executed, or that needed none.
pub(super) fn forward(watch: &mut Watch, seen: &Seen, scene: &Scene<'_>) -> Look {
    let Some(stack) = &seen.stack else {
        return Look::Wait("the stack was not looked at".into(), 1);
    };
    if watch.progress.at == 0 {
        watch.progress = Progress::begun(scene.now);
    }
    if watch.unchanged {
        return services::forward(watch, stack, scene, scene.started);
    }
    match doing(stack, &scene.token) {
        // CloudFormation took it: events may lag, and what was begun ends only by being seen.
        Doing::Unseen if !scene.is_late() && !scene.has_stalled(watch) => {
            Look::Wait("the update does not show yet".into(), 1)
        }
        Doing::Unseen => {
            watch.cause = Some("CloudFormation shows no update of this attempt".into());
            Look::Turn(FailureKind::JobFailed)
        }
        Doing::Ours(event) => match Stage::of(&event.status) {
            Stage::UnderWay => under_way(watch, stack, event, scene),
            Stage::Complete => {
                watch.progress.balance = watch.progress.balance.max(FINISHED);
                services::forward(watch, stack, scene, event.at)
            }
            Stage::GoingBack | Stage::Failed => cause::failed(watch, seen, stack, event, scene),
        },
        // Another delivery of the job has turned round.
        Doing::Back(event) => cause::failed(watch, seen, stack, event, scene),
        Doing::Others(event) => {
            watch.cause = Some(operation::overtaken_by(event));
            Look::Turn(FailureKind::RevisionOutOfSync)
        }
    }
}

/// CloudFormation is at work. While it waits for a service, that service is looked at, too: what
/// waiting cannot mend ends the update now, not when CloudFormation gives up.
fn under_way(watch: &mut Watch, stack: &StackSeen, event: &Event, scene: &Scene<'_>) -> Look {
    let ours = stack.events.iter().filter(|one| one.token == scene.token);
    let steps = i64::try_from(ours.count()).unwrap_or(i64::MAX);
    if services::cloudformation_waits(stack, scene) {
        if let Some(look) = services::while_it_waits(watch, stack, scene, steps) {
            return look;
        }
    } else {
        // How long a database or a nested stack takes is CloudFormation's to say: only the deadline
        // ends that.
        watch.progress.take(steps, scene.now);
        watch.progress.at = scene.now;
    }
    let why = if scene.is_late() {
        Some(scene.too_late())
    } else if scene.has_stalled(watch) {
        Some(scene.stalled())
    } else {
        None
    };
    let at_work = operation::at_work(stack, &scene.token);
    let mut text = event.status.clone();
    if !at_work.is_empty() {
        text.push_str(&format!(", at work on {}", at_work.join(", ")));
    }
    let first = watch.cause.as_ref().map(|cause| format!(": {cause}"));
    if let Some(why) = why {
        watch.cause = Some(format!("{why}; {text}{}", first.unwrap_or_default()));
        return Look::Turn(FailureKind::JobFailed);
    }
    text.push_str(&first.unwrap_or_default());
    Look::Wait(text, u8::try_from(steps.clamp(5, 60)).unwrap_or(60))
}

/// A look at something inside of the stack.
fn within(place: usize, action: Action) -> Look {
    Look::Do(Action::Within(place, Box::new(action)))
}
