//! A release in its bucket, and what the ledger says of its targets: read and verified in the same way by
//! the gate and by the deployer's first step.

use aws::clients::Clients;
use aws::ecr;
use aws::error::{CallError, Kind as CallKind};
use aws::events;
use aws::s3::bucket::{Bucket, list};
use aws::s3::kept;
use futures_util::future::join_all;
use shared::ledger::{self, Entry, OfRelease};
use shared::names::Digest;
use shared::production::announcement::{self, Announcement};
use shared::production::gate::{self, Found, Policy};
use shared::release::envelope::Envelope;
use shared::release::outcome::{self, Kind, Outcome};
use shared::release::statement::{Destination, Statement};
use shared::release::{self, ENVELOPE, verify};
use shared::rollout_file::RolloutFile;
use shared::rollout_file::images::Image;

use crate::passing;

/// What looking at a release came to.
pub enum Looked {
    /// There is no such object, or no such version of it (any more).
    Gone,
    /// It may not be deployed.
    Refused {
        /// Hexadecimal sha256 of the envelope.
        sha256: String,
        /// Every reason.
        reasons: Vec<String>,
        /// What it says all the same, if a trusted key signed it and its rollout file can be read: there
        /// may be more to say against it.
        rest: Option<Box<Good>>,
    },
    /// Nothing speaks against it.
    Good(Box<Good>),
}

/// A release that may be deployed.
pub struct Good {
    /// What it says.
    pub statement: Statement,
    /// What production is to do.
    pub file: RolloutFile,
    /// The version of the envelope's object.
    pub version: String,
    /// Hexadecimal sha256 of the envelope.
    pub sha256: String,
    /// When it arrived, seconds since the epoch.
    pub arrived: u64,
}

impl Good {
    /// The targets, as the ledger calls them, in the file's order.
    pub fn targets(&self) -> Vec<String> {
        self.file.targets.iter().map(ledger::target_id).collect()
    }
}

/// Reads an envelope and everything that it names, by version, and verifies all of it. `asked`: a person
/// asks for a release again, and the age of its approvals does not matter.
pub async fn look(
    releases: Bucket<'_>,
    region: &str,
    policy: &Policy,
    name: &str,
    version: Option<&str>,
    asked: bool,
) -> Result<Looked, CallError> {
    let folder = release::folder(name);
    let key = format!("{folder}{ENVELOPE}");
    let Some(envelope) = kept::get(releases, &key, version).await? else {
        return Ok(Looked::Gone);
    };
    let here = Destination {
        account: releases.owner.to_owned(),
        region: region.to_owned(),
        bucket: releases.name.to_owned(),
    };
    let sha256 = ledger::hash(&envelope.bytes);
    let arrived = (!asked).then_some(envelope.written);
    let opened = match gate::open(&envelope.bytes, policy, &here, &folder, arrived) {
        Ok(opened) => opened,
        Err(why) => {
            return Ok(Looked::Refused {
                sha256,
                reasons: vec![why],
                rest: None,
            });
        }
    };
    let statement = opened.verified.statement;
    let mut reasons = opened.wrongs;
    for artifact in &statement.predicate.artifacts {
        // One that lies elsewhere is among the reasons already, and nobody's to read here.
        if !artifact.key.starts_with(&folder) {
            continue;
        }
        let found = match kept::hashed(releases, &artifact.key, &artifact.version).await? {
            Some((size, sha256)) => Found::Bytes(size, sha256),
            None => Found::Missing,
        };
        reasons.extend(gate::artifact(artifact, &found));
    }
    let good = opened.file.map(|file| {
        Box::new(Good {
            statement,
            file,
            version: envelope.version,
            sha256: sha256.clone(),
            arrived: envelope.written,
        })
    });
    Ok(match good {
        Some(good) if reasons.is_empty() => Looked::Good(good),
        rest => Looked::Refused {
            sha256,
            reasons,
            rest,
        },
    })
}

/// The last entry of a target's ledger, with its hash; none where there is no entry yet.
pub async fn head(
    releases: Bucket<'_>,
    target: &str,
) -> Result<Option<(Entry, String)>, CallError> {
    let entries = list(releases, &ledger::folder(target)).await?;
    let numbers = entries.iter().filter_map(|entry| {
        let (found, number) = ledger::read_key(&entry.key)?;
        (found == target).then_some(number)
    });
    match numbers.max() {
        None => Ok(None),
        Some(number) => entry(releases, target, number).await,
    }
}

