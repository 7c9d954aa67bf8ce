//! Whole objects that are small: templates and what a stack was before, which are written once, and
//! reports, which the next one replaces.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;

use super::bucket::Bucket;
use crate::error::{CallError, Kind};

/// More than any object that is kept this way; one that has grown beyond is somebody else's.
const LARGEST: usize = 4 << 20;
/// S3 answers 409 to one of two writers who meet, and asks for another attempt.
const ATTEMPTS: usize = 3;

/// Puts an object where there is none. One that is there already stays as it is, which is fine: the
/// keys name the content, or the attempt that wrote it first. True when it was not there; after a
/// call that had to be repeated, false says nothing. With `owner`, a bucket of any other account is
/// refused.
pub async fn put_once(
    client: &Client,
    bucket: &str,
    key: &str,
    bytes: &[u8],
    owner: Option<&str>,
) -> Result<bool, CallError> {
    let written = put_with_retries(|| {
        client
            .put_object()
            .bucket(bucket)
            .key(key)
            .body(ByteStream::from(bytes.to_vec()))
            .if_none_match("*")
            .set_expected_bucket_owner(owner.map(str::to_owned))
    });
    Ok(written.await?.is_some())
}

/// Sends a write that must not meet another object; none when there is one already.
pub(super) async fn put_with_retries(
    put: impl Fn() -> PutObjectFluentBuilder,
) -> Result<Option<PutObjectOutput>, CallError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let answer = put().send().await;
        match answer.map_err(|error| CallError::new("s3:PutObject", error)) {
            Ok(answer) => return Ok(Some(answer)),
            Err(error) if error.code == "PreconditionFailed" => return Ok(None),
            Err(error) if error.code == "ConditionalRequestConflict" && attempts < ATTEMPTS => {}
            Err(error) => return Err(error),
        }
    }
}

/// Puts an object, whether or not there is one, encrypted by KMS: with this key (its ARN, id or alias),
/// or else with the account's own for S3. The bucket policy that the CodePipeline guide gives refuses
/// what does not say so (cp:S3-artifact-encryption.md).
pub async fn put(
    client: &Client,
    bucket: &str,
    key: &str,
    bytes: &[u8],
    content_type: &str,
    kms_key: Option<&str>,
) -> Result<(), CallError> {
    client
        .put_object()
        .bucket(bucket)
        .key(key)
        .body(ByteStream::from(bytes.to_vec()))
        .content_type(content_type)
        .server_side_encryption(ServerSideEncryption::AwsKms)
        .set_ssekms_key_id(kms_key.map(str::to_owned))
        .send()
        .await
        .map(drop)
        .map_err(|error| CallError::new("s3:PutObject", error))
}

