//! Jobs that update stacks.

use rehearsal::codepipeline::JobSpec;
use rehearsal::suite;
use serde_json::{Value, json};

use super::case::StackCase;
use crate::fixture::World;

/// The role that CloudFormation acts with; the emulator takes any.
pub(super) const ROLE: &str = "arn:aws:iam::333333333333:role/redbutton-cloudformation";

/// A target that hands the release's image to the parameter `Image`.
pub(super) fn target(case: &StackCase) -> Value {
    let name = &case.stack.name;
    json!({"stack": name, "imageParameters": {name: "Image"}, "cloudFormationRole": ROLE})
}

/// A target that differs.
pub(super) fn target_with(case: &StackCase, more: &Value) -> Value {
    let mut target = target(case);
    for (key, value) in more.as_object().unwrap() {
        target[key] = value.clone();
    }
    target
}

impl World {
    /// A job for these targets; the image file has `v2` of the case. `files` are in the artifact,
    /// too.
    pub(super) fn stack_job(
        &self,
        case: &StackCase,
        targets: &[Value],
        extra: &Value,
        files: &[(&str, &[u8])],
    ) -> JobSpec {
        let mut rollout = json!({
            "targets": targets, "region": suite::TARGET_REGION,
            "role": suite::TARGET_ROLE, "externalId": suite::EXTERNAL_ID,
        });
        for (key, value) in extra.as_object().unwrap() {
            rollout[key] = value.clone();
        }
        let rollout = rollout.to_string();
        let images = json!([{
            "name": case.stack.name, "imageUri": format!("{}:v2", case.repository),
        }]);
        let images = images.to_string();
        let mut all: Vec<(&str, &[u8])> = vec![
            ("rollout.json", rollout.as_bytes()),
            ("imagedefinitions.json", images.as_bytes()),
        ];
        all.retain(|(name, _)| files.iter().all(|(other, _)| other != name));
        all.extend(files);
        self.job_from(self.suite.store.put_artifact("Build", &all).unwrap())
    }
}