/// An entry of a target's ledger, with its hash.
pub async fn entry(
    releases: Bucket<'_>,
    target: &str,
    number: u64,
) -> Result<Option<(Entry, String)>, CallError> {
    let key = ledger::key(target, number);
    let Some(bytes) = kept::get(releases, &key, None).await? else {
        return Ok(None);
    };
    let entry = Entry::parse(&bytes.bytes, target, number);
    let entry = entry.map_err(|why| {
        let place = format!("s3://{}/{key} {why}", releases.name);
        CallError::unusable("s3:GetObject", place)
    })?;
    Ok(Some((entry, ledger::hash(&bytes.bytes))))
}

/// The last entries of several ledgers, in their order.
pub async fn heads(
    releases: Bucket<'_>,
    targets: &[String],
) -> Result<Vec<Option<(Entry, String)>>, CallError> {
    let each = targets.iter().map(|target| head(releases, target));
    join_all(each).await.into_iter().collect()
}

/// The last entries of those ledgers that have any.
pub async fn last_entries(
    releases: Bucket<'_>,
    targets: &[String],
) -> Result<Vec<Entry>, CallError> {
    let heads = heads(releases, targets).await?;
    let entries = heads.into_iter().flatten().map(|(entry, _)| entry);
    Ok(entries.collect())
}

/// The newest attempt at a release, and what came of it; none when nobody has taken it up.
pub async fn newest(releases: Bucket<'_>, name: &str) -> Result<Option<(u32, Kind)>, CallError> {
    let listed = list(releases, &outcome::folder(name)).await?;
    let keys = listed.iter().map(|one| one.key.as_str());
    let newest = outcome::newest(name, keys);
    Ok(newest.map(|(attempt, result, _)| (attempt, result)))
}

/// A release whose envelope was verified before, and is the same by its hash, which the caller compares.
/// And whether a key that is trusted now still says so.
pub fn opened(envelope: &kept::Kept, policy: &Policy) -> Result<(Good, bool), String> {
    let (statement, trusted) = match verify::open(&envelope.bytes, &policy.keys) {
        Ok(verified) => (verified.statement, true),
        Err(_) => {
            let payload = Envelope::parse(&envelope.bytes)?.unverified()?;
            (Statement::parse(&payload)?, false)
        }
    };
    let file = gate::rollout(&statement).map_err(|wrongs| wrongs.join("; "))?;
    let good = Good {
        statement,
        file,
        version: envelope.version.clone(),
        sha256: ledger::hash(&envelope.bytes),
        arrived: envelope.written,
    };
    Ok((good, trusted))
}

/// Images of a release that are not where production is to pull them from. A registry that cannot be
/// asked is a reason, too: nobody knows.
pub async fn images_missing(clients: &Clients, good: &Good) -> Result<Vec<String>, CallError> {
    let mut reasons = Vec::new();
    for released in &good.statement.predicate.images {
        let (Some(image), Some(digest)) = (
            Image::parse(&released.image),
            Digest::parse(&released.digest),
        ) else {
            continue;
        };
        let image = good.file.mapped(&image).pinned(digest.clone());
        let Some(repository) = image.ecr() else {
            continue;
        };
        match ecr::has_image(&clients.own_ecr(&repository), &repository, &digest).await {
            Ok(true) => {}
            Ok(false) => reasons.push(format!("image {image} is not there")),
            Err(error) if error.kind == CallKind::Missing => {
                reasons.push(format!("image {image} is not there: {}", error.message));
            }
            Err(error) if passing(&error) => return Err(error),
            Err(error) => reasons.push(format!("image {image} could not be looked at: {error}")),
        }
    }
    Ok(reasons)
}

/// Writes down what came of a release, once: what is there already stays.
pub async fn say(releases: Bucket<'_>, outcome: &Outcome) -> Result<(), CallError> {
    let key = outcome::key(&outcome.release, outcome.attempt, outcome.result);
    kept::put(releases, &key, &outcome.bytes(), None)
        .await
        .map(drop)
}

/// Tells the world what came of a release.
pub async fn announce(
    clients: &Clients,
    outcome: &Outcome,
    of: Option<&OfRelease>,
) -> Result<(), CallError> {
    let told = Announcement::new(outcome, of);
    // Plain structs of texts and numbers always serialise.
    let detail = serde_json::to_string(&told).unwrap_or_default();
    let (source, kind) = (announcement::SOURCE, announcement::DETAIL_TYPE);
    events::put(&clients.events(), source, kind, &detail).await
}
