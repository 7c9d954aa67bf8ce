//! The suite as a user has it: deployed from `template.yaml` into the tooling account, the target
//! role from `templates/roles.yaml` into the account of the services.

use std::path::Path;

use anyhow::{Context, Result};

use crate::account::Account;
use crate::deploy::{Stack, deploy};
use crate::package::{Profile, package};
use crate::world::ArtifactStore;
use crate::{Progress, Rehearsal, workspace};

/// The account that tests and demo roll out to through an assumed role.
pub const TARGET_ACCOUNT: &str = "333333333333";
/// Where the services are: not where the pipeline is.
pub const TARGET_REGION: &str = "ap-southeast-2";
/// The role that the function assumes there.
pub const TARGET_ROLE: &str = "arn:aws:iam::333333333333:role/redbutton-rollout";
/// What that role's trust policy asks for.
pub const EXTERNAL_ID: &str = "redbutton-test";
/// Names of the log groups whose lines it may quote, in either account.
pub const LOG_GROUPS: &str = "/ecs/*";
/// Names of the SSM parameters that it may give images to, in either account.
pub const PUBLISHED: &str = "/redbutton/*";
/// The role that CloudFormation acts with in the other account.
pub const CLOUDFORMATION_ROLE: &str = "arn:aws:iam::333333333333:role/redbutton-cloudformation";
/// The boundary of the roles that CloudFormation makes with it.
pub const BOUNDARY: &str = "arn:aws:iam::aws:policy/PowerUserAccess";
/// The updater's name.
pub const UPDATER: &str = "redbutton-task-definition-updater";

/// What was installed.
pub struct Suite {
    /// The pipeline's artifact store.
    pub store: ArtifactStore,
    /// The tooling account in the services' region.
    pub own: Account,
    /// The other account in the services' region.
    pub other: Account,
}

/// Builds the functions, deploys both templates, and makes an artifact store. `look_every` is the
/// pause between two looks in seconds.
pub fn install(
    rehearsal: &Rehearsal,
    profile: Profile,
    look_every: &str,
    progress: &Progress,
) -> Result<Suite> {
    let tooling = rehearsal.tooling();
    let other = rehearsal.account(TARGET_ACCOUNT, TARGET_REGION);
    let clusters = |account: &str| format!("arn:aws:ecs:{TARGET_REGION}:{account}:cluster/test");
    let log_groups =
        |account: &str| format!("arn:aws:logs:{TARGET_REGION}:{account}:log-group:{LOG_GROUPS}");
    let published =
        |account: &str| format!("arn:aws:ssm:{TARGET_REGION}:{account}:parameter{PUBLISHED}");
    let stacks =
        |account: &str| format!("arn:aws:cloudformation:{TARGET_REGION}:{account}:stack/*/*");
    let template_bucket =
        |account: &str| format!("arn:aws:s3:::templates-{account}-{TARGET_REGION}");

    let own_clusters = clusters(tooling.id());
    let (own_log_groups, own_published) = (log_groups(tooling.id()), published(tooling.id()));
    let (own_stacks, own_template_bucket) = (stacks(tooling.id()), template_bucket(tooling.id()));
    let own_cloudformation_role = CLOUDFORMATION_ROLE.replace(TARGET_ACCOUNT, tooling.id());
    let parameters = [
        ("TargetRoleArns", TARGET_ROLE),
        ("OwnAccountClusterArns", own_clusters.as_str()),
        ("OwnAccountLogGroupArns", own_log_groups.as_str()),
        ("OwnAccountParameterArns", own_published.as_str()),
        ("OwnAccountStackArns", own_stacks.as_str()),
        (
            "OwnAccountCloudFormationRoleArns",
            own_cloudformation_role.as_str(),
        ),
        ("OwnAccountTemplateBucketArns", own_template_bucket.as_str()),
        ("LookEverySeconds", look_every),
    ];
    functions(rehearsal, profile, &parameters, progress)?;

    progress("deploying templates/roles.yaml into account 333333333333");
    let (roles, other_clusters) = (
        workspace::root().join("templates/roles.yaml"),
        clusters(other.id()),
    );
    let (other_log_groups, other_published) = (log_groups(other.id()), published(other.id()));
    let (other_stacks, other_template_bucket) = (stacks(other.id()), template_bucket(other.id()));
    let cloudformation_role = CLOUDFORMATION_ROLE.rsplit('/').next().unwrap_or_default();
    let repositories = format!("arn:aws:ecr:{TARGET_REGION}:{}:repository/*", other.id());
    let parameters = [
        ("ToolingAccountId", tooling.id()),
        ("ExternalId", EXTERNAL_ID),
        ("ClusterArns", other_clusters.as_str()),
        ("RepositoryArns", repositories.as_str()),
        ("LogGroupArns", other_log_groups.as_str()),
        ("ParameterArns", other_published.as_str()),
        ("StackArns", other_stacks.as_str()),
        ("CloudFormationRoleArns", CLOUDFORMATION_ROLE),
        ("TemplateBucketArns", other_template_bucket.as_str()),
        ("CloudFormationRoleName", cloudformation_role),
        ("PermissionsBoundaryArn", BOUNDARY),
    ];
    let stack = Stack {
        name: "redbutton-roles",
        template: &roles,
        parameters: &parameters,
    };
    deploy(rehearsal, &other, &stack, progress)?;

    Ok(Suite {
        store: ArtifactStore::create(&tooling)?,
        own: tooling.in_region(TARGET_REGION),
        other,
    })
}

/// Builds the functions and deploys `template.yaml`, with these parameters, into the account that the
/// pipeline is in.
pub fn functions(
    rehearsal: &Rehearsal,
    profile: Profile,
    parameters: &[(&str, &str)],
    progress: &Progress,
) -> Result<()> {
    progress("building the functions");
    let template = package(profile, &**progress)?;
    let tooling = rehearsal.tooling();
    progress(&format!(
        "deploying template.yaml into account {}, {}",
        tooling.id(),
        tooling.region()
    ));
    let mut parameters = parameters.to_vec();
    parameters.push(("CaBundleFile", ca_bundle()?));
    let stack = Stack {
        name: "redbutton",
        template: &template,
        parameters: &parameters,
    };
    deploy(rehearsal, &tooling, &stack, progress).map(|_| ())
}

/// Where this machine keeps its CA certificates in one file.
pub fn ca_bundle() -> Result<&'static str> {
    const PLACES: [&str; 4] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
        "/etc/ssl/ca-bundle.pem",
    ];
    let found = PLACES.into_iter().find(|place| Path::new(place).exists());
    found.context("this machine has no CA bundle; install the package ca-certificates")
}
