//! The live state that a preview was computed from, as one hash: the same for the same state, another
//! one for each single change of it that matters.
//!
//! What matters is what a rollout starts from and goes back to. Of a service: whether it is there and
//! ACTIVE, what it serves and what is on its way (task definitions by ARN: revisions never change),
//! controller, scheduling, the stack that owns it, whether it should run anything at all, its deployment
//! strategy and configuration, network, launch type, load balancers. Of a stack: how it stands, template,
//! parameters, tags, role, and the services in it; and when it was last changed, if a NoEcho parameter
//! hides what it was changed to.
//!
//! What does not matter: how many tasks autoscaling asks for, how many run, events, the state of alarms,
//! the order in which AWS lists things, and everything that the release itself brings.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::rollout::seen::settings::Settings;
use crate::rollout::seen::{Network, Service, Strategy};
use crate::stack::parameters::is_hidden;
use crate::stack::standing::{Standing, of as standing};
use crate::stack::{Stack, digest};

/// The live state of one target, as far as it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Live {
    /// Twelve digits.
    pub account: String,
    /// Such as `ap-southeast-2`.
    pub region: String,
    /// `service`, `task` or `stack`.
    pub kind: &'static str,
    /// The service's, the task's or the stack's name.
    pub name: String,
    /// Cluster and service: the service itself, the one that a task is like, or those in a stack.
    pub services: Vec<(String, Service)>,
    /// The stack with its template as it was sent; none when there is none.
    pub stack: Option<(Stack, String)>,
}

/// `v1:` and 64 hex digits; `v1` says what goes into it.
pub fn fingerprint(targets: &[Live]) -> String {
    let mut all: Vec<String> = targets
        .iter()
        .map(|live| of_one(live).to_string())
        .collect();
    // The order in which a file names its targets changes nothing about them.
    all.sort();
    format!("v1:{}", hex::encode(Sha256::digest(all.join("\n"))))
}

fn of_one(live: &Live) -> Value {
    let mut services: Vec<Value> = live.services.iter().map(of_service).collect();
    services.sort_by_key(Value::to_string);
    json!({
        "account": live.account,
        "region": live.region,
        "kind": live.kind,
        "name": live.name,
        "services": services,
        "stack": live.stack.as_ref().map(|(stack, template)| of_stack(stack, template, &live.region)),
    })
}

fn of_service((cluster, service): &(String, Service)) -> Value {
    let definition = |which: Option<&crate::rollout::seen::Deployment>| {
        which.map(|deployment| deployment.task_definition.clone())
    };
    json!({
        "cluster": cluster,
        "name": service.name,
        "status": service.status,
        "controller": service.controller,
        "scheduling": service.scheduling,
        "stack": service.stack,
        "idle": service.desired == 0,
        "serves": definition(service.last_finished()),
        "primary": definition(service.primary()),
        "strategy": of_strategy(&service.strategy),
        "settings": of_settings(&service.settings),
    })
}

fn of_strategy(strategy: &Strategy) -> Value {
    let Strategy {
        name,
        bake_minutes,
        linear,
        canary_minutes,
        pauses,
    } = strategy;
    json!([name, bake_minutes, linear, canary_minutes, pauses])
}

fn of_settings(settings: &Settings) -> Value {
    let Settings {
        // A service that was made anew is the same one when it is as it was.
        arn,
        created: _,
        minimum_healthy,
        maximum,
        breaker,
        alarms,
        alarms_enabled,
        launch,
        platform,
        network,
        load_balancers,
        service_connect,
    } = settings;
    let network = network.as_ref().map(|network| {
        let Network {
            subnets,
            security_groups,
            public_ip,
        } = network;
        json!([sorted(subnets), sorted(security_groups), public_ip])
    });
    json!([
        arn,
        minimum_healthy,
        maximum,
        breaker,
        sorted(alarms),
        alarms_enabled,
        launch,
        platform,
        network,
        sorted(load_balancers),
        service_connect,
    ])
}

fn of_stack(stack: &Stack, template: &str, region: &str) -> Value {
    let hides = stack.parameters.iter().any(|(_, value)| is_hidden(value));
    let status = match standing(Some(stack), "", region) {
        Standing::Ready => "ready",
        _ => stack.status.as_str(),
    };
    json!({
        "id": stack.id,
        "status": status,
        "template": digest(template),
        "parameters": sorted(&stack.parameters),
        "tags": sorted(&stack.tags),
        "role": stack.role,
        "changed": hides.then_some(stack.changed),
    })
}

fn sorted<T: Ord + Clone>(list: &[T]) -> Vec<T> {
    let mut list = list.to_vec();
    list.sort();
    list
}

#[cfg(test)]
mod tests;
