//! What is told to the world: one event of EventBridge for each thing that happened, with a text that a
//! rule hands on to SNS.

use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ledger::OfRelease;
use crate::release::outcome::{Entry, Kind, Outcome};

/// `source` of every event.
pub const SOURCE: &str = "redbutton";
/// `detail-type` of every event.
pub const DETAIL_TYPE: &str = "Redbutton Release";

/// `detail` of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// The version of this form.
    #[schemars(extend("const" = 1))]
    pub version: u32,
    /// `<pipeline>/<execution>`.
    pub release: String,
    /// What came of it.
    pub result: Kind,
    /// Counted from 1.
    pub attempt: u32,
    /// In a sentence or two.
    pub summary: String,
    /// Of a failure, the first cause; of a refusal, every reason.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// The ledger's heads after it: who keeps the hashes can tell later whether the ledger is whole.
    #[serde(default)]
    pub ledger: Vec<Entry>,
    /// Who approved, by ARN.
    #[serde(default)]
    pub approvers: Vec<String>,
    /// All of it for people, as the SNS message has it.
    pub text: String,
}

/// The JSON Schema of an event's `detail`.
pub fn announcement_schema() -> Value {
    schema_for!(Announcement).to_value()
}

/// What an SNS message takes is 256 KiB, and so does an event with all around it; nobody reads more.
const LONGEST_TEXT: usize = 8_000;

impl Announcement {
    /// Of what came of an attempt; `of` is what the ledger says of the release, once it was taken up.
    pub fn new(outcome: &Outcome, of: Option<&OfRelease>) -> Self {
        let Outcome {
            release,
            attempt,
            result,
            summary,
            reasons,
            ledger,
            ..
        } = outcome;
        let what = match result {
            Kind::Started => "is being deployed",
            Kind::Served => "serves in production",
            Kind::Failed => "FAILED in production",
            Kind::Refused => "was REFUSED by production",
            Kind::Superseded => "was superseded by a newer one",
        };
        let mut text = format!("Release {release} {what} (attempt {attempt}).\n\n{summary}\n");
        for reason in reasons {
            text.push_str(&format!("- {reason}\n"));
        }
        let approvers = of.map(|of| of.approvers.clone()).unwrap_or_default();
        if !approvers.is_empty() {
            text.push_str(&format!("\nApproved by {}.\n", approvers.join(", ")));
        }
        if let Some(of) = of {
            text.push_str(&format!("Execution {}\n", of.execution));
        }
        for entry in ledger {
            text.push_str(&format!("Ledger {} sha256 {}\n", entry.key, entry.sha256));
        }
        Self {
            version: 1,
            release: release.clone(),
            result: *result,
            attempt: *attempt,
            summary: summary.clone(),
            reasons: reasons.clone(),
            ledger: ledger.clone(),
            approvers,
            text: crate::job::answer::cut(&text, LONGEST_TEXT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_happened_and_why() {
        let entry = Entry {
            key: "ledger/stack/ap-southeast-2/orders/00000002.json".into(),
            sha256: "ab".into(),
        };
        let outcome = Outcome {
            version: 1,
            release: "orders/1".into(),
            release_sha256: String::new(),
            attempt: 2,
            result: Kind::Failed,
            at: 0,
            summary: "stack orders was not released".into(),
            reasons: vec!["exit code 1".into()],
            ledger: vec![entry],
        };
        let told = Announcement::new(&outcome, None);
        assert_eq!(
            told.text,
            "Release orders/1 FAILED in production (attempt 2).\n\nstack orders was not released\n\
             - exit code 1\nLedger ledger/stack/ap-southeast-2/orders/00000002.json sha256 ab\n"
        );
        let long = Outcome {
            reasons: vec!["x".repeat(9_000)],
            ..outcome
        };
        let told = Announcement::new(&long, None);
        assert!(told.text.chars().count() <= 8_000);
    }
}
