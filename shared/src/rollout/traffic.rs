//! A service on its way forward by blue/green, linear or canary: ECS shifts the traffic, and the
//! service-deployments API says how far it is (CONTRACTS 3.5.13 to 3.5.16, 3.5.25, 3.5.26).

use super::seen::{Deployment, Hook, Seen, ServiceDeployment, Status};
use super::service::{may_ask_for_stopped, served, settled, turn};
use super::undo::overtaken_by;
use super::watch::Watch;
use super::{Action, Look, Scene};
use crate::error::FailureKind;
use crate::names::short;

/// The stages in ECS's order, and how far each is, in percent.
const STAGES: [(&str, u8); 11] = [
    ("RECONCILE_SERVICE", 2),
    ("PRE_SCALE_UP", 4),
    ("SCALE_UP", 8),
    ("POST_SCALE_UP", 30),
    ("TEST_TRAFFIC_SHIFT", 35),
    ("POST_TEST_TRAFFIC_SHIFT", 40),
    ("PRE_PRODUCTION_TRAFFIC_SHIFT", 45),
    ("PRODUCTION_TRAFFIC_SHIFT", 50),
    ("POST_PRODUCTION_TRAFFIC_SHIFT", 80),
    ("BAKE_TIME", 85),
    ("CLEAN_UP", 95),
];

/// Stages in which standing still is ECS's own timing: steps and bakes.
const TIMED_BY_ECS: [&str; 2] = ["PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME"];

/// One look at a service that was begun and is ACTIVE.
pub(super) fn forward(
    watch: &mut Watch,
    seen: &Seen,
    primary: &Deployment,
    scene: &Scene<'_>,
) -> Look {
    if !is_mapped(watch) {
        let Some(recent) = &seen.recent else {
            return Look::Do(Action::ReadRecent);
        };
        match recent.iter().find(|d| d.task_definition == watch.became) {
            Some(ours) => watch.deployment.clone_from(&ours.id),
            // ECS's record reaches back only so far; what was served before this rollout may be
            // older.
            None if watch.unchanged
                && primary.task_definition == watch.became
                && is_alone(seen, primary) =>
            {
                return served(watch, seen, scene);
            }
            None if watch.progress.may_be_unseen(scene.now) => {
                return Look::Wait("the new deployment does not show yet".into(), 1);
            }
            None => {
                let why = "ECS shows no deployment of it".to_owned();
                return turn(watch, seen, scene, Some(why));
            }
        }
    }
    let Some(deployment) = &seen.deployment else {
        return Look::Do(Action::ReadDeployment(watch.deployment.clone()));
    };
    let Some(deployment) = deployment else {
        if scene.is_late() {
            return turn(watch, seen, scene, Some(scene.too_late()));
        }
        return Look::Wait("ECS does not show its deployment".into(), 1);
    };
    take_progress(watch, deployment, scene.now);
    let is_ours = primary.task_definition == watch.became;
    match &deployment.status {
        Status::Successful if !is_ours => {
            return displaced(watch, seen, scene);
        }
        // Early success criteria leave the old tasks for later (3.5.26).
        Status::Successful if is_alone(seen, primary) => {
            watch.progress.at = scene.now;
            return served(watch, seen, scene);
        }
        // All of ours run: what is left is draining.
        Status::Successful if primary.running >= seen.service.desired => {
            watch.progress.at = scene.now;
        }
        Status::Stopped if watch.was.as_ref() != Some(&primary.task_definition) && !is_ours => {
            watch.cause = Some(overtaken_by(&seen.service));
            return Look::Turn(FailureKind::RevisionOutOfSync);
        }
        Status::Stopped
        | Status::RollbackRequested
        | Status::RollbackInProgress
        | Status::RollbackSuccessful
        | Status::RollbackFailed => {
            return turn(watch, seen, scene, Some(why(deployment)));
        }
        _ => {}
    }
    if scene.is_late() {
        return turn(watch, seen, scene, Some(scene.too_late()));
    }
    if scene.has_stalled(watch) {
        return turn(watch, seen, scene, Some(scene.stalled()));
    }
    let failing = deployment.failures.0 > 0 && seen.stopped.is_none() && watch.cause.is_none();
    let incomplete = deployment.tasks.0 < deployment.tasks.1;
    if failing || may_ask_for_stopped(watch, seen, scene, primary, incomplete) {
        return Look::Do(Action::ReadStopped);
    }
    Look::Wait(progress_text(watch, seen, deployment), percent(deployment))
}

/// Nothing but ours is left (3.5.26).
fn is_alone(seen: &Seen, primary: &Deployment) -> bool {
    seen.service.deployments.len() == 1 && settled(&seen.service, primary)
}

/// Whether the id of our service deployment is known; `ecs-svc/…` is what UpdateService tells.
fn is_mapped(watch: &Watch) -> bool {
    !watch.deployment.is_empty() && !watch.deployment.starts_with("ecs-svc/")
}

