//! Why an image runs: what the ledger says of it, and what the release says that brought it there, down to
//! the commit. Each link is verified, or the missing one named.

use serde_json::Value;

use super::gate::shows;
use crate::ledger::{self, Came, Entry, OfRelease};
use crate::moment;
use crate::release::envelope::PublicKey;
use crate::release::verify;

/// A link between what runs and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it links to.
    pub what: &'static str,
    /// What it says.
    pub says: String,
    /// Whether it holds.
    pub holds: bool,
}

impl Link {
    /// One that holds.
    pub fn holds(what: &'static str, says: String) -> Self {
        Self {
            what,
            says,
            holds: true,
        }
    }

    /// One that does not, or is missing.
    pub fn missing(what: &'static str, says: String) -> Self {
        Self {
            what,
            says,
            holds: false,
        }
    }
}

/// An entry of the ledger that says that an image served.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// The entry.
    pub entry: Entry,
    /// The release that it is of.
    pub release: OfRelease,
}

/// The newest entry that says that an image served: the one known so far, or one of this chain.
pub fn newest(known: Option<Served>, chain: &[Entry], digest: &str) -> Option<Served> {
    let says = |entry: &&Entry| {
        let proof = entry
            .proof
            .as_ref()
            .is_some_and(|proof: &Value| shows(proof, digest));
        entry.result == Came::Served && proof
    };
    let found = chain.iter().rev().find(says).and_then(|entry| {
        let release = entry.release.clone()?;
        let entry = entry.clone();
        Some(Served { entry, release })
    });
    match (known, found) {
        (Some(known), Some(found)) if known.entry.at >= found.entry.at => Some(known),
        (known, None) => known,
        (_, found) => found,
    }
}

/// What the release says that an entry names: its envelope, as it was read by its version.
pub fn links(
    served: &Served,
    digest: &str,
    envelope: Option<&[u8]>,
    keys: &[PublicKey],
) -> Vec<Link> {
    let of = &served.release;
    let Some(bytes) = envelope else {
        let says = format!(
            "{} is not there any more in version {}",
            of.name, of.version
        );
        return vec![Link::missing("release", says)];
    };
    let sha256 = ledger::hash(bytes);
    if sha256 != of.sha256 {
        let says = format!(
            "{} has sha256 {sha256}, and the ledger names {}",
            of.name, of.sha256
        );
        return vec![Link::missing("release", says)];
    }
    let verified = match verify::open(bytes, keys) {
        Ok(verified) => verified,
        Err(why) => return vec![Link::missing("release", format!("{}: {why}", of.name))],
    };
    let mut links = vec![Link::holds(
        "release",
        format!("{}, signed by key {}", of.name, verified.key),
    )];
    let said = verified.statement.predicate;
    let image = said.images.iter().find(|image| image.digest == digest);
    links.push(match image {
        Some(image) => Link::holds("image", format!("{} in the release", image.image)),
        None => Link::missing(
            "image",
            "the release does not name it; it was in the task definition already".to_owned(),
        ),
    });
    let mut tests = said.tests.iter().filter(|test| shows(&test.proof, digest));
    links.push(match tests.next() {
        Some(test) => Link::holds(
            "tested",
            format!(
                "{}/{} until {} UTC",
                test.stage,
                test.action,
                at(test.ended)
            ),
        ),
        None => Link::missing(
            "tested",
            "no proof in the release has this image".to_owned(),
        ),
    });
    for approval in &said.approvals {
        let says = format!("by {}, {} UTC", approval.by, at(approval.at));
        links.push(Link::holds("approved", says));
    }
    if said.approvals.is_empty() {
        links.push(Link::missing("approved", "by nobody".to_owned()));
    }
    for revision in &said.source.revisions {
        let says = format!("{} {} {}", revision.id, revision.summary, revision.url);
        links.push(Link::holds("commit", says.trim_end().to_owned()));
    }
    if said.source.revisions.is_empty() {
        links.push(Link::missing(
            "commit",
            "the pipeline named no revision".to_owned(),
        ));
    }
    links
}

fn at(seconds: u64) -> String {
    moment::utc(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{NOTHING, Order};
    use crate::release::sample::{Signer, predicate};
    use crate::release::statement::Statement;
    use serde_json::json;

    fn served(bytes: &[u8], digest: &str, at: u64) -> Served {
        let release = OfRelease {
            name: "orders/1".into(),
            sha256: ledger::hash(bytes),
            version: "v1".into(),
            attempt: 1,
            order: Order {
                at,
                release: "orders/1".into(),
            },
            execution: String::new(),
            approvers: vec![],
            seconds: 1,
        };
        let entry = Entry {
            version: 1,
            target: "service/r/c/s".into(),
            number: 1,
            previous: NOTHING.into(),
            result: Came::Served,
            at,
            release: Some(release.clone()),
            from: String::new(),
            to: String::new(),
            proof: Some(json!({"images": [{"image": "web", "digest": digest}]})),
            live: String::new(),
            reasons: vec![],
        };
        Served { entry, release }
    }

    #[test]
    fn every_link_holds_or_the_missing_one_is_named() {
        let signer = Signer::new();
        let mut of = predicate();
        let digest = of.images[0].digest.clone();
        of.tests[0].proof = json!({"targets": [{"images": [{"image": "web", "digest": digest}]}]});
        let bytes = signer
            .envelope(&Statement::new(of).canonical().unwrap())
            .to_bytes()
            .unwrap();
        let served = served(&bytes, &digest, 5);
        let keys = [signer.public()];
        let all = links(&served, &digest, Some(&bytes), &keys);
        let words: Vec<&str> = all.iter().map(|link| link.what).collect();
        assert_eq!(words, ["release", "image", "tested", "approved", "commit"]);
        assert!(all.iter().all(|link| link.holds), "{all:?}");

        let missing = |digest: &str, bytes: Option<&[u8]>, keys: &[PublicKey]| {
            let links = links(&served, digest, bytes, keys);
            let missing = links.iter().filter(|link| !link.holds);
            missing.map(|link| link.what).collect::<Vec<_>>()
        };
        assert_eq!(missing(&digest, None, &keys), ["release"]);
        assert_eq!(missing(&digest, Some(b"{}"), &keys), ["release"]);
        assert_eq!(
            missing(&digest, Some(&bytes), &[Signer::new().public()]),
            ["release"]
        );
        assert_eq!(
            missing("sha256:00", Some(&bytes), &keys),
            ["image", "tested"]
        );
    }

    #[test]
    fn the_newest_entry_that_shows_it_counts() {
        let (old, new) = (served(b"", "sha256:aa", 1), served(b"", "sha256:aa", 2));
        let of = |known: &Served, chain: &Served, digest| {
            newest(
                Some(known.clone()),
                std::slice::from_ref(&chain.entry),
                digest,
            )
            .map(|one| one.entry.at)
        };
        assert_eq!(of(&old, &new, "sha256:aa"), Some(2));
        assert_eq!(of(&new, &old, "sha256:aa"), Some(2));
        assert_eq!(of(&old, &new, "sha256:bb"), Some(1));
        assert_eq!(newest(None, &[old.entry], "sha256:bb"), None);
    }
}
