//! A CloudFormation template as JSON: YAML with its short forms (`!Sub`, `!GetAtt`) written out.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};
use yaml_serde::Value as Yaml;
use yaml_serde::value::TaggedValue;

/// Reads a template, YAML or JSON. Keys stay in their order.
pub fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let template = parse(&text).with_context(|| format!("{} is no template", path.display()))?;
    ensure!(
        template["Resources"].is_object(),
        "{} is no template: it has no `Resources`",
        path.display()
    );
    Ok(template)
}

/// JSON is YAML, too.
fn parse(text: &str) -> Result<Value> {
    json(yaml_serde::from_str(text).context("read YAML")?)
}

fn json(yaml: Yaml) -> Result<Value> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => value.into(),
        Yaml::String(value) => value.into(),
        Yaml::Number(number) => serde_json::to_value(number).context("read a number")?,
        Yaml::Sequence(values) => {
            let values: Result<Vec<Value>> = values.into_iter().map(json).collect();
            values?.into()
        }
        Yaml::Mapping(fields) => {
            let mut written = Map::new();
            for (key, value) in fields {
                written.insert(self::key(&key)?, json(value)?);
            }
            written.into()
        }
        Yaml::Tagged(tagged) => long_form(*tagged)?,
    })
}

/// A key as CloudFormation reads it: port numbers and `true` are texts there.
fn key(key: &Yaml) -> Result<String> {
    match key {
        Yaml::String(text) => Ok(text.clone()),
        Yaml::Number(number) => Ok(number.to_string()),
        Yaml::Bool(value) => Ok(value.to_string()),
        other => bail!("a key has to be a text: {other:?}"),
    }
}

/// `!Ref x` → `{"Ref": "x"}`, `!GetAtt a.b` → `{"Fn::GetAtt": ["a", "b"]}`.
fn long_form(tagged: TaggedValue) -> Result<Value> {
    let tag = tagged.tag.to_string();
    let name = tag.trim_start_matches('!');
    let value = json(tagged.value)?;
    let (function, value) = match (name, value) {
        ("Ref" | "Condition", value) => (name.to_owned(), value),
        ("GetAtt", Value::String(text)) => {
            let (resource, attribute) = text
                .split_once('.')
                .with_context(|| format!("!GetAtt {text}: write `!GetAtt Resource.Attribute`"))?;
            let parts = vec![Value::from(resource), Value::from(attribute)];
            ("Fn::GetAtt".to_owned(), parts.into())
        }
        (name, value) => (format!("Fn::{name}"), value),
    };
    Ok(Map::from_iter([(function, value)]).into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn short_forms_are_written_out() {
        let text = "
Version: 2012-10-17
Account: 012345678901
Ref: !Ref Name
Arn: !GetAtt Role.Arn
Deep: !GetAtt [Nested, Outputs.Arn]
Sub: !Sub
  - ${A}-x
  - A: !If [Yes, !Ref B, !Ref AWS::NoValue]
80: true
";
        let expected = json!({
            "Version": "2012-10-17",
            "Account": "012345678901",
            "Ref": {"Ref": "Name"},
            "Arn": {"Fn::GetAtt": ["Role", "Arn"]},
            "Deep": {"Fn::GetAtt": ["Nested", "Outputs.Arn"]},
            "Sub": {"Fn::Sub": [
                "${A}-x",
                {"A": {"Fn::If": ["Yes", {"Ref": "B"}, {"Ref": "AWS::NoValue"}]}}
            ]},
            "80": true,
        });
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn json_is_read_as_it_is() {
        let text = r#"{"Resources": {"A": {"Fn::GetAtt": ["B", "Arn"]}}, "n": 1.5}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn what_is_no_template_says_where() {
        let error = format!("{:#}", parse("a:\n  - b\n c: d\n").unwrap_err());
        assert!(error.contains("line"), "{error}");
        let error = format!("{:#}", parse("A: !GetAtt Role").unwrap_err());
        assert!(error.contains("Resource.Attribute"), "{error}");
    }
}
