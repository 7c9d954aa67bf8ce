//! Where a deployment in production stands: an object in the bucket of state that each step of the state
//! machine reads, and writes only as it was last read. Whatever happens between two steps, the next one
//! finds here what to do.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::ledger::{OfRelease, Order};
use crate::release::outcome::{Entry, Kind};

/// The folder of all records; they go after ninety days.
pub const FOLDER: &str = "rollouts/";
/// The folder of what is not over: empty objects that are named after records.
pub const OPEN: &str = "open/";

/// A record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// 1.
    pub version: u32,
    /// See [`id`].
    pub id: String,
    /// The Step Functions execution at work, by ARN.
    pub execution: String,
    /// `<pipeline>/<execution>`.
    pub release: String,
    /// The version of its envelope's object, by which it is read from now on.
    pub envelope: String,
    /// Hexadecimal sha256 of the envelope.
    pub sha256: String,
    /// Counted from 1; 0 until it is claimed.
    pub attempt: u32,
    /// Where the release stands among others.
    pub order: Order,
    /// Whether a person asked for it.
    pub asked: bool,
    /// Whether drift is deployed over.
    pub accept_drift: bool,
    /// When the execution began, seconds since the epoch.
    pub began: u64,
    /// What is to be done next.
    pub phase: Phase,
    /// The targets, as the ledger calls them; none before the release was verified.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Who approved, by ARN.
    #[serde(default)]
    pub approvers: Vec<String>,
    /// The rollout's state, as a token.
    #[serde(default)]
    pub state: Option<String>,
    /// When the rollout itself began, seconds since the epoch: its deadlines count from here.
    #[serde(default)]
    pub rolling: u64,
    /// What the targets were before it.
    #[serde(default)]
    pub from: Vec<String>,
    /// Why it was given up: an execution that ended without coming to an end.
    #[serde(default)]
    pub abandoned: Option<String>,
    /// What came of it, once that is known.
    #[serde(default)]
    pub end: Option<End>,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Verify the release.
    Verify,
    /// Wait for the locks of its targets.
    Wait,
    /// Check everything, and begin.
    Prepare,
    /// Look and advance.
    RollOut,
    /// Write into the ledger.
    Record,
    /// Say what came of it, give the locks back, announce.
    Tell,
    /// Nothing.
    Over,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    /// Its result.
    pub result: Kind,
    /// When, seconds since the epoch.
    pub at: u64,
    /// In a sentence or two.
    pub summary: String,
    /// Causes.
    pub reasons: Vec<String>,
    /// One for each target, in their order; none when no target was touched.
    pub targets: Vec<OfTarget>,
    /// Entries of the ledger, once they are written.
    pub ledger: Vec<Entry>,
}

/// What came of one target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfTarget {
    /// What is there now.
    pub to: String,
    /// What shows that it serves.
    pub proof: Option<Value>,
    /// The live state now, as a fingerprint; empty when it could not be read.
    pub live: String,
}

/// What a record of an execution is called, and all that belongs to it: a UUID that is made of the
/// execution's ARN, so that whoever takes it up finds it.
pub fn id(execution: &str) -> String {
    let hash = hex::encode(Sha256::digest(execution));
    let part = |from: usize, to: usize| hash.get(from..to).unwrap_or_default();
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}

/// The key of a record.
pub fn key(id: &str) -> String {
    format!("{FOLDER}{id}.json")
}

/// The key of the object that says that a record is not over.
pub fn open(id: &str) -> String {
    format!("{OPEN}{id}")
}

impl Record {
    /// What the ledger says of the release; `at` is the end of the attempt.
    pub fn of_release(&self, at: u64) -> OfRelease {
        OfRelease {
            name: self.release.clone(),
            sha256: self.sha256.clone(),
            version: self.envelope.clone(),
            attempt: self.attempt,
            order: self.order.clone(),
            execution: self.execution.clone(),
            approvers: self.approvers.clone(),
            seconds: at.saturating_sub(self.began),
        }
    }

    /// It has come to an end, in which targets may have been touched or not.
    pub fn ends(&mut self, end: End) {
        self.phase = match end.targets.is_empty() {
            true => Phase::Tell,
            false => Phase::Record,
        };
        self.end = Some(end);
    }

    /// It has come to an end without touching anything.
    pub fn ends_untouched(&mut self, result: Kind, at: u64, summary: String, reasons: Vec<String>) {
        self.ends(End {
            result,
            at,
            summary,
            reasons,
            targets: Vec::new(),
            ledger: Vec::new(),
        });
    }
}

/// The pause before the next step, in seconds: the longer it takes, the longer (CONTRACTS 3.9.2).
pub fn pace(elapsed: u64) -> u64 {
    match elapsed {
        0..900 => 10,
        900..4_500 => 30,
        _ => 60,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events of an execution for each round of Step, Choice and Wait: entered and exited thrice, and a
    /// task that is scheduled, started and succeeds.
    const EVENTS_A_ROUND: u64 = 9;
    /// `TimeoutSeconds` of the state machine in template.yaml, which a test there compares.
    const LONGEST: u64 = 36 * 3600;

    // rules: 3.9.2
    #[test]
    fn the_longest_execution_stays_below_the_limit_of_events() {
        let (mut elapsed, mut rounds) = (0, 0);
        while elapsed < LONGEST {
            elapsed += pace(elapsed);
            rounds += 1;
        }
        let events = rounds * EVENTS_A_ROUND;
        assert!(events < 25_000, "{events}");
        // It is no small share, so that the limit is what decided the pace.
        assert!(events > 12_500, "{events}");
    }

    #[test]
    fn a_records_id_is_a_uuid_that_only_its_execution_has() {
        let one = id("arn:aws:states:ap-southeast-2:222222222222:execution:redbutton:r-1");
        assert!(crate::job::JobId::parse(&one).is_some(), "{one}");
        assert_ne!(
            one,
            id("arn:aws:states:ap-southeast-2:222222222222:execution:redbutton:r-2")
        );
    }
}
