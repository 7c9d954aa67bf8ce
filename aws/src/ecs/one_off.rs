//! One-off tasks: run once beside a service, and stopped.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, ContainerOverride, Failure,
    KeyValuePair, LaunchType, NetworkConfiguration, TaskOverride,
};
use aws_smithy_types::error::operation::BuildError;
use shared::rollout::seen::{Network, Placement};

use crate::error::{CallError, Kind};

/// A task to run.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The cluster's name.
    pub cluster: &'a str,
    /// ARN, or family and revision.
    pub task_definition: &'a str,
    /// Where it runs: as the service that it is like.
    pub placement: &'a Placement,
    /// The container that command and environment are for; without one neither is sent.
    pub container: Option<&'a str>,
    /// What the container runs in the place of its own command.
    pub command: Option<&'a [String]>,
    /// Environment variables besides the container's own.
    pub environment: &'a [(String, String)],
    /// At most 64 characters; the same token again is the same task (CONTRACTS 3.5.21).
    pub client_token: &'a str,
    /// At most 128 letters, digits, `-`, `/` or `_`; what `ListTasks` can be asked for.
    pub started_by: &'a str,
}

/// Runs a task and returns its ARN. The token makes the call repeatable: the SDK repeats it, and so
/// may the caller, with the same values. An answer without a task is an error (CONTRACTS 3.5.9).
pub async fn run(client: &Client, run: &Run<'_>) -> Result<String, CallError> {
    const OPERATION: &str = "ecs:RunTask";
    let invalid = |error: BuildError| CallError::unusable(OPERATION, error.to_string());
    let placement = run.placement;
    let providers = capacity_providers(placement).map_err(invalid)?;
    // With neither of the two, the cluster's own default strategy decides, as for the service.
    let launch_type = Some(placement.launch_type.as_str())
        .filter(|launch_type| providers.is_none() && !launch_type.is_empty());
    let platform = Some(placement.platform_version.clone())
        .filter(|version| !version.is_empty() && on_fargate(placement));
    let network = placement.network.as_ref().map(network).transpose();
    let answer = client
        .run_task()
        .cluster(run.cluster)
        .task_definition(run.task_definition)
        .count(1)
        .set_capacity_provider_strategy(providers)
        .set_launch_type(launch_type.map(LaunchType::from))
        .set_platform_version(platform)
        .set_network_configuration(network.map_err(invalid)?)
        .set_overrides(overrides(run))
        .client_token(run.client_token)
        .started_by(run.started_by)
        .send()
        .await
        .map_err(|error| CallError::new(OPERATION, error))?;
    if let Some(arn) = answer.tasks().first().and_then(|task| task.task_arn()) {
        return Ok(arn.to_owned());
    }
    Err(match answer.failures().first() {
        Some(failure) => failed(OPERATION, failure),
        None => CallError::unusable(OPERATION, "the answer has neither a task nor a failure"),
    })
}

/// Stops a task; one that has stopped already stays as it is, and one that ECS does not show is an
/// error of kind Missing. The reason shows as the task's `stoppedReason`.
pub async fn stop(
    client: &Client,
    cluster: &str,
    task: &str,
    reason: &str,
) -> Result<(), CallError> {
    let stopped = client
        .stop_task()
        .cluster(cluster)
        .task(task)
        .reason(reason)
        .send()
        .await;
    stopped.map(drop).map_err(|error| {
        let error = CallError::new("ecs:StopTask", error);
        match error.message.contains("task was not found") {
            true => CallError {
                kind: Kind::Missing,
                ..error
            },
            false => error,
        }
    })
}

/// Reasons that pass by themselves: there is no room now (ECS guide, "API failure reasons").
const PASSING: [&str; 3] = ["RESOURCE", "AGENT", "Capacity is unavailable at this time"];

fn failed(operation: &'static str, failure: &Failure) -> CallError {
    let reason = failure.reason().unwrap_or("no reason given");
    let about = |text: Option<&str>| {
        text.filter(|text| !text.is_empty())
            .map(|text| format!(" ({text})"))
            .unwrap_or_default()
    };
    let (kind, words) = if PASSING.iter().any(|passing| reason.starts_with(passing)) {
        (Kind::Throttled, "ECS has no room for the task now: ")
    } else if reason == "MISSING" {
        (Kind::Missing, "ECS started no task: ")
    } else {
        (Kind::Refused, "ECS started no task: ")
    };
    CallError {
        operation,
        kind,
        code: reason.to_owned(),
        message: [
            words,
            reason,
            &about(failure.detail()),
            &about(failure.arn()),
        ]
        .concat(),
    }
}

fn capacity_providers(
    placement: &Placement,
) -> Result<Option<Vec<CapacityProviderStrategyItem>>, BuildError> {
    let items = placement
        .capacity_providers
        .iter()
        .map(|(provider, weight, base)| {
            CapacityProviderStrategyItem::builder()
                .capacity_provider(provider)
                .weight(*weight)
                .base(*base)
                .build()
        });
    let items: Vec<_> = items.collect::<Result<_, _>>()?;
    Ok((!items.is_empty()).then_some(items))
}

/// Whether a platform version means anything there; ECS refuses one elsewhere.
fn on_fargate(placement: &Placement) -> bool {
    let mut providers = placement.capacity_providers.iter();
    match providers.next() {
        Some((first, ..)) => first.starts_with("FARGATE"),
        None => placement.launch_type == "FARGATE",
    }
}

