//! AccessDenied, explained: which principal may not do which action on what, what is ruled out by
//! what is known, and the statement that is probably missing, with the account it belongs in.
//!
//! AWS's messages say more than they seem to: "because no identity-based policy allows" rules out
//! every resource policy and every explicit deny; a message without "because" rules out nothing
//! (IAM guide, "Troubleshoot access denied error messages").

use serde_json::json;

/// A call that was denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied<'a> {
    /// Such as `ecs:UpdateService`.
    pub action: &'a str,
    /// What the call was about: an ARN where one is known, else a name.
    pub resource: &'a str,
    /// Who called: "the function's role", a role's ARN, "the job's artifact credentials".
    pub caller: &'a str,
    /// The caller's account, twelve digits; empty when unknown.
    pub caller_account: &'a str,
    /// The account that owns the resource; empty when unknown.
    pub resource_account: &'a str,
    /// Whether an external id was sent (AssumeRole).
    pub external_id: Option<&'a str>,
    /// The bucket's or artifact's key, when one is known.
    pub key: Option<&'a str>,
    /// AWS's own message.
    pub message: &'a str,
}

/// For the person at the pipeline.
pub fn explain(denied: &Denied<'_>) -> String {
    let said = Said::parse(denied.message);
    let principal = said.principal.unwrap_or(denied.caller);
    let action = said.action.unwrap_or(denied.action);
    let resource = said.resource.unwrap_or(denied.resource);
    let mut text = format!("access denied: {principal} may not call {action} on {resource}");
    let (ruled_out, candidates) = reasons(denied, &said, action);
    if !ruled_out.is_empty() {
        text.push_str(&format!("\nRuled out: {ruled_out}."));
    }
    text.push_str("\nTo check, most likely first:");
    for candidate in candidates {
        text.push_str("\n- ");
        text.push_str(&candidate);
    }
    if !denied.message.trim().is_empty() {
        text.push_str(&format!("\nAWS said: {}", denied.message.trim()));
    }
    text
}

/// What the message itself says.
#[derive(Default)]
struct Said<'a> {
    principal: Option<&'a str>,
    action: Option<&'a str>,
    resource: Option<&'a str>,
    because: &'a str,
}

impl<'a> Said<'a> {
    fn parse(message: &'a str) -> Self {
        let word_after = |mark: &str| {
            let (_, rest) = message.split_once(mark)?;
            let word = rest.split_whitespace().next()?;
            Some(word.trim_end_matches([',', '.'])).filter(|word| !word.is_empty())
        };
        Self {
            principal: word_after("User: "),
            action: word_after("not authorized to perform: "),
            resource: word_after("on resource: ")
                .or_else(|| word_after("on the resource: "))
                .filter(|resource| resource.starts_with("arn:")),
            because: message
                .split_once(" because ")
                .map_or("", |(_, because)| because),
        }
    }
}

/// What is ruled out, and what to check.
fn reasons(denied: &Denied<'_>, said: &Said<'_>, action: &str) -> (String, Vec<String>) {
    let identity = || {
        format!(
            "the identity policy of {}{} lacks {}",
            denied.caller,
            in_account(denied.caller_account),
            statement(action, said.resource.unwrap_or(denied.resource))
        )
    };
    if said.because.contains("explicit deny") || said.because.contains("with an explicit deny") {
        return explicit_deny(said.because);
    }
    if denied.message.contains("with an explicit deny") {
        return explicit_deny(denied.message);
    }
    if said.because.contains("no identity-based policy allows") {
        return (
            "explicit denies, boundaries, resource policies".into(),
            vec![identity()],
        );
    }
    for (mark, what) in [
        (
            "no permissions boundary allows",
            "the permissions boundary of the caller's role does not include the action",
        ),
        (
            "no session policy allows",
            "the session policy does not include the action",
        ),
        (
            "no service control policy allows",
            "a service control policy of the organization does not include the action",
        ),
    ] {
        if said.because.contains(mark) {
            return (
                "the identity policy, explicit denies".into(),
                vec![what.into()],
            );
        }
    }
    if action == "sts:AssumeRole" {
        return (
            "nothing (AWS answers alike for all of these)".into(),
            assume_role(denied, &identity()),
        );
    }
    if action.starts_with("s3:") {
        return ("nothing (S3 does not say)".into(), s3(denied, action));
    }
    if said.because.contains("no resource-based policy allows") || action.starts_with("kms:") {
        let policy = if action.starts_with("kms:") {
            "key policy"
        } else {
            "resource policy"
        };
        let own = format!(
            "the {policy} of {}{} does not allow {} to {action}",
            said.resource.unwrap_or(denied.resource),
            in_account(denied.resource_account),
            denied.caller
        );
        return ("explicit denies".into(), vec![own, identity()]);
    }
    let candidates = vec![
        identity(),
        "a permissions boundary or service control policy of the caller's account".into(),
    ];
    (String::new(), candidates)
}

fn explicit_deny(because: &str) -> (String, Vec<String>) {
    let kinds = [
        "identity-based policy",
        "resource-based policy",
        "service control policy",
        "resource control policy",
        "permissions boundary",
        "session policy",
        "VPC endpoint policy",
    ];
    let kind = kinds
        .iter()
        .find(|kind| because.contains(**kind))
        .unwrap_or(&"policy");
    let article = if kind.starts_with('i') { "an" } else { "a" };
    let check =
        format!("a Deny statement in {article} {kind} matches this call; no Allow can overrule it");
    ("missing Allow statements".into(), vec![check])
}