/// Ours succeeded, and another version is PRIMARY: ECS lags behind, went back later, or somebody
/// else deployed.
fn displaced(watch: &mut Watch, seen: &Seen, scene: &Scene<'_>) -> Look {
    let Some(recent) = &seen.recent else {
        return Look::Do(Action::ReadRecent);
    };
    let newest = recent.first().map(|newest| &newest.task_definition);
    if newest.is_none_or(|newest| *newest == watch.became) {
        if scene.is_late() {
            return turn(watch, seen, scene, Some(scene.too_late()));
        }
        return Look::Wait(
            "ECS calls it successful, and it is not PRIMARY yet".into(),
            95,
        );
    }
    if newest == watch.was.as_ref() {
        let why = "the service was brought back after it had succeeded".to_owned();
        return turn(watch, seen, scene, Some(why));
    }
    watch.cause = Some(overtaken_by(&seen.service));
    Look::Turn(FailureKind::RevisionOutOfSync)
}

/// Stage, traffic and tasks in one number; whatever ECS or a person times is progress.
fn take_progress(watch: &mut Watch, deployment: &ServiceDeployment, now: u64) {
    let stage = rank(&deployment.stage).map_or(0, |rank| rank as i64 + 1);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a weight is a percentage, 0 to 100"
    )]
    let traffic = (deployment.traffic.unwrap_or_default() * 10.0) as i64;
    let balance = stage * 10_000_000 + traffic * 10_000 + i64::from(deployment.tasks.0);
    watch.progress.take(balance, now);
    let hook_at_work = deployment
        .hooks
        .iter()
        .any(|hook| matches!(hook.status.as_str(), "AWAITING_ACTION" | "IN_PROGRESS"));
    if hook_at_work || TIMED_BY_ECS.contains(&deployment.stage.as_str()) {
        watch.progress.at = now;
    }
}

fn rank(stage: &str) -> Option<usize> {
    STAGES.iter().position(|(name, _)| *name == stage)
}

fn percent(deployment: &ServiceDeployment) -> u8 {
    rank(&deployment.stage)
        .and_then(|rank| STAGES.get(rank))
        .map_or(1, |(_, percent)| *percent)
}

/// Why ECS stopped or went back, in its words: hook, alarm, circuit breaker, rollback, status.
fn why(deployment: &ServiceDeployment) -> String {
    let mut facts = Vec::new();
    for hook in &deployment.hooks {
        if matches!(hook.status.as_str(), "FAILED" | "TIMED_OUT") {
            let what = if hook.pause {
                "a pause for a person"
            } else {
                hook.function.as_str()
            };
            let how = if hook.status == "FAILED" {
                "failed"
            } else {
                "timed out"
            };
            facts.push(format!("lifecycle hook {what} {how}"));
        }
    }
    if !deployment.alarms.is_empty() {
        facts.push(format!("alarm {} went off", deployment.alarms.join(", ")));
    }
    let (failures, threshold) = deployment.failures;
    if failures > 0 {
        facts.push(format!(
            "{failures} tasks failed (the circuit breaker's threshold is {threshold})"
        ));
    }
    for words in [&deployment.rollback, &deployment.reason] {
        let words = words.trim().trim_end_matches('.');
        if !words.is_empty() && !facts.iter().any(|fact| fact.contains(words)) {
            facts.push(words.to_owned());
        }
    }
    if facts.is_empty() {
        facts.push("it gives no reason".into());
    }
    let what = match deployment.status {
        Status::Stopped => "the deployment was stopped",
        Status::RollbackFailed => "ECS could not roll the deployment back",
        _ => "ECS rolled the deployment back",
    };
    format!("{what}: {}", facts.join("; "))
}

fn progress_text(watch: &Watch, seen: &Seen, deployment: &ServiceDeployment) -> String {
    let mut text = format!(
        "{}: {}",
        short(&watch.became),
        seen.service.strategy.name.to_lowercase().replace('_', "/")
    );
    if !deployment.stage.is_empty() {
        text.push_str(&format!(", {}", deployment.stage));
    }
    if let Some(traffic) = deployment.traffic {
        text.push_str(&format!(", {traffic} % of the traffic"));
    }
    let (running, wanted) = deployment.tasks;
    text.push_str(&format!(", {running} of {wanted} tasks run"));
    match &deployment.status {
        Status::Unknown(status) => text.push_str(&format!(
            "; ECS says {status}, which this version does not know: waiting"
        )),
        Status::Successful => text.push_str("; successful, the old tasks are not gone yet"),
        Status::StopRequested => text.push_str("; somebody stops it"),
        _ => {}
    }
    for hook in &deployment.hooks {
        if hook.status == "AWAITING_ACTION" {
            text.push_str(&format!("; {}", waits_for_a_person(hook)));
        }
    }
    if let Some(cause) = &watch.cause {
        text.push_str(&format!("; {cause}"));
    }
    text
}

fn waits_for_a_person(hook: &Hook) -> String {
    format!(
        "paused until a person continues it (aws ecs continue-service-deployment, hook {}); when \
         the pause times out, ECS does {}",
        hook.id, hook.then
    )
}
