//! Everything that speaks against a release before it may be deployed, at once. The gate asks it, and
//! the deployer's first step asks it again.

use serde_json::Value;

use crate::ledger::{Entry, Order};
use crate::names::Digest;
use crate::release::delivery;
use crate::release::envelope::PublicKey;
use crate::release::statement::{Artifact, Destination, Statement};
use crate::release::verify::{self, Verified};
use crate::rollout_file::RolloutFile;
use crate::rollout_file::images::Image;

/// What the stack demands of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Whose signatures count.
    pub keys: Vec<PublicKey>,
    /// Patterns of the ARNs of those whose approval counts; `*` stands for anything.
    pub approvers: Vec<String>,
    /// How many different ones of them have to have approved.
    pub approvals: usize,
    /// How long before its arrival a release may have been approved, in seconds.
    pub max_approval_age: u64,
}

impl Policy {
    /// Reads what the functions' environment holds; the error names the variable.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let text = |name: &str| variable(name).unwrap_or_default();
        let list = |name: &str| -> Vec<String> {
            let text = text(name);
            let each = text.split(',').map(str::trim);
            each.filter(|one| !one.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let number = |name: &str| {
            let text = text(name);
            let wrong = |_| format!("{name} is {text:?}, and must be a whole number");
            text.parse::<u64>().map_err(wrong)
        };
        let mut keys = Vec::new();
        for key in list("RELEASE_PUBLIC_KEYS") {
            let read = PublicKey::read(&key);
            keys.extend(read.map_err(|why| format!("a key in RELEASE_PUBLIC_KEYS {why}"))?);
        }
        Ok(Self {
            keys,
            approvers: list("APPROVERS"),
            approvals: usize::try_from(number("APPROVALS")?).unwrap_or(usize::MAX),
            max_approval_age: number("MAX_APPROVAL_AGE_HOURS")?.saturating_mul(3600),
        })
    }
}

/// A release that a trusted key signed, with what speaks against it all the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// What was signed, and by which key.
    pub verified: Verified,
    /// What production is to do; none when it cannot be read.
    pub file: Option<RolloutFile>,
    /// What speaks against it.
    pub wrongs: Vec<String>,
}

/// Opens an envelope that lies in `folder`, and says what speaks against it, as far as the envelope
/// tells. `arrived` is when it arrived, seconds since the epoch; none when a person asks for it again, as
/// for going back: then the age of its approvals does not matter. An error is an envelope that proves
/// nothing.
pub fn open(
    bytes: &[u8],
    policy: &Policy,
    here: &Destination,
    folder: &str,
    arrived: Option<u64>,
) -> Result<Opened, String> {
    if policy.keys.is_empty() {
        return Err(
            "this stack has no public key to verify a release with: give it ReleasePublicKeys (aws kms \
             get-public-key --key-id alias/redbutton-release-signing --query PublicKey --output text, in \
             the tooling account), and have the release looked at again"
                .to_owned(),
        );
    }
    let verified = verify::open(bytes, &policy.keys)?;
    let statement = &verified.statement;
    let mut wrongs = verify::belongs(statement, here, folder);
    wrongs.extend(unproven(statement));
    wrongs.extend(approvals(statement, policy, arrived));
    let file = rollout(statement)
        .map_err(|found| wrongs.extend(found))
        .ok();
    Ok(Opened {
        verified,
        file,
        wrongs,
    })
}

/// The rollout file of a release, or what is wrong with it.
pub fn rollout(statement: &Statement) -> Result<RolloutFile, Vec<String>> {
    let of = &statement.predicate.rollout;
    let of_file = |wrong: String| format!("rollout file {}: {wrong}", of.place);
    let file = RolloutFile::from_value(&of.file)
        .map_err(|wrongs| wrongs.into_iter().map(of_file).collect::<Vec<String>>())?;
    match delivery::names_roles(&file) {
        wrongs if wrongs.is_empty() => Ok(file),
        wrongs => Err(wrongs),
    }
}

