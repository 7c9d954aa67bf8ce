//! The form of what people write, for JSON Schema and for the tables of
//! docs/reference.md: nothing here is ever built, the doc comments are the descriptions.
#![expect(
    dead_code,
    reason = "the fields exist for the schemas generated from them"
)]

mod copier;
mod service_and_task;
mod stack;

use std::collections::BTreeMap;

use schemars::{JsonSchema, schema_for};
use serde_json::Value;

use crate::names::{Region, RoleArn};
pub use copier::copier_parameters_schema;
use service_and_task::{ServiceTarget, TaskTarget};
use stack::StackTarget;

/// Keys of a rollout file.
pub const ROLLOUT_FILE_KEYS: &[&str] = &[
    "targets",
    "region",
    "role",
    "externalId",
    "images",
    "taskDefinition",
    "stallMinutes",
    "timeoutMinutes",
    "rollbackMinutes",
    "onFailure",
    "allow",
    "repositories",
    "publishImage",
];
/// Keys of the preview's UserParameters.
pub const PREVIEW_KEYS: &[&str] = &[
    "rollout",
    "execution",
    "pipeline",
    "role",
    "externalId",
    "deployer",
    "showValues",
];
/// Keys of the copier's UserParameters.
pub const COPIER_KEYS: &[&str] = &[
    "bucket",
    "region",
    "role",
    "externalId",
    "pipeline",
    "execution",
    "rollout",
    "artifacts",
    "key",
    "signingKey",
    "approval",
    "requireApproval",
    "follow",
];
/// Keys of a service target.
pub const SERVICE_TARGET_KEYS: &[&str] = &[
    "service",
    "cluster",
    "name",
    "after",
    "region",
    "role",
    "externalId",
    "taskDefinition",
];
/// Keys of a task target.
pub const TASK_TARGET_KEYS: &[&str] = &[
    "task",
    "like",
    "command",
    "container",
    "environment",
    "cluster",
    "name",
    "after",
    "region",
    "role",
    "externalId",
    "taskDefinition",
];
/// Keys of a stack target.
pub const STACK_TARGET_KEYS: &[&str] = &[
    "stack",
    "template",
    "parameters",
    "imageParameters",
    "capabilities",
    "cloudFormationRole",
    "allowReplacement",
    "tags",
    "templateBucket",
    "create",
    "name",
    "after",
    "region",
    "role",
    "externalId",
];

const PLACE: &str = "^[A-Za-z0-9_-]{1,100}::[\\s\\S]+$";
const REPOSITORY: &str = "^[A-Za-z0-9.:_/-]*[A-Za-z0-9_-]$";
const NAME: &str = "^[A-Za-z0-9_-]{1,255}$";
const EXTERNAL_ID: &str = "^[A-Za-z0-9+=,.@:/_-]{2,1224}$";
const EXECUTION: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

/// UserParameters of the task-definition-updater action (at most 1,000 characters).
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct UserParameters {
    /// The rollout file: `Artifact::path` in an input artifact, or its content inline.
    rollout: Rollout,
    /// `#{codepipeline.PipelineExecutionId}`.
    #[schemars(regex(pattern = EXECUTION))]
    execution: String,
    /// `#{codepipeline.PipelineName}` is not a variable of CodePipeline: write the pipeline's
    /// name. With it, the job is checked against CodePipeline's own record before the first write,
    /// so that an execution that was stopped or has ended begins nothing any more.
    #[schemars(regex(pattern = "^[A-Za-z0-9.@_-]{1,100}$"), with = "String")]
    #[schemars(default)]
    pipeline: Option<String>,
}

/// UserParameters of the production-preview action (at most 1,000 characters).
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct PreviewParameters {
    /// The rollout file: `Artifact::path` in an input artifact, or its content inline.
    rollout: Rollout,
    /// `#{codepipeline.PipelineExecutionId}`.
    #[schemars(regex(pattern = EXECUTION))]
    execution: String,
    /// The pipeline's name. With it, the job is checked against CodePipeline's own record, and the
    /// preview names the commits that the execution runs with.
    #[schemars(regex(pattern = "^[A-Za-z0-9.@_-]{1,100}$"), with = "String")]
    #[schemars(default)]
    pipeline: Option<String>,
    /// The role to look with, in the account of all targets: it can change nothing but its own change
    /// sets.
    #[schemars(regex(pattern = RoleArn::PATTERN), with = "String")]
    role: String,
    /// The external id that the role's trust policy asks for.
    #[schemars(regex(pattern = EXTERNAL_ID), with = "String", default)]
    external_id: Option<String>,
    /// The role that will roll out there; with it, the preview says whether it may hand roles to
    /// tasks and to CloudFormation. Default: each target's own `role` in the rollout file.
    #[schemars(regex(pattern = RoleArn::PATTERN), with = "String", default)]
    deployer: Option<String>,
    /// Whether the page shows the values of environment variables.
    #[schemars(default)]
    show_values: bool,
}

/// `Artifact::path`, or the rollout file itself.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Rollout {
    File(#[schemars(regex(pattern = PLACE))] String),
    Inline(Box<RolloutFile>),
}

