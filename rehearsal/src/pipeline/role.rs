//! Acting as a role of the pipeline: what its policies do not allow fails here as it would on AWS.

use anyhow::{Context, Result, bail};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::act::{Task, Undone};
use super::audience::Problem;
use crate::account::Account;
use crate::wire::xml_text;

impl Task<'_> {
    /// The roles that are assumed one by the other for this action: the pipeline's, then its own.
    pub(super) fn roles(&self) -> Vec<String> {
        let pipeline = self.engine.definition.role.iter();
        pipeline.chain(&self.action.role).cloned().collect()
    }

    /// Whoever the action is: its role, or the pipeline's, or the account's root, in the action's
    /// region.
    pub(super) fn actor(&self) -> Result<Account> {
        let mut actor = self.engine.home.clone();
        for role in self.roles() {
            let session = actor.assume_role(&role, "codepipeline", None, None)?;
            actor = actor.acting_as(session);
        }
        let region = self.action.region.as_deref();
        Ok(region.map_or(actor.clone(), |region| actor.in_region(region)))
    }
}

/// What CodePipeline asks of CodeBuild.
const BUILDS: [&str; 2] = ["codebuild:StartBuild", "codebuild:BatchGetBuilds"];

/// Fails unless the action's role, or the pipeline's, may have the project build: nobody calls
/// CodeBuild here, so its policies are asked.
pub(super) fn may_build(task: &Task<'_>, project: &str) -> Result<(), Undone> {
    let home = &task.engine.home;
    let Some(role) = task.roles().pop() else {
        return Ok(());
    };
    let project = format!(
        "arn:aws:codebuild:{}:{}:project/{project}",
        home.region(),
        home.id()
    );
    for action in BUILDS {
        let asked = [
            ("PolicySourceArn", role.as_str()),
            ("ActionNames.member.1", action),
            ("ResourceArns.member.1", &project),
        ];
        let answer = home
            .query("iam", "SimulatePrincipalPolicy", &asked)
            .with_context(|| format!("ask what the role {role} may do"))?;
        if xml_text(&answer, "EvalDecision").as_deref() != Some("allowed") {
            let message = format!(
                "{role} may not {action}: CodePipeline needs it on {project}. Allow {} there",
                BUILDS.join(" and ")
            );
            return Err(Problem::new("PermissionError", &message).into());
        }
    }
    Ok(())
}

/// Fails unless a service may assume a role of this account. The emulator would let any service in
/// that the trust policy names.
pub(super) fn trusts(home: &Account, role: &str, service: &str) -> Result<()> {
    let name = role.rsplit('/').next().unwrap_or(role);
    let answer = home
        .query("iam", "GetRole", &[("RoleName", name)])
        .with_context(|| format!("look for the role {role}"))?;
    let document = xml_text(&answer, "AssumeRolePolicyDocument").unwrap_or_default();
    let document = percent_decode_str(&document).decode_utf8_lossy();
    let policy: Value = serde_json::from_str(&document)
        .with_context(|| format!("the trust policy of {role} is no JSON: {document}"))?;
    if names(&policy, service) {
        return Ok(());
    }
    bail!(
        "{service} may not assume {role}: its trust policy must have a statement with Effect Allow, \
         Principal {{\"Service\": \"{service}\"}} and Action sts:AssumeRole. It says {policy}"
    )
}

fn names(policy: &Value, service: &str) -> bool {
    let one_or_many = |value: &Value| -> Vec<Value> {
        value
            .as_array()
            .cloned()
            .unwrap_or_else(|| vec![value.clone()])
    };
    one_or_many(&policy["Statement"]).iter().any(|statement| {
        let services = one_or_many(&statement["Principal"]["Service"]);
        statement["Effect"] == "Allow" && services.iter().any(|named| named == service)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_trust_policy_names_a_service() {
        let check = |statement: Value, expected: bool| {
            let service = "codepipeline.amazonaws.com";
            assert_eq!(
                names(&json!({"Statement": statement}), service),
                expected,
                "{statement}"
            );
        };
        let of = |principal: Value| json!({"Effect": "Allow", "Principal": principal});
        check(of(json!({"Service": "codepipeline.amazonaws.com"})), true);
        let many = of(json!({"Service": ["x", "codepipeline.amazonaws.com"]}));
        check(json!([of(json!({"AWS": "*"})), many]), true);
        check(of(json!({"Service": "lambda.amazonaws.com"})), false);
        check(
            json!({"Effect": "Deny", "Principal": {"Service": "codepipeline.amazonaws.com"}}),
            false,
        );
        check(json!([]), false);
    }
}
