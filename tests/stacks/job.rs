//! Jobs that update stacks.

use rehearsal::codepipeline::{Finished, JobSpec};
use rehearsal::proxy::Call;
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

/// The name of the change set that a job made for its first target.
pub(super) fn change_set_of(finished: &Finished) -> String {
    format!("redbutton-{}-0", finished.ids[0])
}

/// What a call that makes a change set sends for each parameter; none keeps the value.
pub(super) fn sent(call: &Call) -> Vec<(String, Option<String>)> {
    let rows = (1..).map_while(|n| {
        let member = |field| call.request_parameter(&format!("Parameters.member.{n}.{field}"));
        let key = member("ParameterKey")?;
        let value = member("ParameterValue");
        // Each is sent one way or the other.
        let kept = member("UsePreviousValue").is_some_and(|keeps| keeps == "true");
        assert_ne!(value.is_some(), kept, "{key}");
        Some((key, value))
    });
    rows.collect()
}

impl World {
    /// The calls that made change sets.
    pub(super) fn change_sets_asked_for(&self) -> Vec<Call> {
        let calls = self.rehearsal.proxy().calls().into_iter();
        let creates = calls.filter(|call| call.operation == "CreateChangeSet");
        creates.collect()
    }

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
