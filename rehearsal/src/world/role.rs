//! What a role may do, as it was deployed.

use anyhow::{Context, Result};
use percent_encoding::percent_decode_str;
use serde_json::Value;

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

fn document(account: &Account, role: &str, name: &str) -> Result<Value> {
    let params = [("RoleName", role), ("PolicyName", name)];
    let answer = account.query("iam", "GetRolePolicy", &params)?;
    let encoded = xml_text(&answer, "PolicyDocument").context("a policy has a document")?;
    let text = percent_decode_str(&encoded)
        .decode_utf8()
        .context("a policy's document is text")?;
    serde_json::from_str(&text).with_context(|| format!("policy {name} of {role} is not JSON"))
}
