//! Services: described, brought to a revision, brought back.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::operation::describe_services::DescribeServicesOutput;
use aws_sdk_ecs::types::{
    self, AssignPublicIp, DeploymentConfiguration, DeploymentLifecycleHookTargetType,
    DeploymentStrategy, ServiceField,
};
use shared::rollout::seen::{
    Deployment, Event, Network, Placement, RolloutState, Service, Strategy,
};

mod settings;

use super::count;
use crate::error::{CallError, Kind};
use crate::time::seconds;

/// What ECS puts in for an absent step of a LINEAR deployment (CONTRACTS 3.5.15).
const LINEAR_STEP: (f64, u32) = (10.0, 6);
/// As [`LINEAR_STEP`]: minutes of a CANARY deployment.
const CANARY_MINUTES: u32 = 10;
/// As [`LINEAR_STEP`]: minutes until a pause times out (CONTRACTS 3.5.16).
const PAUSE_MINUTES: u32 = 1_440;

/// Describes up to ten services of a cluster in one call (CONTRACTS 3.5.8). The result has one
/// entry per name, in the order of `names`; a service that is not there is an error of its own
/// (CONTRACTS 3.5.9).
pub async fn describe(
    client: &Client,
    cluster: &str,
    names: &[&str],
) -> Result<Vec<Result<Service, CallError>>, CallError> {
    let mut once = names.to_vec();
    once.sort_unstable();
    once.dedup();
    let answer = client
        .describe_services()
        .cluster(cluster)
        .set_services(Some(once.into_iter().map(str::to_owned).collect()))
        .include(ServiceField::Tags)
        .send()
        .await
        .map_err(|error| CallError::new("ecs:DescribeServices", error))?;
    Ok(names
        .iter()
        .map(|name| {
            let mut services = answer.services().iter();
            services
                .find(|service| service.service_name() == Some(name))
                .map(read)
                .ok_or_else(|| missing(&answer, cluster, name))
        })
        .collect())
}

fn missing(answer: &DescribeServicesOutput, cluster: &str, name: &str) -> CallError {
    let mut failures = answer.failures().iter();
    let failure = failures.find(|failure| {
        let arn = failure.arn().unwrap_or_default();
        arn.rsplit('/').next() == Some(name)
    });
    let reason = failure
        .and_then(|failure| failure.reason())
        .unwrap_or("MISSING");
    let detail = failure
        .and_then(|failure| failure.detail())
        .unwrap_or_default();
    CallError {
        operation: "ecs:DescribeServices",
        kind: Kind::Missing,
        code: reason.to_owned(),
        message: format!("there is no service {name} in cluster {cluster} here {detail}")
            .trim_end()
            .to_owned(),
    }
}

/// Brings a service to a task definition and returns what it looks like then. The same task
/// definition again starts nothing (CONTRACTS 3.5.19), so the SDK may repeat the call.
pub async fn update(
    client: &Client,
    cluster: &str,
    service: &str,
    task_definition: &str,
) -> Result<Service, CallError> {
    const OPERATION: &str = "ecs:UpdateService";
    let answer = client
        .update_service()
        .cluster(cluster)
        .service(service)
        .task_definition(task_definition)
        .send()
        .await
        .map_err(|error| CallError::new(OPERATION, error))?;
    answer
        .service()
        .map(read)
        .ok_or_else(|| CallError::unusable(OPERATION, "the answer has no service"))
}

/// Whether ECS does not see a revision that was registered just now (CONTRACTS 3.5.10).
pub fn revision_unseen(error: &CallError) -> bool {
    // "TaskDefinition not found.", "Unable to find task definition: …"
    let message = error.message.to_lowercase().replace(' ', "");
    error.kind == Kind::Refused
        && message.contains("taskdefinition")
        && ["notfound", "unabletofind", "doesnotexist"]
            .iter()
            .any(|text| message.contains(text))
}

