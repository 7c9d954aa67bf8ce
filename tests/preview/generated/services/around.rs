//! What generated task definitions point to: roles, secrets, parameters and a log group, which are
//! there and may be used.

use rehearsal::suite;
use serde_json::{Value, json};

use crate::fixture::World;

/// Gets what tasks need before they start.
pub(in crate::preview::generated) const EXECUTION_ROLE: &str =
    "arn:aws:iam::333333333333:role/generated-execution";
/// What tasks act with.
pub(in crate::preview::generated) const TASK_ROLE: &str =
    "arn:aws:iam::333333333333:role/generated-task";
/// Where containers write.
pub(in crate::preview::generated) const LOG_GROUP: &str = "/ecs/generated";

const NAMES: [&str; 2] = ["/generated/one", "/generated/two"];

/// What variables may be filled from.
pub(super) fn secrets() -> Vec<String> {
    let arn = |name: &str| {
        let region = suite::TARGET_REGION;
        format!("arn:aws:ssm:{region}:333333333333:parameter{name}")
    };
    NAMES.map(arn).to_vec()
}

impl World {
    /// Makes all of it, in the account of the services, once per world.
    pub(in crate::preview::generated) fn make_surroundings(&self) {
        let account = &self.suite.other;
        let exists = account.query("iam", "GetRole", &[("RoleName", "generated-task")]);
        if exists.is_ok() {
            return;
        }
        for name in NAMES {
            let body = json!({"Name": name, "Type": "SecureString", "Value": "a secret"});
            account.json("ssm", "AmazonSSM.PutParameter", body).unwrap();
        }
        let body = json!({"logGroupName": LOG_GROUP});
        account
            .json("logs", "Logs_20140328.CreateLogGroup", body)
            .unwrap();
        let trust = policy(&json!({
            "Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }));
        let trust = ("AssumeRolePolicyDocument", trust.as_str());
        for arn in [EXECUTION_ROLE, TASK_ROLE] {
            let name = ("RoleName", name(arn));
            account.query("iam", "CreateRole", &[name, trust]).unwrap();
        }
        let get = ["ssm:GetParameters", "ecr:*", "logs:*", "kms:Decrypt"];
        let pass = "arn:aws:iam::333333333333:role/generated-*";
        for (role, action, resource) in [
            (EXECUTION_ROLE, json!(get), "*"),
            (suite::TARGET_ROLE, json!("iam:PassRole"), pass),
        ] {
            let may = policy(&json!({"Effect": "Allow", "Action": action, "Resource": resource}));
            let may = [
                ("RoleName", name(role)),
                ("PolicyName", "generated"),
                ("PolicyDocument", may.as_str()),
            ];
            account.query("iam", "PutRolePolicy", &may).unwrap();
        }
    }
}

fn name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap()
}

fn policy(statement: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statement}).to_string()
}
