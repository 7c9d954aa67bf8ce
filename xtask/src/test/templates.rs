//! The templates: as SAM reads them, as CloudFormation does, what SAM makes of them, and what is known
//! to be unsafe.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, anyhow};
use rehearsal::tools::Tools;
use rehearsal::{Progress, workspace};

use super::checkov;
use super::step::Tally;
use crate::command::{program, succeed};

/// The suite's own template, in SAM's language.
const SUITE: &str = "template.yaml";

/// Lints and checks every template, and lints the SAM template translated for both sides. One process
/// looks at all of them, since reading what CloudFormation has takes longer than looking.
pub(super) fn check(progress: &Progress) -> Result<Tally> {
    let tools = Tools::install(&**progress)?;
    let dir = workspace::target().join("templates");
    fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    let templates = templates()?;
    let checked = thread::scope(|scope| {
        let checkov = scope.spawn(|| checkov::check(&templates, progress));
        let linted = lint(&tools, &dir, &templates, progress);
        let checked = checkov.join();
        linted?;
        checked.map_err(|_| anyhow!("checkov's step ended in a panic"))?
    });
    let mut tally = Tally::one();
    tally.notes.push(checked?);
    Ok(tally)
}

/// As SAM reads its template, and as CloudFormation does all of them.
fn lint(tools: &Tools, dir: &Path, templates: &[String], progress: &Progress) -> Result<()> {
    let validate = ["validate", "--template", SUITE];
    succeed(&mut plain(program(tools.sam(), &validate)), progress)?;
    let mut cfn_lint = program(tools.cfn_lint(), &["--"]);
    cfn_lint.args(templates);
    for side in ["tooling", "production"] {
        let output = dir.join(format!("{side}.json"));
        let parameter = format!("Side={side}");
        let mut translate = program(tools.python(), &["rehearsal/translate.py", SUITE]);
        translate
            .args(["--parameter", &parameter, "--output"])
            .arg(&output);
        succeed(&mut plain(translate), progress)?;
        cfn_lint.arg(&output);
    }
    succeed(&mut cfn_lint, progress)?;
    Ok(())
}

/// Installs what the checks of templates need, and the rehearsal.
pub(super) fn install(progress: &Progress) -> Result<Tally> {
    Tools::install(&**progress)?;
    checkov::install(progress)?;
    Ok(Tally::one())
}

/// template.yaml, all of templates/, and the examples that are templates, from the root.
fn templates() -> Result<Vec<String>> {
    let mut templates = vec![SUITE.to_owned()];
    for folder in ["templates", "examples", "examples/pipeline"] {
        let entries = fs::read_dir(workspace::root().join(folder));
        let entries = entries.with_context(|| format!("read {folder}/"))?;
        let names = entries.flatten().map(|entry| entry.file_name());
        let names = names.map(|name| format!("{folder}/{}", name.display()));
        templates.extend(names.filter(|name| name.ends_with(".yaml")));
    }
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
