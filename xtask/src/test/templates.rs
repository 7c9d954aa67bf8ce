//! The templates: as SAM reads them, as CloudFormation does, what SAM makes of them, and what is known
//! to be unsafe.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use rehearsal::tools::Tools;
use rehearsal::{Progress, workspace};

use super::checkov;
use super::step::Tally;
use crate::command::{program, succeed};

/// Lints and checks every template, and lints the SAM template translated for both sides.
pub(super) fn check(progress: &Progress) -> Result<Tally> {
    let tools = Tools::install(&**progress)?;
    let dir = workspace::target().join("templates");
    fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    for side in ["tooling", "production"] {
        let output = dir.join(format!("{side}.json"));
        let parameter = format!("Side={side}");
        let mut translate = program(tools.python(), &["rehearsal/translate.py", "template.yaml"]);
        translate
            .args(["--parameter", &parameter, "--output"])
            .arg(&output);
        succeed(&mut plain(translate), progress)?;
        succeed(program(tools.cfn_lint(), &["--"]).arg(&output), progress)?;
    }
    let templates = templates()?;
    for template in &templates {
        let arguments = ["validate", "--lint", "--template", template];
        succeed(&mut plain(program(tools.sam(), &arguments)), progress)?;
        succeed(&mut program(tools.cfn_lint(), &["--", template]), progress)?;
    }
    let mut tally = Tally::one();
    tally.notes.push(checkov::check(&templates, progress)?);
    Ok(tally)
}

/// template.yaml and all of templates/, from the root.
fn templates() -> Result<Vec<String>> {
    let entries = fs::read_dir(workspace::root().join("templates")).context("read templates/")?;
    let mut templates: Vec<String> = entries
        .flatten()
        .map(|entry| format!("templates/{}", entry.file_name().display()))
        .collect();
    templates.push("template.yaml".to_owned());
    templates.sort();
    Ok(templates)
}

/// The same on every machine: no configuration of the person's, no network.
fn plain(mut command: Command) -> Command {
    command.envs([
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("SAM_CLI_TELEMETRY", "0"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ]);
    command
}
