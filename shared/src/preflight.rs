//! What is found before the first write: all of it at once, each with what to change or to allow.
//!
//! Here is what the target itself shows. What is around it, such as roles and secrets: what is needed
//! ([`needs`]), what AWS says about it ([`access`]), whether it is there ([`verdict`]) and whether it may
//! be used ([`rights`]); what does not fit in any account ([`limits`]).

pub mod access;
pub mod limits;
pub mod needs;
pub mod rights;
mod times;
pub mod verdict;

pub use times::times;

use serde_json::Value;

use crate::names::{Account, short};
use crate::rollout::seen::Service;
use crate::rollout_file::images::Image;
use crate::rollout_file::target::{OneOff, Target};
use crate::task_definition::{TaskDefinition, foreign};

/// `allow` entry for a service that a CloudFormation stack owns.
pub const STACK_OWNED: &str = "stackOwned";
/// `allow` entry for a service that runs nothing.
pub const DESIRED_COUNT_ZERO: &str = "desiredCountZero";

/// `allow` entry that leaves containers which exit at their start to ECS's circuit breaker.
pub const EXIT_AT_START: &str = "exitAtStart";

/// Findings about the service itself (CONTRACTS 3.5.18 to 3.5.20).
pub fn service(service: &Service, allow: &[String]) -> Vec<String> {
    let allowed = |exception: &str| allow.iter().any(|entry| entry == exception);
    let mut findings = Vec::new();
    if service.status != "ACTIVE" {
        findings.push(format!(
            "the service is {}, not ACTIVE: create it again, or correct \"service\" and \"cluster\"",
            service.status
        ));
        return findings;
    }
    match service.controller.as_str() {
        "" | "ECS" => {}
        "CODE_DEPLOY" => findings.push(
            "its deployment controller is CODE_DEPLOY: its task definition changes through \
             CodeDeploy only. Use the CodeDeployToECS action, or move the service to the ECS \
             controller (its blue/green strategy needs no CodeDeploy)"
                .to_owned(),
        ),
        other => findings.push(format!(
            "its deployment controller is {other}: whatever manages its task sets has to release \
             it; redbutton rolls out services of the ECS controller"
        )),
    }
    if let Some(stack) = service.stack.as_deref().filter(|_| !allowed(STACK_OWNED)) {
        findings.push(format!(
            "CloudFormation stack {stack} owns it: the stack's next update would undo this \
             release. Update the image through the stack, or write \"{STACK_OWNED}\" into \"allow\""
        ));
    }
    if service.desired == 0 && !allowed(DESIRED_COUNT_ZERO) {
        let what = if service.scheduling == "DAEMON" {
            "it is a DAEMON service and the cluster has no instance to run it on"
        } else {
            "its desired count is 0"
        };
        findings.push(format!(
            "{what}: a rollout would succeed at once and prove nothing. Let it run at least one \
             task, or write \"{DESIRED_COUNT_ZERO}\" into \"allow\""
        ));
    }
    if service.primary().is_none() {
        findings.push("it has no PRIMARY deployment".to_owned());
    }
    findings
}

/// Findings about the task definition: what points to another account or region (3.5.23).
pub fn task_definition(
    definition: &TaskDefinition,
    target: &Target,
    account: &Account,
    allow: &[String],
) -> Vec<String> {
    let foreign = foreign::find(definition.body(), account, &target.region, allow);
    let finding = |found: foreign::Foreign| {
        format!(
            "{} points to {}: {}. Put the target's own there, or write {:?} into \"allow\"",
            found.path, found.why, found.allow, found.allow
        )
    };
    foreign.into_iter().map(finding).collect()
}

/// `allow` entry for tags that ECS does not resolve to one digest per deployment.
pub const FLOATING_TAG: &str = "floatingTag";

/// Images by a tag that nobody pins: neither redbutton, which has pinned what was handed in and is in
/// ECR, nor ECS, which is told not to (CONTRACTS 3.5.24). Tasks of one deployment may run different
/// images then.
pub fn floating(definition: &TaskDefinition, allow: &[String]) -> Vec<String> {
    let off = |name: &str| {
        let containers = definition.body().get("containerDefinitions");
        let mut each = containers.and_then(Value::as_array).into_iter().flatten();
        each.any(|container| {
            container.get("name").and_then(Value::as_str) == Some(name)
                && container.get("versionConsistency").and_then(Value::as_str) == Some("disabled")
        })
    };
    let unpinned = |image: &str| Image::parse(image).is_some_and(|image| image.digest.is_none());
    if allow.iter().any(|entry| entry == FLOATING_TAG) {
        return Vec::new();
    }
    let images = definition.images();
    let floating = images
        .iter()
        .filter(|(name, image)| unpinned(image) && off(name));
    floating
        .map(|(name, image)| {
            format!(
                "container {name:?} has versionConsistency disabled, and its image {image} is a \
                 tag that nobody pins: tasks of one deployment may run different images. Write its \
                 digest, or write \"{FLOATING_TAG}\" into \"allow\""
            )
        })
        .collect()
}

/// Findings about the order: what begins later finds the service as it was checked.
pub fn delayed(target: &Target, service: &Service) -> Vec<String> {
    let last = service.last_finished().map(|last| &last.task_definition);
    match service.primary() {
        Some(primary) if !target.after.is_empty() && last != Some(&primary.task_definition) => {
            vec![format!(
                "somebody else is rolling out {}, and this target begins only after others: let \
                 that rollout end first",
                short(&primary.task_definition)
            )]
        }
        _ => Vec::new(),
    }
}