/// What to bring where, and how long it may take.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct RolloutFile {
    /// What changes: one to ten targets, side by side where no `after` orders them. If one fails,
    /// all that changed go back together.
    #[schemars(length(min = 1, max = 10))]
    targets: Vec<Target>,
    /// The region of all targets that name none.
    #[schemars(regex(pattern = Region::PATTERN), with = "String", default)]
    region: Option<String>,
    /// The role to assume for all targets that name none; without one, the function acts as
    /// itself, in the pipeline's account.
    #[schemars(regex(pattern = RoleArn::PATTERN), with = "String", default)]
    role: Option<String>,
    /// The external id that the role's trust policy asks for.
    #[schemars(regex(pattern = EXTERNAL_ID), with = "String", default)]
    external_id: Option<String>,
    /// Image files as `Artifact::path`, one or a list: `imagedefinitions.json` (containers by name)
    /// or `imageDetail.json` (the n-th fills `<IMAGEn_NAME>` in the task definition). Default:
    /// `imagedefinitions.json` of the first input artifact that has it.
    #[schemars(with = "Places", default)]
    images: Option<Places>,
    /// The task definition as `Artifact::path`, for services and tasks; without one, the running one
    /// is edited.
    #[schemars(regex(pattern = PLACE), with = "String", default)]
    task_definition: Option<String>,
    /// Minutes without progress until the rollout has failed.
    #[schemars(range(min = 1, max = 1260), with = "u32", default = "fifteen")]
    stall_minutes: u32,
    /// Minutes until the rollout has failed.
    #[schemars(range(min = 1, max = 1260), with = "u32", default = "two_hours")]
    timeout_minutes: u32,
    /// Minutes that going back may take.
    #[schemars(range(min = 1, max = 1260), with = "u32", default = "half_an_hour")]
    rollback_minutes: u32,
    /// What a failure leaves behind: `rollback` (the version that served before) or `stop`
    /// (whatever ECS or CloudFormation leaves).
    #[schemars(default)]
    on_failure: OnFailure,
    /// Exceptions from what is refused by default, each written as the refusal names it: an ARN or
    /// image repository of another account or region, `awslogs-region=…`, `desiredCountZero`,
    /// `stackOwned`, `floatingTag`, `callersRights`; `exitAtStart` leaves containers that exit at
    /// their start to ECS's circuit breaker.
    #[schemars(inner(length(min = 1)), with = "Vec<String>", default)]
    allow: Vec<String>,
    /// Repositories that images come from, and the ones to pull them from instead, where each
    /// environment has its own: `{"from": "to"}`, without tags. The digest stays, so that the same
    /// bytes run; for what is named here nothing has to be in `allow`.
    #[schemars(with = "Repositories", default)]
    repositories: Option<Repositories>,
    /// SSM parameters that receive the live image, by the name of the container: for Terraform and
    /// others that write down what runs. They are in the account and region of the container's
    /// target, exist, and are of type String; they are written once everything serves.
    #[schemars(with = "Published", default)]
    publish_image: Option<Published>,
}

fn fifteen() -> u32 {
    15
}
fn two_hours() -> u32 {
    120
}
fn half_an_hour() -> u32 {
    30
}

/// One file or several.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Places {
    One(#[schemars(regex(pattern = PLACE))] String),
    Several(#[schemars(inner(regex(pattern = PLACE)))] Vec<String>),
}

/// What a failed rollout leaves behind.
#[derive(JsonSchema, Default, serde::Serialize)]
#[schemars(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
enum OnFailure {
    #[default]
    Rollback,
    Stop,
}

/// A repository by another.
#[derive(JsonSchema)]
#[schemars(extend("propertyNames" = {"pattern": REPOSITORY}))]
struct Repositories(BTreeMap<String, Repository>);

/// A repository with its registry, without tag and digest.
#[derive(JsonSchema)]
struct Repository(#[schemars(regex(pattern = REPOSITORY))] String);

/// Parameters by container.
#[derive(JsonSchema)]
struct Published(BTreeMap<String, Parameter>);

/// The name of an SSM parameter.
#[derive(JsonSchema)]
struct Parameter(#[schemars(regex(pattern = "^[A-Za-z0-9._/-]{1,1011}$"))] String);

/// A service, a one-off task or a stack.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Target {
    Service(ServiceTarget),
    Task(TaskTarget),
    Stack(StackTarget),
}

/// The JSON Schema of UserParameters.
pub fn user_parameters_schema() -> Value {
    schema_for!(UserParameters).to_value()
}

/// The JSON Schema of the preview's UserParameters.
pub fn preview_parameters_schema() -> Value {
    schema_for!(PreviewParameters).to_value()
}

/// The JSON Schema of the rollout file.
pub fn rollout_file_schema() -> Value {
    schema_for!(RolloutFile).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doors_know_the_keys_of_the_schemas() {
        let keys = |schema: &Value| -> Vec<String> {
            let mut keys: Vec<String> = schema["properties"]
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect();
            keys.sort();
            keys
        };
        let sorted = |known: &[&str]| -> Vec<String> {
            let mut known: Vec<String> = known.iter().map(|key| (*key).to_owned()).collect();
            known.sort();
            known
        };
        let file = rollout_file_schema();
        assert_eq!(keys(&file), sorted(ROLLOUT_FILE_KEYS));
        assert_eq!(keys(&preview_parameters_schema()), sorted(PREVIEW_KEYS));
        assert_eq!(keys(&copier_parameters_schema()), sorted(COPIER_KEYS));
        for (target, known) in [
            ("ServiceTarget", SERVICE_TARGET_KEYS),
            ("TaskTarget", TASK_TARGET_KEYS),
            ("StackTarget", STACK_TARGET_KEYS),
        ] {
            assert_eq!(keys(&file["$defs"][target]), sorted(known));
        }
    }
}
