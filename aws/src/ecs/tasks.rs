//! Tasks of a service: those that should run, and those that stopped.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{self, DesiredStatus};
use shared::rollout::seen::{Container, Task};
use shared::rollout_file::target::ServiceTarget;

use super::service::seconds;
use crate::error::CallError;

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

/// The tasks of a service: all that should run, or the stopped ones up to 500; every page, a hundred
/// described at a time (CONTRACTS 3.5.8). Tasks that vanish between the two calls are left out.
pub async fn list(
    client: &Client,
    target: &ServiceTarget,
    which: Which,
) -> Result<Vec<Task>, CallError> {
    let mut pages = client
        .list_tasks()
        .cluster(&target.cluster)
        .service_name(&target.service)
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
    let mut tasks = Vec::new();
    for hundred in arns.chunks(100) {
        let answer = client
            .describe_tasks()
            .cluster(&target.cluster)
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
        task_definition: text(task.task_definition_arn()),
        last_status: text(task.last_status()),
        stop_code: text(task.stop_code().map(|code| code.as_str())),
        stopped_reason: text(task.stopped_reason()),
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
