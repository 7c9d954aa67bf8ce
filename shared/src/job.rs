//! CodePipeline's job event → [`Job`] (CONTRACTS 3.1).
//!
//! Own types: those of `aws_lambda_events` lack `encryptionKey` and `expirationTime` and derive
//! `Debug` and `Serialize` over the credentials.

pub mod answer;
pub mod credentials;
pub mod revision;
pub mod sealed;
pub mod token;

use serde::Deserialize;
use serde_json::Value;

use crate::error::Failure;
use credentials::Credentials;

/// One invocation by CodePipeline. Not `Debug`: it holds credentials.
pub struct Job {
    /// The id to answer.
    pub id: JobId,
    /// The pipeline's account, twelve digits.
    pub account: String,
    /// The name of the function as the action names it (a name or an ARN); empty when absent.
    pub function_name: String,
    /// The action's `UserParameters`; none when the action has none.
    pub user_parameters: Option<String>,
    /// Up to five.
    pub inputs: Vec<Artifact>,
    /// For the artifact bucket only.
    pub credentials: Credentials,
    /// What an earlier answer gave CodePipeline to hand back.
    pub token: Option<String>,
    /// The artifact bucket's key; none means the AWS-managed one (3.1.8).
    pub encryption_key: Option<EncryptionKey>,
}

/// The id of a job: the only form that `PutJob*Result` takes (3.1.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobId(String);

impl JobId {
    /// None when the API would refuse the id.
    pub fn parse(text: &str) -> Option<Self> {
        is_uuid(text).then(|| Self(text.to_owned()))
    }

    /// The id as CodePipeline wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An input artifact: a zip in the artifact bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The name in the pipeline.
    pub name: String,
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
}

/// The key that encrypts the artifact bucket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EncryptionKey {
    /// Key id, key ARN or alias ARN; an alias resolves only in the account that owns it (3.1.8).
    pub id: String,
}

/// An event that is no job we can do. With an id the job can still be answered.
pub struct Rejected {
    /// The job to answer, if the event names one that the API would accept.
    pub id: Option<JobId>,
    /// What is wrong with the event.
    pub failure: Failure,
}

impl Job {
    /// Work of the function itself, which CodePipeline did not hand out: under way already, and without
    /// credentials of its own.
    pub fn inside(id: JobId, account: &str, inputs: Vec<Artifact>) -> Self {
        Self {
            id,
            account: account.to_owned(),
            function_name: String::new(),
            user_parameters: None,
            inputs,
            credentials: Credentials::none(),
            token: Some(String::new()),
            encryption_key: None,
        }
    }

    /// Reads an event. Fields that we do not know are left alone.
    pub fn parse(event: &Value) -> Result<Self, Box<Rejected>> {
        let Some(job) = event.get("CodePipeline.job") else {
            return Err(rejected(
                None,
                "this is not a CodePipeline job: the event has no \"CodePipeline.job\". This \
                 function is an action of a pipeline (category Invoke, provider Lambda); \
                 events/start.json is an event to try it with",
            ));
        };
        let id_text = job.get("id").and_then(Value::as_str).unwrap_or_default();
        let Some(id) = JobId::parse(id_text) else {
            return Err(rejected(
                None,
                format!("the job's id {id_text:?} is none that CodePipeline lets us answer"),
            ));
        };
        match WireJob::deserialize(job) {
            Ok(wire) => wire.into_job(id),
            // serde's messages may quote a value, and a value may be a credential: only the
            // place is told.
            Err(error) => Err(rejected(
                Some(id),
                format!(
                    "the job event does not have CodePipeline's shape ({})",
                    field_of(&error.to_string())
                ),
            )),
        }
    }
}

fn rejected(id: Option<JobId>, message: impl Into<String>) -> Box<Rejected> {
    Box::new(Rejected {
        id,
        failure: Failure::configuration(message),
    })
}

