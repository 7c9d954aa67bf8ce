//! ECS: clusters and services to roll out to, and what they run.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::account::Account;

/// A service to create, with its first task definition.
#[derive(Clone, Debug)]
pub struct ServiceSpec {
    /// The cluster's name; created if need be.
    pub cluster: String,
    /// The service's name.
    pub name: String,
    /// The task definition's family.
    pub family: String,
    /// At least one.
    pub containers: Vec<Container>,
    /// Whether the circuit breaker (with rollback) is on.
    pub breaker: bool,
    /// How many tasks.
    pub desired: u32,
    /// Tags of the service.
    pub tags: Vec<(String, String)>,
    /// Fields of `RegisterTaskDefinition` on top of (or instead of) the usual ones.
    pub task_definition: Map<String, Value>,
    /// Fields of `CreateService` on top of (or instead of) the usual ones.
    pub service: Map<String, Value>,
}

/// A container of the first task definition.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
}

impl ServiceSpec {
    /// A Fargate service of one task with one container, called like the service, breaker on.
    pub fn new(cluster: &str, name: &str, image: &str) -> Self {
        Self {
            cluster: cluster.to_owned(),
            name: name.to_owned(),
            family: name.to_owned(),
            containers: vec![Container {
                name: name.to_owned(),
                image: image.to_owned(),
            }],
            breaker: true,
            desired: 1,
            tags: Vec::new(),
            task_definition: Map::new(),
            service: Map::new(),
        }
    }
}

/// A service that exists.
#[derive(Clone)]
pub struct Service {
    account: Account,
    /// Its cluster.
    pub cluster: String,
    /// Its name.
    pub name: String,
    /// The family of its task definitions.
    pub family: String,
    /// Its ARN.
    pub arn: String,
    /// The ARN of the task definition that it was created with, or found with.
    pub first_task_definition: String,
}

/// Creates cluster, task definition and service.
pub fn create_service(account: &Account, spec: &ServiceSpec) -> Result<Service> {
    create_cluster(account, &spec.cluster)?;
    let containers: Vec<Value> = spec
        .containers
        .iter()
        .map(|container| {
            json!({ "name": container.name, "image": container.image, "essential": true })
        })
        .collect();
    let mut definition = json!({
        "family": spec.family,
        "containerDefinitions": containers,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
    });
    extend(&mut definition, &spec.task_definition);
    let registered = call(account, "RegisterTaskDefinition", definition)?;
    let first = text(&registered["taskDefinition"]["taskDefinitionArn"])?;

    let tags: Vec<Value> = spec
        .tags
        .iter()
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect();
    let mut service = json!({
        "cluster": spec.cluster,
        "serviceName": spec.name,
        "taskDefinition": first,
        "desiredCount": spec.desired,
        "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": { "enable": spec.breaker, "rollback": spec.breaker },
            "minimumHealthyPercent": 100,
            "maximumPercent": 200,
        },
        "tags": tags,
    });
    extend(&mut service, &spec.service);
    let created = call(account, "CreateService", service)?;
    Ok(Service {
        account: account.clone(),
        cluster: spec.cluster.clone(),
        name: spec.name.clone(),
        family: spec.family.clone(),
        arn: text(&created["service"]["serviceArn"])?,
        first_task_definition: first,
    })
}

/// Creates a cluster, unless it is there.
pub fn create_cluster(account: &Account, name: &str) -> Result<()> {
    call(account, "CreateCluster", json!({ "clusterName": name })).map(|_| ())
}

/// A service that something else made.
pub fn service(account: &Account, cluster: &str, name: &str) -> Result<Service> {
    let request = json!({ "cluster": cluster, "services": [name] });
    let described = call(account, "DescribeServices", request)?;
    let found = &described["services"][0];
    let running = text(&found["taskDefinition"])?;
    let family = running
        .rsplit('/')
        .next()
        .and_then(|id| id.split(':').next());
    Ok(Service {
        account: account.clone(),
        cluster: cluster.to_owned(),
        name: name.to_owned(),
        family: family.unwrap_or_default().to_owned(),
        arn: text(&found["serviceArn"])?,
        first_task_definition: running,
    })
}

impl Service {
    /// `DescribeServices`, this service.
    pub fn describe(&self) -> Result<Value> {
        let request =
            json!({ "cluster": self.cluster, "services": [self.name], "include": ["TAGS"] });
        let mut answer = call(&self.account, "DescribeServices", request)?;
        Ok(answer["services"]
            .get_mut(0)
            .context("the service is gone")?
            .take())
    }

    /// `deployments[]`, the PRIMARY one first.
    pub fn deployments(&self) -> Result<Vec<Value>> {
        let described = self.describe()?;
        let mut deployments = described["deployments"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        deployments.sort_by_key(|deployment| deployment["status"] != "PRIMARY");
        Ok(deployments)
    }

    /// The ARN of the PRIMARY deployment's task definition: what the service is to run.
    pub fn primary_task_definition(&self) -> Result<String> {
        let deployments = self.deployments()?;
        text(
            &deployments
                .first()
                .context("the service has no deployment")?["taskDefinition"],
        )
    }

    /// Every active revision of the family, oldest first: task definition and tags as
    /// `DescribeTaskDefinition` answers them.
    pub fn revisions(&self) -> Result<Vec<Value>> {
        let request = json!({ "familyPrefix": self.family, "sort": "ASC", "status": "ACTIVE" });
        let listed = call(&self.account, "ListTaskDefinitions", request)?;
        let arns = listed["taskDefinitionArns"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        arns.iter()
            .map(|arn| task_definition(&self.account, arn.as_str().unwrap_or_default()))
            .collect()
    }

    /// Its tasks, as `DescribeTasks` has them.
    pub fn tasks(&self) -> Result<Vec<Value>> {
        let request = json!({ "cluster": self.cluster, "serviceName": self.name });
        let listed = call(&self.account, "ListTasks", request)?;
        let arns = listed["taskArns"].clone();
        if arns.as_array().is_none_or(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let request = json!({ "cluster": self.cluster, "tasks": arns, "include": ["TAGS"] });
        let described = call(&self.account, "DescribeTasks", request)?;
        Ok(described["tasks"].as_array().cloned().unwrap_or_default())
    }

    /// Changes the service past redbutton, as another controller would.
    pub fn update(&self, changes: Value) -> Result<()> {
        let mut request = json!({ "cluster": self.cluster, "service": self.name });
        if let Value::Object(changes) = &changes {
            extend(&mut request, changes);
        }
        call(&self.account, "UpdateService", request).map(|_| ())
    }
}

/// `DescribeTaskDefinition` with tags: `{ "taskDefinition": …, "tags": … }`.
pub fn task_definition(account: &Account, name: &str) -> Result<Value> {
    call(
        account,
        "DescribeTaskDefinition",
        json!({ "taskDefinition": name, "include": ["TAGS"] }),
    )
}

fn call(account: &Account, operation: &str, body: Value) -> Result<Value> {
    account.json(
        "ecs",
        &format!("AmazonEC2ContainerServiceV20141113.{operation}"),
        body,
    )
}

fn extend(target: &mut Value, more: &Map<String, Value>) {
    if let Value::Object(fields) = target {
        fields.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
}

fn text(value: &Value) -> Result<String> {
    Ok(value
        .as_str()
        .context("the answer lacks an ARN")?
        .to_owned())
}
