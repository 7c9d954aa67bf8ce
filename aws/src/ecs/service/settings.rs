//! What of a service no release changes.

use aws_sdk_ecs::types;
use shared::rollout::seen::settings::Settings;
use shared::rollout::seen::{Network, Placement};

use crate::time::seconds;

/// Reads a service's settings; where its tasks run was read before.
pub(super) fn read(service: &types::Service, placement: &Placement) -> Settings {
    let configuration = service.deployment_configuration();
    let breaker =
        configuration.and_then(|configuration| configuration.deployment_circuit_breaker());
    let alarms = configuration.and_then(|configuration| configuration.alarms());
    let primary = service
        .deployments()
        .iter()
        .find(|deployment| deployment.status() == Some("PRIMARY"));
    Settings {
        arn: service.service_arn().unwrap_or_default().to_owned(),
        created: service.created_at().map(seconds).unwrap_or_default(),
        minimum_healthy: configuration
            .and_then(|configuration| configuration.minimum_healthy_percent()),
        maximum: configuration.and_then(|configuration| configuration.maximum_percent()),
        breaker: breaker.map(|breaker| (breaker.enable(), breaker.rollback())),
        alarms: alarms
            .map(|alarms| alarms.alarm_names().to_vec())
            .unwrap_or_default(),
        alarms_enabled: alarms.is_some_and(|alarms| alarms.enable()),
        launch: launch(placement),
        platform: placement.platform_version.clone(),
        network: placement.network.clone().map(sorted),
        load_balancers: service.load_balancers().iter().map(balanced).collect(),
        service_connect: primary
            .and_then(|primary| primary.service_connect_configuration())
            .is_some_and(|connect| connect.enabled()),
    }
}

fn launch(placement: &Placement) -> String {
    let providers = placement.capacity_providers.iter();
    let providers: Vec<String> = providers
        .map(|(provider, weight, base)| match base {
            0 => format!("{provider}:{weight}"),
            base => format!("{provider}:{weight} base {base}"),
        })
        .collect();
    match providers.is_empty() {
        true => placement.launch_type.clone(),
        false => format!("capacity providers {}", providers.join(", ")),
    }
}

fn sorted(mut network: Network) -> Network {
    network.subnets.sort_unstable();
    network.security_groups.sort_unstable();
    network
}

fn balanced(balancer: &types::LoadBalancer) -> String {
    let target = balancer
        .target_group_arn()
        .or(balancer.load_balancer_name())
        .unwrap_or_default();
    let container = balancer.container_name().unwrap_or_default();
    match balancer.container_port() {
        Some(port) => format!("{target} {container}:{port}"),
        None => format!("{target} {container}"),
    }
}
