//! S3 as a person at their own machine: with the credentials and the region that the AWS CLI takes, out
//! of the environment, a profile, a container or an instance. What a login in the browser gives
//! (`aws sso login`, `aws login`) has to be exported into the environment: the SDK's own way to it
//! would be a part of every function.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use super::{ATTEMPT_S3, https, s3, timeouts};
use crate::error::CallError;
use crate::s3::object;
use crate::sts;

/// Where S3 is asked first by somebody who has no region: it knows where every bucket is.
const ANYWHERE: Region = Region::from_static("us-east-1");

/// A person, and where they are.
pub struct Person {
    config: SdkConfig,
}

impl Person {
    /// `region` goes before that of the environment and of the profile.
    pub async fn new(region: Option<&str>) -> Self {
        let mut config = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(https())
            .timeout_config(timeouts(ATTEMPT_S3));
        if let Some(region) = region {
            config = config.region(Region::new(region.to_owned()));
        }
        Self {
            config: config.load().await,
        }
    }

    /// An object of at most 4 MiB, in whatever region its bucket is; none when the bucket has none of
    /// this key (see [`object::get`]). With `owner`, a bucket of any other account is refused.
    pub async fn object(
        &self,
        bucket: &str,
        key: &str,
        owner: Option<&str>,
    ) -> Result<Option<Vec<u8>>, CallError> {
        let region = self.config.region().cloned().unwrap_or(ANYWHERE);
        let mut answer = self.get(region, bucket, key, owner).await;
        if let Some(region) = answer.as_ref().err().and_then(elsewhere) {
            answer = self.get(region, bucket, key, owner).await;
        }
        object::content(answer).await
    }

    /// The account and the region that this person is in.
    pub async fn whereabouts(&self) -> Result<(String, String), CallError> {
        let client = aws_sdk_sts::Client::new(&self.config);
        let arn = sts::whoami(&client).await?;
        let account = arn.split(':').nth(4).unwrap_or_default().to_owned();
        let region = self.config.region().map(Region::as_ref).unwrap_or_default();
        Ok((account, region.to_owned()))
    }

    /// S3 in the person's region.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::from_conf(s3(&self.config).build())
    }

    /// Step Functions in the person's region.
    pub fn states(&self) -> aws_sdk_sfn::Client {
        aws_sdk_sfn::Client::new(&self.config)
    }

    /// ECS in the person's region.
    pub fn ecs(&self) -> aws_sdk_ecs::Client {
        aws_sdk_ecs::Client::new(&self.config)
    }

    async fn get(
        &self,
        region: Region,
        bucket: &str,
        key: &str,
        owner: Option<&str>,
    ) -> Result<GetObjectOutput, SdkError<GetObjectError, HttpResponse>> {
        let config = s3(&self.config).region(region).build();
        let client = aws_sdk_s3::Client::from_conf(config);
        let get = client.get_object().bucket(bucket).key(key);
        let get = get.set_expected_bucket_owner(owner.map(str::to_owned));
        get.send().await
    }
}

/// The region that S3 sends us to.
fn elsewhere<E>(error: &SdkError<E, HttpResponse>) -> Option<Region> {
    let answer = error.raw_response()?;
    let sent = matches!(answer.status().as_u16(), 301 | 307 | 400);
    let region = answer.headers().get("x-amz-bucket-region")?;
    sent.then(|| Region::new(region.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::replay::{Answer, replay};
    use serde_json::json;

    fn refused(status: u16, code: &str) -> Answer {
        let text = format!("<Error><Code>{code}</Code><Message>why</Message></Error>");
        (status, json!(text)).into()
    }

    #[tokio::test]
    async fn a_bucket_is_found_in_its_region() {
        let moved = refused(301, "PermanentRedirect").with("x-amz-bucket-region", "ap-southeast-2");
        for (answers, expected, regions) in [
            (
                vec![(200, json!("text")).into()],
                Ok(Some("text")),
                vec!["us-east-1"],
            ),
            (
                vec![moved.clone(), (200, json!("text")).into()],
                Ok(Some("text")),
                vec!["us-east-1", "ap-southeast-2"],
            ),
            // It is not sent about for ever.
            (
                vec![moved.clone(), moved],
                Err(Kind::Refused),
                vec!["us-east-1", "ap-southeast-2"],
            ),
            (
                vec![refused(403, "AccessDenied").with("x-amz-bucket-region", "eu-west-1")],
                Err(Kind::Denied),
                vec!["us-east-1"],
            ),
            (vec![refused(404, "NoSuchKey")], Ok(None), vec!["us-east-1"]),
        ] {
            let (config, replay) = replay(answers);
            let found = Person { config }
                .object("releases", "a/b", Some("222222222222"))
                .await;
            let expected = expected.map(|found| found.map(|text| text.as_bytes().to_vec()));
            assert_eq!(found.map_err(|error| error.kind), expected);
            for (call, region) in regions.iter().enumerate() {
                let expected = format!("https://releases.s3.{region}.amazonaws.com/a/b");
                assert_eq!(replay.calls()[call].0, format!("GET {expected}"));
                let owner = replay.header(call, "x-amz-expected-bucket-owner");
                assert_eq!(owner.as_deref(), Some("222222222222"));
            }
        }
    }
}
