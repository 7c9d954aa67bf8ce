//! The job event, exactly as CodePipeline sends it to a function (CONTRACTS 3.1).

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::job::{Artifact, JobSpec};
use crate::emulator::HOME_ACCOUNT;
use crate::signed::Credentials;

/// The event of one job. The order of keys is that of AWS's example.
pub(super) fn event(
    spec: &JobSpec,
    id: &str,
    credentials: &Credentials,
    token: Option<&str>,
) -> Value {
    let mut configuration = json!({ "FunctionName": spec.function });
    if let Some(parameters) = spec.resolved_parameters() {
        configuration["UserParameters"] = parameters.into();
    }
    let mut artifact_credentials = json!({
        "accessKeyId": credentials.access_key_id(),
        "secretAccessKey": credentials.secret_access_key(),
        "sessionToken": credentials.session_token().unwrap_or_default(),
    });
    if let Some(expiry) = credentials.expiry() {
        artifact_credentials["expirationTime"] = milliseconds(expiry).into();
    }
    let mut data = json!({
        "actionConfiguration": { "configuration": configuration },
        "inputArtifacts": artifacts(&spec.input_artifacts),
        "outputArtifacts": artifacts(&spec.output_artifacts),
        "artifactCredentials": artifact_credentials,
    });
    if let Some(token) = token {
        data["continuationToken"] = token.into();
    }
    if let Some(key) = &spec.encryption_key {
        data["encryptionKey"] = json!({ "id": key, "type": "KMS" });
    }
    let mut event =
        json!({ "CodePipeline.job": { "id": id, "accountId": HOME_ACCOUNT, "data": data } });
    if let Some(edit) = &spec.edit {
        edit(&mut event);
    }
    event
}

fn artifacts(artifacts: &[Artifact]) -> Vec<Value> {
    let location = |artifact: &Artifact| {
        let place = json!({ "bucketName": artifact.bucket, "objectKey": artifact.key });
        json!({ "s3Location": place, "type": "S3" })
    };
    artifacts
        .iter()
        .map(|artifact| {
            json!({
                "location": location(artifact),
                "revision": artifact.revision,
                "name": artifact.name,
            })
        })
        .collect()
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    // rules: 3.1.1 3.1.2 3.1.4
    #[test]
    fn the_documented_shape() {
        let expiry = Some(UNIX_EPOCH + Duration::from_millis(1_577_836_800_000));
        let credentials = Credentials::new("AKID", "secret", Some("token".into()), expiry, "test");
        let spec = JobSpec {
            execution: "e".to_owned(),
            user_parameters: Some("{\"execution\":\"#{codepipeline.PipelineExecutionId}\"}".into()),
            input_artifacts: vec![Artifact {
                name: "Build".to_owned(),
                revision: None,
                bucket: "b".to_owned(),
                key: "k".to_owned(),
            }],
            encryption_key: Some("arn:key".to_owned()),
            edit: Some(Arc::new(|event| {
                event["CodePipeline.job"]["extra"] = true.into()
            })),
            ..JobSpec::new("f")
        };
        let expected = json!({ "CodePipeline.job": {
            "id": "i",
            "accountId": "111111111111",
            "data": {
                "actionConfiguration": { "configuration": {
                    "FunctionName": "f", "UserParameters": "{\"execution\":\"e\"}" } },
                "inputArtifacts": [{
                    "location": { "s3Location": { "bucketName": "b", "objectKey": "k" }, "type": "S3" },
                    "revision": null, "name": "Build" }],
                "outputArtifacts": [],
                "artifactCredentials": { "accessKeyId": "AKID", "secretAccessKey": "secret",
                    "sessionToken": "token", "expirationTime": 1_577_836_800_000_u64 },
                "continuationToken": "t",
                "encryptionKey": { "id": "arn:key", "type": "KMS" },
            },
            "extra": true,
        } });
        assert_eq!(event(&spec, "i", &credentials, Some("t")), expected);

        let bare = event(&JobSpec::new("f"), "i", &credentials, None);
        let data = &bare["CodePipeline.job"]["data"];
        assert!(
            data["actionConfiguration"]["configuration"]
                .get("UserParameters")
                .is_none()
        );
        assert!(data.get("continuationToken").is_none() && data.get("encryptionKey").is_none());
    }
}
