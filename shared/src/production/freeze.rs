//! A freeze: `freeze.json` in the bucket of state, which people put there and take away again. While it
//! is in force nothing is deployed; releases wait, or are refused.

use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The object's key.
pub const KEY: &str = "freeze.json";

/// A freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Freeze {
    /// Why, for everybody who has to wait.
    pub reason: String,
    /// When it ends by itself, in UTC, such as `2027-01-02T08:00:00Z`; without it when somebody deletes
    /// the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// What releases do meanwhile.
    #[serde(default)]
    pub releases: Meanwhile,
}

/// A moment as `2027-01-02T08:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Moment(
    #[serde(with = "crate::moment")]
    #[schemars(with = "String", regex(pattern = crate::moment::PATTERN))]
    pub u64,
);

/// What releases do during a freeze.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Meanwhile {
    /// They wait for its end.
    #[default]
    Wait,
    /// They are refused.
    Refuse,
}

/// The JSON Schema of a freeze.
pub fn freeze_schema() -> Value {
    schema_for!(Freeze).to_value()
}

impl Freeze {
    /// Reads what lies there; none when it is over. One that cannot be read is in force all the same:
    /// somebody meant to say no.
    pub fn parse(bytes: &[u8], now: u64) -> Option<Self> {
        let freeze: Self = match serde_json::from_slice(bytes) {
            Ok(freeze) => freeze,
            Err(error) => Self {
                reason: format!("{KEY} cannot be read ({error}); mend it or delete it"),
                until: None,
                releases: Meanwhile::Wait,
            },
        };
        let over = freeze.until.is_some_and(|until| until.0 <= now);
        (!over).then_some(freeze)
    }

    /// In a sentence.
    pub fn says(&self) -> String {
        let until = self.until.and_then(|until| crate::moment::utc(until.0));
        match until {
            Some(until) => format!("production is frozen until {until} UTC: {}", self.reason),
            None => format!("production is frozen: {}", self.reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u64 = 1_795_882_800;

    #[test]
    fn it_is_in_force_until_it_ends_or_goes() {
        let text = br#"{"reason": "black friday", "until": "2026-11-28T16:20:00Z"}"#;
        let freeze = Freeze::parse(text, END - 1).unwrap();
        assert_eq!(freeze.releases, Meanwhile::Wait);
        assert_eq!(
            freeze.says(),
            "production is frozen until 2026-11-28 16:20:00 UTC: black friday"
        );
        assert_eq!(Freeze::parse(text, END), None);
        let open = Freeze::parse(br#"{"reason": "r", "releases": "refuse"}"#, END).unwrap();
        assert_eq!(open.releases, Meanwhile::Refuse);
        assert_eq!(open.says(), "production is frozen: r");
    }

    #[test]
    fn one_that_cannot_be_read_is_in_force() {
        for text in [
            "",
            "{}",
            r#"{"reason": "r", "until": "soon"}"#,
            r#"{"reason": "r", "untill": "x"}"#,
        ] {
            let freeze = Freeze::parse(text.as_bytes(), END).unwrap();
            assert!(freeze.says().contains("cannot be read"), "{text}");
        }
    }
}
