//! Services: described, brought to a revision, brought back.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    self, ServiceDeploymentStatus as Status, ServiceField, StopServiceDeploymentStopType,
};
use shared::rollout::seen::{Deployment, Event, RolloutState, Service};
use shared::rollout_file::target::ServiceTarget;

use crate::error::{CallError, Kind};

/// Describes the service; an answer without it is an error (CONTRACTS 3.5.9).
pub async fn describe(client: &Client, target: &ServiceTarget) -> Result<Service, CallError> {
    const OPERATION: &str = "ecs:DescribeServices";
    let answer = client
        .describe_services()
        .cluster(&target.cluster)
        .services(&target.service)
        .include(ServiceField::Tags)
        .send()
        .await
        .map_err(|error| CallError::new(OPERATION, error))?;
    answer.services().first().map(read).ok_or_else(|| {
        let failure = answer.failures().first();
        let reason = failure
            .and_then(|failure| failure.reason())
            .unwrap_or("MISSING");
        let detail = failure
            .and_then(|failure| failure.detail())
            .unwrap_or_default();
        CallError {
            operation: OPERATION,
            kind: Kind::Missing,
            code: reason.to_owned(),
            message: format!(
                "there is no service {} in cluster {} here {detail}",
                target.service, target.cluster
            )
            .trim_end()
            .to_owned(),
        }
    })
}

/// Brings the service to a task definition and returns what it looks like then. The same task
/// definition again starts nothing (CONTRACTS 3.5.19), so the SDK may repeat the call.
pub async fn update(
    client: &Client,
    target: &ServiceTarget,
    task_definition: &str,
) -> Result<Service, CallError> {
    const OPERATION: &str = "ecs:UpdateService";
    let answer = client
        .update_service()
        .cluster(&target.cluster)
        .service(&target.service)
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

/// How far a service deployment is (CONTRACTS 3.5.27).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentPhase {
    /// It can still be stopped.
    UnderWay,
    /// ECS is going back already: nothing may be updated meanwhile.
    GoingBack,
    /// It has ended one way or another.
    Ended,
}

/// A deployment as the service-deployments API knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceDeployment {
    /// Its ARN.
    pub arn: String,
    /// How far it is, as far as going back asks.
    pub phase: DeploymentPhase,
    /// Its target revision's ARN.
    pub revision: String,
}

/// The newest service deployments, at most twenty; empty also where the API knows none.
pub async fn deployments(
    client: &Client,
    target: &ServiceTarget,
) -> Result<Vec<ServiceDeployment>, CallError> {
    let answer = client
        .list_service_deployments()
        .cluster(&target.cluster)
        .service(&target.service)
        .max_results(20)
        .send()
        .await
        .map_err(|error| CallError::new("ecs:ListServiceDeployments", error))?;
    let read = |brief: &types::ServiceDeploymentBrief| {
        Some(ServiceDeployment {
            arn: brief.service_deployment_arn()?.to_owned(),
            phase: match brief.status() {
                Some(Status::Pending | Status::InProgress) => DeploymentPhase::UnderWay,
                Some(Status::RollbackRequested | Status::RollbackInProgress) => {
                    DeploymentPhase::GoingBack
                }
                _ => DeploymentPhase::Ended,
            },
            revision: brief.target_service_revision_arn()?.to_owned(),
        })
    };
    Ok(answer
        .service_deployments()
        .iter()
        .filter_map(read)
        .collect())
}

/// The task definitions of service revisions (at most twenty), as pairs of both ARNs.
pub async fn revisions(
    client: &Client,
    arns: &[String],
) -> Result<Vec<(String, String)>, CallError> {
    let answer = client
        .describe_service_revisions()
        .set_service_revision_arns(Some(arns.to_vec()))
        .send()
        .await
        .map_err(|error| CallError::new("ecs:DescribeServiceRevisions", error))?;
    let pairs = answer.service_revisions().iter().filter_map(|revision| {
        Some((
            revision.service_revision_arn()?.to_owned(),
            revision.task_definition()?.to_owned(),
        ))
    });
    Ok(pairs.collect())
}

/// Stops a deployment under way and lets ECS go back (CONTRACTS 3.5.27).
pub async fn stop_and_roll_back(client: &Client, deployment: &str) -> Result<(), CallError> {
    client
        .stop_service_deployment()
        .service_deployment_arn(deployment)
        .stop_type(StopServiceDeploymentStopType::Rollback)
        .send()
        .await
        .map(drop)
        .map_err(|error| CallError::new("ecs:StopServiceDeployment", error))
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
    Service {
        status: service.status().unwrap_or_default().to_owned(),
        controller: service
            .deployment_controller()
            .map(|controller| controller.r#type().as_str().to_owned())
            .unwrap_or_default(),
        strategy: configuration
            .and_then(|configuration| configuration.strategy())
            .map(|strategy| strategy.as_str().to_owned())
            .unwrap_or_default(),
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

fn read_deployment(deployment: &types::Deployment) -> Deployment {
    Deployment {
        id: deployment.id().unwrap_or_default().to_owned(),
        primary: deployment.status() == Some("PRIMARY"),
        task_definition: deployment.task_definition().unwrap_or_default().to_owned(),
        running: count(deployment.running_count()),
        pending: count(deployment.pending_count()),
        failed: count(deployment.failed_tasks()),
        state: RolloutState::parse(deployment.rollout_state().map(|state| state.as_str())),
        reason: deployment
            .rollout_state_reason()
            .unwrap_or_default()
            .to_owned(),
    }
}

fn count(count: i32) -> u32 {
    u32::try_from(count).unwrap_or_default()
}

pub(super) fn seconds(time: &aws_smithy_types::DateTime) -> u64 {
    u64::try_from(time.secs()).unwrap_or_default()
}
