//! The ECS services in a stack: each has to serve what the stack says, by invariant 2. After
//! UPDATE_COMPLETE ECS may still go back by itself: alarms, a bake time, a person (CONTRACTS 3.6.10).

use super::super::proof::{OfService, Proof, Verdict, verdict};
use super::super::seen::stack::{InService, Inside, StackSeen};
use super::super::seen::{Deployment, Seen};
use super::super::service;
use super::super::watch::{Phase, Progress, Watch};
use super::super::{Action, Look, Scene};
use super::{FINISHED, SERVICE, TASK_DEFINITION, within};
use crate::error::FailureKind;
use crate::names::short;

/// One look at the services of a stack that was updated at `since`, seconds since the epoch.
pub(super) fn forward(watch: &mut Watch, stack: &StackSeen, scene: &Scene<'_>, since: u64) -> Look {
    let Some(inside) = &stack.inside else {
        return Look::Do(Action::ReadInside);
    };
    let mut texts = Vec::new();
    let mut percents = 0;
    let mut balance = FINISHED;
    let mut settled = true;
    for (place, one) in inside.services.iter().enumerate() {
        let controller = one.seen.service.controller.as_str();
        if !matches!(controller, "" | "ECS") {
            watch.cause = Some(format!(
                "the deployment controller of service {} is {controller}, so that ECS does not tell \
                 what serves; take the service out of what redbutton releases",
                one.name
            ));
            return Look::Turn(FailureKind::ConfigurationError);
        }
        let mut part = part(watch, stack, inside, one, scene, since);
        let look = service::forward(&mut part, &one.seen, scene);
        take_over(watch, &part, one);
        match look {
            Look::Do(action) => return within(place, action),
            Look::Turn(kind) => return Look::Turn(kind),
            Look::Wait(text, percent) => {
                settled &= part.progress.at >= scene.now && is_complete(&one.seen);
                texts.push(format!("service {}: {text}", one.name));
                percents += u32::from(percent);
            }
            Look::Served | Look::Over(_) => percents += 100,
        }
        balance += part.progress.balance;
    }
    if texts.is_empty() {
        if scene.awaited {
            watch.phase = Phase::Served;
        }
        return Look::Served;
    }
    watch.progress.take(balance, scene.now);
    // With all tasks running, what is left is draining and baking: that is ECS's to time.
    if settled {
        watch.progress.at = scene.now;
    }
    if scene.has_stalled(watch) {
        let first = watch.cause.take().map(|cause| format!(": {cause}"));
        let first = first.unwrap_or_default();
        watch.cause = Some(format!("{}; {}{first}", scene.stalled(), texts.join("; ")));
        return Look::Turn(FailureKind::JobFailed);
    }
    let count = u32::try_from(inside.services.len()).unwrap_or(1).max(1);
    let percent = 60 + percents * 39 / (100 * count);
    Look::Wait(texts.join("; "), u8::try_from(percent).unwrap_or(99))
}

fn is_complete(seen: &Seen) -> bool {
    let primary = seen.service.primary();
    primary.is_some_and(|primary| primary.running >= seen.service.desired)
}

/// Whether our operation is at work on a service: CloudFormation waits until ECS calls it stable.
pub(super) fn cloudformation_waits(stack: &StackSeen, scene: &Scene<'_>) -> bool {
    let mut known: Vec<&str> = Vec::new();
    let of_services = stack
        .events
        .iter()
        .filter(|event| event.token == scene.token && event.kind == SERVICE);
    for event in of_services {
        // Newest first: the first event of a resource is where it is.
        if !known.contains(&event.logical.as_str()) && event.status.ends_with("_IN_PROGRESS") {
            return true;
        }
        known.push(&event.logical);
    }
    false
}

