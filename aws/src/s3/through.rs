//! An object on its way from one bucket into another one, never whole in memory: what is read is
//! hashed in passing and written on (CONTRACTS 3.7.4, 3.7.18). An object of more than one part is
//! copied part by part, each with its own checksum on the wire.

mod tee;

use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart, ServerSideEncryption,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;

use super::bucket::Bucket;
use crate::error::{CallError, Kind};
use crate::time::seconds;
use tee::Tee;

/// How an object is cut, and how long a part that did not arrive waits for another attempt.
#[derive(Clone, Copy)]
struct Pace {
    /// A part's size.
    part_bytes: u64,
    /// The pause before the second attempt, doubled each time.
    pause: Duration,
}

/// The largest input of CodePipeline, 5 GiB, is 320 parts of 16 MiB; S3 takes 10,000.
const PACE: Pace = Pace {
    part_bytes: 16 << 20,
    pause: Duration::from_millis(250),
};
/// How long one part may take: at 16 MiB, a quarter of a megabyte a second.
const PART_TIME: Duration = Duration::from_secs(60);
/// A part that did not arrive is sent again, a few times.
const ATTEMPTS: u32 = 4;

/// An object that is read.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// S3, as whoever may read it.
    pub client: &'a aws_sdk_s3::Client,
    /// Its bucket.
    pub bucket: &'a str,
    /// Its key.
    pub key: &'a str,
    /// Until when it may have been written, in seconds since the epoch; none means whenever.
    pub written_until: Option<u64>,
}

/// What was seen of an object in passing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed {
    /// Bytes.
    pub size: u64,
    /// Sha256 of all of it.
    pub sha256: [u8; 32],
    /// What S3 calls its SHA-256: in base64, of an object in parts that of its parts' checksums, with
    /// `-` and their number.
    pub checksum: String,
}

/// An object that was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// What was written.
    pub passed: Passed,
    /// Its version; empty in a bucket without versions.
    pub version: String,
    /// Its entity tag.
    pub etag: String,
}

/// How long there is time: until a moment, or until nobody wants the result any more. Whatever waits
/// for it ends then, and gives up first what it began.
pub struct Until {
    at: Instant,
    given_up: watch::Sender<bool>,
}

impl Until {
    /// Until then.
    pub fn at(at: Instant) -> Self {
        let given_up = watch::Sender::new(false);
        Self { at, given_up }
    }

    /// No longer.
    pub fn give_up(&self) {
        self.given_up.send_replace(true);
    }

    /// Whether there is no time left.
    pub fn is_over(&self) -> bool {
        *self.given_up.borrow() || Instant::now() >= self.at
    }

    /// What comes of some work; none when the time is over before.
    async fn limit<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        if self.is_over() {
            return None;
        }
        let mut given_up = self.given_up.subscribe();
        tokio::select! {
            biased;
            _ = given_up.wait_for(|given_up| *given_up) => None,
            () = tokio::time::sleep_until(self.at) => None,
            done = work => Some(done),
        }
    }
}

/// Why an object did not get through.
#[derive(Debug)]
pub enum Stopped {
    /// It could not be read.
    Reading(CallError),
    /// It could not be written.
    Writing(CallError),
    /// It was written when it should not have been any more, in seconds since the epoch; nothing of it
    /// was written on.
    Changed(u64),
    /// There is an object of this key already.
    Exists,
    /// The time was over, or the object was not wanted any more; nothing of it is left behind.
    OutOfTime,
}

/// Copies an object to where there is none. What was begun is given up on every exit that this
/// process lives to see.
pub async fn copy(
    source: Source<'_>,
    bucket: Bucket<'_>,
    key: &str,
    until: &Until,
) -> Result<Written, Stopped> {
    copy_at(PACE, source, bucket, key, until).await
}

async fn copy_at(
    pace: Pace,
    source: Source<'_>,
    bucket: Bucket<'_>,
    key: &str,
    until: &Until,
) -> Result<Written, Stopped> {
    let mut reading = Reading::new(pace, source, until);
    let first = reading.begin().await?;
    if first.total <= pace.part_bytes {
        return whole(&mut reading, first, bucket, key).await;
    }
    let mut first = Some(first);
    let mut restarts = 0;
    loop {
        match in_parts(&mut reading, first.take(), bucket, key).await {
            // Another writer was met at the very end, or the upload is not there any more: it begins
            // again (3.7.6).
            Err(Stopped::Writing(error))
                if matches!(
                    error.code.as_str(),
                    "ConditionalRequestConflict" | "NoSuchUpload"
                ) && restarts < ATTEMPTS =>
            {
                restarts += 1;
                reading.rewind();
            }
            result => return result,
        }
    }
}

