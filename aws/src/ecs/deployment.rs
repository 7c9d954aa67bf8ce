//! Service deployments: ECS's own record of what it brings, or brought, to a service
//! (CONTRACTS 3.5.13).

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    self, DeploymentLifecycleHookDetail, DeploymentLifecycleHookTargetType,
    ServiceDeploymentStatus, StopServiceDeploymentStopType,
};
use shared::rollout::seen::{Hook, Recent, ServiceDeployment, Status};

use super::count;
use crate::error::{CallError, Kind};
use crate::time::seconds;

/// A service deployment in the list of the newest ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// What the list says; its task definition is empty, since only the revision knows it.
    pub recent: Recent,
    /// Its ARN.
    pub arn: String,
    /// Its target revision's ARN.
    pub revision: String,
}

/// The newest service deployments, newest first, at most twenty; empty also where the API knows
/// none.
pub async fn list(client: &Client, cluster: &str, service: &str) -> Result<Vec<Listed>, CallError> {
    let answer = client
        .list_service_deployments()
        .cluster(cluster)
        .service(service)
        .max_results(20)
        .send()
        .await
        .map_err(|error| CallError::new("ecs:ListServiceDeployments", error))?;
    let mut listed: Vec<Listed> = answer
        .service_deployments()
        .iter()
        .filter_map(|brief| {
            let arn = brief.service_deployment_arn()?.to_owned();
            let recent = Recent {
                id: arn.rsplit('/').next().unwrap_or_default().to_owned(),
                created: brief.created_at().map(seconds).unwrap_or_default(),
                task_definition: String::new(),
                status: read_status(brief.status()),
                reason: brief.status_reason().unwrap_or_default().to_owned(),
            };
            Some(Listed {
                recent,
                arn,
                revision: brief.target_service_revision_arn()?.to_owned(),
            })
        })
        .collect();
    listed.sort_by_key(|listed| std::cmp::Reverse(listed.recent.created));
    Ok(listed)
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

/// Describes a service deployment; none when ECS does not show it (CONTRACTS 3.5.9).
pub async fn describe(client: &Client, arn: &str) -> Result<Option<ServiceDeployment>, CallError> {
    const OPERATION: &str = "ecs:DescribeServiceDeployments";
    let answer = client
        .describe_service_deployments()
        .service_deployment_arns(arn)
        .send()
        .await
        .map_err(|error| CallError::new(OPERATION, error))?;
    if let Some(deployment) = answer.service_deployments().first() {
        return Ok(Some(read(deployment)));
    }
    match answer.failures().first() {
        Some(failure) if failure.reason() != Some("MISSING") => Err(CallError {
            operation: OPERATION,
            kind: Kind::Refused,
            code: failure.reason().unwrap_or_default().to_owned(),
            message: failure.detail().unwrap_or_default().to_owned(),
        }),
        _ => Ok(None),
    }
}

/// Stops a deployment under way and lets ECS go back (CONTRACTS 3.5.27).
pub async fn stop_and_roll_back(client: &Client, arn: &str) -> Result<(), CallError> {
    client
        .stop_service_deployment()
        .service_deployment_arn(arn)
        .stop_type(StopServiceDeploymentStopType::Rollback)
        .send()
        .await
        .map(drop)
        .map_err(|error| CallError::new("ecs:StopServiceDeployment", error))
}

fn read(deployment: &types::ServiceDeployment) -> ServiceDeployment {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let target = deployment.target_service_revision();
    let breaker = deployment.deployment_circuit_breaker();
    ServiceDeployment {
        status: read_status(deployment.status()),
        reason: text(deployment.status_reason()),
        stage: text(deployment.lifecycle_stage().map(|stage| stage.as_str())),
        tasks: target
            .map(|target| {
                (
                    count(target.running_task_count()),
                    count(target.requested_task_count()),
                )
            })
            .unwrap_or_default(),
        traffic: target.and_then(|target| target.requested_production_traffic_weight()),
        failures: breaker
            .map(|breaker| (count(breaker.failure_count()), count(breaker.threshold())))
            .unwrap_or_default(),
        alarms: deployment
            .alarms()
            .map(|alarms| alarms.triggered_alarm_names().to_vec())
            .unwrap_or_default(),
        rollback: text(deployment.rollback().and_then(|rollback| rollback.reason())),
        hooks: deployment
            .lifecycle_hook_details()
            .iter()
            .map(read_hook)
            .collect(),
    }
}

fn read_hook(hook: &DeploymentLifecycleHookDetail) -> Hook {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Hook {
        id: text(hook.hook_id()),
        pause: hook.target_type() == Some(&DeploymentLifecycleHookTargetType::Pause),
        function: text(hook.target_arn()),
        status: text(hook.status().map(|status| status.as_str())),
        expires: hook.expires_at().map(seconds).unwrap_or_default(),
        then: text(hook.timeout_action().map(|action| action.as_str())),
    }
}

fn read_status(status: Option<&ServiceDeploymentStatus>) -> Status {
    status
        .map(|status| Status::parse(status.as_str()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::replay;
    use serde_json::{Value, json};

    const ARN: &str =
        "arn:aws:ecs:us-east-1:111111111111:service-deployment/test/web/ejGvqq2ilnbKT9qj0vLJe";
    const REVISION: &str =
        "arn:aws:ecs:us-east-1:111111111111:service-revision/test/web/4980306466373577095";

    async fn described(answer: Value) -> Result<Option<ServiceDeployment>, CallError> {
        let (config, replay) = replay([(200, answer)]);
        let deployment = describe(&Client::new(&config), ARN).await;
        let body = json!({"serviceDeploymentArns": [ARN]});
        let call = ("DescribeServiceDeployments".to_owned(), body);
        assert_eq!(replay.calls(), [call]);
        deployment
    }

    /// The shape of the API reference's example, with a canary's traffic and a pause.
    #[tokio::test]
    async fn a_deployment_is_read_with_all_that_decides() {
        let answer = json!({"failures": [], "serviceDeployments": [{
            "serviceDeploymentArn": ARN,
            "createdAt": 1_725_653_334.8,
            "status": "ROLLBACK_IN_PROGRESS",
            "statusReason": "Service deployment rolled back because the circuit breaker threshold was exceeded.",
            "lifecycleStage": "PRE_PRODUCTION_TRAFFIC_SHIFT",
            "sourceServiceRevisions": [{"arn": "x", "requestedTaskCount": 9, "runningTaskCount": 9, "pendingTaskCount": 0}],
            "targetServiceRevision": {"arn": REVISION, "requestedTaskCount": 4, "runningTaskCount": 1, "pendingTaskCount": 3,
                "requestedTestTrafficWeight": 100.0, "requestedProductionTrafficWeight": 5.5},
            "deploymentCircuitBreaker": {"status": "TRIGGERED", "failureCount": 3, "threshold": 3},
            "alarms": {"status": "TRIGGERED", "alarmNames": ["errors", "latency"], "triggeredAlarmNames": ["errors"]},
            "rollback": {"reason": "The circuit breaker initiated the rollback.", "startedAt": 1_725_653_400.0, "serviceRevisionArn": "x"},
            "lifecycleHookDetails": [
                {"hookId": "h-1", "targetType": "PAUSE", "status": "AWAITING_ACTION", "expiresAt": 1_725_739_734.5, "timeoutAction": "ROLLBACK"},
                {"hookId": "h-2", "targetType": "AWS_LAMBDA", "targetArn": "arn:aws:lambda:us-east-1:111111111111:function:check", "status": "SUCCEEDED"},
            ],
        }]});
        let expected = ServiceDeployment {
            status: Status::RollbackInProgress,
            reason:
                "Service deployment rolled back because the circuit breaker threshold was exceeded."
                    .into(),
            stage: "PRE_PRODUCTION_TRAFFIC_SHIFT".into(),
            tasks: (1, 4),
            traffic: Some(5.5),
            failures: (3, 3),
            alarms: vec!["errors".into()],
            rollback: "The circuit breaker initiated the rollback.".into(),
            hooks: vec![
                Hook {
                    id: "h-1".into(),
                    pause: true,
                    function: String::new(),
                    status: "AWAITING_ACTION".into(),
                    expires: 1_725_739_734,
                    then: "ROLLBACK".into(),
                },
                Hook {
                    id: "h-2".into(),
                    pause: false,
                    function: "arn:aws:lambda:us-east-1:111111111111:function:check".into(),
                    status: "SUCCEEDED".into(),
                    expires: 0,
                    then: String::new(),
                },
            ],
        };
        assert_eq!(described(answer).await.unwrap(), Some(expected));
    }

    #[tokio::test]
    async fn what_ecs_does_not_show_is_none_and_what_it_does_not_know_is_kept() {
        for missing in [json!([]), json!([{"arn": ARN, "reason": "MISSING"}])] {
            let answer = json!({"serviceDeployments": [], "failures": missing});
            assert_eq!(described(answer).await.unwrap(), None);
        }
        let refused = json!({"failures": [{"arn": ARN, "reason": "OTHER", "detail": "why"}]});
        let error = described(refused).await.unwrap_err();
        assert_eq!((error.kind, error.code.as_str()), (Kind::Refused, "OTHER"));
        let answer = json!({"serviceDeployments": [{"serviceDeploymentArn": ARN, "status": "WAITING_FOR_MOON"}]});
        let status = described(answer).await.unwrap().unwrap().status;
        assert_eq!(status, Status::Unknown("WAITING_FOR_MOON".into()));
    }

    #[tokio::test]
    async fn the_newest_deployment_is_the_first() {
        let brief = |id: &str, created: f64, status: &str| {
            json!({"serviceDeploymentArn": ARN.replace("ejGvqq2ilnbKT9qj0vLJe", id), "createdAt": created,
                "targetServiceRevisionArn": REVISION, "status": status})
        };
        let answer = json!({"serviceDeployments": [
            brief("old", 1_000.5, "SUCCESSFUL"),
            brief("new", 2_000.5, "IN_PROGRESS"),
        ]});
        let (config, _) = replay([(200, answer)]);
        let listed = list(&Client::new(&config), "test", "web").await.unwrap();
        let seen: Vec<_> = listed
            .iter()
            .map(|listed| (listed.recent.id.as_str(), &listed.recent.status))
            .collect();
        assert_eq!(
            seen,
            [("new", &Status::InProgress), ("old", &Status::Successful)]
        );
        assert!(listed[0].arn.ends_with("/test/web/new") && listed[0].revision == REVISION);
    }
}