/// While CloudFormation waits for a service, its tasks tell how far it is, and those that stopped what
/// it waits for.
pub(super) fn while_it_waits(
    watch: &mut Watch,
    stack: &StackSeen,
    scene: &Scene<'_>,
    steps: i64,
) -> Option<Look> {
    let Some(inside) = &stack.inside else {
        return Some(Look::Do(Action::ReadInside));
    };
    let mut balance = 0;
    let mut ecs_times_it = true;
    for (place, one) in inside.services.iter().enumerate() {
        let service = &one.seen.service;
        let Some(primary) = service.primary() else {
            continue;
        };
        if !is_new(stack, &primary.task_definition, scene) {
            continue;
        }
        balance += i64::from(primary.running);
        ecs_times_it &= service.strategy.shifts_traffic() || is_complete(&one.seen);
        let mut part = part(watch, stack, inside, one, scene, scene.now);
        let found = service::cause_of(&mut part, &one.seen, scene, primary);
        take_over(watch, &part, one);
        match found {
            Some(Look::Do(action)) => return Some(within(place, action)),
            Some(look) => return Some(look),
            None => {}
        }
    }
    watch.progress.take(steps * 1_000 + balance, scene.now);
    // Draining, steps and bakes are ECS's to time.
    if ecs_times_it {
        watch.progress.at = scene.now;
    }
    None
}

/// Whether our operation made this task definition.
fn is_new(stack: &StackSeen, task_definition: &str, scene: &Scene<'_>) -> bool {
    stack.events.iter().any(|event| {
        event.kind == TASK_DEFINITION
            && event.token == scene.token
            && event.physical == task_definition
            && matches!(
                event.status.as_str(),
                "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS"
            )
    })
}

/// What our operation put into the place of this task definition: a service that runs it went back. By
/// the logical id of the resource, since a family without a name of its own is another one each time.
fn replaced_by(stack: &StackSeen, task_definition: &str, scene: &Scene<'_>) -> Option<String> {
    let mut ours = stack
        .events
        .iter()
        .filter(|event| event.kind == TASK_DEFINITION && event.token == scene.token);
    let gone = ours
        .clone()
        .find(|event| event.physical == task_definition && event.status.starts_with("DELETE_"))?;
    let new = ours.find(|event| {
        event.logical == gone.logical
            && event.physical != task_definition
            && event.status.ends_with("_COMPLETE")
    })?;
    Some(new.physical.clone())
}

/// What is watched of one service: the stack's watch, as if it were the service's own.
fn part(
    watch: &Watch,
    stack: &StackSeen,
    inside: &Inside,
    one: &InService,
    scene: &Scene<'_>,
    since: u64,
) -> Watch {
    let primary = one.seen.service.primary();
    let replaced = primary.and_then(|primary| replaced_by(stack, &primary.task_definition, scene));
    let went_back = replaced.is_some();
    let became = replaced
        .or_else(|| wanted(inside, primary))
        .unwrap_or_else(|| {
            // The stack does not say: whatever the service runs.
            primary.map_or(String::new(), |primary| primary.task_definition.clone())
        });
    Watch {
        was: primary
            .filter(|primary| went_back || is_older(&primary.task_definition, &became))
            .map(|primary| primary.task_definition.clone()),
        unchanged: !is_new(stack, &became, scene),
        became,
        phase: watch.phase,
        cause: watch.cause.clone(),
        progress: Progress {
            at: since,
            ..Progress::begun(since)
        },
        asked_stopped: watch.asked_stopped,
        deployment: String::new(),
    }
}

/// What has to be remembered of it.
fn take_over(watch: &mut Watch, part: &Watch, one: &InService) {
    watch.asked_stopped = watch.asked_stopped.max(part.asked_stopped);
    if part.cause != watch.cause {
        let named = part.cause.as_ref();
        watch.cause = named.map(|cause| match cause.starts_with("service ") {
            true => cause.clone(),
            false => format!("service {}: {cause}", one.name),
        });
    }
}

/// The task definition that the stack gives a service: its own one of the same family, or its only
/// one. None when the service's definition is not of this stack.
fn wanted(inside: &Inside, primary: Option<&Deployment>) -> Option<String> {
    let serving = primary.map(|primary| family(&primary.task_definition))?;
    let mut same = inside.definitions.iter();
    let same = same.find(|arn| family(arn) == serving).cloned();
    match (
        same,
        inside.services.as_slice(),
        inside.definitions.as_slice(),
    ) {
        (Some(same), _, _) => Some(same),
        (None, [_], [only]) => Some(only.clone()),
        _ => None,
    }
}