/// Findings about a one-off task: the container whose command and exit code are meant.
pub fn one_off(task: &OneOff, definition: &TaskDefinition) -> Vec<String> {
    let containers = definition.containers();
    match &task.container {
        Some(name) if !containers.contains(&name.as_str()) => vec![format!(
            "container: no container is named {name:?}; there are: {}",
            containers.join(", ")
        )],
        None if containers.len() > 1 => vec![format!(
            "container: is missing; name the one whose exit code counts: {}",
            containers.join(", ")
        )],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::seen::{Deployment, RolloutState};
    use crate::rollout_file::RolloutFile;
    use serde_json::json;

    fn fit() -> Service {
        Service {
            status: "ACTIVE".into(),
            desired: 1,
            deployments: vec![Deployment {
                primary: true,
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    fn check(change: impl Fn(&mut Service), allow: &[&str], expected: Option<&str>) {
        let mut seen = fit();
        change(&mut seen);
        let allow: Vec<String> = allow.iter().map(|entry| (*entry).to_owned()).collect();
        let findings = service(&seen, &allow).join("\n");
        match expected {
            Some(expected) => assert!(findings.contains(expected), "{findings:?}"),
            None => assert_eq!(findings, ""),
        }
    }

    // rules: 3.5.18 3.5.20
    #[test]
    fn what_cannot_be_rolled_out_is_found_before_the_first_write() {
        check(|_| {}, &[], None);
        check(|s| s.scheduling = "DAEMON".into(), &[], None);
        check(|s| s.status = "INACTIVE".into(), &[], Some("INACTIVE"));
        check(
            |s| s.controller = "CODE_DEPLOY".into(),
            &[],
            Some("CodeDeployToECS"),
        );
        check(|s| s.controller = "EXTERNAL".into(), &[], Some("EXTERNAL"));
        check(
            |s| s.stack = Some("web-stack".into()),
            &[],
            Some("web-stack"),
        );
        check(
            |s| s.stack = Some("web-stack".into()),
            &["stackOwned"],
            None,
        );
        check(|s| s.desired = 0, &[], Some("desired count is 0"));
        check(
            |s| (s.desired, s.scheduling) = (0, "DAEMON".into()),
            &[],
            Some("no instance"),
        );
        check(|s| s.desired = 0, &["desiredCountZero"], None);
        check(|s| s.deployments.clear(), &[], Some("PRIMARY"));
    }

    #[test]
    fn several_findings_come_together() {
        let mut seen = fit();
        seen.controller = "CODE_DEPLOY".into();
        seen.stack = Some("s".into());
        seen.desired = 0;
        assert_eq!(service(&seen, &[]).len(), 3);
    }

    // rules: 3.5.24
    #[test]
    fn a_tag_that_nobody_pins_is_refused() {
        let find = |image: &str, consistency: &str, allow: &[&str]| {
            let container =
                json!({"name": "web", "image": image, "versionConsistency": consistency});
            let file = json!({"family": "web", "containerDefinitions": [container]});
            let definition = TaskDefinition::from_file(file.to_string().as_bytes()).unwrap();
            let allow: Vec<String> = allow.iter().map(|entry| (*entry).to_owned()).collect();
            floating(&definition, &allow).len()
        };
        let digest = format!("docker.io/web@sha256:{}", "a".repeat(64));
        assert_eq!(find("docker.io/web:v2", "disabled", &[]), 1);
        assert_eq!(find("docker.io/web:v2", "enabled", &[]), 0);
        assert_eq!(find("docker.io/web:v2", "disabled", &["floatingTag"]), 0);
        assert_eq!(find(&digest, "disabled", &[]), 0);
    }

    #[test]
    fn a_one_off_task_names_the_container_that_counts() {
        let definition = |containers: &[&str]| {
            let containers: Vec<_> = containers
                .iter()
                .map(|name| json!({"name": name, "image": "i"}))
                .collect();
            let file = json!({"family": "web", "containerDefinitions": containers});
            TaskDefinition::from_file(file.to_string().as_bytes()).unwrap()
        };
        let task = |container: Option<&str>| OneOff {
            like: "web".into(),
            command: None,
            container: container.map(str::to_owned),
            environment: Vec::new(),
        };
        let two = definition(&["web", "proxy"]);
        assert_eq!(one_off(&task(Some("proxy")), &two).len(), 0);
        assert_eq!(one_off(&task(None), &definition(&["web"])).len(), 0);
        assert!(one_off(&task(None), &two).join("").contains("web, proxy"));
        assert!(
            one_off(&task(Some("wbe")), &two)
                .join("")
                .contains("\"wbe\"")
        );
    }

    #[test]
    fn what_begins_later_finds_no_rollout_of_others() {
        let file = RolloutFile::from_value(&json!({"region": "ap-southeast-2", "targets": [
            {"service": "api", "cluster": "test"},
            {"service": "web", "cluster": "test", "after": "api"},
        ]}))
        .unwrap();
        let mut busy = fit();
        busy.deployments = ["web:9", "web:8"]
            .into_iter()
            .enumerate()
            .map(|(n, definition)| Deployment {
                primary: n == 0,
                task_definition: definition.into(),
                state: RolloutState::parse(Some(if n == 0 { "IN_PROGRESS" } else { "COMPLETED" })),
                ..Default::default()
            })
            .collect();
        assert_eq!(delayed(&file.targets[0], &busy).len(), 0);
        assert!(delayed(&file.targets[1], &busy).join("").contains("web:9"));
        assert_eq!(delayed(&file.targets[1], &fit()).len(), 0);
    }
}
