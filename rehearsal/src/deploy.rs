//! Stacks, deployed by the SAM command line as a user would, and what they put out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::account::Account;
use crate::tools;
use crate::world;
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
    // Else it would take what a file beside the template says, which was meant for the real AWS.
    let config = home.join("samconfig.toml");
    fs::write(&config, "version = 0.1\n").context("write sam's settings")?;
    sam.arg("--config-file").arg(&config);
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
    world::stack(account, stack)?.outputs()
}

/// `sam` splits at spaces and commas unless they are quoted.
fn parameter(name: &str, value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("ParameterKey={name},ParameterValue=\"{escaped}\"")
}

/// The failed events of a stack, the first cause first.
fn failures(account: &Account, name: &str) -> String {
    let events = world::stack(account, name).and_then(|stack| stack.events());
    let failed: Vec<String> = events
        .unwrap_or_default()
        .into_iter()
        .filter(|event| event.status.contains("FAILED"))
        .map(|event| format!("\n{}: {}", event.logical, event.reason))
        .collect();
    format!(
        "deploy the stack {name} to {} {}{}",
        account.id(),
        account.region(),
        failed.concat()
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn parameters_are_quoted() {
        let expected = r#"ParameterKey=A,ParameterValue="b, \"c\"""#;
        assert_eq!(super::parameter("A", r#"b, "c""#), expected);
    }
}
