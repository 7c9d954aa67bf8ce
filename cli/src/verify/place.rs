//! Where a release lies.

use std::path::{Path, PathBuf};

use shared::job::is_uuid;
use shared::release;
use shared::release::ENVELOPE;

/// An envelope's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// On this machine.
    File(PathBuf),
    /// In a bucket.
    Object { bucket: String, key: String },
}

impl Place {
    /// What a person calls it: an address, a file or a folder that is there, or a release's name.
    pub(super) fn find(text: &str, bucket: Option<&str>) -> Result<Self, String> {
        if let Some(address) = text.strip_prefix("s3://") {
            return object(address).ok_or_else(|| {
                format!(
                    "{text} is no object's address: write s3://BUCKET/releases/PIPELINE/EXECUTION"
                )
            });
        }
        let path = Path::new(text);
        if path.is_dir() {
            return Ok(Self::File(path.join(ENVELOPE)));
        }
        if path.exists() {
            return Ok(Self::File(path.to_owned()));
        }
        let is_name = text.split_once('/').is_some_and(|(pipeline, execution)| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".@-_".contains(&byte);
            !pipeline.is_empty() && pipeline.bytes().all(plain) && is_uuid(execution)
        });
        match bucket {
            Some(bucket) if is_name => Ok(Self::Object {
                bucket: bucket.to_owned(),
                key: release::folder(text) + ENVELOPE,
            }),
            None if is_name => Err(format!(
                "{text} is a release's name: add --bucket BUCKET, the output ReleasesBucketName of \
                 redbutton's stack in the production account"
            )),
            _ => Err(format!(
                "{text} is no file here: write a file, s3://BUCKET/releases/PIPELINE/EXECUTION, or \
                 PIPELINE/EXECUTION with --bucket BUCKET"
            )),
        }
    }

    /// The folder in the bucket; none for a file, which may lie anywhere.
    pub(super) fn folder(&self) -> Option<&str> {
        match self {
            Self::File(_) => None,
            Self::Object { key, .. } => key.get(..key.rfind('/').map_or(0, |at| at + 1)),
        }
    }
}

/// `bucket/key`, where the key may be that of the release's folder.
fn object(address: &str) -> Option<Place> {
    let (bucket, key) = address.split_once('/')?;
    let name = key.trim_end_matches('/').rsplit('/').next()?;
    let key = if key.ends_with('/') || is_uuid(name) {
        format!("{}/{ENVELOPE}", key.trim_end_matches('/'))
    } else {
        key.to_owned()
    };
    (!bucket.is_empty() && !name.is_empty()).then(|| Place::Object {
        bucket: bucket.to_owned(),
        key,
    })
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Object { bucket, key } => write!(f, "s3://{bucket}/{key}"),
        }
    }
}
