//! What a stack was before a change set is executed: all that the way back needs, and nothing that
//! is secret (CONTRACTS 3.6.20).
//!
//! It is kept in a bucket, since a template is longer than a continuation token, and read by the
//! attempt that wrote it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::parameters::is_hidden;
use super::{Change, Stack};

const VERSION: u32 = 1;

/// A stack as it was, and what the release does to it that the way back undoes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// `GetTemplate(Original)`, byte for byte; none when the template does not change.
    pub template: Option<String>,
    /// Its parameters; None for a NoEcho one, which keeps its value (`UsePreviousValue`).
    pub parameters: Vec<(String, Option<String>)>,
    /// Its tags, all that a person may write.
    pub tags: Vec<(String, String)>,
    /// The role that CloudFormation acted with.
    pub role: Option<String>,
    /// Capabilities that its last operation acknowledged.
    pub capabilities: Vec<String>,
    /// Names of the resources that our change set adds, so that the way back may remove them.
    pub added: Vec<String>,
    /// `allowReplacement` as the release had it: what may be replaced may be replaced again.
    pub allowed: Vec<String>,
}

/// As it is written down.
#[derive(Serialize)]
struct Versioned<'a> {
    version: u32,
    #[serde(flatten)]
    before: &'a Before,
}

impl Before {
    /// What `stack` is now, before `changes` are made to it. `template` is the one that it has, none
    /// when the release does not change it.
    pub fn of(
        stack: &Stack,
        template: Option<String>,
        changes: &[Change],
        allowed: &[String],
    ) -> Self {
        let readable = |(key, value): &(String, String)| {
            (key.clone(), (!is_hidden(value)).then(|| value.clone()))
        };
        let added = changes.iter().filter(|change| change.action == "Add");
        // Tags of AWS's own are not ours to send: a request with one is refused.
        let tags = stack
            .tags
            .iter()
            .filter(|(key, _)| !key.starts_with("aws:"));
        Self {
            template,
            parameters: stack.parameters.iter().map(readable).collect(),
            tags: tags.cloned().collect(),
            role: stack.role.clone(),
            capabilities: stack.capabilities.clone(),
            added: added.map(Change::name).collect(),
            allowed: allowed.to_vec(),
        }
    }

    /// Its JSON, with the version of the form.
    pub fn to_json(&self) -> String {
        let version = VERSION;
        let before = self;
        // Texts and lists of texts always have a JSON form.
        serde_json::to_string(&Versioned { version, before }).unwrap_or_default()
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let value: Value =
            serde_json::from_slice(bytes).map_err(|error| format!("is not JSON ({error})"))?;
        match value.get("version") {
            Some(version) if *version == VERSION => serde_json::from_value(value)
                .map_err(|error| format!("is not what redbutton writes ({error})")),
            Some(version) => Err(format!(
                "is of version {version}, and this redbutton knows version {VERSION}"
            )),
            None => Err("has no version: redbutton did not write it".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack() -> Stack {
        let texts = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            pairs.iter().map(owned).collect()
        };
        Stack {
            parameters: texts(&[("Cpu", "512"), ("Password", "****"), ("Empty", "")]),
            tags: texts(&[("team", "web"), ("aws:servicecatalog:x", "y")]),
            role: Some("arn:aws:iam::333333333333:role/redbutton-cloudformation".into()),
            capabilities: vec!["CAPABILITY_IAM".into()],
            ..Stack::default()
        }
    }

    fn before() -> Before {
        let change = |action: &str, path: &[&str], logical: &str| Change {
            action: action.into(),
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            logical: logical.into(),
            ..Change::default()
        };
        let changes = [
            change("Add", &[], "Queue"),
            change("Modify", &[], "Service"),
            change("Add", &["Nested"], "Topic"),
        ];
        let template = Some("Resources:\r\n  A: \"é\"\n".to_owned());
        Before::of(&stack(), template, &changes, &["Cache".to_owned()])
    }

    // rules: 3.6.20
    #[test]
    fn all_is_kept_that_can_be_read_and_nothing_that_is_hidden() {
        let before = before();
        insta::assert_snapshot!(before.to_json());
        assert_eq!(Before::from_json(before.to_json().as_bytes()), Ok(before));
    }

    #[test]
    fn what_nobody_of_ours_wrote_is_not_read() {
        for (bytes, expected) in [
            ("{", "is not JSON"),
            ("[]", "has no version"),
            ("{}", "has no version"),
            (r#"{"version": 2}"#, "is of version 2"),
            (r#"{"version": 1}"#, "is not what redbutton writes"),
        ] {
            let wrong = Before::from_json(bytes.as_bytes()).unwrap_err();
            assert!(wrong.contains(expected), "{wrong}");
        }
    }
}
