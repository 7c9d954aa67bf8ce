//! What production says of a release: small objects that it writes once, beside the ledger, and that
//! the copier reads while it follows.
//!
//! `outcomes/<pipeline>/<execution>/<attempt, six digits>-<result>.json`. One list tells an attempt's
//! result; the object tells why. They are an index by release of what the ledger has by target: the
//! entries are named in it, by key and hash.

use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Failure, FailureKind};

/// The folder of all outcomes.
pub const FOLDER: &str = "outcomes/";

/// What came of an attempt.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// It goes on.
    Started,
    /// What was released serves.
    Served,
    /// It does not, and what served before does, as far as it could be brought back.
    Failed,
    /// The gate let it not in.
    Refused,
    /// A newer release took its place before it began.
    Superseded,
}

/// All of them, with the words in an object's key.
const RESULTS: [(&str, Kind); 5] = [
    ("started", Kind::Started),
    ("served", Kind::Served),
    ("failed", Kind::Failed),
    ("refused", Kind::Refused),
    ("superseded", Kind::Superseded),
];

/// An outcome's object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The version of this form.
    #[schemars(extend("const" = 1))]
    pub version: u32,
    /// `<pipeline>/<execution>`.
    pub release: String,
    /// Hexadecimal sha256 of the envelope's bytes that it is about.
    pub release_sha256: String,
    /// Counted from 1.
    pub attempt: u32,
    /// What came of it.
    pub result: Kind,
    /// When, in UTC, such as `2026-11-28T16:20:00Z`.
    #[serde(with = "crate::moment")]
    #[schemars(with = "String", regex(pattern = crate::moment::PATTERN))]
    pub at: u64,
    /// In a sentence or two.
    pub summary: String,
    /// Of a failure, the first cause; of a refusal, every reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// Entries of the ledger that say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ledger: Vec<Entry>,
}

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Hexadecimal sha256 of its bytes.
    pub sha256: String,
}

/// The JSON Schema of an outcome.
pub fn outcome_schema() -> Value {
    schema_for!(Outcome).to_value()
}

/// The folder of a release's outcomes.
pub fn folder(release: &str) -> String {
    format!("{FOLDER}{release}/")
}

/// The key of an outcome.
pub fn key(release: &str, attempt: u32, result: Kind) -> String {
    let words = RESULTS.iter().find(|(_, one)| *one == result);
    let word = words.map_or("", |(word, _)| word);
    format!("{}{attempt:06}-{word}.json", folder(release))
}

/// What a key in the folder tells: the attempt and its result. None for anything else.
pub fn read_key(release: &str, key: &str) -> Option<(u32, Kind)> {
    let name = key.strip_prefix(&folder(release))?.strip_suffix(".json")?;
    let (attempt, word) = name.split_once('-')?;
    let (_, result) = RESULTS.iter().find(|(known, _)| *known == word)?;
    let digits = attempt.len() == 6 && attempt.bytes().all(|byte| byte.is_ascii_digit());
    Some((attempt.parse().ok().filter(|_| digits)?, *result))
}

/// The newest attempt's outcome among these keys: an attempt that came to an end does not go on.
pub fn newest<'a>(
    release: &str,
    keys: impl IntoIterator<Item = &'a str>,
) -> Option<(u32, Kind, &'a str)> {
    let read = keys.into_iter().filter_map(|key| {
        let (attempt, result) = read_key(release, key)?;
        Some((attempt, result, key))
    });
    read.max_by_key(|(attempt, result, _)| (*attempt, *result != Kind::Started))
}

impl Outcome {
    /// As it lies in the bucket.
    pub fn bytes(&self) -> Vec<u8> {
        // Plain structs of texts and numbers always serialise.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    /// Reads an outcome's object, of this release and no other.
    pub fn parse(bytes: &[u8], release: &str) -> Result<Self, String> {
        let outcome: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("is no outcome of a release ({error})"))?;
        match (outcome.version, outcome.release == release) {
            (1, true) => Ok(outcome),
            (1, false) => Err(format!("is of another release, {}", outcome.release)),
            (version, _) => Err(format!(
                "has version {version}, which this version of redbutton does not know"
            )),
        }
    }

    /// The failure of a pipeline whose release does not serve; none when it does, or may yet.
    pub fn failure(&self) -> Option<Failure> {
        let (kind, what, next) = match self.result {
            Kind::Started | Kind::Served => return None,
            Kind::Failed => (
                FailureKind::JobFailed,
                "production did not take this release",
                "Mend the cause. In production this very release can be tried again; once it serves \
                 there, a retry of this action turns green.",
            ),
            Kind::Refused => (
                FailureKind::ConfigurationError,
                "production refused this release",
                "Nothing was deployed. Mend what is named and release again.",
            ),
            Kind::Superseded => (
                FailureKind::RevisionOutOfSync,
                "a newer release took this one's place before it was deployed",
                "Nothing is to be done, if the newer one is what should serve.",
            ),
        };
        let mut message = format!("{what}: {}", self.summary);
        for reason in &self.reasons {
            message.push_str("\n- ");
            message.push_str(reason);
        }
        let attempt = self.attempt;
        message.push_str(&format!(
            "\n(release {}, attempt {attempt})\n{next}",
            self.release
        ));
        Some(Failure::new(kind, message))
    }
}

#[cfg(test)]
mod tests;
