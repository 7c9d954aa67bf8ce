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

impl<'a> Bucket<'a> {
    /// One whose own key encrypts what is written.
    pub fn of(client: &'a Client, name: &'a str, owner: &'a str) -> Self {
        Self {
            client,
            name,
            owner,
            kms_key: None,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::replay::{Answer, Replay, replay};
    use serde_json::json;
    use sha2::{Digest as _, Sha256};

    const OWNER: &str = "222222222222";
    const KEY: &str = "arn:aws:kms:ap-southeast-2:222222222222:key/0f";

    async fn with<T>(
        answers: Vec<Answer>,
        kms_key: Option<&str>,
        work: impl AsyncFnOnce(Bucket<'_>) -> T,
    ) -> (T, Replay) {
        let (config, replay) = replay(answers);
        let bucket = Bucket {
            client: &Client::new(&config),
            name: "releases",
            owner: OWNER,
            kms_key,
        };
        let result = work(bucket).await;
        for call in 0..replay.calls().len() {
            let owner = replay.header(call, "x-amz-expected-bucket-owner");
            assert_eq!(owner.as_deref(), Some(OWNER));
        }
        (result, replay)
    }

    fn refused(status: u16, code: &str) -> Answer {
        let text = format!("<Error><Code>{code}</Code><Message>why</Message></Error>");
        (status, json!(text)).into()
    }

    // rules: 3.7.3
    #[tokio::test]
    async fn all_pages_of_a_list_are_read() {
        let page = |key: &str, next: &str| {
            let text = format!(
                "<ListBucketResult><IsTruncated>{}</IsTruncated>{next}<Contents><Key>{key}</Key>\
                 <Size>5</Size><ETag>\"e\"</ETag></Contents></ListBucketResult>",
                !next.is_empty()
            );
            Answer::from((200, json!(text)))
        };
        let next = "<NextContinuationToken>t</NextContinuationToken>";
        let answers = vec![page("releases/a", next), page("releases/b", "")];
        let (listed, replay) = with(answers, None, async |bucket| {
            list(bucket, "releases/").await.unwrap()
        })
        .await;
        let listed: Vec<&str> = listed.iter().map(|one| one.key.as_str()).collect();
        assert_eq!(listed, ["releases/a", "releases/b"]);
        assert!(replay.address(1).contains("continuation-token=t"));
        let answers = vec![refused(403, "AccessDenied")];
        let (denied, _) = with(answers, None, async |bucket| list(bucket, "a").await).await;
        let error = denied.unwrap_err();
        assert_eq!(
            (error.kind, error.operation),
            (Kind::Denied, "s3:ListBucket")
        );
    }

    // rules: 3.7.3 3.7.18
    #[tokio::test]
    async fn s3_is_asked_for_an_objects_checksum() {
        let found = Answer::from((200, json!("")))
            .with("content-length", 5)
            .with("x-amz-version-id", "v1")
            .with("etag", "\"e\"")
            .with("x-amz-checksum-sha256", "AAAA-2");
        let denied = Answer::from((403, json!("")));
        let answers = vec![found, (404, json!("")).into(), denied];
        let (heads, replay) = with(answers, None, async |bucket| {
            [
                head(bucket, "a").await,
                head(bucket, "b").await,
                head(bucket, "c").await,
            ]
        })
        .await;
        let [found, missing, denied] = heads;
        let expected = Head {
            size: 5,
            version: "v1".to_owned(),
            etag: "\"e\"".to_owned(),
            sha256: Some("AAAA-2".to_owned()),
        };
        assert_eq!(found.unwrap(), Some(expected));
        assert_eq!(missing.unwrap(), None);
        assert_eq!(denied.unwrap_err().kind, Kind::Denied);
        let mode = replay.header(0, "x-amz-checksum-mode");
        assert_eq!(mode.as_deref(), Some("ENABLED"));
    }

    // rules: 3.7.3 3.7.6 3.7.8 3.7.9 3.7.18
    #[tokio::test]
    async fn a_small_object_is_written_where_there_is_none() {
        let sha256: [u8; 32] = Sha256::digest("text").into();
        for kms_key in [None, Some(KEY)] {
            let written = Answer::from((200, json!("")))
                .with("x-amz-version-id", "v1")
                .with("etag", "\"e\"");
            let answers = vec![
                refused(409, "ConditionalRequestConflict"),
                written,
                refused(412, "PreconditionFailed"),
            ];
            let (put, replay) = with(answers, kms_key, async |bucket| {
                let put = async || put_new(bucket, "releases/a", b"text", &sha256).await;
                (put().await.unwrap(), put().await.unwrap())
            })
            .await;
            let written = Some(("v1".to_owned(), "\"e\"".to_owned()));
            assert_eq!(put, (written, None));
            for call in 0..3 {
                assert_eq!(replay.calls()[call].1, "text");
                for (name, expected) in [
                    ("if-none-match", Some("*")),
                    ("x-amz-checksum-sha256", Some(&*checksum(&sha256))),
                    ("x-amz-server-side-encryption", kms_key.map(|_| "aws:kms")),
                    ("x-amz-server-side-encryption-aws-kms-key-id", kms_key),
                    ("x-amz-acl", None),
                ] {
                    assert_eq!(replay.header(call, name).as_deref(), expected, "{name}");
                }
            }
        }
    }
}
