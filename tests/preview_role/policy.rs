//! What policies say, worked out here: the second witness for what the emulator does not check.
//!
//! Small, and strict about what it does not know: an operator or an element of a statement that is
//! not here fails the test that comes upon it.

use serde_json::Value;

/// The statements of a principal's policies.
pub(super) struct Policies(Vec<Value>);

impl Policies {
    /// All of these documents.
    pub(super) fn new(documents: &[Value]) -> Self {
        let statements = documents.iter().flat_map(|document| {
            assert_eq!(document["Version"], "2012-10-17", "{document}");
            many(&document["Statement"])
        });
        let statements: Vec<Value> = statements.cloned().collect();
        for statement in &statements {
            for element in statement.as_object().unwrap().keys() {
                let known = ["Sid", "Effect", "Action", "Resource", "Condition"];
                assert!(known.contains(&element.as_str()), "{statement}");
            }
        }
        Self(statements)
    }

    /// Whether a statement speaks of an action, on whatever and whenever. Actions have no case.
    pub(super) fn name(&self, action: &str) -> bool {
        self.0.iter().any(|statement| names(statement, action))
    }

    /// Whether a call is allowed: an action on a resource, with what is known about the request.
    pub(super) fn allow(&self, action: &str, resource: &str, context: &[(&str, &str)]) -> bool {
        let applies = |effect: &str| {
            self.0.iter().any(|statement| {
                statement["Effect"] == effect
                    && names(statement, action)
                    && texts(&statement["Resource"]).any(|pattern| like(pattern, resource))
                    && conditions(&statement["Condition"], context)
            })
        };
        applies("Allow") && !applies("Deny")
    }
}

fn names(statement: &Value, action: &str) -> bool {
    let action = action.to_lowercase();
    texts(&statement["Action"]).any(|pattern| like(&pattern.to_lowercase(), &action))
}

/// Whether every condition holds. A key that the request does not have holds for nothing.
fn conditions(conditions: &Value, context: &[(&str, &str)]) -> bool {
    let operators = conditions.as_object().into_iter().flatten();
    operators
        .flat_map(|(operator, keys)| {
            let keys = keys.as_object().unwrap();
            keys.iter()
                .map(move |(key, values)| (operator, key, values))
        })
        .all(|(operator, key, values)| {
            let found = context.iter().find(|(name, _)| name == key);
            found.is_some_and(|(_, given)| {
                texts(values).any(|value| match operator.as_str() {
                    "StringEquals" => value == *given,
                    "StringLike" | "ArnLike" => like(value, given),
                    other => panic!("{other} is not known here"),
                })
            })
        })
}

/// `*` is any text, `?` one character.
fn like(pattern: &str, text: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            let rest = &pattern[1..];
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| like(rest, &text[at..]))
        }
        (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
            like(&pattern[wanted.len_utf8()..], &text[found.len_utf8()..])
        }
        _ => false,
    }
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    many(value).into_iter().map(|text| text.as_str().unwrap())
}

/// One or several.
fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(several) => several.iter().collect(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_are_matched_as_a_whole() {
        for (pattern, text, matches) in [
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("stack/web/*", "stack/web-2/x", false),
            ("stack/*/*", "stack/web/x", true),
        ] {
            assert_eq!(like(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn a_call_is_allowed_by_one_statement_and_denied_by_any() {
        let policies = Policies::new(&[json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["s3:Get*", "s3:PutObject"], "Resource": "arn:b/*"},
            {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:b/secret"},
            {"Effect": "Allow", "Action": "x:Make", "Resource": "*",
             "Condition": {"StringLike": {"x:Name": ["own-*", "ours"]}, "StringEquals": {"x:To": "a"}}},
        ]})]);
        for (action, resource, context, allowed) in [
            ("s3:GetObject", "arn:b/1", &[][..], true),
            ("S3:putobject", "arn:b/1", &[], true),
            ("s3:GetObject", "arn:c/1", &[], false),
            ("s3:GetObject", "arn:b/secret", &[], false),
            ("s3:DeleteObject", "arn:b/1", &[], false),
            ("x:Make", "any", &[("x:Name", "own-1"), ("x:To", "a")], true),
            (
                "x:Make",
                "any",
                &[("x:Name", "own-1"), ("x:To", "b")],
                false,
            ),
            (
                "x:Make",
                "any",
                &[("x:Name", "theirs"), ("x:To", "a")],
                false,
            ),
            ("x:Make", "any", &[("x:To", "a")], false),
        ] {
            let found = policies.allow(action, resource, context);
            assert_eq!(found, allowed, "{action} {resource} {context:?}");
        }
        assert!(policies.name("s3:DeleteObject") && !policies.name("x:Break"));
    }
}
