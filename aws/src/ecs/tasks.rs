//! Tasks: those of a service that should run, those of it that stopped, and any by their ARNs.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::operation::list_tasks::builders::ListTasksFluentBuilder;
use aws_sdk_ecs::types::{self, DesiredStatus};
use shared::rollout::seen::{Container, Task};

use crate::error::CallError;
use crate::time::seconds;

/// A service that starts and loses tasks in a loop has thousands of stopped ones within the hour,
/// all of one cause.
const STOPPED_ENOUGH: usize = 500;

/// Which tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that should run.
    Serving,
    /// Those that stopped within about the last hour (CONTRACTS 3.5.28); 500 of them at most.
    Stopped,
}

/// The tasks of a service: all that should run, or the stopped ones up to 500; every page.
pub async fn list(
    client: &Client,
    cluster: &str,
    service: &str,
    which: Which,
) -> Result<Vec<Task>, CallError> {
    let tasks = client.list_tasks().service_name(service);
    listed(client, tasks, cluster, which).await
}

/// As [`list`], the tasks of a task definition family, whoever started them.
pub async fn of_family(
    client: &Client,
    cluster: &str,
    family: &str,
    which: Which,
) -> Result<Vec<Task>, CallError> {
    let tasks = client.list_tasks().family(family);
    listed(client, tasks, cluster, which).await
}

async fn listed(
    client: &Client,
    tasks: ListTasksFluentBuilder,
    cluster: &str,
    which: Which,
) -> Result<Vec<Task>, CallError> {
    let mut pages = tasks
        .cluster(cluster)
        .desired_status(match which {
            Which::Serving => DesiredStatus::Running,
            Which::Stopped => DesiredStatus::Stopped,
        })
        .into_paginator()
        .items()
        .send();
    let mut arns = Vec::new();
    while let Some(arn) = pages.next().await {
        arns.push(arn.map_err(|error| CallError::new("ecs:ListTasks", error))?);
        if which == Which::Stopped && arns.len() == STOPPED_ENOUGH {
            break;
        }
    }
    describe(client, cluster, &arns).await
}

/// Tasks by their ARNs, a hundred a call (CONTRACTS 3.5.8). What ECS does not show, or no longer,
/// is left out.
pub async fn describe(
    client: &Client,
    cluster: &str,
    arns: &[String],
) -> Result<Vec<Task>, CallError> {
    let mut tasks = Vec::new();
    for hundred in arns.chunks(100) {
        let answer = client
            .describe_tasks()
            .cluster(cluster)
            .set_tasks(Some(hundred.to_vec()))
            .send()
            .await
            .map_err(|error| CallError::new("ecs:DescribeTasks", error))?;
        tasks.extend(answer.tasks().iter().map(read));
    }
    Ok(tasks)
}

fn read(task: &types::Task) -> Task {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Task {
        arn: text(task.task_arn()),
        task_definition: text(task.task_definition_arn()),
        started_by: text(task.started_by()),
        last_status: text(task.last_status()),
        stop_code: text(task.stop_code().map(|code| code.as_str())),
        stopped_reason: text(task.stopped_reason()),
        started_at: task.started_at().map(seconds).unwrap_or_default(),
        stopped_at: task.stopped_at().map(seconds).unwrap_or_default(),
        containers: task
            .containers()
            .iter()
            .map(|container| Container {
                name: text(container.name()),
                image: text(container.image()),
                digest: container
                    .image_digest()
                    .filter(|digest| !digest.is_empty())
                    .map(str::to_owned),
                exit_code: container.exit_code(),
                reason: text(container.reason()),
                health: text(container.health_status().map(|health| health.as_str())),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::replay;
    use serde_json::{Value, json};

    // rules: 3.5.8
    #[tokio::test]
    async fn every_page_is_read_and_a_hundred_described_a_call() {
        let arns = |range: std::ops::Range<u32>| -> Vec<String> {
            range
                .map(|n| format!("arn:aws:ecs:ap-southeast-2:333333333333:task/test/{n}"))
                .collect()
        };
        let described = |arns: Vec<String>| {
            let tasks: Vec<Value> = arns.iter().map(|arn| json!({ "taskArn": arn })).collect();
            (200, json!({"tasks": tasks, "failures": []}))
        };
        let (config, replay) = replay([
            (200, json!({"taskArns": arns(0..100), "nextToken": "more"})),
            (200, json!({"taskArns": arns(100..101)})),
            described(arns(0..100)),
            described(arns(100..101)),
        ]);
        let tasks = list(&Client::new(&config), "test", "web", Which::Serving).await;
        assert_eq!(tasks.unwrap().len(), 101);
        let calls = replay.calls();
        let asked: Vec<usize> = calls
            .iter()
            .filter(|(operation, _)| operation == "DescribeTasks")
            .map(|(_, body)| body["tasks"].as_array().unwrap().len())
            .collect();
        assert_eq!(asked, [100, 1]);
        assert_eq!(calls[1].1["nextToken"], "more");
    }
}
