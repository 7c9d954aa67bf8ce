//! Roles: what one may do, as it was deployed, and the one that ECS starts tasks with.

use anyhow::{Context, Result};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::AwsError;
use crate::account::Account;
use crate::wire::{xml_text, xml_texts};

/// The documents of a role's inline policies: nothing in them is a parameter any more.
pub fn policies(account: &Account, role: &str) -> Result<Vec<Value>> {
    let listed = account.query("iam", "ListRolePolicies", &[("RoleName", role)])?;
    let names = xml_texts(&listed, "member");
    names
        .iter()
        .map(|name| document(account, role, name))
        .collect()
}

/// The session of a role that may do everything as far as its own policy goes; made unless it is there.
pub fn administrator(account: &Account, name: &str) -> Result<Account> {
    let document =
        |statement: Value| json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let root = format!("arn:aws:iam::{}:root", account.id());
    let trust = document(json!({
        "Effect": "Allow", "Principal": { "AWS": root }, "Action": "sts:AssumeRole",
    }));
    let role = ("RoleName", name);
    if account.query("iam", "GetRole", &[role]).is_err() {
        let trusts = [role, ("AssumeRolePolicyDocument", trust.as_str())];
        account.query("iam", "CreateRole", &trusts)?;
    }
    give_every_right(account, name)?;
    let arn = format!("arn:aws:iam::{}:role/{name}", account.id());
    let session = account.assume_role(&arn, "administrator", None, None)?;
    Ok(account.acting_as(session))
}

/// The policy that gives every right.
const ALL: (&str, &str) = ("PolicyName", "all");

/// Gives a role every right, as far as its own policies go.
pub fn give_every_right(account: &Account, role: &str) -> Result<()> {
    let may = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" }
    ] });
    let may = may.to_string();
    let policy = [("RoleName", role), ALL, ("PolicyDocument", may.as_str())];
    account.query("iam", "PutRolePolicy", &policy).map(drop)
}

/// Takes from a role what [`give_every_right`] gave it.
pub fn take_every_right(account: &Account, role: &str) -> Result<()> {
    let policy = [("RoleName", role), ALL];
    account.query("iam", "DeleteRolePolicy", &policy).map(drop)
}

/// Creates, unless it is there, a role by which ECS gets images, and nothing else; returns its ARN.
pub fn create_execution_role(account: &Account, name: &str) -> Result<String> {
    let document = |statement: Value| {
        let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
        document.to_string()
    };
    let trust = document(json!({
        "Effect": "Allow",
        "Principal": { "Service": "ecs-tasks.amazonaws.com" },
        "Action": "sts:AssumeRole",
    }));
    let may = document(json!({
        "Effect": "Allow",
        "Action": [
            "ecr:BatchGetImage",
            "ecr:GetAuthorizationToken",
            "ecr:GetDownloadUrlForLayer",
        ],
        "Resource": "*",
    }));
    let role = ("RoleName", name);
    let trusts = ("AssumeRolePolicyDocument", trust.as_str());
    match account.query("iam", "CreateRole", &[role, trusts]) {
        Err(error)
            if error
                .downcast_ref::<AwsError>()
                .is_some_and(|error| error.code == "EntityAlreadyExists") => {}
        created => drop(created?),
    }
    let policy = ("PolicyName", "pull");
    let params = [role, policy, ("PolicyDocument", may.as_str())];
    account.query("iam", "PutRolePolicy", &params)?;
    Ok(format!("arn:aws:iam::{}:role/{name}", account.id()))
}

fn document(account: &Account, role: &str, name: &str) -> Result<Value> {
    let params = [("RoleName", role), ("PolicyName", name)];
    let answer = account.query("iam", "GetRolePolicy", &params)?;
    let encoded = xml_text(&answer, "PolicyDocument").context("a policy has a document")?;
    let text = percent_decode_str(&encoded)
        .decode_utf8()
        .context("a policy's document is text")?;
    serde_json::from_str(&text).with_context(|| format!("policy {name} of {role} is not JSON"))
}
