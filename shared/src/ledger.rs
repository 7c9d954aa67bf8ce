//! The ledger: what was done to each target in production, and what came of it. Append-only, and each
//! entry holds the sha256 of the one before, so that whoever knows the hash of the last one knows all.
//!
//! `ledger/<target>/<number, eight digits>.json`. Creating the next number where there is none is the
//! compare-and-swap: of two writers one comes too late, and reads again. The new head's hash is in
//! each announcement of what served or failed; a chain that was written anew does not lead to it.

pub mod lock;
pub mod turn;

use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::rollout_file::target::{Kind as TargetKind, Target};

/// The folder of all entries.
pub const FOLDER: &str = "ledger/";

/// What the first entry of a target has in the place of the hash of the one before.
pub const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

const SHA256: &str = "^[0-9a-f]{64}$";

/// What an entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Came {
    /// What was there before the first release: the ledger begins with it.
    Adopted,
    /// The release serves.
    Served,
    /// It does not; `to` is what is there now.
    Failed,
}

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// The version of this form.
    #[schemars(extend("const" = 1))]
    pub version: u32,
    /// `service/<region>/<cluster>/<service>`, `stack/<region>/<stack>` or `task/<region>/<cluster>/<name>`.
    pub target: String,
    /// Counted from 1.
    pub number: u64,
    /// Hexadecimal sha256 of the entry before; zeros for the first one.
    #[schemars(regex(pattern = SHA256))]
    pub previous: String,
    /// What came of it.
    pub result: Came,
    /// When, in UTC, such as `2026-11-28T16:20:00Z`.
    #[serde(with = "crate::moment")]
    #[schemars(with = "String", regex(pattern = crate::moment::PATTERN))]
    pub at: u64,
    /// The release and the attempt; none where a target was adopted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<OfRelease>,
    /// What served before: a task definition's ARN, or when a stack was last changed; empty for nothing.
    pub from: String,
    /// What is there now.
    pub to: String,
    /// What shows that the release serves: a target's part of a rollout's proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Value>,
    /// The live state that this left, by which drift is seen; empty when it could not be read.
    pub live: String,
    /// The first cause of a failure, and what was brought back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// What an entry says of the release that was deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OfRelease {
    /// `<pipeline>/<execution>`.
    pub name: String,
    /// Hexadecimal sha256 of its envelope.
    #[schemars(regex(pattern = SHA256))]
    pub sha256: String,
    /// The version of its envelope's object.
    pub version: String,
    /// Which attempt at deploying it, counted from 1.
    pub attempt: u32,
    /// Where it stands among releases of its targets.
    pub order: Order,
    /// The Step Functions execution that did it, by ARN.
    pub execution: String,
    /// Who approved it, by ARN.
    pub approvers: Vec<String>,
    /// Seconds from the beginning of the attempt to its end.
    pub seconds: u64,
}

/// Where a release stands among others of the same target: when it arrived, or when a person asked for
/// it again; then by its name.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// In UTC, such as `2026-11-28T16:20:00Z`.
    #[serde(with = "crate::moment")]
    #[schemars(with = "String", regex(pattern = crate::moment::PATTERN))]
    pub at: u64,
    /// `<pipeline>/<execution>`.
    pub release: String,
}

impl Order {
    /// The same, but after all that these entries are of: who asks for a release means it to come after
    /// what was deployed by then, also within the same second, and whatever two clocks say.
    #[must_use]
    pub fn after(mut self, heads: &[Entry]) -> Self {
        let known = heads.iter().filter_map(|head| head.release.as_ref());
        let newest = known.map(|release| release.order.at).max();
        self.at = newest.map_or(self.at, |newest| self.at.max(newest + 1));
        self
    }
}

/// The JSON Schema of an entry.
pub fn entry_schema() -> Value {
    schema_for!(Entry).to_value()
}

/// What the ledger calls a target: `service/<region>/<cluster>/<service>`, `stack/<region>/<stack>` or
/// `task/<region>/<cluster>/<name>`. Names of AWS hold none of the characters that would be in the way.
pub fn target_id(target: &Target) -> String {
    let region = target.region.as_str();
    match &target.kind {
        TargetKind::Service(service) => format!("service/{region}/{}/{service}", target.cluster),
        TargetKind::Stack(stack) => format!("stack/{region}/{}", stack.stack),
        TargetKind::Task(_) => format!("task/{region}/{}/{}", target.cluster, target.name),
    }
}