/// Reads an object through, and writes it nowhere.
pub async fn read(source: Source<'_>, until: &Until) -> Result<Passed, Stopped> {
    read_at(PACE, source, until).await
}

async fn read_at(pace: Pace, source: Source<'_>, until: &Until) -> Result<Passed, Stopped> {
    let mut reading = Reading::new(pace, source, until);
    let first = reading.begin().await?;
    let mut opened = Some(first);
    while let Some(range) = reading.next_range() {
        let sink = |body: ByteStream| async move {
            let mut body = body;
            while let Some(piece) = body.next().await {
                piece.map_err(|error| unanswered("s3:GetObject", &error))?;
            }
            Ok(())
        };
        reading.part(range, opened.take(), sink).await?;
    }
    Ok(reading.passed())
}

async fn whole(
    reading: &mut Reading<'_>,
    first: Opened,
    bucket: Bucket<'_>,
    key: &str,
) -> Result<Written, Stopped> {
    let size = first.total;
    let put = |body: ByteStream| async move {
        bucket
            .client
            .put_object()
            .bucket(bucket.name)
            .key(key)
            .body(body)
            .content_length(i64::try_from(size).unwrap_or(i64::MAX))
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .if_none_match("*")
            .expected_bucket_owner(bucket.owner)
            .set_server_side_encryption(bucket.kms_key.map(|_| ServerSideEncryption::AwsKms))
            .set_ssekms_key_id(bucket.kms_key.map(str::to_owned))
            .customize()
            .config_override(patient())
            .send()
            .await
            .map_err(|error| CallError::new("s3:PutObject", error))
    };
    let answer = reading.part(0..size, Some(first), put).await?;
    let passed = reading.passed();
    same_checksum(answer.checksum_sha256(), &passed.checksum, "s3:PutObject")?;
    Ok(Written {
        passed,
        version: answer.version_id().unwrap_or_default().to_owned(),
        etag: answer.e_tag().unwrap_or_default().to_owned(),
    })
}

async fn in_parts(
    reading: &mut Reading<'_>,
    first: Option<Opened>,
    bucket: Bucket<'_>,
    key: &str,
) -> Result<Written, Stopped> {
    let created = bucket
        .client
        .create_multipart_upload()
        .bucket(bucket.name)
        .key(key)
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .checksum_type(ChecksumType::Composite)
        .expected_bucket_owner(bucket.owner)
        .set_server_side_encryption(bucket.kms_key.map(|_| ServerSideEncryption::AwsKms))
        .set_ssekms_key_id(bucket.kms_key.map(str::to_owned))
        .send()
        .await
        .map_err(|error| Stopped::Writing(CallError::new("s3:PutObject", error)))?;
    let upload = created.upload_id().unwrap_or_default().to_owned();
    let result = parts_of(reading, first, bucket, key, &upload).await;
    if result.is_err() {
        // Best effort: the bucket's lifecycle rule takes away what is left (3.7.13).
        let aborted = bucket
            .client
            .abort_multipart_upload()
            .bucket(bucket.name)
            .key(key)
            .upload_id(&upload)
            .expected_bucket_owner(bucket.owner)
            .send()
            .await
            .map_err(|error| CallError::new("s3:AbortMultipartUpload", error));
        if let Err(error) = aborted
            && error.code != "NoSuchUpload"
        {
            tracing::warn!(%error, key, "an unfinished upload is left to the bucket's lifecycle rule");
        }
    }
    result
}

