//! What is found before the first write: all of it at once, each with what to change or to allow.

use crate::names::Account;
use crate::rollout::seen::Service;
use crate::rollout_file::target::ServiceTarget;
use crate::task_definition::{TaskDefinition, foreign};

/// `allow` entry for a service that a CloudFormation stack owns.
pub const STACK_OWNED: &str = "stackOwned";
/// `allow` entry for a service that runs nothing.
pub const DESIRED_COUNT_ZERO: &str = "desiredCountZero";

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
    if !matches!(service.strategy.as_str(), "" | "ROLLING") {
        findings.push(format!(
            "its deployment strategy is {}: this version proves rolling deployments only",
            service.strategy
        ));
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
    target: &ServiceTarget,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::seen::Deployment;

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
            |s| s.strategy = "BLUE_GREEN".into(),
            &[],
            Some("BLUE_GREEN"),
        );
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
}
