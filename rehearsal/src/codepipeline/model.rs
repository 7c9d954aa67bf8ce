//! The API model of CodePipeline, read from the installed botocore, and requests checked against it.

mod outgoing;

use std::fs::File;
use std::io::Read;

use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;
use regex_lite::Regex;
use serde_json::Value;

use super::answer::Refusal;
use crate::tools::Tools;

/// Shapes and operations, as botocore writes them.
pub(super) struct Model {
    json: Value,
}

impl Model {
    /// Reads `service-2.json.gz` of the newest botocore in the tools.
    pub(super) fn load(tools: &Tools) -> Result<Self> {
        let dir = tools
            .site_packages()?
            .join("botocore/data/codepipeline/2015-07-09");
        let (plain, packed) = (dir.join("service-2.json"), dir.join("service-2.json.gz"));
        let mut text = String::new();
        if let Ok(mut file) = File::open(&plain) {
            file.read_to_string(&mut text)
                .context("read CodePipeline's model")?;
        } else {
            let file = File::open(&packed)
                .with_context(|| format!("open CodePipeline's model {}", packed.display()))?;
            let mut file = GzDecoder::new(file);
            file.read_to_string(&mut text)
                .context("unpack CodePipeline's model")?;
        }
        let json: Value = serde_json::from_str(&text).context("parse CodePipeline's model")?;
        if !json["operations"]["PutJobSuccessResult"].is_object() {
            bail!("CodePipeline's model knows no PutJobSuccessResult");
        }
        Ok(Self { json })
    }

    /// Whether the request is one that the real service would not refuse for its form.
    pub(super) fn check(&self, operation: &str, request: &Value) -> Result<(), Refusal> {
        let input = &self.json["operations"][operation]["input"]["shape"];
        let Some(input) = input.as_str() else {
            return Err(Refusal::new("UnknownOperationException", ""));
        };
        let mut found = Vec::new();
        self.visit(input, request, "", &mut found)?;
        if found.is_empty() {
            return Ok(());
        }
        let plural = if found.len() == 1 { "" } else { "s" };
        let message = format!(
            "{} validation error{plural} detected: {}",
            found.len(),
            found.join("; ")
        );
        Err(Refusal::new("ValidationException", &message))
    }

    /// Notes what is wrong with `value` as `shape`; a wrong JSON type cannot even be read.
    fn visit(
        &self,
        shape: &str,
        value: &Value,
        at: &str,
        found: &mut Vec<String>,
    ) -> Result<(), Refusal> {
        let shape = &self.json["shapes"][shape];
        match (shape["type"].as_str().unwrap_or_default(), value) {
            ("structure", Value::Object(fields)) => {
                for name in shape["required"].as_array().into_iter().flatten() {
                    let name = name.as_str().unwrap_or_default();
                    if fields.get(name).is_none_or(Value::is_null) {
                        found.push(constraint(
                            "null",
                            &join(at, name),
                            "Member must not be null",
                        ));
                    }
                }
                for (name, field) in fields.iter().filter(|(_, field)| !field.is_null()) {
                    // A field that the model does not know is skipped, as the service does.
                    if let Some(member) = shape["members"][name]["shape"].as_str() {
                        self.visit(member, field, &join(at, name), found)?;
                    }
                }
            }
            ("map", Value::Object(entries)) => {
                for (key, entry) in entries {
                    self.visit(part(shape, "key"), &Value::from(key.as_str()), at, found)?;
                    self.visit(
                        part(shape, "value"),
                        entry,
                        &format!("{at}.{key}.member"),
                        found,
                    )?;
                }
                size(shape, entries.len(), value, at, found);
            }
            ("list", Value::Array(entries)) => {
                for (index, entry) in entries.iter().enumerate() {
                    let at = format!("{at}.{}.member", index + 1);
                    self.visit(part(shape, "member"), entry, &at, found)?;
                }
                size(shape, entries.len(), value, at, found);
            }
            ("string", Value::String(text)) => string(shape, text, at, found),
            ("integer" | "long", Value::Number(number)) => {
                let number = number.as_i64().unwrap_or(i64::MAX);
                if shape["min"].as_i64().is_some_and(|min| number < min) {
                    let rule = format!(
                        "Member must have value greater than or equal to {}",
                        shape["min"]
                    );
                    found.push(constraint(&number.to_string(), at, &rule));
                }
                if shape["max"].as_i64().is_some_and(|max| number > max) {
                    let rule = format!(
                        "Member must have value less than or equal to {}",
                        shape["max"]
                    );
                    found.push(constraint(&number.to_string(), at, &rule));
                }
            }
            ("timestamp" | "double" | "float", Value::Number(_)) | ("boolean", Value::Bool(_)) => {}
            (kind, _) => {
                return Err(Refusal::new(
                    "SerializationException",
                    &format!("{at} is no {kind}"),
                ));
            }
        }
        Ok(())
    }
}

