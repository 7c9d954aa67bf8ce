//! `cargo xtask schemas`: what is generated from the types of `shared`: the JSON Schemas, and the
//! README's tables.

pub(crate) mod table;

use std::fs;

use anyhow::{Context, Result, ensure};
use rehearsal::workspace;
use serde_json::Value;
use shared::ledger::entry_schema;
use shared::production::announcement::announcement_schema;
use shared::production::freeze::freeze_schema;
use shared::production::wish::wish_schema;
use shared::release::outcome::outcome_schema;
use shared::release::statement::statement_schema;
use shared::rollout_file::written::{
    copier_parameters_schema, preview_parameters_schema, rollout_file_schema,
    user_parameters_schema,
};

use crate::say;

/// Write schemas/*.json and the README's parameter tables from the types in shared.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Write nothing; fail when a file is not what would be written
    #[arg(long)]
    check: bool,
}

/// Writes, or checks.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.check {
        check()?;
        say::line("schemas/ and the README's tables are as generated");
        return Ok(());
    }
    for File { path, text } in stale()? {
        fs::write(workspace::root().join(path), text).with_context(|| format!("write {path}"))?;
        say::line(format!("wrote {path}"));
    }
    Ok(())
}

/// Fails when a file is not as it would be generated now.
pub(crate) fn check() -> Result<()> {
    let stale = stale()?;
    let names: Vec<&str> = stale.iter().map(|file| file.path).collect();
    ensure!(
        names.is_empty(),
        "not as generated: {}; run `cargo xtask schemas`",
        names.join(", ")
    );
    Ok(())
}

/// A generated file: its path from the root, and its content.
struct File {
    path: &'static str,
    text: String,
}

/// The files that are not as they would be generated now.
fn stale() -> Result<Vec<File>> {
    let (file, parameters) = (rollout_file_schema(), user_parameters_schema());
    let (preview, copier) = (preview_parameters_schema(), copier_parameters_schema());
    let mut files = vec![
        schema(
            "schemas/rollout-file.json",
            "redbutton: rollout file",
            &file,
        ),
        schema(
            "schemas/user-parameters.json",
            "redbutton: UserParameters of task-definition-updater",
            &parameters,
        ),
        schema(
            "schemas/preview-parameters.json",
            "redbutton: UserParameters of production-preview",
            &preview,
        ),
        schema(
            "schemas/copier-parameters.json",
            "redbutton: UserParameters of artifact-copier",
            &copier,
        ),
        schema(
            "schemas/release-statement.json",
            "redbutton: the statement in a release's envelope",
            &statement_schema(),
        ),
        schema(
            "schemas/release-outcome.json",
            "redbutton: what production says of a release",
            &outcome_schema(),
        ),
        schema(
            "schemas/ledger-entry.json",
            "redbutton: an entry of the ledger",
            &entry_schema(),
        ),
        schema(
            "schemas/announcement.json",
            "redbutton: detail of an event Redbutton Release",
            &announcement_schema(),
        ),
        schema(
            "schemas/deployment-input.json",
            "redbutton: the input of an execution of redbutton-production",
            &wish_schema(),
        ),
        schema(
            "schemas/freeze.json",
            "redbutton: freeze.json in production's bucket of state",
            &freeze_schema(),
        ),
    ];
    // The README is the last to be written.
    if let Ok(text) = fs::read_to_string(workspace::root().join("README.md")) {
        let text = table::put(&text, "rollout-file", &table::of(&file))?;
        let text = table::put(&text, "user-parameters", &table::of(&parameters))?;
        let text = table::put(&text, "preview-parameters", &table::of(&preview))?;
        let text = table::put(&text, "copier-parameters", &table::of(&copier))?;
        files.push(File {
            path: "README.md",
            text,
        });
    }
    let differs = |file: &File| {
        !fs::read_to_string(workspace::root().join(file.path)).is_ok_and(|text| text == file.text)
    };
    Ok(files.into_iter().filter(differs).collect())
}

fn schema(path: &'static str, title: &str, schema: &Value) -> File {
    let mut schema = schema.clone();
    if let Some(top) = schema.as_object_mut() {
        top.insert("title".to_owned(), title.into());
    }
    File {
        path,
        text: format!("{schema:#}\n"),
    }
}
