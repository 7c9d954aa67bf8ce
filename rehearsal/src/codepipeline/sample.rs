//! Events that a person runs a function on by hand: those in `events/`, or their own.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use serde_json::Value;

use super::job::{Artifact, JobSpec};
use super::state::JobStatus;
use super::{CodePipeline, event};
use crate::signed::Credentials;

/// The id of the job in AWS's own example.
const SAMPLE_ID: &str = "11111111-abcd-1111-abcd-111111abcdef";

/// The event of a job as documentation shows it: AWS's example id, credentials of nobody. Sample
/// events and real ones come from the same builder.
pub fn raw_event(spec: &JobSpec, token: Option<&str>) -> Value {
    let expiry = SystemTime::UNIX_EPOCH + Duration::from_millis(1_893_456_000_000);
    let credentials = Credentials::new(
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        Some("AQoDYXdzEPT//////////wEXAMPLE".to_owned()),
        Some(expiry),
        "example",
    );
    event::event(spec, SAMPLE_ID, &credentials, token)
}

impl CodePipeline {
    /// Knows an event's job from now on, without delivering it: its function may answer it, each
    /// time it is run on it. No continuation follows an answer.
    pub fn know(&self, event: &Value) -> Result<()> {
        let job = &event["CodePipeline.job"];
        let id = job["id"]
            .as_str()
            .context("the event is no CodePipeline job: it has no id")?;
        let mut state = self.state();
        if !state.jobs.contains_key(id) {
            let action = state.begin(spec(job));
            state.add_job(action, id, event.clone(), JobStatus::Sample);
        }
        Ok(())
    }
}

/// The action that such a job would come from.
fn spec(job: &Value) -> JobSpec {
    let configuration = &job["data"]["actionConfiguration"]["configuration"];
    let parameters = configuration["UserParameters"].as_str();
    let written: Value = parameters
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let artifacts = job["data"]["inputArtifacts"]
        .as_array()
        .into_iter()
        .flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut spec = JobSpec {
        user_parameters: parameters.map(str::to_owned),
        input_artifacts: artifacts
            .map(|artifact| Artifact {
                name: text(&artifact["name"]),
                revision: None,
                bucket: text(&artifact["location"]["s3Location"]["bucketName"]),
                key: text(&artifact["location"]["s3Location"]["objectKey"]),
            })
            .collect(),
        ..JobSpec::new(&text(&configuration["FunctionName"]))
    };
    if let Some(execution) = written["execution"].as_str() {
        spec.execution = execution.to_owned();
    }
    spec
}
