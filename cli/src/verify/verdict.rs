//! Whether a release is to be believed, and every reason not to. Pure.

use sha2::{Digest as _, Sha256};
use shared::release::envelope::PublicKey;
use shared::release::statement::Statement;
use shared::release::verify;

use super::place::Place;

/// A key that is trusted.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) key: PublicKey,
    /// The file that it was read from.
    pub(super) file: String,
}

/// The destination that the release has to be for, as far as it was told.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) bucket: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdict {
    /// Where the release lies.
    pub(super) place: String,
    /// Hexadecimal sha256 of the envelope; none when it could not be read.
    pub(super) sha256: Option<String>,
    /// What a trusted key signed. Without one, nothing that the envelope says is worth telling.
    pub(super) signed: Option<Signed>,
    /// What speaks against it; nothing, when it is verified.
    pub(super) reasons: Vec<String>,
    /// What was looked at, and what was not, with the option that does.
    pub(super) checks: Vec<Check>,
    /// Delivered files, in the statement's order; empty when none were compared.
    pub(super) compared: Vec<Compared>,
}

/// What was signed, and by whom.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    pub(super) statement: Statement,
    /// The key's id.
    pub(super) key: String,
    /// The file of the key.
    pub(super) file: String,
}

/// Something that can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Check {
    /// For scripts.
    pub(super) name: &'static str,
    /// For people.
    pub(super) what: &'static str,
    /// The option that asks for it; none when a place asks for it by itself.
    pub(super) option: Option<&'static str>,
    /// Whether it was.
    pub(super) done: bool,
}

/// A delivered file beside the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Compared {
    Same,
    Missing,
    Other,
}

impl Verdict {
    /// Of a release that could not be read.
    pub(super) fn unread(place: &Place, reason: String) -> Self {
        Self {
            place: place.to_string(),
            reasons: vec![reason],
            ..Self::default()
        }
    }
}

/// Looks at an envelope.
pub(super) fn judge(place: &Place, bytes: &[u8], keys: &[Key], expected: &Expected) -> Verdict {
    let mut verdict = Verdict {
        place: place.to_string(),
        sha256: Some(hex::encode(Sha256::digest(bytes))),
        ..Verdict::default()
    };
    let trusted: Vec<PublicKey> = keys.iter().map(|key| key.key.clone()).collect();
    let verified = match verify::open(bytes, &trusted) {
        Ok(verified) => verified,
        Err(why) => {
            verdict.reasons.push(format!(
                "{why}. Is it the file that was meant, whole, and --key the key of the pipeline that \
                 made it?"
            ));
            return verdict;
        }
    };
    let statement = verified.statement;
    verdict.reasons = elsewhere(&statement, expected);
    verdict.reasons.extend(out_of_place(&statement, place));
    let check = |name, what, option, done| Check {
        name,
        what,
        option,
        done,
    };
    let (of, at) = (expected, place.folder().is_some());
    verdict.checks = vec![
        check("signature", "signature and form", None, true),
        check("place", "its place in the bucket", None, at),
        check(
            "account",
            "the account",
            Some("--account"),
            of.account.is_some(),
        ),
        check(
            "region",
            "the region",
            Some("--region"),
            of.region.is_some(),
        ),
        check(
            "bucket",
            "the bucket",
            Some("--bucket"),
            of.bucket.is_some() || at,
        ),
        check(
            "artifacts",
            "what was delivered",
            Some("--artifacts"),
            false,
        ),
    ];
    let signer = keys.iter().find(|key| key.key.id() == verified.key);
    verdict.signed = Some(Signed {
        statement,
        key: verified.key,
        file: signer.map(|key| key.file.clone()).unwrap_or_default(),
    });
    verdict
}

/// What of the destination is not as expected.
fn elsewhere(statement: &Statement, expected: &Expected) -> Vec<String> {
    let said = &statement.predicate.destination;
    let each = [
        ("account", &said.account, &expected.account),
        ("region", &said.region, &expected.region),
        ("bucket", &said.bucket, &expected.bucket),
    ];
    let wrong = each.into_iter().filter_map(|(name, said, expected)| {
        let expected = expected.as_ref().filter(|expected| *expected != said)?;
        Some(format!(
            "{name}: the release is for {said}, and --{name} says {expected}; it counts nowhere but \
             there: verify it for {said}, or make one for {expected}"
        ))
    });
    wrong.collect()
}

/// What speaks against the place in a bucket, which a release names itself.
fn out_of_place(statement: &Statement, place: &Place) -> Vec<String> {
    let destination = &statement.predicate.destination;
    let own = shared::release::folder(&statement.name());
    let mut wrong = verify::belongs(statement, destination, place.folder().unwrap_or(&own));
    if let Place::Object { bucket, .. } = place
        && *bucket != destination.bucket
    {
        wrong.push(format!(
            "bucket: the release is for {}, and lies in {bucket}: somebody brought it there, where it \
             counts for nothing",
            destination.bucket
        ));
    }
    wrong
}
