//! Small objects that are written over, each only as it was last read: locks, records, freezes. And
//! objects of a known version, whole or by their hash.

use aws_sdk_s3::primitives::ByteStream;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use super::bucket::Bucket;
use super::collected;
use super::object::content;
use crate::error::CallError;
use crate::time::seconds;

/// An object's content, and what it was read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its entity tag.
    pub etag: String,
    /// Its version; empty in a bucket without versions.
    pub version: String,
    /// When it was written, seconds since the epoch.
    pub written: u64,
}

/// Codes that say that an object, or this version of it, is not there.
const GONE: [&str; 5] = [
    "NoSuchKey",
    "NoSuchVersion",
    "NotFound",
    "MethodNotAllowed",
    // A version that no bucket could have given.
    "InvalidArgument",
];

/// An object of at most 4 MiB, in this version or the current one; none when it is not there, or not any
/// more.
pub async fn get(
    bucket: Bucket<'_>,
    key: &str,
    version: Option<&str>,
) -> Result<Option<Kept>, CallError> {
    let answer = bucket
        .client
        .get_object()
        .bucket(bucket.name)
        .key(key)
        .set_version_id(version.map(str::to_owned))
        .expected_bucket_owner(bucket.owner)
        .send()
        .await;
    let (etag, found, written) = match &answer {
        Ok(answer) => (
            answer.e_tag().unwrap_or_default().to_owned(),
            answer.version_id().unwrap_or_default().to_owned(),
            answer.last_modified().map(seconds).unwrap_or_default(),
        ),
        Err(_) => Default::default(),
    };
    match content(answer).await {
        Ok(bytes) => Ok(bytes.map(|bytes| Kept {
            bytes,
            etag,
            version: found,
            written,
        })),
        Err(error) if GONE.contains(&error.code.as_str()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// S3 answers 409 to one of two writers who meet, and asks for another attempt (CONTRACTS 3.7.6).
const ATTEMPTS: usize = 3;

/// Writes an object only if it is still what it was read as, by its entity tag; without one, only where
/// there is none. Its new entity tag; none when somebody else was there first.
pub async fn put(
    bucket: Bucket<'_>,
    key: &str,
    bytes: &[u8],
    etag: Option<&str>,
) -> Result<Option<String>, CallError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let put = bucket
            .client
            .put_object()
            .bucket(bucket.name)
            .key(key)
            .body(ByteStream::from(bytes.to_vec()))
            .expected_bucket_owner(bucket.owner);
        let put = match etag {
            Some(etag) => put.if_match(etag),
            None => put.if_none_match("*"),
        };
        let error = match put.send().await {
            Ok(answer) => return Ok(Some(answer.e_tag().unwrap_or_default().to_owned())),
            Err(error) => CallError::new("s3:PutObject", error),
        };
        match error.code.as_str() {
            "PreconditionFailed" | "NoSuchKey" => return Ok(None),
            "ConditionalRequestConflict" if attempts < ATTEMPTS => {}
            _ => return Err(error),
        }
    }
}

/// Deletes an object; with an entity tag, only as long as it is what it was read as. One that is not
/// there, or is another by now, is fine.
pub async fn delete(bucket: Bucket<'_>, key: &str, etag: Option<&str>) -> Result<(), CallError> {
    let answer = bucket
        .client
        .delete_object()
        .bucket(bucket.name)
        .key(key)
        .set_if_match(etag.map(str::to_owned))
        .expected_bucket_owner(bucket.owner)
        .send()
        .await;
    match answer.map_err(|error| CallError::new("s3:DeleteObject", error)) {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.code.as_str(), "PreconditionFailed" | "NoSuchKey") => Ok(()),
        Err(error) => Err(error),
    }
}

/// Pieces that an object is read in: with four under way, 32 MiB of memory.
const PIECE: u64 = 8 << 20;
const UNDER_WAY: usize = 4;