fn assume_role(denied: &Denied<'_>, identity: &str) -> Vec<String> {
    let condition = match denied.external_id {
        Some(id) => format!("with sts:ExternalId {id:?}, which is what was sent"),
        None => "without an sts:ExternalId; none was sent, write \"externalId\" if it asks for one"
            .into(),
    };
    let parameter = match denied.caller.rsplit('/').next() {
        Some("redbutton-production-preview") => "PreviewRoleArns",
        Some("redbutton-artifact-copier") => "ReleaseRoleArns",
        _ => "TargetRoleArns",
    };
    vec![
        format!(
            "its trust policy{} does not name {}, {condition}",
            in_account(denied.resource_account),
            denied.caller
        ),
        format!("{identity}\n  (the parameter {parameter} of redbutton's template)"),
        format!("the role does not exist: {}", denied.resource),
    ]
}

fn s3(denied: &Denied<'_>, action: &str) -> Vec<String> {
    let mut checks = vec![
        format!(
            "{} is not allowed to {action} on {}",
            denied.caller, denied.resource
        ),
        format!(
            "the bucket's policy{} denies it",
            in_account(denied.resource_account)
        ),
    ];
    checks.push(match denied.key {
        Some(key) => format!("the policy of the bucket's key {key} does not allow kms:Decrypt"),
        None => "the bucket's objects are encrypted with a key that the caller may not use \
                 (kms:Decrypt); the AWS-managed key can never be used from another account"
            .into(),
    });
    checks.push(
        "the object does not exist, and without s3:ListBucket S3 says 403 instead of 404".into(),
    );
    checks.push("a permissions boundary, service control policy or VPC endpoint policy".into());
    checks
}

fn in_account(account: &str) -> String {
    if account.is_empty() {
        String::new()
    } else {
        format!(" in account {account}")
    }
}

fn statement(action: &str, resource: &str) -> String {
    json!({"Effect": "Allow", "Action": action, "Resource": resource}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied<'a>(action: &'a str, message: &'a str) -> Denied<'a> {
        Denied {
            action,
            resource: "arn:aws:ecs:ap-southeast-2:333333333333:service/test/web",
            caller: "arn:aws:iam::333333333333:role/redbutton-rollout",
            caller_account: "333333333333",
            resource_account: "333333333333",
            external_id: None,
            key: None,
            message,
        }
    }

    #[test]
    fn a_message_with_a_reason_leaves_one_thing_to_do() {
        let text = explain(&denied(
            "ecs:UpdateService",
            "User: arn:aws:sts::333333333333:assumed-role/redbutton-rollout/x is not authorized to perform: \
             ecs:UpdateService on resource: arn:aws:ecs:ap-southeast-2:333333333333:service/test/web because \
             no identity-based policy allows the ecs:UpdateService action",
        ));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn assuming_a_role_has_three_reasons_that_aws_does_not_tell_apart() {
        let message = "User: arn:aws:sts::111111111111:assumed-role/redbutton-task-definition-updater/f is not \
             authorized to perform: sts:AssumeRole on resource: arn:aws:iam::333333333333:role/redbutton-rollout";
        let text = explain(&Denied {
            resource: "arn:aws:iam::333333333333:role/redbutton-rollout",
            caller: "the function's role redbutton-task-definition-updater",
            caller_account: "111111111111",
            external_id: Some("redbutton-test"),
            ..denied("sts:AssumeRole", message)
        });
        insta::assert_snapshot!(text);
    }

    #[test]
    fn each_function_has_a_parameter_of_its_own_for_the_roles_that_it_assumes() {
        for (function, parameter) in [
            ("production-preview", "PreviewRoleArns"),
            ("artifact-copier", "ReleaseRoleArns"),
            ("task-definition-updater", "TargetRoleArns"),
        ] {
            let text = explain(&Denied {
                caller: &format!("arn:aws:iam::111111111111:role/redbutton-{function}"),
                ..denied("sts:AssumeRole", "no")
            });
            assert!(
                text.contains(&format!("the parameter {parameter} ")),
                "{text}"
            );
        }
    }

    #[test]
    fn s3_says_nothing_and_the_five_things_are_named() {
        let text = explain(&Denied {
            resource: "arn:aws:s3:::artifacts/build.zip",
            caller: "the job's artifact credentials",
            key: Some("arn:aws:kms:us-east-1:111111111111:key/k"),
            ..denied("s3:GetObject", "Access Denied")
        });
        assert_eq!(text.matches("\n- ").count(), 5, "{text}");
        assert!(
            text.contains("kms:Decrypt") && text.contains("key/k"),
            "{text}"
        );
    }

    #[test]
    fn denies_boundaries_and_key_policies_are_told_apart() {
        for (action, because, expected) in [
            (
                "ecs:UpdateService",
                "with an explicit deny in a service control policy",
                "Deny statement in a service control policy",
            ),
            (
                "ecs:UpdateService",
                "because no permissions boundary allows the ecs:UpdateService action",
                "permissions boundary",
            ),
            (
                "kms:Decrypt",
                "because no resource-based policy allows the kms:Decrypt action",
                "key policy",
            ),
            (
                "ecr:DescribeImages",
                "because no resource-based policy allows the ecr:DescribeImages action",
                "resource policy",
            ),
            ("ecs:DescribeServices", "", "identity policy"),
        ] {
            let message = format!(
                "User: arn:x is not authorized to perform: {action} on resource: arn:y {because}"
            );
            let text = explain(&denied(action, &message));
            assert!(text.contains(expected), "{text}");
        }
    }
}
