//! The container behind a task: where it answers, and which image it really is.

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::{Context, Result};
use serde_json::Value;

use super::engine::{Engine, encode, list, text};

/// A running container of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskContainer {
    /// The container's name in the task definition.
    pub name: String,
    /// The engine's id of it.
    pub id: String,
    /// Its address on the engine's network, which this machine reaches at every port.
    pub address: Option<IpAddr>,
    /// Every digest (`sha256:…`) that the engine knows its image by: what runs, whatever the task
    /// says about itself.
    pub digests: BTreeSet<String>,
}

impl Engine {
    /// The running containers of the task with this ARN; none when it has stopped.
    pub fn task_containers(&self, task: &str) -> Result<Vec<TaskContainer>> {
        let label = format!("com.amazonaws.ecs.task-arn={task}");
        let filters = encode(&serde_json::json!({ "label": [label] }).to_string());
        let running = self.get(&format!("/containers/json?filters={filters}"))?;
        list(&running, "")
            .map(|container| self.describe(container))
            .collect()
    }

    fn describe(&self, container: &Value) -> Result<TaskContainer> {
        let image = text(container, "/ImageID").context("the engine names no image")?;
        let image = self.get(&format!("/images/{image}/json"))?;
        let named = |pointer| text(container, pointer).unwrap_or_default().to_owned();
        let networks = container
            .pointer("/NetworkSettings/Networks")
            .and_then(Value::as_object);
        Ok(TaskContainer {
            name: named("/Labels/com.amazonaws.ecs.container-name"),
            id: named("/Id"),
            address: networks
                .into_iter()
                .flatten()
                // Empty on the host's own network.
                .find_map(|(_, network)| text(network, "/IPAddress")?.parse().ok()),
            digests: list(&image, "/RepoDigests")
                .filter_map(|reference| Some(reference.as_str()?.split_once('@')?.1.to_owned()))
                .collect(),
        })
    }
}
