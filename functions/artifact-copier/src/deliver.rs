//! Brings the release's objects into the bucket, and its envelope when everything else is there. What
//! is there already with the same bytes is a success: the job came before. Other bytes are a refusal.

use std::collections::BTreeMap;

use aws::clients::Clients;
use aws::error::{CallError, Caller};
use aws::job::Round;
use aws::kms;
use aws::s3::bucket::{self, Bucket, Head, Listed};
use aws::s3::through::{self, Passed, Source, Stopped};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use shared::error::{Failure, FailureKind};
use shared::job::Job;
use shared::release::delivery::Delivery;
use shared::release::envelope::{Envelope, PublicKey, digest_to_sign};
use shared::release::statement::Statement;
use shared::release::token::{Copied, State, encode};
use shared::release::verify;
use tokio::time::Instant;

use crate::request::Request;

/// How many objects are on their way at once. Each is a stream: what is in memory of it does not grow
/// with its size.
const AT_ONCE: usize = 16;

/// What the copier works with in the production account.
pub struct There<'a> {
    pub clients: &'a Clients,
    pub job: &'a Job,
    pub request: &'a Request,
    pub s3: aws::s3::Client,
    /// Who acts there.
    pub caller: Caller,
}

/// Why nothing more can be done just now.
pub enum Ended {
    /// It failed.
    Failed(Failure),
    /// The invocation's time is over: the next one goes on.
    OutOfTime,
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl There<'_> {
    /// The bucket of releases.
    pub fn bucket(&self) -> Bucket<'_> {
        let of = &self.request.parameters;
        Bucket {
            client: &self.s3,
            name: &of.bucket,
            owner: of.role.account().as_str(),
            kms_key: of.key.as_deref(),
        }
    }

    /// The failure of a call about an object of the bucket.
    pub fn failed(&self, what: &str, key: &str, error: CallError) -> Failure {
        let of = &self.request.parameters;
        let resource = format!("arn:aws:s3:::{}/{key}", of.bucket);
        let account = of.role.account().as_str();
        error.explain(
            what,
            &self.caller,
            &resource,
            account,
            None,
            of.key.as_deref(),
        )
    }
}

/// Copies every object that is not there, compares every one that is, and reads back what is there
/// then: one result per delivery, in their order. What is copied whole is kept in `state`.
pub async fn objects(
    there: &There<'_>,
    round: &Round,
    state: &mut State,
) -> Result<Vec<Copied>, Ended> {
    let before = listed(there).await?;
    let known: BTreeMap<usize, Copied> = state.copied.iter().cloned().collect();
    let deliveries = there.request.deliveries.iter().enumerate();
    let until = Instant::now() + round.left();
    let work = deliveries.map(|(n, delivery)| {
        let (before, known) = (&before, known.get(&n));
        async move {
            let copied = match known {
                Some(copied) => copied.clone(),
                None => object(there, delivery, before, until).await?,
            };
            Ok::<_, Ended>((n, copied))
        }
    });
    let mut going = stream::iter(work).buffer_unordered(AT_ONCE);
    let mut all: BTreeMap<usize, Copied> = BTreeMap::new();
    loop {
        match going.try_next().await {
            Ok(Some((n, copied))) => {
                all.insert(n, copied.clone());
                state.copied = all.clone().into_iter().collect();
                round.checkpoint(encode(state));
            }
            Ok(None) => break,
            // The others are given up with it; what they began they abort, as far as they got.
            Err(ended) => return Err(ended),
        }
    }
    let after = listed(there).await?;
    let deliveries = there.request.deliveries.iter();
    for (delivery, copied) in deliveries.zip(all.values()) {
        let found = after.get(&delivery.key);
        let same = |found: &&Listed| found.size == copied.size && found.etag == copied.etag;
        if found.filter(same).is_none() {
            let text = format!(
                "s3://{}/{} was written with {} bytes and entity tag {}, and reads back as {}; the \
                 release was not completed",
                there.request.parameters.bucket,
                delivery.key,
                copied.size,
                copied.etag,
                found.map_or("nothing".to_owned(), |found| format!(
                    "{} bytes and entity tag {}",
                    found.size, found.etag
                ))
            );
            return Err(Failure::new(FailureKind::SystemUnavailable, text).into());
        }
    }
    Ok(all.into_values().collect())
}