/// The folder of a target's entries.
pub fn folder(target: &str) -> String {
    format!("{FOLDER}{target}/")
}

/// The key of an entry.
pub fn key(target: &str, number: u64) -> String {
    format!("{}{number:08}.json", folder(target))
}

/// What a key says: target and number. None for anything else.
pub fn read_key(key: &str) -> Option<(&str, u64)> {
    let (target, name) = key.strip_prefix(FOLDER)?.rsplit_once('/')?;
    let digits = name.strip_suffix(".json")?;
    let fits = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| fits && !target.is_empty())?;
    Some((target, number))
}

/// The targets that have entries among these keys, which come sorted.
pub fn targets<'a>(keys: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let each = keys.into_iter().filter_map(read_key);
    let mut targets: Vec<String> = each.map(|(target, _)| target.to_owned()).collect();
    targets.dedup();
    targets
}

/// Hexadecimal sha256 of an entry's bytes.
pub fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl Entry {
    /// As it lies in the bucket.
    pub fn bytes(&self) -> Vec<u8> {
        // Plain structs of texts and numbers always serialise.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    /// Reads an entry, of this target and number.
    pub fn parse(bytes: &[u8], target: &str, number: u64) -> Result<Self, String> {
        let entry: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("is no entry of the ledger ({error})"))?;
        if entry.version != 1 {
            return Err(format!(
                "has version {}, which this version of redbutton does not know",
                entry.version
            ));
        }
        match (entry.target == target, entry.number == number) {
            (true, true) => Ok(entry),
            _ => Err(format!(
                "is entry {} of {}, and lies in another place",
                entry.number, entry.target
            )),
        }
    }
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The entry that was altered or is missing.
    pub key: String,
    /// What shows it.
    pub why: String,
}

/// Walks a target's chain from its head back to its beginning. `entries` are numbers and bytes, in any
/// order; `announced` is the hash of the last entry that was announced, without which an end that was
/// cut off or written anew cannot be seen. Each entry is vouched for by the one after it, so the first
/// that does not fit, from the head on, is the one that was altered or is missing.
pub fn chain(
    target: &str,
    entries: &[(u64, Vec<u8>)],
    announced: Option<&str>,
) -> Result<Vec<Entry>, Broken> {
    let mut sorted: Vec<&(u64, Vec<u8>)> = entries.iter().collect();
    sorted.sort_by_key(|(number, _)| *number);
    let broken = |number: u64, why: String| Broken {
        key: key(target, number),
        why,
    };
    let Some((last, _)) = sorted.last() else {
        return match announced {
            None => Ok(Vec::new()),
            Some(_) => Err(broken(1, "is missing, and so are all others".to_owned())),
        };
    };
    if let Some(announced) = announced
        && !sorted.iter().any(|(_, bytes)| hash(bytes) == announced)
    {
        return Err(broken(
            *last,
            format!(
                "has sha256 {}, and neither it nor one before has the announced {announced}: it was \
                 altered, or what came after it is missing",
                sorted
                    .last()
                    .map(|(_, bytes)| hash(bytes))
                    .unwrap_or_default()
            ),
        ));
    }
    let mut chain: Vec<Entry> = Vec::new();
    let mut expected: Option<String> = None;
    let mut number = *last;
    for (found, bytes) in sorted.iter().rev() {
        if *found != number {
            return Err(broken(number, "is missing".to_owned()));
        }
        let sha256 = hash(bytes);
        if let Some(expected) = expected.filter(|expected| *expected != sha256) {
            return Err(broken(
                number,
                format!("has sha256 {sha256}, and the entry after it names {expected}"),
            ));
        }
        let entry = Entry::parse(bytes, target, number).map_err(|why| broken(number, why))?;
        expected = Some(entry.previous.clone());
        chain.push(entry);
        number = number.saturating_sub(1);
    }
    match (number, expected.as_deref()) {
        (0, Some(NOTHING)) => {}
        (0, _) => {
            return Err(broken(
                1,
                "is the first, and names one before it".to_owned(),
            ));
        }
        (missing, _) => return Err(broken(missing, "is missing".to_owned())),
    }
    chain.reverse();
    Ok(chain)
}

#[cfg(test)]
mod tests;