async fn parts_of(
    reading: &mut Reading<'_>,
    mut first: Option<Opened>,
    bucket: Bucket<'_>,
    key: &str,
    upload: &str,
) -> Result<Written, Stopped> {
    let mut parts = Vec::new();
    while let Some(range) = reading.next_range() {
        let number = i32::try_from(parts.len() + 1).unwrap_or(i32::MAX);
        let size = i64::try_from(range.end - range.start).unwrap_or(i64::MAX);
        let put = |body: ByteStream| async move {
            bucket
                .client
                .upload_part()
                .bucket(bucket.name)
                .key(key)
                .upload_id(upload)
                .part_number(number)
                .body(body)
                .content_length(size)
                .checksum_algorithm(ChecksumAlgorithm::Sha256)
                .expected_bucket_owner(bucket.owner)
                .customize()
                .config_override(patient())
                .send()
                .await
                .map_err(|error| CallError::new("s3:PutObject", error))
        };
        let answer = reading.part(range, first.take(), put).await?;
        let checksum = reading.last_part();
        same_checksum(answer.checksum_sha256(), &checksum, "s3:PutObject")?;
        parts.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(answer.e_tag().map(str::to_owned))
                .checksum_sha256(checksum)
                .build(),
        );
    }
    let passed = reading.passed();
    let all = CompletedMultipartUpload::builder()
        .set_parts(Some(parts))
        .build();
    let answer = bucket
        .client
        .complete_multipart_upload()
        .bucket(bucket.name)
        .key(key)
        .upload_id(upload)
        .multipart_upload(all)
        .mpu_object_size(i64::try_from(passed.size).unwrap_or(i64::MAX))
        .if_none_match("*")
        .expected_bucket_owner(bucket.owner)
        .customize()
        // S3 puts the object together before it answers.
        .config_override(patient())
        .send()
        .await
        .map_err(|error| written(CallError::new("s3:PutObject", error)))?;
    same_checksum(answer.checksum_sha256(), &passed.checksum, "s3:PutObject")?;
    Ok(Written {
        passed,
        version: answer.version_id().unwrap_or_default().to_owned(),
        etag: answer.e_tag().unwrap_or_default().to_owned(),
    })
}

fn written(error: CallError) -> Stopped {
    if error.code == "PreconditionFailed" {
        Stopped::Exists
    } else {
        Stopped::Writing(error)
    }
}

/// S3 refuses what does not have the checksum that was sent; that it calls the object by the same one
/// is all that is left to see.
fn same_checksum(theirs: Option<&str>, ours: &str, operation: &'static str) -> Result<(), Stopped> {
    match theirs {
        Some(theirs) if theirs != ours => Err(Stopped::Writing(CallError::unusable(
            operation,
            format!("S3 says that the SHA-256 is {theirs}, and what was sent has {ours}"),
        ))),
        _ => Ok(()),
    }
}

/// What S3 calls the SHA-256 of an object that was written at once.
pub fn checksum(sha256: &[u8; 32]) -> String {
    STANDARD.encode(sha256)
}

/// Large bodies take longer than other calls, and cannot be sent twice by the SDK.
fn patient() -> Builder {
    Builder::new().timeout_config(
        TimeoutConfig::builder()
            .operation_attempt_timeout(PART_TIME)
            .operation_timeout(PART_TIME)
            .build(),
    )
}

/// An object that is being read, part after part.
struct Reading<'a> {
    pace: Pace,
    source: Source<'a>,
    until: &'a Until,
    /// The object's version, so that all parts are of one (CONTRACTS 3.7.5).
    pin: Option<Version>,
    total: u64,
    done: u64,
    whole: Sha256,
    parts: Vec<[u8; 32]>,
}

#[derive(Clone)]
struct Version {
    version: Option<String>,
    etag: Option<String>,
}

/// The answer to a read.
struct Opened {
    total: u64,
    /// When the object was written, in seconds since the epoch.
    written: u64,
    body: SdkBody,
}

impl<'a> Reading<'a> {
    fn new(pace: Pace, source: Source<'a>, until: &'a Until) -> Self {
        Self {
            pace,
            source,
            until,
            pin: None,
            total: 0,
            done: 0,
            whole: Sha256::new(),
            parts: Vec::new(),
        }
    }

    /// Opens the first part, which tells how many there are.
    async fn begin(&mut self) -> Result<Opened, Stopped> {
        let first = 0..self.pace.part_bytes;
        let opened = self.until.limit(self.open(&first)).await;
        let opened = opened
            .ok_or(Stopped::OutOfTime)?
            .map_err(Stopped::Reading)?;
        self.total = opened.total;
        match self.source.written_until {
            Some(until) if opened.written > until => Err(Stopped::Changed(opened.written)),
            _ => Ok(opened),
        }
    }

    fn rewind(&mut self) {
        self.done = 0;
        self.whole = Sha256::new();
        self.parts.clear();
    }

