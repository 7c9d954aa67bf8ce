//! What a bucket of releases holds: lists, and what S3 says of an object without its content. Every
//! call names the account that has to own the bucket (CONTRACTS 3.7.3).

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, ServerSideEncryption};

use super::object::put_with_retries;
use super::through::checksum;
use crate::error::CallError;

/// A bucket that belongs to a known account.
#[derive(Clone, Copy)]
pub struct Bucket<'a> {
    /// S3 in the bucket's region, as whoever may use it.
    pub client: &'a Client,
    /// Its name.
    pub name: &'a str,
    /// The account that owns it; a bucket of this name that belongs to anybody else is refused.
    pub owner: &'a str,
    /// ARN of the KMS key for what is written; none leaves it to the bucket.
    pub kms_key: Option<&'a str>,
}

/// An object as a list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Its entity tag.
    pub etag: String,
}

/// All objects whose keys begin with a prefix, in the order of their keys.
pub async fn list(bucket: Bucket<'_>, prefix: &str) -> Result<Vec<Listed>, CallError> {
    let mut pages = bucket
        .client
        .list_objects_v2()
        .bucket(bucket.name)
        .prefix(prefix)
        .expected_bucket_owner(bucket.owner)
        .into_paginator()
        .send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| CallError::new("s3:ListBucket", error))?;
        all.extend(page.contents().iter().map(|object| {
            Listed {
                key: object.key().unwrap_or_default().to_owned(),
                size: object
                    .size()
                    .and_then(|size| u64::try_from(size).ok())
                    .unwrap_or_default(),
                etag: object.e_tag().unwrap_or_default().to_owned(),
            }
        }));
    }
    Ok(all)
}

/// What S3 says of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Bytes.
    pub size: u64,
    /// Its version; empty in a bucket without versions.
    pub version: String,
    /// Its entity tag.
    pub etag: String,
    /// Its SHA-256 in base64; of an object in parts, that of the parts' checksums, with `-` and their
    /// number (3.7.18).
    pub sha256: Option<String>,
}

/// What S3 says of an object; none when there is none.
pub async fn head(bucket: Bucket<'_>, key: &str) -> Result<Option<Head>, CallError> {
    let answer = bucket
        .client
        .head_object()
        .bucket(bucket.name)
        .key(key)
        .checksum_mode(ChecksumMode::Enabled)
        .expected_bucket_owner(bucket.owner)
        .send()
        .await
        .map_err(|error| CallError::new("s3:GetObject", error));
    match answer {
        Ok(answer) => Ok(Some(Head {
            size: answer
                .content_length()
                .and_then(|size| u64::try_from(size).ok())
                .unwrap_or_default(),
            version: answer.version_id().unwrap_or_default().to_owned(),
            etag: answer.e_tag().unwrap_or_default().to_owned(),
            sha256: answer.checksum_sha256().map(str::to_owned),
        })),
        Err(error) if matches!(error.code.as_str(), "NotFound" | "NoSuchKey") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a small object where there is none, with its checksum on the wire: its version and entity
/// tag. None when there is one already.
pub async fn put_new(
    bucket: Bucket<'_>,
    key: &str,
    bytes: &[u8],
    sha256: &[u8; 32],
) -> Result<Option<(String, String)>, CallError> {
    let checksum = checksum(sha256);
    let written = put_with_retries(|| {
        bucket
            .client
            .put_object()
            .bucket(bucket.name)
            .key(key)
            .body(ByteStream::from(bytes.to_vec()))
            .checksum_sha256(&checksum)
            .if_none_match("*")
            .expected_bucket_owner(bucket.owner)
            .set_server_side_encryption(bucket.kms_key.map(|_| ServerSideEncryption::AwsKms))
            .set_ssekms_key_id(bucket.kms_key.map(str::to_owned))
    })
    .await?;
    Ok(written.map(|answer| {
        (
            answer.version_id().unwrap_or_default().to_owned(),
            answer.e_tag().unwrap_or_default().to_owned(),
        )
    }))
}
