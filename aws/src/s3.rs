//! S3: pieces of an input artifact, read with the job's own credentials; small whole objects; a bucket
//! of releases, and what goes through into it.

use std::ops::Range;

pub use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use shared::artifact::{FIRST_READ_BYTES, LIMITS, PartialZip, Progress};
use shared::error::Failure;
use shared::job::Artifact;

pub mod bucket;
pub mod kept;
pub mod object;
pub mod through;

use crate::error::{CallError, Caller, Kind};
use crate::time::seconds;

/// An input artifact that is being read. All pieces are of the version that the first answer
/// named (CONTRACTS 3.7.5), and are fetched once.
pub struct OpenArtifact {
    client: Client,
    caller: Caller,
    artifact: Artifact,
    key: Option<String>,
    zip: PartialZip,
    pin: Pin,
    written: u64,
}

impl OpenArtifact {
    /// Fetches the artifact's end: of a small artifact, all of it. `key` is the key that the job
    /// names, for explanations; `version` the version that is meant, when it is known already.
    pub async fn open(
        client: &Client,
        caller: &Caller,
        artifact: &Artifact,
        key: Option<&str>,
        version: Option<&str>,
    ) -> Result<Self, Failure> {
        let range = format!("bytes=-{FIRST_READ_BYTES}");
        let pin = version.map(|version| Pin {
            version: Some(version.to_owned()),
            etag: None,
        });
        let first = read(client, artifact, pin.as_ref(), &range)
            .await
            .map_err(|error| failed(error, caller, artifact, key))?;
        let mut zip = PartialZip::new(first.total);
        zip.add(
            first.total.saturating_sub(first.bytes.len() as u64),
            first.bytes,
        );
        Ok(Self {
            client: client.clone(),
            caller: caller.clone(),
            artifact: artifact.clone(),
            key: key.map(str::to_owned),
            zip,
            pin: first.pin,
            written: first.written,
        })
    }

    /// When it was written, in seconds since the epoch.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// A file's content; none when the artifact does not have it.
    pub async fn file(&mut self, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            let progress = self
                .zip
                .read(&[path], LIMITS)
                .map_err(|error| self.refused(&error))?;
            let range = match progress {
                Progress::Files(mut files) => return Ok(files.remove(path)),
                Progress::Need(range) => range,
            };
            let piece = self.piece(range.clone()).await?;
            if piece.is_empty() {
                return Err(self.refused(&"ends before its own directory says so"));
            }
            self.zip.add(range.start, piece);
        }
    }

    /// A file that has to be there.
    pub async fn required(&mut self, path: &str) -> Result<Vec<u8>, Failure> {
        match self.file(path).await? {
            Some(bytes) => Ok(bytes),
            None => Err(self.refused(&self.zip.missing(path))),
        }
    }

    async fn piece(&self, range: Range<u64>) -> Result<Vec<u8>, Failure> {
        let range = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let piece = read(&self.client, &self.artifact, Some(&self.pin), &range).await;
        let piece = piece
            .map_err(|error| failed(error, &self.caller, &self.artifact, self.key.as_deref()))?;
        Ok(piece.bytes)
    }

    fn refused(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::configuration(format!("input artifact {} {error}", self.artifact.name))
    }
}

fn failed(error: CallError, caller: &Caller, artifact: &Artifact, key: Option<&str>) -> Failure {
    let what = format!("input artifact {}", artifact.name);
    let resource = format!("arn:aws:s3:::{}/{}", artifact.bucket, artifact.key);
    error.explain(&what, caller, &resource, "", None, key)
}

struct Piece {
    bytes: Vec<u8>,
    written: u64,
    total: u64,
    pin: Pin,
}

/// The version of an object, so that all pieces are of one.
struct Pin {
    version: Option<String>,
    etag: Option<String>,
}

async fn read(
    client: &Client,
    artifact: &Artifact,
    pin: Option<&Pin>,
    range: &str,
) -> Result<Piece, CallError> {
    const OPERATION: &str = "s3:GetObject";
    let answer = client
        .get_object()
        .bucket(&artifact.bucket)
        .key(&artifact.key)
        .range(range)
        .set_version_id(pin.and_then(|pin| pin.version.clone()))
        .set_if_match(pin.and_then(|pin| pin.etag.clone()))
        .send()
        .await
        .map_err(|error| CallError::new(OPERATION, error))?;
    let pin = Pin {
        version: answer
            .version_id()
            .filter(|version| *version != "null")
            .map(str::to_owned),
        etag: answer.e_tag().map(str::to_owned),
    };
    let written = answer.last_modified().map(seconds).unwrap_or_default();
    let total = answer
        .content_range()
        .and_then(|range| range.rsplit_once('/')?.1.parse().ok());
    let bytes = collected(answer.body).await?;
    // Without Content-Range the answer is the whole object.
    let total = total.unwrap_or(bytes.len() as u64);
    Ok(Piece {
        bytes,
        written,
        total,
        pin,
    })
}

/// All of a body that is small enough to be kept whole.
async fn collected(body: ByteStream) -> Result<Vec<u8>, CallError> {
    let body = body.collect().await.map_err(|error| CallError {
        operation: "s3:GetObject",
        kind: Kind::Unanswered,
        code: String::new(),
        message: error.to_string(),
    })?;
    Ok(body.to_vec())
}