/// What is in the release's folder.
async fn listed(there: &There<'_>) -> Result<BTreeMap<String, Listed>, Failure> {
    let folder = &there.request.folder;
    let listed = bucket::list(there.bucket(), folder).await;
    let listed = listed.map_err(|error| {
        let name = &there.request.parameters.bucket;
        there.failed(&format!("bucket {name} of releases"), folder, error)
    })?;
    let by_key = listed.into_iter().map(|one| (one.key.clone(), one));
    Ok(by_key.collect())
}

async fn object(
    there: &There<'_>,
    delivery: &Delivery,
    before: &BTreeMap<String, Listed>,
    until: Instant,
) -> Result<Copied, Ended> {
    match &delivery.path {
        Some(path) => file(there, delivery, path, before)
            .await
            .map_err(Ended::Failed),
        None => whole(there, delivery, before, until).await,
    }
}

/// A whole artifact, which may be as large as CodePipeline lets it.
async fn whole(
    there: &There<'_>,
    delivery: &Delivery,
    before: &BTreeMap<String, Listed>,
    until: Instant,
) -> Result<Copied, Ended> {
    let (client, caller) = there.clients.artifacts(there.job);
    let source = Source {
        client: &client,
        bucket: &delivery.artifact.bucket,
        key: &delivery.artifact.key,
    };
    let key = delivery.key.as_str();
    let stopped = |stopped: Stopped| match stopped {
        Stopped::OutOfTime => Ended::OutOfTime,
        Stopped::Reading(error) => {
            let resource = format!("arn:aws:s3:::{}/{}", source.bucket, source.key);
            let what = format!("input artifact {}", delivery.artifact.name);
            let encrypted = there.job.encryption_key.as_ref().map(|key| key.id.as_str());
            Ended::Failed(error.explain(&what, &caller, &resource, "", None, encrypted))
        }
        Stopped::Writing(error) => Ended::Failed(there.failed(&said(delivery), key, error)),
        // Whoever asks handles it before.
        Stopped::Exists => Ended::OutOfTime,
    };
    if !before.contains_key(key) {
        match through::copy(source, there.bucket(), key, until).await {
            Ok(written) => {
                return Ok(Copied {
                    sha256: hex::encode(written.passed.sha256),
                    size: written.passed.size,
                    version: written.version,
                    etag: written.etag,
                });
            }
            // Another delivery of the job was faster, or an answer was lost.
            Err(Stopped::Exists) => {}
            Err(other) => return Err(stopped(other)),
        }
    }
    let passed = through::read(source, until).await.map_err(stopped)?;
    Ok(compared(there, delivery, passed).await?)
}

/// A file out of an artifact, which is small.
async fn file(
    there: &There<'_>,
    delivery: &Delivery,
    path: &str,
    before: &BTreeMap<String, Listed>,
) -> Result<Copied, Failure> {
    let mut artifacts = driver::artifacts::Artifacts::new(there.clients, there.job);
    let place = shared::rollout_file::Place {
        artifact: delivery.artifact.name.clone(),
        path: path.to_owned(),
    };
    let bytes = artifacts.required(&place).await?;
    let sha256: [u8; 32] = Sha256::digest(&bytes).into();
    let key = delivery.key.as_str();
    if !before.contains_key(key) {
        let written = bucket::put_new(there.bucket(), key, &bytes, &sha256).await;
        let written = written.map_err(|error| there.failed(&said(delivery), key, error))?;
        if let Some((version, etag)) = written {
            return Ok(Copied {
                sha256: hex::encode(sha256),
                size: bytes.len() as u64,
                version,
                etag,
            });
        }
    }
    let passed = Passed {
        size: bytes.len() as u64,
        sha256,
        checksum: through::checksum(&sha256),
    };
    compared(there, delivery, passed).await
}

/// An object that is there already: it has to be the very bytes.
async fn compared(there: &There<'_>, delivery: &Delivery, ours: Passed) -> Result<Copied, Failure> {
    let key = delivery.key.as_str();
    let head = bucket::head(there.bucket(), key).await;
    let head = head.map_err(|error| there.failed(&said(delivery), key, error))?;
    let Some(head) = head else {
        let text = format!(
            "s3://{}/{key} is listed and cannot be found",
            there.request.parameters.bucket
        );
        return Err(Failure::new(FailureKind::SystemUnavailable, text));
    };
    let theirs = |head: &Head| (head.size, head.sha256.clone().unwrap_or_default());
    if theirs(&head) != (ours.size, ours.checksum.clone()) {
        return Err(Failure::new(
            FailureKind::RevisionOutOfSync,
            format!(
                "{} is there already with other bytes: s3://{}/{key} has {} bytes and SHA-256 {}, and \
                 this execution's has {} bytes and {}. A release is written once: start a new \
                 execution of the pipeline",
                delivery.name(),
                there.request.parameters.bucket,
                head.size,
                head.sha256.as_deref().unwrap_or("unknown"),
                ours.size,
                ours.checksum
            ),
        ));
    }
    Ok(Copied {
        sha256: hex::encode(ours.sha256),
        size: ours.size,
        version: head.version,
        etag: head.etag,
    })
}

