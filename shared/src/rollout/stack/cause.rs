//! Why an update failed: the first resource that failed, in time order, and beneath it what ECS
//! says. What was cancelled because of it is noise (CONTRACTS 3.6.15).

use super::super::cause::from_tasks;
use super::super::seen::Seen;
use super::super::seen::stack::{Event, InService, StackSeen};
use super::super::watch::Watch;
use super::super::{Action, Look, Scene};
use super::{SERVICE, STACK, TASK_DEFINITION, token_back, token_cancel, within};
use crate::error::FailureKind;

/// The update has failed: turns round, once all that explains it was read.
pub(super) fn failed(
    watch: &mut Watch,
    seen: &Seen,
    stack: &StackSeen,
    event: &Event,
    scene: &Scene<'_>,
) -> Look {
    let (cancel, back) = (token_cancel(&scene.token), token_back(&scene.token));
    let ours = |one: &&Event| [&scene.token, &cancel, &back].contains(&&one.token);
    let root = first_failed(stack.events.iter().filter(ours));
    let nested = root.filter(|first| first.kind == STACK && first.physical != first.stack);
    let inner = match (nested, &stack.nested) {
        (Some(nested), None) => return Look::Do(Action::ReadNested(nested.physical.clone())),
        (Some(nested), Some(events)) => {
            // A nested stack has its own operations; its newest one is this one's.
            let since = since_its_newest_operation(events);
            first_failed(since).or(Some(nested))
        }
        (None, _) => root,
    };
    let beneath = match inner.filter(|first| first.kind == SERVICE) {
        // What cannot be looked at has nothing to add.
        Some(_) if seen.blind.is_some() => None,
        Some(service) => match why_in_ecs(stack, service, scene) {
            Ok(beneath) => beneath,
            Err(look) => return look,
        },
        None => None,
    };
    let mut text = match (nested, inner) {
        (Some(nested), Some(inner)) if nested != inner => {
            format!("{} in nested stack {}", told(inner), nested.logical)
        }
        (_, Some(inner)) => told(inner),
        (_, None) if event.token != scene.token => {
            "an earlier delivery of the job turned round; the function's log says why".into()
        }
        (_, None) => format!("{}: {}", event.status, or_nothing(&event.reason)),
    };
    // What was seen of it before it failed is ECS's own word, too.
    if let Some(beneath) = beneath.or_else(|| watch.cause.take()) {
        text.push_str("; ");
        text.push_str(&beneath);
    }
    watch.cause = Some(text);
    Look::Turn(FailureKind::JobFailed)
}

fn told(event: &Event) -> String {
    format!(
        "{} ({}) {}: {}",
        event.logical,
        event.kind,
        event.status,
        or_nothing(&event.reason)
    )
}

fn or_nothing(reason: &str) -> &str {
    let reason = reason.trim().trim_end_matches('.');
    if reason.is_empty() {
        "CloudFormation gives no reason"
    } else {
        reason
    }
}

/// The first resource that failed by itself; events come newest first.
fn first_failed<'a>(events: impl Iterator<Item = &'a Event>) -> Option<&'a Event> {
    let failed = events.filter(|event| {
        event.status.ends_with("_FAILED")
            && !event.is_of_the_stack()
            && !event.reason.to_lowercase().contains("cancelled")
    });
    failed.last()
}

/// Events of the newest operation of a nested stack, newest first.
fn since_its_newest_operation(events: &[Event]) -> impl Iterator<Item = &Event> {
    let begins = |event: &&Event| {
        event.is_of_the_stack()
            && matches!(
                event.status.as_str(),
                "UPDATE_IN_PROGRESS" | "CREATE_IN_PROGRESS"
            )
    };
    let begin = events.iter().position(|event| begins(&event));
    events.iter().take(begin.map_or(events.len(), |n| n + 1))
}

/// What ECS says about a service whose update failed. The error is what has to be read first.
fn why_in_ecs(
    stack: &StackSeen,
    failed: &Event,
    scene: &Scene<'_>,
) -> Result<Option<String>, Look> {
    let Some(inside) = &stack.inside else {
        return Err(Look::Do(Action::ReadInside));
    };
    let is_it = |one: &InService| failed.physical.ends_with(&format!("/{}", one.name));
    let Some((place, one)) = inside
        .services
        .iter()
        .enumerate()
        .find(|(_, one)| is_it(one))
    else {
        return Ok(None);
    };
    if one.seen.stopped.is_none() {
        return Err(within(place, Action::ReadStopped));
    }
    let nested = stack.nested.iter().flatten();
    let events = stack.events.iter().filter(|one| one.token == scene.token);
    let made = events
        .chain(nested)
        .filter(|event| event.kind == TASK_DEFINITION && event.status.ends_with("_COMPLETE"));
    let causes = made.filter_map(|made| from_tasks(one.stopped(), &made.physical));
    Ok(causes.map(|cause| cause.text).next())
}
