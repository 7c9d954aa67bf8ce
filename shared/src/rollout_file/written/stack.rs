//! The form of stack targets.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::service_and_task::Names;
use super::{EXTERNAL_ID, NAME, PLACE};
use crate::names::{Region, RoleArn};

/// A CloudFormation stack, always updated through a change set.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StackTarget {
    /// The stack's name.
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9-]{0,127}$"))]
    stack: String,
    /// The template as `Artifact::path`, JSON or YAML; without one, the stack keeps the one it has.
    #[schemars(regex(pattern = PLACE), with = "String", default)]
    template: Option<String>,
    /// A CodePipeline template configuration as `Artifact::path` (`{"Parameters": {…}, "Tags":
    /// {…}}`), or the parameters themselves: texts, whole numbers, true, false, or `{"Fn::GetParam":
    /// ["Artifact", "file.json", "Key"]}`. What is left out keeps its value; what is new takes the
    /// template's default.
    #[schemars(with = "Parameters", default)]
    parameters: Option<Parameters>,
    /// The parameters that receive images: by the name of the container in `imagedefinitions.json`,
    /// or by the last part of the repository in an `imageDetail.json`.
    #[schemars(with = "BTreeMap<String, ParameterName>", default)]
    image_parameters: Option<BTreeMap<String, ParameterName>>,
    /// Capabilities that the template needs and that are granted: `CAPABILITY_IAM`,
    /// `CAPABILITY_NAMED_IAM`, `CAPABILITY_AUTO_EXPAND`. None by default.
    #[schemars(default)]
    capabilities: Vec<Capability>,
    /// The role that CloudFormation acts with; without one, the one that the stack has.
    #[schemars(rename = "cloudFormationRole")]
    #[schemars(regex(pattern = RoleArn::PATTERN), with = "String", default)]
    cloudformation_role: Option<String>,
    /// Resources that may be removed or replaced, each as the refusal names it: `Database`,
    /// `Nested/Database`.
    #[schemars(inner(length(min = 1)), with = "Vec<String>", default)]
    allow_replacement: Vec<String>,
    /// The stack's tags, all of them; without this key they stay.
    #[schemars(with = "Tags", default)]
    tags: Option<Tags>,
    /// A bucket in the stack's account and region, for a template over 51,200 bytes.
    #[schemars(
        regex(pattern = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"),
        with = "String",
        default
    )]
    template_bucket: Option<String>,
    /// Whether the stack may be made when there is none; it needs `template`.
    #[schemars(default)]
    create: bool,
    /// What messages and `after` call it; default: the stack's name.
    #[schemars(regex(pattern = NAME), with = "String", default)]
    name: Option<String>,
    /// Names of the targets that have to serve, or have ended well, before this one begins.
    #[schemars(with = "Names", default)]
    after: Option<Names>,
    /// As at the top, for this target.
    #[schemars(regex(pattern = Region::PATTERN), with = "String", default)]
    region: Option<String>,
    /// As at the top, for this target.
    #[schemars(regex(pattern = RoleArn::PATTERN), with = "String", default)]
    role: Option<String>,
    /// As at the top, for this target.
    #[schemars(regex(pattern = EXTERNAL_ID), with = "String", default)]
    external_id: Option<String>,
}

/// `Artifact::path` of a template configuration, or parameters by name.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Parameters {
    File(#[schemars(regex(pattern = PLACE))] String),
    Inline(BTreeMap<String, ParameterValue>),
}

/// A parameter's value.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum ParameterValue {
    Text(String),
    Whole(i64),
    Flag(bool),
    FromFile(FromFile),
}

/// A top-level key of a JSON file in an input artifact.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct FromFile {
    /// Artifact, path and key.
    #[schemars(rename = "Fn::GetParam")]
    get_param: (ArtifactName, Filled, Filled),
}

/// The name of an input artifact.
#[derive(JsonSchema)]
struct ArtifactName(#[schemars(regex(pattern = "^[A-Za-z0-9_-]{1,100}$"))] String);

/// A text that is not empty.
#[derive(JsonSchema)]
struct Filled(#[schemars(length(min = 1))] String);

/// The name of a template's parameter.
#[derive(JsonSchema)]
struct ParameterName(#[schemars(regex(pattern = "^[A-Za-z0-9]{1,255}$"))] String);

/// What a template may need to be granted.
#[derive(JsonSchema)]
enum Capability {
    #[schemars(rename = "CAPABILITY_IAM")]
    Iam,
    #[schemars(rename = "CAPABILITY_NAMED_IAM")]
    NamedIam,
    #[schemars(rename = "CAPABILITY_AUTO_EXPAND")]
    AutoExpand,
}

/// Tags by key; none of AWS's own.
#[derive(JsonSchema)]
#[schemars(extend(
    "maxProperties" = 50,
    "propertyNames" = {"pattern": "^(?!aws:)[\\s\\S]{1,128}$"}
))]
struct Tags(BTreeMap<String, TagValue>);

/// A tag's value.
#[derive(JsonSchema)]
struct TagValue(#[schemars(length(min = 1, max = 256))] String);
