//! The template of a package: `CodeUri: .` of each function becomes its built code, and what says how
//! to build it goes.
//!
//! By lines, because a YAML library would lose the template's short forms (`!Sub`) and comments.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

/// Points every function to `code[binary]`; refuses a template that it does not understand.
pub(super) fn point_to(template: &str, code: &BTreeMap<String, String>) -> Result<String> {
    let mut written = Vec::new();
    let mut placed = Vec::new();
    let mut in_resources = false;
    let lines: Vec<&str> = template.lines().collect();
    for block in blocks(&lines) {
        if let Some(first) = block.first()
            && indent(first) == Some(0)
        {
            in_resources = content(first) == "Resources:";
        }
        let binary = block.iter().copied().find_map(binary);
        match binary {
            Some(binary) if in_resources => {
                let name = block.first().map_or("", |line| content(line));
                let uri = code.get(binary).with_context(|| {
                    format!("{name} names the binary {binary}, which functions/ does not have")
                })?;
                written.extend(resource(block, uri).with_context(|| name.to_owned())?);
                placed.push(binary);
            }
            _ => written.extend(block.iter().map(|line| (*line).to_owned())),
        }
    }
    if let Some(left) = written.iter().find(|line| content(line) == "CodeUri: .") {
        bail!("a function has {left:?} without `Metadata: BuildProperties: Binary:`");
    }
    if let Some(missing) = code.keys().find(|name| !placed.contains(&name.as_str())) {
        bail!("functions/{missing} is nowhere in the template");
    }
    written.push(String::new());
    Ok(written.join("\n"))
}

/// The binaries of the functions that live in the production account, by their Condition.
pub(super) fn of_production(template: &str) -> Vec<String> {
    let lines: Vec<&str> = template.lines().collect();
    let mut binaries = Vec::new();
    for block in blocks(&lines) {
        let here = |line: &&str| content(line) == "Condition: InProduction";
        let named = block.iter().copied().find_map(binary);
        if let Some(binary) = named.filter(|_| block.iter().any(here)) {
            binaries.push(binary.to_owned());
        }
    }
    binaries
}

/// The binary that a line names.
fn binary(line: &str) -> Option<&str> {
    content(line).strip_prefix("Binary: ")
}

/// Consecutive lines that belong together: a top-level key's line, or a resource with all below it.
fn blocks<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = &'a [&'a str]> {
    lines.chunk_by(|_, next| !matches!(indent(next), Some(0 | 2)))
}

/// A resource without its `Metadata`, its code in `uri`.
fn resource(block: &[&str], uri: &str) -> Result<Vec<String>> {
    let mut written = Vec::new();
    let (mut in_metadata, mut metadata, mut code) = (false, 0, 0);
    for line in block {
        if let Some(indent) = indent(line)
            && indent <= 4
        {
            in_metadata = indent == 4 && content(line) == "Metadata:";
            metadata += usize::from(in_metadata);
        }
        if in_metadata {
            continue;
        }
        if content(line) == "CodeUri: ." {
            code += 1;
            let margin = " ".repeat(indent(line).unwrap_or_default());
            written.push(format!("{margin}CodeUri: {}", serde_json::Value::from(uri)));
        } else {
            written.push((*line).to_owned());
        }
    }
    ensure!(code == 1, "needs one `CodeUri: .`, has {code}");
    ensure!(
        metadata == 1,
        "needs one `Metadata:`, four spaces in, has {metadata}"
    );
    Ok(written)
}

/// Spaces before a line's content; none for empty and comment lines, which belong to anything.
fn indent(line: &str) -> Option<usize> {
    let text = line.trim_start();
    (!text.is_empty() && !text.starts_with('#')).then(|| line.len() - text.len())
}

/// A line without margin and comment.
fn content(line: &str) -> &str {
    line.split(" #").next().unwrap_or(line).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "\
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Timeout: 300
Resources:
  # The updater.
  Updater:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: rust-cargolambda
      BuildProperties:
        Binary: updater

    Properties:
      CodeUri: . # the workspace
      Role: !GetAtt Role.Arn
  Role:
    Type: AWS::IAM::Role
Outputs:
  Binary:
    Value: x
";

    fn code(names: &[&str]) -> BTreeMap<String, String> {
        names
            .iter()
            .map(|name| ((*name).to_owned(), format!("/p/{name}")))
            .collect()
    }

    fn refused(template: &str, names: &[&str], expected: &str) {
        let error = format!("{:#}", point_to(template, &code(names)).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn code_is_put_in_and_the_build_left_out() {
        let expected = TEMPLATE
            .replace("CodeUri: . # the workspace", "CodeUri: \"/p/updater\"")
            .replace("    Metadata:\n      BuildMethod: rust-cargolambda\n      BuildProperties:\n        Binary: updater\n\n", "");
        assert_eq!(point_to(TEMPLATE, &code(&["updater"])).unwrap(), expected);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        refused(TEMPLATE, &[], "does not have");
        refused(
            TEMPLATE,
            &["updater", "copier"],
            "functions/copier is nowhere",
        );
        let elsewhere = TEMPLATE.replace("CodeUri: . # the workspace", "CodeUri: functions/");
        refused(&elsewhere, &["updater"], "needs one `CodeUri: .`, has 0");
        let no_binary = TEMPLATE.replace("        Binary: updater\n", "");
        refused(&no_binary, &[], "without `Metadata");
        let inline = TEMPLATE.replace("    Metadata:\n", "    Metadata: &shared\n");
        refused(&inline, &["updater"], "needs one `Metadata:`");
    }
}