fn read(service: &types::Service) -> Service {
    let configuration = service.deployment_configuration();
    let breaker =
        configuration.and_then(|configuration| configuration.deployment_circuit_breaker());
    let alarms = configuration
        .and_then(|configuration| configuration.alarms())
        .filter(|alarms| alarms.enable());
    let stack = service
        .tags()
        .iter()
        .find(|tag| tag.key() == Some("aws:cloudformation:stack-name"));
    let placement = read_placement(service);
    Service {
        name: service.service_name().unwrap_or_default().to_owned(),
        status: service.status().unwrap_or_default().to_owned(),
        controller: service
            .deployment_controller()
            .map(|controller| controller.r#type().as_str().to_owned())
            .unwrap_or_default(),
        strategy: configuration.map(read_strategy).unwrap_or_default(),
        scheduling: service
            .scheduling_strategy()
            .map(|s| s.as_str().to_owned())
            .unwrap_or_default(),
        desired: count(service.desired_count()),
        rolls_back_itself: breaker.is_some_and(|breaker| breaker.enable() && breaker.rollback())
            || alarms.is_some_and(|alarms| alarms.rollback()),
        alarms: alarms
            .map(|alarms| alarms.alarm_names().to_vec())
            .unwrap_or_default(),
        stack: stack.and_then(|tag| tag.value()).map(str::to_owned),
        settings: settings::read(service, &placement),
        placement,
        deployments: service.deployments().iter().map(read_deployment).collect(),
        events: service
            .events()
            .iter()
            .map(|event| Event {
                at: event.created_at().map(seconds).unwrap_or_default(),
                message: event.message().unwrap_or_default().to_owned(),
            })
            .collect(),
    }
}

fn read_strategy(configuration: &DeploymentConfiguration) -> Strategy {
    let strategy = configuration.strategy();
    let minutes = |minutes: Option<i32>, default| minutes.map_or(default, count);
    let linear = configuration.linear_configuration();
    let canary = configuration.canary_configuration();
    let pauses = configuration
        .lifecycle_hooks()
        .iter()
        .filter(|hook| hook.target_type() == Some(&DeploymentLifecycleHookTargetType::Pause));
    Strategy {
        name: strategy
            .map(|strategy| strategy.as_str().to_owned())
            .unwrap_or_default(),
        bake_minutes: minutes(configuration.bake_time_in_minutes(), 0),
        linear: (strategy == Some(&DeploymentStrategy::Linear)).then(|| {
            let (percent, pause) = LINEAR_STEP;
            (
                linear
                    .and_then(|linear| linear.step_percent())
                    .unwrap_or(percent),
                minutes(
                    linear.and_then(|linear| linear.step_bake_time_in_minutes()),
                    pause,
                ),
            )
        }),
        canary_minutes: (strategy == Some(&DeploymentStrategy::Canary)).then(|| {
            minutes(
                canary.and_then(|canary| canary.canary_bake_time_in_minutes()),
                CANARY_MINUTES,
            )
        }),
        pauses: pauses
            .flat_map(|hook| {
                let timeout = hook
                    .timeout_configuration()
                    .and_then(|timeout| timeout.timeout_in_minutes());
                let timeout = minutes(timeout, PAUSE_MINUTES);
                let stages = hook.lifecycle_stages().iter();
                stages.map(move |stage| (stage.as_str().to_owned(), timeout))
            })
            .collect(),
    }
}

fn read_placement(service: &types::Service) -> Placement {
    let network = service
        .network_configuration()
        .and_then(|network| network.awsvpc_configuration());
    Placement {
        launch_type: service
            .launch_type()
            .map(|launch_type| launch_type.as_str().to_owned())
            .unwrap_or_default(),
        capacity_providers: service
            .capacity_provider_strategy()
            .iter()
            .map(|item| {
                let provider = item.capacity_provider().to_owned();
                (provider, item.weight(), item.base())
            })
            .collect(),
        platform_version: service.platform_version().unwrap_or_default().to_owned(),
        network: network.map(|network| Network {
            subnets: network.subnets().to_vec(),
            security_groups: network.security_groups().to_vec(),
            public_ip: network.assign_public_ip() == Some(&AssignPublicIp::Enabled),
        }),
    }
}

fn read_deployment(deployment: &types::Deployment) -> Deployment {
    Deployment {
        id: deployment.id().unwrap_or_default().to_owned(),
        primary: deployment.status() == Some("PRIMARY"),
        task_definition: deployment.task_definition().unwrap_or_default().to_owned(),
        running: count(deployment.running_count()),
        pending: count(deployment.pending_count()),
        failed: count(deployment.failed_tasks()),
        changed: deployment.updated_at().map(seconds).unwrap_or_default(),
        state: RolloutState::parse(deployment.rollout_state().map(|state| state.as_str())),
        reason: deployment
            .rollout_state_reason()
            .unwrap_or_default()
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;
