//! `cargo xtask schemas`: what is generated from the types of `shared` and from the templates: the JSON
//! Schemas, and the tables of the book's reference.
//!
//! In reading order: `keys` and `fields` make a table of a schema, `templates` makes sections of the
//! templates, `cell` is what all of them fill in, and `part` puts them into the page.

mod cell;
mod fields;
mod keys;
pub(crate) mod part;
mod templates;

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

/// The page with the tables.
const PAGE: &str = "docs/reference.md";

/// Write schemas/*.json and the tables of docs/reference.md, from the types in shared and the templates.
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
        say::line(format!(
            "schemas/ and the tables of {PAGE} are as generated"
        ));
        return Ok(());
    }
    for File { path, text } in stale()? {
        fs::write(workspace::root().join(&path), text).with_context(|| format!("write {path}"))?;
        say::line(format!("wrote {path}"));
    }
    Ok(())
}

/// Fails when a file is not as it would be generated now.
pub(crate) fn check() -> Result<()> {
    let stale = stale()?;
    let names: Vec<&str> = stale.iter().map(|file| file.path.as_str()).collect();
    ensure!(
        names.is_empty(),
        "not as generated: {}; run `cargo xtask schemas`",
        names.join(", ")
    );
    Ok(())
}

/// A form of JSON: a schema in `schemas/`, and a table on the page.
struct Form {
    name: &'static str,
    title: &'static str,
    schema: fn() -> Value,
    table: fn(&Value) -> String,
    /// What stands before its name on the page.
    kind: &'static str,
}

/// What people write for redbutton.
const fn keys(name: &'static str, title: &'static str, schema: fn() -> Value) -> Form {
    Form {
        name,
        title,
        schema,
        table: keys::of,
        kind: "",
    }
}

/// What redbutton writes, or takes as an input of its own.
const fn fields(name: &'static str, title: &'static str, schema: fn() -> Value) -> Form {
    Form {
        name,
        title,
        schema,
        table: fields::of,
        kind: "fields ",
    }
}

const FORMS: [Form; 10] = [
    keys(
        "rollout-file",
        "redbutton: rollout file",
        rollout_file_schema,
    ),
    keys(
        "user-parameters",
        "redbutton: UserParameters of task-definition-updater",
        user_parameters_schema,
    ),
    keys(
        "preview-parameters",
        "redbutton: UserParameters of production-preview",
        preview_parameters_schema,
    ),
    keys(
        "copier-parameters",
        "redbutton: UserParameters of artifact-copier",
        copier_parameters_schema,
    ),
    fields(
        "release-statement",
        "redbutton: the statement in a release's envelope",
        statement_schema,
    ),
    fields(
        "release-outcome",
        "redbutton: what production says of a release",
        outcome_schema,
    ),
    fields(
        "ledger-entry",
        "redbutton: an entry of the ledger",
        entry_schema,
    ),
    fields(
        "announcement",
        "redbutton: detail of an event Redbutton Release",
        announcement_schema,
    ),
    fields(
        "deployment-input",
        "redbutton: the input of an execution of redbutton-production",
        wish_schema,
    ),
    fields(
        "freeze",
        "redbutton: freeze.json in production's bucket of state",
        freeze_schema,
    ),
];

/// A generated file: its path from the root, and its content.
struct File {
    path: String,
    text: String,
}

/// The files that are not as they would be generated now.
fn stale() -> Result<Vec<File>> {
    let mut files: Vec<File> = FORMS.iter().map(schema).collect();
    files.push(page()?);
    let differs = |file: &File| {
        !fs::read_to_string(workspace::root().join(&file.path)).is_ok_and(|text| text == file.text)
    };
    Ok(files.into_iter().filter(differs).collect())
}

fn schema(form: &Form) -> File {
    let mut schema = (form.schema)();
    if let Some(top) = schema.as_object_mut() {
        top.insert("title".to_owned(), form.title.into());
    }
    File {
        path: format!("schemas/{}.json", form.name),
        text: format!("{schema:#}\n"),
    }
}

/// The page with all its parts; each of them has to be known here.
fn page() -> Result<File> {
    let parts = FORMS.iter().map(|form| {
        let name = format!("{}{}", form.kind, form.name);
        (name, (form.table)(&(form.schema)()))
    });
    let mut parts: Vec<(String, String)> = parts.collect();
    parts.push(("templates".to_owned(), templates::all()?));
    let mut text = fs::read_to_string(workspace::root().join(PAGE)).context(PAGE)?;
    for (name, content) in &parts {
        text = part::put(&text, name, content).context(PAGE)?;
    }
    for name in part::names(&text) {
        let known = parts.iter().any(|(known, _)| known == name);
        ensure!(known, "{PAGE}: nothing generates a part {name:?}");
    }
    let path = PAGE.to_owned();
    Ok(File { path, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_description_links_into_the_sources() {
        for form in &FORMS {
            let text = schema(form).text;
            assert!(!text.contains("[`"), "{}: write it out", form.name);
        }
    }
}