/// An object of at most 4 MiB; none when the bucket has none of this key. (S3 says so only to those
/// who may list the bucket; to others it is an error of kind Denied.)
pub async fn get(client: &Client, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, CallError> {
    small(client.get_object().bucket(bucket).key(key)).await
}

/// As [`get`], out of a bucket that belongs to a known account.
pub async fn get_of(bucket: Bucket<'_>, key: &str) -> Result<Option<Vec<u8>>, CallError> {
    let get = bucket.client.get_object().bucket(bucket.name).key(key);
    small(get.expected_bucket_owner(bucket.owner)).await
}

async fn small(get: GetObjectFluentBuilder) -> Result<Option<Vec<u8>>, CallError> {
    const OPERATION: &str = "s3:GetObject";
    let answer = get.send().await;
    let mut body = match answer.map_err(|error| CallError::new(OPERATION, error)) {
        Ok(answer) => answer.body,
        Err(error) if error.code == "NoSuchKey" => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| CallError {
            operation: OPERATION,
            kind: Kind::Unanswered,
            code: String::new(),
            message: error.to_string(),
        })?;
        bytes.extend_from_slice(&piece);
        if bytes.len() > LARGEST {
            let message = format!("the object has more than {LARGEST} bytes");
            return Err(CallError::unusable(OPERATION, message));
        }
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::replay;
    use serde_json::{Value, json};

    const ADDRESS: &str = "https://state.s3.us-east-1.amazonaws.com/before/a/1.json";

    fn refused(status: u16, code: &str) -> (u16, Value) {
        let answer = format!("<Error><Code>{code}</Code><Message>why</Message></Error>");
        (status, answer.into())
    }

    #[tokio::test]
    async fn what_was_written_once_stays() {
        let conflict = || refused(409, "ConditionalRequestConflict");
        for (answers, expected) in [
            (vec![(200, json!(""))], Ok(true)),
            (vec![refused(412, "PreconditionFailed")], Ok(false)),
            (
                vec![conflict(), refused(412, "PreconditionFailed")],
                Ok(false),
            ),
            (vec![conflict(), conflict(), (200, json!(""))], Ok(true)),
            (vec![conflict(), conflict(), conflict()], Err(Kind::Refused)),
            (vec![refused(403, "AccessDenied")], Err(Kind::Denied)),
        ] {
            let calls = answers.len();
            let (config, replay) = replay(answers);
            let owner = Some("333333333333");
            let client = Client::new(&config);
            let result = put_once(&client, "state", "before/a/1.json", b"{}", owner).await;
            assert_eq!(result.map_err(|error| error.kind), expected);
            assert_eq!(replay.calls().len(), calls);
            for (call, (operation, body)) in replay.calls().into_iter().enumerate() {
                assert_eq!((operation, body), (format!("PUT {ADDRESS}"), json!("{}")));
                let header = |name| replay.header(call, name);
                assert_eq!(header("if-none-match").as_deref(), Some("*"));
                assert_eq!(header("x-amz-expected-bucket-owner").as_deref(), owner);
            }
        }
    }

    #[tokio::test]
    async fn an_object_is_written_over_and_encrypted_by_kms() {
        let arn = "arn:aws:kms:us-east-1:111111111111:key/0f";
        for kms_key in [Some(arn), None] {
            let (config, replay) = replay([(200, json!(""))]);
            let client = Client::new(&config);
            let key = "before/a/1.json";
            let put = put(&client, "state", key, b"{}", "application/json", kms_key);
            put.await.unwrap();
            assert_eq!(replay.calls(), [(format!("PUT {ADDRESS}"), json!("{}"))]);
            let header = |name| replay.header(0, name);
            assert_eq!(header("content-type").as_deref(), Some("application/json"));
            let algorithm = header("x-amz-server-side-encryption");
            assert_eq!(algorithm.as_deref(), Some("aws:kms"));
            let id = header("x-amz-server-side-encryption-aws-kms-key-id");
            assert_eq!(id.as_deref(), kms_key);
            assert_eq!(header("if-none-match"), None);
        }
        let (config, _) = replay([refused(403, "AccessDenied")]);
        let client = Client::new(&config);
        let refusal = put(&client, "state", "a", b"", "text/plain", None).await;
        assert_eq!(refusal.unwrap_err().kind, Kind::Denied);
    }

    #[tokio::test]
    async fn an_object_is_read_or_is_not_there() {
        let (config, replay) = replay([
            (200, json!("text")),
            refused(404, "NoSuchKey"),
            refused(404, "NoSuchBucket"),
            (200, json!("x".repeat(LARGEST + 1))),
        ]);
        let client = Client::new(&config);
        let read = async || get(&client, "state", "before/a/1.json").await;
        assert_eq!(read().await.unwrap(), Some(b"text".to_vec()));
        assert_eq!(read().await.unwrap(), None);
        assert_eq!(read().await.unwrap_err().kind, Kind::Missing);
        assert_eq!(read().await.unwrap_err().kind, Kind::Refused);
        assert_eq!(replay.calls()[0].0, format!("GET {ADDRESS}"));
    }
}