fn network(network: &Network) -> Result<NetworkConfiguration, BuildError> {
    let awsvpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(network.subnets.clone()))
        .set_security_groups(
            (!network.security_groups.is_empty()).then(|| network.security_groups.clone()),
        )
        .assign_public_ip(if network.public_ip {
            AssignPublicIp::Enabled
        } else {
            AssignPublicIp::Disabled
        })
        .build()?;
    Ok(NetworkConfiguration::builder()
        .awsvpc_configuration(awsvpc)
        .build())
}

fn overrides(run: &Run<'_>) -> Option<TaskOverride> {
    if run.command.is_none() && run.environment.is_empty() {
        return None;
    }
    let environment = run
        .environment
        .iter()
        .map(|(name, value)| KeyValuePair::builder().name(name).value(value).build())
        .collect::<Vec<_>>();
    let container = ContainerOverride::builder()
        .name(run.container?)
        .set_command(run.command.map(<[String]>::to_vec))
        .set_environment((!environment.is_empty()).then_some(environment))
        .build();
    Some(
        TaskOverride::builder()
            .container_overrides(container)
            .build(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::replay;
    use serde_json::{Value, json};

    const TASK: &str = "arn:aws:ecs:us-east-1:111111111111:task/test/0b69d5c0d655425c97e6a7b5";

    async fn check(
        placement: &Placement,
        command: Option<&[String]>,
        environment: &[(String, String)],
        answer: Value,
    ) -> (Result<String, CallError>, Value) {
        let (config, replay) = replay([(200, answer)]);
        let wanted = Run {
            cluster: "test",
            task_definition: "migrate:7",
            placement,
            container: Some("app"),
            command,
            environment,
            client_token: "token",
            started_by: "redbutton",
        };
        let result = run(&Client::new(&config), &wanted).await;
        let [(operation, body)] = replay.calls().try_into().unwrap();
        assert_eq!(operation, "RunTask");
        (result, body)
    }

    fn started() -> Value {
        json!({"failures": [], "tasks": [{"taskArn": TASK, "lastStatus": "PROVISIONING"}]})
    }

    #[tokio::test]
    async fn only_what_is_known_is_sent() {
        let ec2 = Placement {
            launch_type: "EC2".into(),
            platform_version: "LATEST".into(),
            ..Placement::default()
        };
        let (arn, body) = check(&ec2, None, &[], started()).await;
        assert_eq!(arn.unwrap(), TASK);
        assert_eq!(
            body,
            json!({"cluster": "test", "count": 1, "launchType": "EC2", "startedBy": "redbutton",
                "taskDefinition": "migrate:7", "clientToken": "token"})
        );
        let (_, body) = check(&Placement::default(), None, &[], started()).await;
        assert!(body.get("launchType").is_none() && body.get("capacityProviderStrategy").is_none());
    }

    #[tokio::test]
    async fn capacity_providers_go_without_a_launch_type() {
        let spot = Placement {
            launch_type: "FARGATE".into(),
            capacity_providers: vec![("FARGATE_SPOT".into(), 1, 0)],
            platform_version: "1.4.0".into(),
            network: Some(Network {
                subnets: vec!["subnet-1".into()],
                security_groups: vec![],
                public_ip: false,
            }),
        };
        let command = ["migrate".to_owned(), String::new()];
        let environment = [("EMPTY".to_owned(), String::new())];
        let (_, body) = check(&spot, Some(&command), &environment, started()).await;
        assert_eq!(
            body,
            json!({
                "cluster": "test", "count": 1, "startedBy": "redbutton", "taskDefinition": "migrate:7", "clientToken": "token",
                "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}],
                "platformVersion": "1.4.0",
                "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "DISABLED"}},
                "overrides": {"containerOverrides": [{"name": "app", "command": ["migrate", ""],
                    "environment": [{"name": "EMPTY", "value": ""}]}]},
            })
        );
    }

    #[tokio::test]
    async fn a_task_that_is_gone_is_missing() {
        let gone = json!({"__type": "InvalidParameterException", "message": "The referenced task was not found."});
        let (config, _) = replay([(400, gone)]);
        let stopped = stop(&Client::new(&config), "test", TASK, "redbutton: timeout").await;
        assert_eq!(stopped.unwrap_err().kind, Kind::Missing);
    }

    /// Reasons as the ECS guide lists them.
    #[tokio::test]
    async fn a_failure_says_whether_it_passes() {
        let arn = "arn:aws:ecs:us-east-1:111111111111:container-instance/test/c1";
        for (reason, expected) in [
            ("RESOURCE:MEMORY", Kind::Throttled),
            ("RESOURCE:ENI", Kind::Throttled),
            ("AGENT", Kind::Throttled),
            (
                "Capacity is unavailable at this time. Please try again later or in a different availability zone",
                Kind::Throttled,
            ),
            ("ATTRIBUTE", Kind::Refused),
            ("LOCATION", Kind::Refused),
            ("INACTIVE", Kind::Refused),
            ("MISSING", Kind::Missing),
        ] {
            let answer = json!({"tasks": [], "failures": [{"arn": arn, "reason": reason}]});
            let (result, _) = check(&Placement::default(), None, &[], answer).await;
            let error = result.unwrap_err();
            assert_eq!(error.kind, expected, "{reason}");
            assert!(error.message.contains(reason) && error.message.contains(arn));
        }
        let (result, _) = check(&Placement::default(), None, &[], json!({})).await;
        assert_eq!(result.unwrap_err().kind, Kind::Refused);
    }
}
