//! The form of service and task targets.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{EXTERNAL_ID, NAME, PLACE};
use crate::names::{Region, RoleArn};

/// An ECS service.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ServiceTarget {
    /// The service's name.
    #[schemars(regex(pattern = NAME))]
    service: String,
    /// The cluster's name.
    #[schemars(regex(pattern = NAME))]
    cluster: String,
    /// What messages and `after` call it; default: the service's name.
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
    /// As at the top, for this target.
    #[schemars(regex(pattern = PLACE), with = "String", default)]
    task_definition: Option<String>,
}

/// A task that runs once with the release's images and has to end with exit code 0: a database
/// migration, an acceptance test.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TaskTarget {
    /// What messages and `after` call it.
    #[schemars(regex(pattern = NAME))]
    task: String,
    /// The service, in the same cluster, whose network, launch type and, without `taskDefinition`,
    /// task definition it has.
    #[schemars(regex(pattern = NAME))]
    like: String,
    /// What the container runs in the place of its own command.
    #[schemars(with = "Vec<String>", default)]
    command: Option<Vec<String>>,
    /// The container that `command` and `environment` are for, and whose exit code counts;
    /// default: the only one.
    #[schemars(regex(pattern = NAME), with = "String", default)]
    container: Option<String>,
    /// Environment variables for the container, besides its own.
    #[schemars(with = "BTreeMap<String, String>", default)]
    environment: Option<BTreeMap<String, String>>,
    /// The cluster's name.
    #[schemars(regex(pattern = NAME))]
    cluster: String,
    /// What messages and `after` call it; default: `task`.
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
    /// As at the top, for this target; without one, the release's definition of the service named
    /// by `like`.
    #[schemars(regex(pattern = PLACE), with = "String", default)]
    task_definition: Option<String>,
}

/// One name or several.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Names {
    One(#[schemars(regex(pattern = NAME))] String),
    Several(#[schemars(inner(regex(pattern = NAME)))] Vec<String>),
}
