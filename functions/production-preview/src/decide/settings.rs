//! Settings that matter to a rollout, as people call them.

use driver::stacks::Proposal;
use shared::preview::fingerprint::Live;
use shared::rollout::seen::{RolloutState, Service};
use shared::rollout_file::stack::StackTarget;

/// Names of the alarms that deployments of the target's services watch.
pub fn watched_alarms(live: &Live) -> Vec<String> {
    let watched = live.services.iter().map(|(_, service)| &service.settings);
    let watched = watched.filter(|settings| settings.alarms_enabled);
    let mut names: Vec<String> = watched
        .flat_map(|settings| settings.alarms.clone())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// What is not as it should be about the services of a stack before anything is done.
pub fn unhealthy(live: &Live) -> Vec<String> {
    let inside = live.services.iter().filter(|_| live.stack.is_some());
    let each = inside.filter_map(|(_, service)| {
        let primary = service.primary()?;
        let name = &service.name;
        match primary.state {
            RolloutState::Failed => Some(format!("the deployment of service {name} has failed")),
            RolloutState::InProgress | RolloutState::Unknown(_) => {
                Some(format!("a deployment of service {name} is under way now"))
            }
            RolloutState::Completed | RolloutState::None => None,
        }
    });
    each.collect()
}

/// The settings of a target: of its service, or of the stack and the services in it.
pub fn of(
    live: &Live,
    stack: Option<&StackTarget>,
    proposal: Option<&Proposal>,
) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    if let Some((found, _)) = &live.stack {
        all.push(("stack status", found.status.clone()));
        let role = stack.and_then(|stack| stack.cloudformation_role.as_ref());
        let role = role.map(|role| role.as_str().to_owned());
        if let Some(role) = role.or_else(|| found.role.clone()) {
            all.push(("CloudFormation acts with", role));
        }
    }
    if let Some(granted) = stack
        .map(|stack| &stack.capabilities)
        .filter(|all| !all.is_empty())
    {
        all.push(("capabilities granted", granted.join(", ")));
    }
    if proposal.is_some_and(|proposal| proposal.stack.is_none()) {
        all.push(("stack", "would be made".to_owned()));
    }
    for (cluster, service) in &live.services {
        if live.stack.is_some() {
            all.push(("service", format!("{} (cluster {cluster})", service.name)));
        }
        all.extend(of_service(service));
    }
    all
}

fn of_service(service: &Service) -> Vec<(&'static str, String)> {
    let settings = &service.settings;
    let mut all = vec![(
        "tasks",
        match service.primary() {
            Some(primary) => format!("{} wanted, {} run", service.desired, primary.running),
            None => format!("{} wanted", service.desired),
        },
    )];
    let strategy = &service.strategy;
    let mut how = match strategy.name.as_str() {
        "" => "ROLLING".to_owned(),
        name => name.to_owned(),
    };
    if let Some((percent, minutes)) = strategy.linear {
        how += &format!(", {percent} % every {minutes} min");
    }
    if let Some(minutes) = strategy.canary_minutes {
        how += &format!(", the first part watched {minutes} min");
    }
    if strategy.bake_minutes > 0 {
        how += &format!(", bake time {} min", strategy.bake_minutes);
    }
    for (stage, minutes) in &strategy.pauses {
        how += &format!(", pause at {stage} (at most {minutes} min)");
    }
    all.push(("strategy", how));
    if let (Some(minimum), Some(maximum)) = (settings.minimum_healthy, settings.maximum) {
        all.push((
            "healthy tasks during a deployment",
            format!("{minimum} to {maximum} %"),
        ));
    }
    let breaker = match settings.breaker {
        Some((true, true)) => "on, rolls back",
        Some((true, false)) => "on, does not roll back",
        Some((false, _)) | None => "off",
    };
    all.push(("circuit breaker", breaker.to_owned()));
    if !settings.alarms.is_empty() {
        let watched = if settings.alarms_enabled {
            ""
        } else {
            " (not watched)"
        };
        all.push(("deployment alarms", settings.alarms.join(", ") + watched));
    }
    let platform = match settings.platform.as_str() {
        "" => String::new(),
        platform => format!(", platform {platform}"),
    };
    if !settings.launch.is_empty() {
        all.push(("launch type", format!("{}{platform}", settings.launch)));
    }
    all
}