fn said(delivery: &Delivery) -> String {
    format!("artifact {} could not be delivered", delivery.name())
}

/// Signs the statement and writes it, or finds what an earlier delivery wrote. Returns the hexadecimal
/// sha256 of the envelope that is there.
pub async fn envelope(there: &There<'_>, statement: &Statement) -> Result<String, Failure> {
    let (kms, key) = (there.clients.kms(), &there.request.signing_key);
    let public = kms::public_key(&kms, key).await;
    let public = match public {
        Ok(der) => PublicKey::from_der(&der),
        Err(error) => return Err(unsigned(there, error).await),
    };
    let public = public.ok_or_else(|| {
        Failure::configuration(format!(
            "the signing key {key} is not of the spec ECC_NIST_P256 with usage SIGN_VERIFY"
        ))
    })?;
    // An earlier delivery's is kept, and need not be signed again.
    if let Some(found) = existing(there, &public, statement).await? {
        return Ok(found);
    }
    let payload = statement.canonical().map_err(|error| {
        let text = format!("the statement cannot be written down ({error})");
        Failure::new(FailureKind::JobFailed, text)
    })?;
    let signature = match kms::sign(&kms, key, &digest_to_sign(&payload)).await {
        Ok(signature) => signature,
        Err(error) => return Err(unsigned(there, error).await),
    };
    let bytes = Envelope::new(&payload, &public, &signature).to_bytes();
    let bytes = bytes.map_err(|error| Failure::new(FailureKind::JobFailed, error.to_string()))?;
    let sha256: [u8; 32] = Sha256::digest(&bytes).into();
    let place = there.request.envelope();
    let put = bucket::put_new(there.bucket(), &place, &bytes, &sha256).await;
    let put =
        put.map_err(|error| there.failed("the release could not be completed", &place, error))?;
    if put.is_some() {
        return Ok(hex::encode(sha256));
    }
    let found = existing(there, &public, statement).await?;
    found.ok_or_else(|| {
        let text = format!(
            "s3://{}/{place} is there and cannot be read",
            there.request.parameters.bucket
        );
        Failure::new(FailureKind::SystemUnavailable, text)
    })
}

/// The envelope that is there: of this key, and of the very same statement (CONTRACTS 3.8.2).
async fn existing(
    there: &There<'_>,
    key: &PublicKey,
    statement: &Statement,
) -> Result<Option<String>, Failure> {
    let place = there.request.envelope();
    // Only who may list is told that something is not there (see `listed`).
    let is_there = bucket::list(there.bucket(), &place).await;
    let is_there = is_there.map_err(|error| there.failed("the release", &place, error))?;
    if is_there.iter().all(|one| one.key != place) {
        return Ok(None);
    }
    let bytes = aws::s3::object::get_of(there.bucket(), &place).await;
    let bytes = bytes.map_err(|error| there.failed("the release", &place, error))?;
    let Some(bytes) = bytes else { return Ok(None) };
    let uri = format!("s3://{}/{place}", there.request.parameters.bucket);
    let other = |why: String| {
        Failure::new(
            FailureKind::RevisionOutOfSync,
            format!(
                "this execution was released already, and what is there is not what this job would \
                 write: {uri}: {why}. A release is written once: start a new execution of the \
                 pipeline"
            ),
        )
    };
    let found = verify::open(&bytes, std::slice::from_ref(key)).map_err(other)?;
    let differing = verify::differences(&found.statement, statement);
    if !differing.is_empty() {
        return Err(other(format!("it differs in {}", differing.join(", "))));
    }
    Ok(Some(hex::encode(Sha256::digest(&bytes))))
}

async fn unsigned(there: &There<'_>, error: CallError) -> Failure {
    let me = there.clients.me(there.job).await;
    let key = &there.request.signing_key;
    let account = key.split(':').nth(4).unwrap_or_default();
    error.into_failure("the release cannot be signed", &me, key, account)
}
