//! UserParameters of the artifact-copier, as they are written.

use schemars::{JsonSchema, schema_for};
use serde_json::Value;

use super::{EXECUTION, EXTERNAL_ID, PLACE};
use crate::names::{Region, RoleArn};

const BUCKET: &str = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$";
const PIPELINE: &str = "^[A-Za-z0-9.@_-]{1,100}$";
const KEY: &str =
    "^arn:aws[a-z-]*:kms:[a-z]{2}(-[a-z]+)+-[0-9]{1,2}:[0-9]{12}:key/[A-Za-z0-9-]{1,128}$";
const WANTED: &str = "^[A-Za-z0-9_-]{1,100}(::[\\s\\S]+)?$";
const APPROVAL: &str = "^[A-Za-z0-9.@_-]{1,100}/[A-Za-z0-9.@_-]{1,100}$";

/// UserParameters of the artifact-copier action (at most 1,000 characters).
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("anyOf" = [
    {"required": ["approval"]},
    {"required": ["requireApproval"], "properties": {"requireApproval": {"const": false}}},
]))]
struct CopierParameters {
    /// The bucket of releases in the production account: output `ReleasesBucketName` of the stack
    /// there.
    #[schemars(regex(pattern = BUCKET))]
    bucket: String,
    /// The bucket's region.
    #[schemars(regex(pattern = Region::PATTERN))]
    region: String,
    /// The role to write with: output `ReleaseRoleArn` of the stack there. It may add releases and read
    /// what became of them, and nothing else.
    #[schemars(regex(pattern = RoleArn::PATTERN))]
    role: String,
    /// The external id that the role's trust policy asks for.
    #[schemars(regex(pattern = EXTERNAL_ID), with = "String", default)]
    external_id: Option<String>,
    /// The pipeline's name. What was tested, previewed and approved is read from CodePipeline's own
    /// record of it.
    #[schemars(regex(pattern = PIPELINE))]
    pipeline: String,
    /// `#{codepipeline.PipelineExecutionId}`.
    #[schemars(regex(pattern = EXECUTION))]
    execution: String,
    /// The rollout file for production, as `Artifact::path`. It names no role.
    #[schemars(regex(pattern = PLACE))]
    rollout: String,
    /// What is delivered: `Artifact` (the zip as it is) or `Artifact::path` (a file out of it, of at
    /// most 1 MiB), one or a list. Default: every input artifact.
    #[schemars(with = "Wanted", default)]
    artifacts: Option<Wanted>,
    /// ARN of the KMS key that the objects are encrypted with. Default: the bucket's own.
    #[schemars(regex(pattern = KEY), with = "String", default)]
    key: Option<String>,
    /// ARN of the KMS key (ECC_NIST_P256) that signs. Default: the one of the function's stack.
    #[schemars(regex(pattern = KEY), with = "String", default)]
    signing_key: Option<String>,
    /// The manual approvals that the release needs, as `Stage/Action`, one or a list. Each has to come
    /// after the rollout to test, and after the preview when there is one.
    #[schemars(with = "Approvals", default)]
    approval: Option<Approvals>,
    /// Whether the release needs an approval.
    #[schemars(default = "yes")]
    require_approval: bool,
    /// Whether the action goes on until production serves the release, or does not.
    #[schemars(default = "yes")]
    follow: bool,
}

/// One or several.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Wanted {
    One(#[schemars(regex(pattern = WANTED))] String),
    Several(#[schemars(length(min = 1), inner(regex(pattern = WANTED)))] Vec<String>),
}

/// One or several.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Approvals {
    One(#[schemars(regex(pattern = APPROVAL))] String),
    Several(#[schemars(length(min = 1), inner(regex(pattern = APPROVAL)))] Vec<String>),
}

fn yes() -> bool {
    true
}

/// The JSON Schema of the copier's UserParameters.
pub fn copier_parameters_schema() -> Value {
    schema_for!(CopierParameters).to_value()
}