fn family(arn: &str) -> &str {
    short(arn).split(':').next().unwrap_or_default()
}

/// Whether the first is an earlier revision of the same family: what ECS goes back to.
fn is_older(one: &str, other: &str) -> bool {
    let revision = |arn: &str| arn.rsplit(':').next().and_then(|n| n.parse::<u64>().ok());
    family(one) == family(other) && revision(one) < revision(other)
}

/// Whether all services of the stack run what the stack says, and nothing moves; and what they run.
pub(super) fn settled(inside: &Inside) -> (bool, Vec<String>) {
    let mut all = true;
    let mut texts = Vec::new();
    for one in &inside.services {
        let service = &one.seen.service;
        let Some(primary) = service.primary() else {
            texts.push(format!("service {}: {}", one.name, service.status));
            continue;
        };
        let ours = wanted(inside, Some(primary)).is_none_or(|ours| ours == primary.task_definition);
        all &= ours && service::is_finished(primary) && service::settled(service, primary);
        texts.push(format!(
            "service {} serves {}",
            one.name,
            super::super::undo::now_serving(service)
        ));
    }
    (all, texts)
}

/// What shows that every service of the stack serves what the stack says, one after another.
pub(in super::super) fn prove(
    watch: &Watch,
    stack: &StackSeen,
    scene: &Scene<'_>,
) -> Result<Verdict, Action> {
    let inside = stack.inside.as_ref().ok_or(Action::ReadInside)?;
    let mut proofs = Vec::new();
    for (place, one) in inside.services.iter().enumerate() {
        let within = |action: Action| Action::Within(place, Box::new(action));
        let part = part(watch, stack, inside, one, scene, scene.now);
        let tasks = one
            .seen
            .serving
            .as_ref()
            .ok_or_else(|| within(Action::ReadServing))?;
        match verdict(&part, &one.seen, tasks) {
            Verdict::Proven(mut proof) => {
                let primary = one.seen.service.primary();
                proof.deployment = primary.map_or(String::new(), |primary| primary.id.clone());
                if wanted(inside, primary).is_none() {
                    proof.notes.push(format!(
                        "the task definition of service {} is not of this stack: that its \
                         deployment is finished is all that is proven",
                        one.name
                    ));
                }
                proofs.push(OfService {
                    cluster: one.cluster.clone(),
                    service: one.name.clone(),
                    proof,
                });
            }
            Verdict::ReadPlatforms(images) => return Err(within(Action::ReadPlatforms(images))),
            Verdict::NotYet(text) => {
                return Ok(Verdict::NotYet(format!("service {}: {text}", one.name)));
            }
            Verdict::Otherwise(text) => {
                return Ok(Verdict::Otherwise(format!("service {}: {text}", one.name)));
            }
        }
    }
    let mut proof = Proof::of_stack(watch, proofs);
    let takes_images = scene.target.stack();
    let takes_images = takes_images.is_some_and(|stack| !stack.image_parameters.is_empty());
    if takes_images && !proof.services.is_empty() {
        let given = stack.given.as_ref().ok_or(Action::ReadGiven)?;
        let runs = |image: &str| proof.images.iter().any(|served| served.image == image);
        let idle = given.iter().filter(|(_, image)| !runs(image));
        let idle: Vec<String> = idle
            .map(|(parameter, image)| format!("{image} (parameter {parameter})"))
            .collect();
        // A release of which nothing serves is none, whatever CloudFormation says.
        if idle.len() == given.len() {
            return Ok(Verdict::Otherwise(format!(
                "no service of the stack runs {}; see what its template does with it",
                idle.join(", ")
            )));
        }
        let unused = idle
            .iter()
            .map(|image| format!("no service of the stack runs {image}"));
        proof.notes.extend(unused);
    }
    Ok(Verdict::Proven(proof))
}