    fn next_range(&self) -> Option<std::ops::Range<u64>> {
        let end = (self.done + self.pace.part_bytes).min(self.total);
        (self.done < end).then_some(self.done..end)
    }

    /// Reads a part into a sink, again if it did not get through. Only what did is in the hash.
    async fn part<T, F>(
        &mut self,
        range: std::ops::Range<u64>,
        mut opened: Option<Opened>,
        sink: impl Fn(ByteStream) -> F,
    ) -> Result<T, Stopped>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let length = range.end - range.start;
        let mut pause = self.pace.pause;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let until = self.until;
            let attempt = async {
                let body = match opened.take() {
                    Some(opened) => opened.body,
                    None => self.open(&range).await.map_err(Stopped::Reading)?.body,
                };
                let tee = Tee::new(body, length, self.whole.clone());
                let seen = Arc::clone(&tee.seen);
                let body = ByteStream::new(SdkBody::from_body_1_x(tee));
                let result = sink(body).await.map_err(written)?;
                Ok::<_, Stopped>((result, seen))
            };
            match until.limit(attempt).await.ok_or(Stopped::OutOfTime)? {
                Ok((result, seen)) => {
                    let Ok(seen) = seen.lock() else {
                        return Err(Stopped::OutOfTime);
                    };
                    if seen.bytes != length {
                        let text = "it was answered before all of it was sent";
                        let error = CallError::unusable("s3:PutObject", text);
                        return Err(Stopped::Writing(error));
                    }
                    self.done += length;
                    self.whole = seen.whole.clone();
                    self.parts.push(seen.part.clone().finalize().into());
                    return Ok(result);
                }
                Err(Stopped::Reading(error) | Stopped::Writing(error))
                    if attempts < ATTEMPTS && may_pass(&error) => {}
                Err(stopped) => return Err(stopped),
            }
            let paused = until.limit(tokio::time::sleep(pause)).await;
            paused.ok_or(Stopped::OutOfTime)?;
            pause *= 2;
        }
    }

    async fn open(&mut self, range: &std::ops::Range<u64>) -> Result<Opened, CallError> {
        const OPERATION: &str = "s3:GetObject";
        let pin = self.pin.clone();
        let answer = self
            .source
            .client
            .get_object()
            .bucket(self.source.bucket)
            .key(self.source.key)
            .range(format!(
                "bytes={}-{}",
                range.start,
                range.end.saturating_sub(1)
            ))
            .set_version_id(pin.as_ref().and_then(|pin| pin.version.clone()))
            .set_if_match(pin.and_then(|pin| pin.etag))
            .send()
            .await
            .map_err(|error| CallError::new(OPERATION, error))?;
        let total = answer
            .content_range()
            .and_then(|range| range.rsplit_once('/')?.1.parse().ok())
            .or_else(|| u64::try_from(answer.content_length()?).ok())
            .ok_or_else(|| {
                CallError::unusable(OPERATION, "the answer does not say how long it is")
            })?;
        if self.pin.is_none() {
            self.pin = Some(Version {
                version: answer
                    .version_id()
                    .filter(|version| *version != "null")
                    .map(str::to_owned),
                etag: answer.e_tag().map(str::to_owned),
            });
        }
        Ok(Opened {
            total,
            written: answer.last_modified().map(seconds).unwrap_or_default(),
            body: answer.body.into_inner(),
        })
    }

    /// The SHA-256 of the last part, as S3 has it.
    fn last_part(&self) -> String {
        self.parts
            .last()
            .map(|part| STANDARD.encode(part))
            .unwrap_or_default()
    }

    /// What has passed.
    fn passed(&self) -> Passed {
        let checksum = match self.parts.as_slice() {
            [only] => checksum(only),
            several => {
                let of_parts = Sha256::digest(several.concat());
                format!("{}-{}", STANDARD.encode(of_parts), several.len())
            }
        };
        Passed {
            size: self.done,
            sha256: self.whole.clone().finalize().into(),
            checksum,
        }
    }
}

fn may_pass(error: &CallError) -> bool {
    matches!(error.kind, Kind::Throttled | Kind::Unanswered)
        || error.code == "ConditionalRequestConflict"
}

fn unanswered(operation: &'static str, error: &dyn std::fmt::Display) -> CallError {
    CallError {
        operation,
        kind: Kind::Unanswered,
        code: String::new(),
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