/// Bytes and hexadecimal sha256 of a version of an object, read through in pieces; none when it is not
/// there.
pub async fn hashed(
    bucket: Bucket<'_>,
    key: &str,
    version: &str,
) -> Result<Option<(u64, String)>, CallError> {
    const OPERATION: &str = "s3:GetObject";
    let head = bucket
        .client
        .head_object()
        .bucket(bucket.name)
        .key(key)
        .version_id(version)
        .expected_bucket_owner(bucket.owner)
        .send()
        .await
        .map_err(|error| CallError::new(OPERATION, error));
    let size = match head {
        Ok(head) => u64::try_from(head.content_length().unwrap_or_default()).unwrap_or_default(),
        Err(error) if GONE.contains(&error.code.as_str()) => return Ok(None),
        // A head has no body: S3 tells a version that no bucket could have given by its status alone.
        Err(error) if error.code == "BadRequest" || error.code == "400" => return Ok(None),
        Err(error) => return Err(error),
    };
    let starts = (0..size.div_ceil(PIECE)).map(|n| n * PIECE);
    let pieces = stream::iter(starts).map(|start| async move {
        let end = (start + PIECE).min(size) - 1;
        let answer = bucket
            .client
            .get_object()
            .bucket(bucket.name)
            .key(key)
            .version_id(version)
            .range(format!("bytes={start}-{end}"))
            .expected_bucket_owner(bucket.owner)
            .send()
            .await
            .map_err(|error| CallError::new(OPERATION, error))?;
        collected(answer.body).await
    });
    let hashed = pieces.buffered(UNDER_WAY).try_fold(
        (0_u64, Sha256::new()),
        |(read, mut hash), bytes| async move {
            hash.update(&bytes);
            Ok((read + bytes.len() as u64, hash))
        },
    );
    let (read, hash) = hashed.await?;
    Ok(Some((read, hex::encode(hash.finalize()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::replay::{Answer, replay};
    use aws_sdk_s3::Client;
    use serde_json::json;

    fn refused(status: u16, code: &str) -> Answer {
        let text = format!("<Error><Code>{code}</Code><Message>why</Message></Error>");
        (status, json!(text)).into()
    }

    fn of(client: &Client) -> Bucket<'_> {
        Bucket::of(client, "state", "222222222222")
    }

    // rules: 3.9.4
    #[tokio::test]
    async fn an_object_is_written_only_as_it_was_read() {
        let written = || Answer::from((200, json!(""))).with("etag", "\"new\"");
        for (answer, etag, expected) in [
            (written(), None, Ok(Some("\"new\""))),
            (written(), Some("\"old\""), Ok(Some("\"new\""))),
            (
                refused(412, "PreconditionFailed"),
                Some("\"old\""),
                Ok(None),
            ),
            // Somebody has deleted it.
            (refused(404, "NoSuchKey"), Some("\"old\""), Ok(None)),
            (refused(403, "AccessDenied"), None, Err(Kind::Denied)),
        ] {
            let (config, replay) = replay([answer]);
            let client = Client::new(&config);
            let put = put(of(&client), "locks/a.json", b"{}", etag).await;
            let put = put.map_err(|error| error.kind);
            assert_eq!(put, expected.map(|etag| etag.map(str::to_owned)));
            let (name, value) = match etag {
                Some(etag) => ("if-match", etag),
                None => ("if-none-match", "*"),
            };
            assert_eq!(replay.header(0, name).as_deref(), Some(value));
        }
    }

    // rules: 3.7.6
    #[tokio::test]
    async fn of_two_who_meet_each_tries_again() {
        let conflict = || refused(409, "ConditionalRequestConflict");
        let written = Answer::from((200, json!(""))).with("etag", "\"new\"");
        let (config, replay) = replay([conflict(), written, conflict(), conflict(), conflict()]);
        let client = Client::new(&config);
        let put = async || put(of(&client), "locks/a.json", b"{}", None).await;
        assert_eq!(put().await.unwrap().as_deref(), Some("\"new\""));
        assert_eq!(put().await.unwrap_err().code, "ConditionalRequestConflict");
        assert_eq!(replay.calls().len(), 5);
    }

    // rules: 3.9.4
    #[tokio::test]
    async fn only_what_was_read_is_deleted() {
        let gone = Answer::from((204, json!("")));
        let (config, replay) = replay([gone.clone(), refused(412, "PreconditionFailed"), gone]);
        let client = Client::new(&config);
        for etag in [Some("\"old\""), Some("\"old\""), None] {
            delete(of(&client), "locks/a.json", etag).await.unwrap();
        }
        assert_eq!(replay.header(0, "if-match").as_deref(), Some("\"old\""));
        assert_eq!(replay.header(2, "if-match"), None);
    }

    // rules: 3.4.3 3.4.10
    #[tokio::test]
    async fn the_version_that_was_named_is_read_and_none_other() {
        let found = Answer::from((200, json!("text")))
            .with("etag", "\"e\"")
            .with("x-amz-version-id", "v1")
            .with("last-modified", "Sat, 28 Nov 2026 16:20:00 GMT");
        let answers = [
            found,
            refused(404, "NoSuchVersion"),
            refused(405, "MethodNotAllowed"),
            refused(403, "AccessDenied"),
        ];
        let (config, replay) = replay(answers);
        let client = Client::new(&config);
        let kept = get(of(&client), "a", Some("v1")).await.unwrap().unwrap();
        assert_eq!(
            (kept.bytes.as_slice(), kept.written),
            (b"text".as_slice(), 1_795_882_800)
        );
        assert!(replay.address(0).contains("versionId=v1"));
        for _ in 0..2 {
            assert_eq!(get(of(&client), "a", Some("v1")).await.unwrap(), None);
        }
        let denied = get(of(&client), "a", None).await.unwrap_err();
        assert_eq!(denied.kind, Kind::Denied);
    }

    #[tokio::test]
    async fn a_large_object_is_hashed_in_pieces() {
        let size = PIECE + 3;
        let head = Answer::from((200, json!(""))).with("content-length", size);
        let whole = "x".repeat(usize::try_from(size).unwrap());
        let (first, second) = whole.split_at(usize::try_from(PIECE).unwrap());
        let (config, replay) = replay([
            head,
            (206, json!(first)).into(),
            (206, json!(second)).into(),
        ]);
        let client = Client::new(&config);
        let hashed = hashed(of(&client), "a", "v1").await.unwrap().unwrap();
        assert_eq!(hashed, (size, hex::encode(Sha256::digest(&whole))));
        let range = replay.header(2, "range");
        assert_eq!(range, Some(format!("bytes={PIECE}-{}", size - 1)));
    }
}