fn string(shape: &Value, text: &str, at: &str, found: &mut Vec<String>) {
    // AWS counts as Java does: a character beyond the basic plane is two.
    size(
        shape,
        text.encode_utf16().count(),
        &Value::from(text),
        at,
        found,
    );
    if let Some(pattern) = shape["pattern"].as_str() {
        let whole = Regex::new(&format!("^(?:{pattern})$"));
        if !whole.is_ok_and(|whole| whole.is_match(text)) {
            let rule = format!("Member must satisfy regular expression pattern: {pattern}");
            found.push(constraint(text, at, &rule));
        }
    }
    if let Some(allowed) = shape["enum"].as_array()
        && !allowed.iter().any(|name| name == text)
    {
        let names: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        let rule = format!("Member must satisfy enum value set: [{}]", names.join(", "));
        found.push(constraint(text, at, &rule));
    }
}

fn size(shape: &Value, size: usize, value: &Value, at: &str, found: &mut Vec<String>) {
    let limit = |name: &str| {
        shape[name]
            .as_u64()
            .and_then(|limit| usize::try_from(limit).ok())
    };
    let shown = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    if limit("min").is_some_and(|min| size < min) {
        let rule = format!(
            "Member must have length greater than or equal to {}",
            shape["min"]
        );
        found.push(constraint(&shown, at, &rule));
    }
    if limit("max").is_some_and(|max| size > max) {
        let rule = format!(
            "Member must have length less than or equal to {}",
            shape["max"]
        );
        found.push(constraint(&shown, at, &rule));
    }
}

fn part<'a>(shape: &'a Value, name: &str) -> &'a str {
    shape[name]["shape"].as_str().unwrap_or_default()
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() {
        name.to_owned()
    } else {
        format!("{at}.{name}")
    }
}

