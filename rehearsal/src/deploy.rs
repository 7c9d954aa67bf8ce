//! Stacks, deployed by the SAM command line as a user would, and what they put out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::account::Account;
use crate::tools;
use crate::wire::{xml_text, xml_texts};
use crate::{Progress, Rehearsal};

/// A stack to deploy.
#[derive(Clone, Debug)]
pub struct Stack<'a> {
    /// Its name.
    pub name: &'a str,
    /// The template's path; what [`crate::package::package`] returns, or a plain one.
    pub template: &'a Path,
    /// Values for the template's parameters.
    pub parameters: &'a [(&'a str, &'a str)],
}

/// What a stack puts out, by name.
pub type Outputs = BTreeMap<String, String>;

/// Runs `sam deploy` as the root of `account`, in its region, and returns the stack's outputs.
///
/// Fails with what `sam` said and with the stack's failed events.
pub fn deploy(
    rehearsal: &Rehearsal,
    account: &Account,
    stack: &Stack<'_>,
    progress: &Progress,
) -> Result<Outputs> {
    let home = rehearsal.dir().join("sam");
    fs::create_dir_all(&home).context("create a folder for sam")?;
    let credentials = account.credentials();
    let mut path = rehearsal.tools().bin_dir().into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());

    let mut sam = Command::new(rehearsal.tools().sam());
    sam.current_dir(&home).env_clear().envs([
        ("PATH", path),
        ("HOME", home.clone().into_os_string()),
        ("AWS_ENDPOINT_URL", account.endpoint().into()),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id().into()),
        (
            "AWS_SECRET_ACCESS_KEY",
            credentials.secret_access_key().into(),
        ),
        // It would ask for credentials and send statistics where nobody answers.
        ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ("SAM_CLI_TELEMETRY", "0".into()),
        ("LANG", "C.UTF-8".into()),
    ]);
    // Its default is 5 s between two looks at the stack; the emulator is done at once.
    sam.env("SAM_CLI_POLL_DELAY", "0.2");
    sam.args([
        "deploy",
        "--resolve-s3",
        "--no-confirm-changeset",
        "--no-fail-on-empty-changeset",
    ]);
    sam.args([
        "--capabilities",
        "CAPABILITY_IAM",
        "CAPABILITY_NAMED_IAM",
        "CAPABILITY_AUTO_EXPAND",
    ]);
    sam.args([
        "--no-progressbar",
        "--region",
        account.region(),
        "--stack-name",
        stack.name,
    ]);
    sam.arg("--template-file").arg(stack.template);
    if !stack.parameters.is_empty() {
        sam.arg("--parameter-overrides");
        sam.args(
            stack
                .parameters
                .iter()
                .map(|(name, value)| parameter(name, value)),
        );
    }
    let deployed = tools::run(&mut sam, &**progress);
    deployed.with_context(|| failures(account, stack.name))?;
    outputs(account, stack.name)
}

/// A stack's outputs.
pub fn outputs(account: &Account, stack: &str) -> Result<Outputs> {
    let xml = account.query("cloudformation", "DescribeStacks", &[("StackName", stack)])?;
    let (names, values) = (xml_texts(&xml, "OutputKey"), xml_texts(&xml, "OutputValue"));
    Ok(names.into_iter().zip(values).collect())
}

/// `sam` splits at spaces and commas unless they are quoted.
fn parameter(name: &str, value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("ParameterKey={name},ParameterValue=\"{escaped}\"")
}

/// The failed events of a stack, the first cause first.
fn failures(account: &Account, stack: &str) -> String {
    let about = format!(
        "deploy the stack {stack} to {} {}",
        account.id(),
        account.region()
    );
    let events = account.query(
        "cloudformation",
        "DescribeStackEvents",
        &[("StackName", stack)],
    );
    let Ok(xml) = events else {
        return about;
    };
    let mut failed: Vec<String> = xml_texts(&xml, "member")
        .into_iter()
        .filter(|event| xml_text(event, "ResourceStatus").is_some_and(|s| s.contains("FAILED")))
        .map(|event| {
            let text = |name: &str| xml_text(&event, name).unwrap_or_default();
            format!(
                "{}: {}",
                text("LogicalResourceId"),
                text("ResourceStatusReason")
            )
        })
        .collect();
    // CloudFormation tells the newest first.
    failed.reverse();
    format!("{about}\n{}", failed.join("\n"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn parameters_are_quoted() {
        let expected = r#"ParameterKey=A,ParameterValue="b, \"c\"""#;
        assert_eq!(super::parameter("A", r#"b, "c""#), expected);
    }
}