/// Images that no proof of the release shows to have served.
fn unproven(statement: &Statement) -> Vec<String> {
    let of = &statement.predicate;
    let mut wrongs = Vec::new();
    for image in &of.images {
        let fits = Digest::parse(&image.digest).is_some() && Image::parse(&image.image).is_some();
        let proven = of
            .tests
            .iter()
            .any(|test| shows(&test.proof, &image.digest));
        if !fits {
            wrongs.push(format!(
                "image {} is not named by a digest: {:?}",
                image.image, image.digest
            ));
        } else if !proven {
            wrongs.push(format!(
                "image {} ({}) served in none of the tests that the release names",
                image.image, image.digest
            ));
        }
    }
    wrongs
}

/// Whether a proof has an image of this digest, by what ECS reported or by what was registered.
pub(super) fn shows(proof: &Value, digest: &str) -> bool {
    match proof {
        Value::Object(fields) => {
            let text = |key: &str| fields.get(key).and_then(Value::as_str);
            let reported = text("digest") == Some(digest);
            let registered = text("image")
                .and_then(|image| image.rsplit_once('@'))
                .is_some_and(|(_, found)| found == digest);
            reported || registered || fields.values().any(|value| shows(value, digest))
        }
        Value::Array(values) => values.iter().any(|value| shows(value, digest)),
        _ => false,
    }
}

/// What is missing of the approvals that the stack demands.
fn approvals(statement: &Statement, policy: &Policy, arrived: Option<u64>) -> Vec<String> {
    let mut counted: Vec<&str> = Vec::new();
    let mut others: Vec<String> = Vec::new();
    for approval in &statement.predicate.approvals {
        let counts = policy
            .approvers
            .iter()
            .any(|pattern| like(pattern, &approval.by));
        let age = arrived.map(|arrived| arrived.saturating_sub(approval.at));
        let place = format!("{}/{}", approval.stage, approval.action);
        if !counts {
            others.push(format!(
                "{place} was approved by {}, who is none of the approvers",
                approval.by
            ));
        } else if age.is_some_and(|age| age > policy.max_approval_age) {
            others.push(format!(
                "{place} was approved more than {} hours before the release arrived",
                policy.max_approval_age / 3600
            ));
        } else if !counted.contains(&approval.by.as_str()) {
            counted.push(&approval.by);
        }
    }
    if counted.len() >= policy.approvals {
        return Vec::new();
    }
    let why = match others.as_slice() {
        [] => String::new(),
        others => format!(": {}", others.join("; ")),
    };
    vec![format!(
        "it has {} of the {} approvals that this stack demands (approvers {}){why}",
        counted.len(),
        policy.approvals,
        match policy.approvers.as_slice() {
            [] => "none".to_owned(),
            patterns => patterns.join(", "),
        }
    )]
}

/// Whether a text is like a pattern, in which `*` stands for any characters.
pub fn like(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = text.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    text.ends_with(last)
}

/// What was found of an artifact of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The very version: its bytes and hexadecimal sha256.
    Bytes(u64, String),
    /// There is no such version.
    Missing,
}

/// What speaks against an artifact.
pub fn artifact(wanted: &Artifact, found: &Found) -> Option<String> {
    let (key, version) = (&wanted.key, &wanted.version);
    match found {
        Found::Missing => Some(format!("artifact {key} is not there in version {version}")),
        Found::Bytes(size, _) if *size != wanted.size => Some(format!(
            "artifact {key} has {size} bytes, and the release was signed for {}",
            wanted.size
        )),
        Found::Bytes(_, sha256) if *sha256 != wanted.sha256 => Some(format!(
            "artifact {key} has sha256 {sha256}, and the release was signed for {}",
            wanted.sha256
        )),
        Found::Bytes(..) => None,
    }
}

/// What speaks against deploying a release now, by what its targets' ledgers end with: a newer one was
/// deployed already.
pub fn older(order: &Order, heads: &[Entry]) -> Vec<String> {
    let newer = heads.iter().filter_map(|head| {
        let of = head.release.as_ref()?;
        (of.order > *order).then(|| {
            format!(
                "{} has had release {} since, which counts from {} UTC; this one counts from {} UTC. To \
                 go back to it, a person has to ask for it",
                head.target,
                of.name,
                crate::moment::utc(of.order.at).unwrap_or_default(),
                crate::moment::utc(order.at).unwrap_or_default()
            )
        })
    });
    newer.collect()
}

#[cfg(test)]
mod tests;