fn constraint(value: &str, at: &str, rule: &str) -> String {
    format!("Value '{value}' at '{at}' failed to satisfy constraint: {rule}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// The shapes of the two answers, as botocore has them.
    pub(in super::super) fn model() -> Model {
        let shapes = json!({
            "PutJobSuccessResultInput": {"type": "structure", "required": ["jobId"], "members": {
                "jobId": {"shape": "JobId"}, "continuationToken": {"shape": "ContinuationToken"},
                "executionDetails": {"shape": "ExecutionDetails"},
                "outputVariables": {"shape": "OutputVariablesMap"}}},
            "PutJobFailureResultInput": {"type": "structure", "required": ["jobId", "failureDetails"],
                "members": {"jobId": {"shape": "JobId"}, "failureDetails": {"shape": "FailureDetails"}}},
            "JobId": {"type": "string", "pattern": "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"},
            "ContinuationToken": {"type": "string", "max": 2048, "min": 1},
            "ExecutionDetails": {"type": "structure", "members": {
                "summary": {"shape": "ExecutionSummary"}, "percentComplete": {"shape": "Percentage"}}},
            "ExecutionSummary": {"type": "string", "max": 2048, "min": 1},
            "Percentage": {"type": "integer", "max": 100, "min": 0},
            "OutputVariablesMap": {"type": "map", "key": {"shape": "Key"}, "value": {"shape": "Text"}},
            "Key": {"type": "string", "pattern": "[A-Za-z0-9@\\-_]+"}, "Text": {"type": "string"},
            "FailureDetails": {"type": "structure", "required": ["type", "message"], "members": {
                "type": {"shape": "FailureType"}, "message": {"shape": "Message"}}},
            "FailureType": {"type": "string", "enum": ["JobFailed", "ConfigurationError"]},
            "Message": {"type": "string", "max": 5000, "min": 1}
        });
        let operations = json!({
            "PutJobSuccessResult": {"input": {"shape": "PutJobSuccessResultInput"}},
            "PutJobFailureResult": {"input": {"shape": "PutJobFailureResultInput"}}
        });
        Model {
            json: json!({ "shapes": shapes, "operations": operations }),
        }
    }

    const ID: &str = "11111111-abcd-1111-abcd-111111abcdef";

    fn check(operation: &str, request: Value, expected: &str) {
        let found = match model().check(operation, &request) {
            Ok(()) => "ok".to_owned(),
            Err(refusal) => format!("{}: {}", refusal.code, refusal.message),
        };
        assert!(found.contains(expected), "{found} has no {expected:?}");
    }

    // rules: 3.2.5 3.2.6 3.2.7
    #[test]
    fn answers_within_the_limits_pass() {
        check("PutJobSuccessResult", json!({"jobId": ID}), "ok");
        let details = json!({"summary": "s".repeat(2048), "percentComplete": 100});
        check(
            "PutJobSuccessResult",
            json!({"jobId": ID, "executionDetails": details, "outputVariables": {"A-b_@1": ""}}),
            "ok",
        );
        let failure = json!({"type": "JobFailed", "message": "m".repeat(5000)});
        check(
            "PutJobFailureResult",
            json!({"jobId": ID, "failureDetails": failure}),
            "ok",
        );
    }

    // rules: 3.1.5 3.2.2 3.2.5 3.2.6 3.2.7
    #[test]
    fn others_are_refused_as_the_service_does() {
        let success = |more: Value| {
            let mut request = json!({"jobId": ID});
            request
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            request
        };
        check("PutJobSuccessResult", json!({}), "Value 'null' at 'jobId'");
        check(
            "PutJobSuccessResult",
            json!({"jobId": "x"}),
            "regular expression pattern",
        );
        check(
            "PutJobSuccessResult",
            success(json!({"continuationToken": ""})),
            "at 'continuationToken' failed to satisfy constraint: Member must have length greater than or equal to 1",
        );
        check(
            "PutJobSuccessResult",
            success(json!({"continuationToken": "t".repeat(2049)})),
            "less than or equal to 2048",
        );
        check(
            "PutJobSuccessResult",
            success(json!({"executionDetails": {"percentComplete": 101}})),
            "value less than or equal to 100",
        );
        check(
            "PutJobSuccessResult",
            success(json!({"outputVariables": {"a.b": "x"}})),
            "at 'outputVariables'",
        );
        check(
            "PutJobSuccessResult",
            success(json!({"outputVariables": {"a": 1}})),
            "SerializationException",
        );
        let failure = |kind: &str, message: &str| json!({"jobId": ID, "failureDetails": {"type": kind, "message": message}});
        check(
            "PutJobFailureResult",
            failure("Broken", "m"),
            "enum value set: [JobFailed, ConfigurationError]",
        );
        check(
            "PutJobFailureResult",
            failure("JobFailed", ""),
            "greater than or equal to 1",
        );
        check(
            "PutJobFailureResult",
            failure("JobFailed", &"🚀".repeat(2501)),
            "less than or equal to 5000",
        );
        check(
            "PutJobFailureResult",
            failure("x", ""),
            "2 validation errors detected",
        );
        check("DeletePipeline", json!({}), "UnknownOperationException");
    }
}
