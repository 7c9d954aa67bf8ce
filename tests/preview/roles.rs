//! Roles of the account of the services: who deploys there, and who acts for tasks that start.

use rehearsal::suite;
use rehearsal::world::ServiceSpec;
use serde_json::{Value, json};

use crate::fixture::World;

/// The role by which ECS acts before a container starts.
pub(super) const EXECUTION: &str = "arn:aws:iam::333333333333:role/preview-execution";

/// A service whose tasks have it.
pub(super) fn executed(spec: &mut ServiceSpec) {
    let role = Value::from(EXECUTION);
    spec.task_definition.insert("executionRoleArn".into(), role);
}

impl World {
    /// Makes both, and returns the one that deploys: it may pass roles to tasks and to CloudFormation,
    /// each to the service that it is for.
    pub(super) fn roles(&self) -> String {
        let pull = json!({"Effect": "Allow", "Action": "ecr:*", "Resource": "*"});
        self.role("/", "preview-execution", &json!([pull]));
        let pass = |role: &str, to: &str| {
            json!({
                "Effect": "Allow", "Action": "iam:PassRole", "Resource": role,
                "Condition": {"StringEquals": {"iam:PassedToService": to}},
            })
        };
        self.role(
            "/",
            "preview-deployer",
            &json!([
                pass(EXECUTION, "ecs-tasks.amazonaws.com"),
                pass(suite::CLOUDFORMATION_ROLE, "cloudformation.amazonaws.com"),
            ]),
        )
    }

    /// A role that may do this and nothing else, made unless it is there.
    pub(super) fn role(&self, path: &str, name: &str, statements: &Value) -> String {
        let iam =
            |action: &str, params: &[(&str, &str)]| self.suite.other.query("iam", action, params);
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }]});
        let trust = trust.to_string();
        let called = ("RoleName", name);
        if iam("GetRole", &[called]).is_err() {
            let given = [called, ("Path", path), ("AssumeRolePolicyDocument", &trust)];
            iam("CreateRole", &given).unwrap();
        }
        let may = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let policy = [called, ("PolicyName", "may"), ("PolicyDocument", &may)];
        iam("PutRolePolicy", &policy).unwrap();
        format!("arn:aws:iam::{}:role{path}{name}", suite::TARGET_ACCOUNT)
    }
}