/// `missing field `data`` is harmless; `invalid type: string "…"` quotes a value and is cut.
fn field_of(message: &str) -> &str {
    if message.starts_with("missing field") {
        message
            .split(" at line")
            .next()
            .unwrap_or("a field is missing")
    } else {
        "a field has another type"
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireJob {
    #[serde(default)]
    account_id: String,
    data: WireData,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireData {
    action_configuration: Option<WireActionConfiguration>,
    input_artifacts: Option<Vec<WireArtifact>>,
    artifact_credentials: Credentials,
    continuation_token: Option<String>,
    encryption_key: Option<EncryptionKey>,
}

#[derive(Deserialize)]
struct WireActionConfiguration {
    configuration: Option<WireConfiguration>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct WireConfiguration {
    function_name: Option<String>,
    user_parameters: Option<String>,
}

#[derive(Deserialize)]
struct WireArtifact {
    name: String,
    location: Option<WireLocation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireLocation {
    s3_location: Option<WireS3Location>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireS3Location {
    bucket_name: String,
    object_key: String,
}

impl WireJob {
    fn into_job(self, id: JobId) -> Result<Job, Box<Rejected>> {
        let configuration = self
            .data
            .action_configuration
            .and_then(|action| action.configuration)
            .unwrap_or_default();
        let mut inputs = Vec::new();
        for artifact in self.data.input_artifacts.unwrap_or_default() {
            let Some(place) = artifact.location.and_then(|location| location.s3_location) else {
                return Err(rejected(
                    Some(id),
                    format!("input artifact {} has no place in S3", artifact.name),
                ));
            };
            inputs.push(Artifact {
                name: artifact.name,
                bucket: place.bucket_name,
                key: place.object_key,
            });
        }
        Ok(Job {
            id,
            account: self.account_id,
            function_name: configuration.function_name.unwrap_or_default(),
            user_parameters: configuration.user_parameters,
            inputs,
            credentials: self.data.artifact_credentials,
            token: self
                .data
                .continuation_token
                .filter(|token| !token.is_empty()),
            encryption_key: self.data.encryption_key,
        })
    }
}

/// `8-4-4-4-12` lower-case hexadecimal digits: job ids and pipeline execution ids.
pub fn is_uuid(text: &str) -> bool {
    let mut groups = text.split('-');
    let lengths_fit = [8, 4, 4, 4, 12].iter().all(|length| {
        groups.next().is_some_and(|group| {
            group.len() == *length
                && group
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    });
    lengths_fit && groups.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "11111111-abcd-1111-abcd-111111abcdef";

    fn event(data: Value) -> Value {
        json!({"CodePipeline.job": {"id": ID, "accountId": "111111111111", "data": data}})
    }

    fn credentials() -> Value {
        json!({"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "s3cret-canary",
               "sessionToken": "t0ken-canary", "expirationTime": 1_790_000_000_000_u64})
    }

    // rules: 3.1.1 3.1.2 3.1.3
    #[test]
    fn every_documented_field_is_read_and_unknown_ones_do_no_harm() {
        let job = Job::parse(&event(json!({
            "actionConfiguration": {"configuration": {"FunctionName": "f", "UserParameters": "{}", "New": 1}},
            "inputArtifacts": [{"name": "build", "revision": null, "brandNew": {},
                "location": {"type": "S3", "s3Location": {"bucketName": "b", "objectKey": "k"}}}],
            "outputArtifacts": [],
            "artifactCredentials": credentials(),
            "continuationToken": "t",
            "encryptionKey": {"id": "arn:aws:kms:us-east-1:222222222222:key/k", "type": "KMS"},
            "later": [1, 2, 3],
        })))
        .ok()
        .unwrap();
        assert_eq!(job.inputs.len(), 1);
        assert_eq!(job.token.as_deref(), Some("t"));
        assert_eq!(job.credentials.expiration_ms(), Some(1_790_000_000_000));
        assert!(job.encryption_key.is_some());
    }

    // rules: 3.1.1 3.1.6
    #[test]
    fn absent_optional_fields_are_none() {
        let job = Job::parse(&event(json!({"artifactCredentials": credentials()})))
            .ok()
            .unwrap();
        assert!(job.user_parameters.is_none() && job.token.is_none() && job.inputs.is_empty());
    }

    // rules: 3.1.7 3.2.1
    #[test]
    fn a_damaged_event_can_still_be_answered_and_quotes_no_value() {
        for data in [
            json!({}),
            json!({"artifactCredentials": "s3cret-canary"}),
            json!({"artifactCredentials": {"accessKeyId": 1, "secretAccessKey": "s3cret-canary"}}),
            json!({"artifactCredentials": credentials(), "inputArtifacts": [{"name": "x", "location": null}]}),
        ] {
            let rejected = Job::parse(&event(data)).err().unwrap();
            assert_eq!(rejected.id.as_ref().map(JobId::as_str), Some(ID));
            assert!(
                !rejected.failure.message.contains("canary"),
                "{}",
                rejected.failure.message
            );
        }
    }

    // rules: 3.1.5
    #[test]
    fn ids_are_those_that_the_api_accepts() {
        assert!(JobId::parse(ID).is_some());
        for wrong in [
            "",
            "x",
            "11111111-ABCD-1111-abcd-111111abcdef",
            &format!("{ID}-1"),
            "1111-",
        ] {
            assert!(JobId::parse(wrong).is_none(), "{wrong}");
        }
        let event = json!({"CodePipeline.job": {"id": "../x", "data": {}}});
        assert!(Job::parse(&event).err().unwrap().id.is_none());
        assert!(
            Job::parse(&json!({"Records": []}))
                .err()
                .unwrap()
                .id
                .is_none()
        );
    }
}
