//! Answers checked against the API model: what it does not know, or knows otherwise, no AWS sends.

use serde_json::Value;

use super::{Model, join, part};

impl Model {
    /// Whether an answer is one that the real service could give; says all that is wrong with it.
    pub(in super::super) fn check_answer(
        &self,
        operation: &str,
        answer: &Value,
    ) -> Result<(), String> {
        let output = &self.json["operations"][operation]["output"]["shape"];
        let Some(output) = output.as_str() else {
            return Err(format!("the model knows no answer of {operation}"));
        };
        let mut found = Vec::new();
        if let Err(refusal) = self.visit(output, answer, "", &mut found) {
            found.push(refusal.message);
        }
        self.strangers(output, answer, "", &mut found);
        if found.is_empty() {
            Ok(())
        } else {
            Err(found.join("; "))
        }
    }

    /// Notes members that the shapes do not have, and nulls, which the service leaves out.
    fn strangers(&self, shape: &str, value: &Value, at: &str, found: &mut Vec<String>) {
        let shape = &self.json["shapes"][shape];
        match (shape["type"].as_str().unwrap_or_default(), value) {
            ("structure", Value::Object(fields)) => {
                for (name, field) in fields {
                    let at = join(at, name);
                    match shape["members"][name]["shape"].as_str() {
                        None => found.push(format!("'{at}' is no member of the model")),
                        Some(_) if field.is_null() => found.push(format!("'{at}' is null")),
                        Some(member) => self.strangers(member, field, &at, found),
                    }
                }
            }
            ("map", Value::Object(entries)) => {
                for (key, entry) in entries {
                    self.strangers(part(shape, "value"), entry, &join(at, key), found);
                }
            }
            ("list", Value::Array(entries)) => {
                for (index, entry) in entries.iter().enumerate() {
                    let at = format!("{at}.{}.member", index + 1);
                    self.strangers(part(shape, "member"), entry, &at, found);
                }
            }
            ("integer" | "long", Value::Number(number)) if !number.is_i64() => {
                found.push(format!("'{at}' is {number}, not a whole number"));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The shapes of one answer, as botocore has them.
    fn model() -> Model {
        let shapes = json!({
            "Output": {"type": "structure", "members": {
                "stages": {"shape": "Stages"}, "values": {"shape": "Values"},
                "version": {"shape": "Version"}, "created": {"shape": "Timestamp"},
                "enabled": {"shape": "Enabled"}}},
            "Stages": {"type": "list", "member": {"shape": "Stage"}},
            "Stage": {"type": "structure", "required": ["status"], "members": {
                "status": {"shape": "Status"}, "name": {"shape": "Name"}}},
            "Status": {"type": "string", "enum": ["Succeeded", "Failed"]},
            "Name": {"type": "string", "min": 1, "max": 5, "pattern": "[a-z]+"},
            "Values": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Stage"}},
            "Version": {"type": "integer", "min": 1}, "Timestamp": {"type": "timestamp"},
            "Enabled": {"type": "boolean"}
        });
        let operations = json!({ "Look": {"output": {"shape": "Output"}}, "Put": {} });
        Model {
            json: json!({ "shapes": shapes, "operations": operations }),
        }
    }

    fn check(answer: Value, expected: &[&str]) {
        let wrong = model().check_answer("Look", &answer).unwrap_err();
        for words in expected {
            assert!(wrong.contains(words), "{answer}: {wrong} has no {words:?}");
        }
    }

    #[test]
    fn a_right_answer_passes() {
        let answer = json!({
            "stages": [{"status": "Failed", "name": "build"}], "values": {"a": {"status": "Succeeded"}},
            "version": 1, "created": 1.5, "enabled": true,
        });
        model().check_answer("Look", &answer).unwrap();
        model().check_answer("Look", &json!({})).unwrap();
    }

    #[test]
    fn every_kind_of_violation_is_found() {
        let stage = |more: Value| json!({ "stages": [more] });
        check(json!({"other": 1}), &["'other' is no member"]);
        check(
            stage(json!({"status": "Failed", "Name": "x"})),
            &["'stages.1.member.Name' is no member"],
        );
        check(
            json!({"values": {"a": {"status": "Failed", "x": 1}}}),
            &["'values.a.x' is no member"],
        );
        check(stage(json!({})), &["'stages.1.member.status'", "null"]);
        check(stage(json!({"status": "failed"})), &["enum value set"]);
        check(
            stage(json!({"status": "Failed", "name": null})),
            &["'stages.1.member.name' is null"],
        );
        check(
            stage(json!({"status": "Failed", "name": "abcdef"})),
            &["length less than or equal to 5"],
        );
        check(
            stage(json!({"status": "Failed", "name": ""})),
            &["length greater than or equal to 1"],
        );
        check(
            stage(json!({"status": "Failed", "name": "A"})),
            &["regular expression pattern"],
        );
        check(json!({"version": 0}), &["value greater than or equal to 1"]);
        check(json!({"version": "1"}), &["version is no integer"]);
        check(json!({"version": 1.5}), &["version"]);
        check(json!({"created": "today"}), &["created is no timestamp"]);
        check(json!({"enabled": 1}), &["enabled is no boolean"]);
        check(json!({"stages": {}}), &["stages is no list"]);
        check(json!({"values": []}), &["values is no map"]);
        check(
            json!({"values": {"A": {"status": "Failed"}}}),
            &["'A' at 'values'"],
        );
        check(json!([]), &["is no structure"]);
        let unknown = model().check_answer("Put", &json!({})).unwrap_err();
        assert!(unknown.contains("no answer of Put"), "{unknown}");
    }
}
