//! Every reason to believe a release, or not: what a gate asks of an envelope before it looks at
//! anything else. Pure; what is in the bucket is compared by whoever can read it.

use super::envelope::{Envelope, PublicKey};
use super::statement::{Destination, Statement};

/// A release whose signature holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// What was signed.
    pub statement: Statement,
    /// The id of the key that signed it.
    pub key: String,
}

/// Opens an envelope: what a trusted key signed, in a form that this version knows.
pub fn open(bytes: &[u8], keys: &[PublicKey]) -> Result<Verified, String> {
    let envelope = Envelope::parse(bytes)?;
    let (payload, key) = envelope.open(keys)?;
    Ok(Verified {
        statement: Statement::parse(&payload)?,
        key: key.id(),
    })
}

/// What speaks against a signed statement that lies in `folder` of this destination: it says itself
/// where it belongs.
pub fn belongs(statement: &Statement, destination: &Destination, folder: &str) -> Vec<String> {
    let mut wrongs = Vec::new();
    let of = &statement.predicate;
    if of.destination != *destination {
        wrongs.push(format!(
            "it is for account {}, {}, bucket {}, and this is account {}, {}, bucket {}",
            of.destination.account,
            of.destination.region,
            of.destination.bucket,
            destination.account,
            destination.region,
            destination.bucket
        ));
    }
    let own = super::folder(&statement.name());
    if own != folder {
        wrongs.push(format!("it is the release of {own}, and lies in {folder}"));
    }
    let elsewhere = of
        .artifacts
        .iter()
        .filter(|artifact| !artifact.key.starts_with(&own));
    wrongs.extend(elsewhere.map(|artifact| {
        format!(
            "its artifact {} lies outside of its folder {own}",
            artifact.key
        )
    }));
    wrongs
}

/// What differs between two statements of one release, for whoever has to know why a second one is not
/// written.
pub fn differences(there: &Statement, now: &Statement) -> Vec<&'static str> {
    let (there, now) = (&there.predicate, &now.predicate);
    let parts = [
        ("the destination", there.destination != now.destination),
        ("the source", there.source != now.source),
        ("the artifacts", there.artifacts != now.artifacts),
        ("the images", there.images != now.images),
        ("the proof of the test", there.tests != now.tests),
        ("the approvals", there.approvals != now.approvals),
        ("the preview", there.preview != now.preview),
        ("the rollout file", there.rollout != now.rollout),
    ];
    let differing = parts.into_iter().filter(|(_, differs)| *differs);
    differing.map(|(part, _)| part).collect()
}

#[cfg(test)]
mod tests;
