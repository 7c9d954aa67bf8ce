//! What the templates take and give, as tables: parameter, default, meaning; output, meaning.

mod reach;
mod side;

use std::fs;

use anyhow::{Context, Result};
use rehearsal::{pipeline, workspace};
use serde_json::{Map, Value};

use super::cell;
use side::Side;

/// The suite's own template, one half for each kind of account.
const SUITE: &str = "template.yaml";
/// The templates for what is around it; each one there is told of.
const FOLDER: &str = "templates";

/// Every template under a heading of its own.
pub(super) fn all() -> Result<String> {
    let mut all = String::new();
    for path in paths()? {
        let template = pipeline::read_template(&workspace::root().join(&path))?;
        let section = section(&path, &template).with_context(|| path.clone())?;
        all.push_str(&section);
    }
    Ok(all)
}

fn paths() -> Result<Vec<String>> {
    let entries = fs::read_dir(workspace::root().join(FOLDER));
    let entries = entries.with_context(|| format!("read {FOLDER}/"))?;
    let names = entries.flatten().map(|entry| entry.file_name());
    let names = names.map(|name| format!("{FOLDER}/{}", name.display()));
    let mut paths: Vec<String> = names.filter(|name| name.ends_with(".yaml")).collect();
    paths.sort();
    paths.insert(0, SUITE.to_owned());
    Ok(paths)
}

fn section(path: &str, template: &Value) -> Result<String> {
    let about = description(template)?;
    // Whose template it is goes without saying.
    let about = about.strip_prefix("redbutton: ").unwrap_or(about);
    let about = cell::text(&capitalised(about));
    let mut section = format!("### {path}\n\n{about}\n\n");
    let sides = Side::all(template);
    for side in &sides {
        if let Some(name) = side.name() {
            section.push_str(&format!("#### Side={name}\n\n"));
        }
        section.push_str(&parameters(side)?);
        section.push_str(&outputs(side)?);
    }
    Ok(section)
}

fn parameters(side: &Side<'_>) -> Result<String> {
    let (used, asked_for) = (side.parameters(), side.asked_for());
    let mut table = "| parameter | default | meaning |\n| --- | --- | --- |\n".to_owned();
    for (name, parameter) in map(side.template(), "Parameters") {
        if !used.contains(name.as_str()) {
            continue;
        }
        let default = match parameter.get("Default") {
            Some(default) if !asked_for.contains(name.as_str()) => cell::value(default),
            _ => "required".to_owned(),
        };
        let meaning = description(parameter).with_context(|| format!("parameter {name}"))?;
        let meaning = cell::text(meaning);
        table.push_str(&format!("| `{name}` | {default} | {meaning} |\n"));
    }
    table.push('\n');
    Ok(table)
}

/// Nothing for a template without any.
fn outputs(side: &Side<'_>) -> Result<String> {
    let mut rows = String::new();
    for (name, output) in map(side.template(), "Outputs") {
        if side.has(output) {
            let meaning = description(output).with_context(|| format!("output {name}"))?;
            rows.push_str(&format!("| `{name}` | {} |\n", cell::text(meaning)));
        }
    }
    if !rows.is_empty() {
        rows = format!("| output | meaning |\n| --- | --- |\n{rows}\n");
    }
    Ok(rows)
}

/// A part of a template, by name.
fn map<'a>(template: &'a Value, part: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let part = template.get(part).and_then(Value::as_object);
    part.into_iter().flat_map(Map::iter)
}

fn description(of: &Value) -> Result<&str> {
    of["Description"].as_str().context("it has no Description")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_is_described_by_its_own_words() {
        let template = json!({
            "Description": "redbutton: an alarm.",
            "Parameters": {
                "Topic": {"Description": "Ends in *."},
                "Days": {"Default": 90, "Description": "D."},
                "Name": {"Default": "", "Description": "N."},
            },
            "Outputs": {"Arn": {"Description": "A."}},
        });
        let expected = "\
### templates/alarm.yaml

An alarm.

| parameter | default | meaning |
| --- | --- | --- |
| `Topic` | required | Ends in \\*. |
| `Days` | `90` | D. |
| `Name` |  | N. |

| output | meaning |
| --- | --- |
| `Arn` | A. |

";
        let section = |template: &Value| section("templates/alarm.yaml", template);
        assert_eq!(section(&template).unwrap(), expected);

        let mut silent = template.clone();
        silent["Parameters"]["Days"] = json!({});
        let error = format!("{:#}", section(&silent).unwrap_err());
        assert_eq!(error, "parameter Days: it has no Description");
    }

    #[test]
    fn each_side_has_tables_of_its_own() {
        let only = |condition: &str| json!({"Condition": condition, "Description": condition});
        let template = json!({
            "Description": "Both.",
            "Parameters": {"Side": {"AllowedValues": ["a", "b"], "Description": "S."}},
            "Conditions": {"A": {"Fn::Equals": [{"Ref": "Side"}, "a"]},
                           "B": {"Fn::Equals": [{"Ref": "Side"}, "b"]}},
            "Outputs": {"One": only("A"), "Two": only("B")},
        });
        let section = section("t.yaml", &template).unwrap();
        let (a, b) = section.split_once("#### Side=b\n").unwrap();
        assert!(a.contains("#### Side=a\n") && a.contains("`One`") && !a.contains("`Two`"));
        assert!(b.contains("`Side`") && b.contains("`Two`") && !b.contains("`One`"));
    }
}
