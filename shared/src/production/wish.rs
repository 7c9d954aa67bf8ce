//! What an execution of the state machine is asked for: one input for deploying, trying again and going
//! back. Nothing in it is trusted but a release's name, and that release is verified (CONTRACTS 3.9.3).

use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::arrival::is_release;

/// The word for the release that served before the one that serves.
pub const PREVIOUS: &str = "previous";

/// An execution's input.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wish {
    /// `<pipeline>/<execution>`; or `previous`, for the release that served before the one that does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// With `previous`: the target whose history is meant, as the ledger calls it, such as
    /// `service/ap-southeast-2/production/orders`. Not needed where the ledger knows one target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The version of the envelope's object that was verified by the gate, which alone writes it: the
    /// release counts from its arrival. Without it a person asks, and it counts from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived: Option<String>,
    /// What becomes of what is live where it is neither what the preview saw nor what the ledger left;
    /// without this the release is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// Instead of a release: what ended without coming to an end, and is to be cleaned up after: the
    /// execution that deployed, by ARN, or its record's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clean_up: Option<String>,
}

/// What becomes of drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Drift {
    /// It is deployed over.
    Accept,
}

/// What is wished for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// This release.
    Release(String),
    /// The one that served before.
    Previous {
        /// The target whose history is meant.
        target: Option<String>,
    },
    /// Clean up after this execution.
    CleanUp(String),
}

/// The JSON Schema of an input.
pub fn wish_schema() -> Value {
    schema_for!(Wish).to_value()
}

impl Wish {
    /// Reads an input.
    pub fn parse(input: &Value) -> Result<(Self, Wanted), String> {
        let wish: Self = serde_json::from_value(input.clone()).map_err(|error| {
            format!(
                "the execution's input is none that is known ({error}); it is {{\"release\": \
                 \"<pipeline>/<execution>\"}} or {{\"release\": \"previous\"}}"
            )
        })?;
        let wanted = match (&wish.release, &wish.clean_up) {
            (None, Some(execution)) => Wanted::CleanUp(execution.clone()),
            (Some(release), None) if release == PREVIOUS => Wanted::Previous {
                target: wish.target.clone(),
            },
            (Some(release), None) if is_release(release) => Wanted::Release(release.clone()),
            (Some(release), None) => {
                return Err(format!(
                    "\"release\" is {release:?}; it must be \"<pipeline>/<execution>\", as its folder in \
                     the bucket is called, or \"previous\""
                ));
            }
            (Some(_), Some(_)) => {
                return Err("\"release\" and \"cleanUp\" cannot stand together".to_owned());
            }
            (None, None) => {
                return Err(
                    "\"release\" is missing; it must be \"<pipeline>/<execution>\" or \"previous\""
                        .to_owned(),
                );
            }
        };
        if wish.target.is_some() && !matches!(wanted, Wanted::Previous { .. }) {
            return Err(
                "\"target\" stands with \"release\": \"previous\" only: a release is deployed whole"
                    .to_owned(),
            );
        }
        Ok((wish, wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const RELEASE: &str = "orders/6a44e44d-2d5d-4434-bc07-25d9fda946d2";

    #[test]
    fn an_input_is_a_release_the_previous_one_or_a_clean_up() {
        let wanted = |input: Value| Wish::parse(&input).map(|(_, wanted)| wanted);
        assert_eq!(
            wanted(json!({"release": RELEASE, "arrived": "v1"})),
            Ok(Wanted::Release(RELEASE.into()))
        );
        let target = || Some("stack/ap-southeast-2/orders".to_owned());
        assert_eq!(
            wanted(json!({"release": "previous", "target": target(), "drift": "accept"})),
            Ok(Wanted::Previous { target: target() })
        );
        assert_eq!(
            wanted(json!({"cleanUp": "arn"})),
            Ok(Wanted::CleanUp("arn".into()))
        );
        for (input, says) in [
            (json!({}), "\"release\" is missing"),
            (
                json!({"release": "orders"}),
                "must be \"<pipeline>/<execution>\"",
            ),
            (
                json!({"release": RELEASE, "target": "t"}),
                "\"target\" stands with",
            ),
            (
                json!({"release": RELEASE, "cleanUp": "a"}),
                "cannot stand together",
            ),
            (json!({"relaese": RELEASE}), "relaese"),
            (json!({"release": RELEASE, "drift": "ignore"}), "accept"),
            (json!(null), "none that is known"),
        ] {
            let why = wanted(input).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
    }
}
