//! The suite as a user has it: deployed from `template.yaml` into the tooling account and into the
//! production account, the target role from `templates/roles.yaml` into the account of the services.

use std::path::Path;
use std::thread;

use anyhow::{Context, Result, anyhow};
use serde_json::json;

use crate::account::Account;
use crate::deploy::{Stack, deploy};
use crate::package::{Profile, Side, package};
use crate::world::ArtifactStore;
use crate::{Progress, Rehearsal, workspace};

/// The account that tests and demo roll out to through an assumed role.
pub const TARGET_ACCOUNT: &str = "333333333333";
/// The account that previews look at, and that releases are brought to.
pub const PRODUCTION_ACCOUNT: &str = "222222222222";
/// Where the services are: not where the pipeline is.
pub const TARGET_REGION: &str = "ap-southeast-2";
/// The role that the function assumes there.
pub const TARGET_ROLE: &str = "arn:aws:iam::333333333333:role/redbutton-rollout";
/// What that role's trust policy asks for.
pub const EXTERNAL_ID: &str = "redbutton-test";
/// The role that a preview assumes in the production account.
pub const PREVIEW_ROLE: &str = "arn:aws:iam::222222222222:role/redbutton-preview";
/// A role like it in the account of the services: tests make it, to see a preview and what comes of it.
pub const TEST_PREVIEW_ROLE: &str = "arn:aws:iam::333333333333:role/redbutton-preview";
/// What their trust policies ask for.
pub const PREVIEW_EXTERNAL_ID: &str = "redbutton-preview";
/// The role by which the copier adds releases in the production account.
pub const RELEASE_ROLE: &str = "arn:aws:iam::222222222222:role/redbutton-release";
/// What its trust policy asks for.
pub const RELEASE_EXTERNAL_ID: &str = "redbutton-release";
/// The bucket that releases are brought to, so that a pipeline can name it before it is there.
pub const RELEASES_BUCKET: &str = "releases-222222222222-ap-southeast-2";
/// The name of the key that encrypts it, in the production account.
pub const RELEASES_KEY_ALIAS: &str = "alias/redbutton-releases";
/// The name of the key that signs releases, in the tooling account.
pub const SIGNING_KEY_ALIAS: &str = "alias/redbutton-release-signing";
/// Names of the log groups whose lines a rollout may quote, in either account.
pub const LOG_GROUPS: &str = "/ecs/*";
/// Names of the SSM parameters that it may give images to, and a preview may read, in every account.
pub const PUBLISHED: &str = "/redbutton/*";
/// The role that CloudFormation acts with in the other account.
pub const CLOUDFORMATION_ROLE: &str = "arn:aws:iam::333333333333:role/redbutton-cloudformation";
/// The boundary of the roles that CloudFormation makes with it.
pub const BOUNDARY: &str = "arn:aws:iam::aws:policy/PowerUserAccess";
/// The updater's name.
pub const UPDATER: &str = "redbutton-task-definition-updater";
/// The preview's name.
pub const PREVIEW: &str = "redbutton-production-preview";
/// The gate's name.
pub const GATE: &str = "redbutton-production-gate";
/// The deployer's name.
pub const DEPLOYER: &str = "redbutton-production-deployer";
/// The role by which ECS gets images in the production account, once a service there names it.
pub const EXECUTION_ROLE: &str = "arn:aws:iam::222222222222:role/web-execution";
/// The state machine that deploys in the production account.
pub const STATE_MACHINE: &str =
    "arn:aws:states:ap-southeast-2:222222222222:stateMachine:redbutton-production";
/// The copier's name.
pub const COPIER: &str = "redbutton-artifact-copier";

/// What was installed.
pub struct Suite {
    /// The pipeline's artifact store.
    pub store: ArtifactStore,
    /// The tooling account in the services' region.
    pub own: Account,
    /// The other account in the services' region.
    pub other: Account,
    /// The production account in the services' region.
    pub production: Account,
}

/// Builds the functions, deploys the templates side by side, and makes an artifact store.
/// `look_every` is the pause between two looks in seconds; `arrivals` is what production does about a
/// release that arrives, `deploy` or `ignore`.
pub fn install(
    rehearsal: &Rehearsal,
    profile: Profile,
    look_every: &str,
    arrivals: &str,
    progress: &Progress,
) -> Result<Suite> {
    progress("building the functions");
    let template = package(profile, Some(Side::Tooling), &**progress)?;
    let tooling = rehearsal.tooling();
    let other = rehearsal.account(TARGET_ACCOUNT, TARGET_REGION);
    let production = rehearsal.account(PRODUCTION_ACCOUNT, TARGET_REGION);
    progress(
        "deploying template.yaml into accounts 111111111111, us-east-1, and 222222222222, and \
         templates/roles.yaml into 333333333333",
    );
    let ca_bundle = ca_bundle()?;
    // The production side is to know the key that signs, which the tooling side makes.
    let deployed = thread::scope(|scope| {
        let tooling_side = || {
            let mut parameters = own_account(tooling.id());
            parameters.extend([
                ("TargetRoleArns", TARGET_ROLE.to_owned()),
                (
                    "PreviewRoleArns",
                    format!("{PREVIEW_ROLE},{TEST_PREVIEW_ROLE}"),
                ),
                ("ReleaseRoleArns", RELEASE_ROLE.to_owned()),
                ("LookEverySeconds", look_every.to_owned()),
                ("CaBundleFile", ca_bundle.to_owned()),
            ]);
            one(
                rehearsal,
                &tooling,
                "redbutton",
                &template,
                parameters,
                progress,
            )
        };
        let roles = || {
            let template = workspace::root().join("templates/roles.yaml");
            let parameters = target_account(&tooling, &other);
            one(
                rehearsal,
                &other,
                "redbutton-roles",
                &template,
                parameters,
                progress,
            )
        };
        let first = scope.spawn(tooling_side);
        [Ok(roles()), first.join()]
    });
    for deployed in deployed {
        deployed.map_err(|_| anyhow!("a deployment panicked"))??;
    }
    let mut parameters = own_account(production.id());
    parameters.extend([
        ("PreviewExternalId", PREVIEW_EXTERNAL_ID.to_owned()),
        ("ReleaseExternalId", RELEASE_EXTERNAL_ID.to_owned()),
        ("ReleasesBucketName", RELEASES_BUCKET.to_owned()),
        ("Arrivals", arrivals.to_owned()),
        ("OwnAccountPassRoleArns", EXECUTION_ROLE.to_owned()),
        // Its own, and those in which tags of what was tested are looked up.
        ("OwnAccountRepositoryArns", repositories()),
        ("StepEverySeconds", look_every.to_owned()),
    ]);
    let parameters: Vec<(&str, &str)> = parameters
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    self::production(rehearsal, profile, &production, &parameters, progress)?;
    Ok(Suite {
        store: ArtifactStore::create(&tooling)?,
        own: tooling.in_region(TARGET_REGION),
        other,
        production,
    })
}

/// The public half of the key that signs releases, as the production side takes it.
pub fn signing_key(tooling: &Account) -> Result<String> {
    let asked = json!({ "KeyId": SIGNING_KEY_ALIAS });
    let answer = tooling.json("kms", "TrentService.GetPublicKey", asked)?;
    let key = answer["PublicKey"].as_str();
    Ok(key.context("a public key")?.to_owned())
}

/// A template's parameters, by name.
type Parameters<'a> = Vec<(&'a str, String)>;

fn one(
    rehearsal: &Rehearsal,
    account: &Account,
    name: &str,
    template: &Path,
    parameters: Parameters<'_>,
    progress: &Progress,
) -> Result<()> {
    let parameters: Vec<(&str, &str)> = parameters
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let stack = Stack {
        name,
        template,
        parameters: &parameters,
    };
    deploy(rehearsal, account, &stack, progress).map(drop)
}

/// What template.yaml is told of the account that it is deployed in, on either side.
fn own_account(account: &str) -> Parameters<'static> {
    vec![
        ("OwnAccountClusterArns", clusters(account)),
        ("OwnAccountLogGroupArns", log_groups(account)),
        ("OwnAccountParameterArns", published(account)),
        ("OwnAccountStackArns", stacks(account)),
        (
            "OwnAccountCloudFormationRoleArns",
            CLOUDFORMATION_ROLE.replace(TARGET_ACCOUNT, account),
        ),
        ("OwnAccountTemplateBucketArns", template_bucket(account)),
    ]
}

/// Those of production, and of the account that it tests in.
fn repositories() -> String {
    [PRODUCTION_ACCOUNT, TARGET_ACCOUNT]
        .map(|account| format!("arn:aws:ecr:{TARGET_REGION}:{account}:repository/*"))
        .join(",")
}

/// What templates/roles.yaml is told.
fn target_account(tooling: &Account, other: &Account) -> Parameters<'static> {
    let account = other.id();
    let cloudformation_role = CLOUDFORMATION_ROLE.rsplit('/').next().unwrap_or_default();
    vec![
        ("ToolingAccountId", tooling.id().to_owned()),
        ("ExternalId", EXTERNAL_ID.to_owned()),
        ("ClusterArns", clusters(account)),
        (
            "RepositoryArns",
            format!("arn:aws:ecr:{TARGET_REGION}:{account}:repository/*"),
        ),
        ("LogGroupArns", log_groups(account)),
        ("ParameterArns", published(account)),
        ("StackArns", stacks(account)),
        ("CloudFormationRoleArns", CLOUDFORMATION_ROLE.to_owned()),
        ("TemplateBucketArns", template_bucket(account)),
        ("CloudFormationRoleName", cloudformation_role.to_owned()),
        ("PermissionsBoundaryArn", BOUNDARY.to_owned()),
    ]
}

fn clusters(account: &str) -> String {
    format!("arn:aws:ecs:{TARGET_REGION}:{account}:cluster/test")
}

fn log_groups(account: &str) -> String {
    format!("arn:aws:logs:{TARGET_REGION}:{account}:log-group:{LOG_GROUPS}")
}

fn published(account: &str) -> String {
    format!("arn:aws:ssm:{TARGET_REGION}:{account}:parameter{PUBLISHED}")
}

fn stacks(account: &str) -> String {
    format!("arn:aws:cloudformation:{TARGET_REGION}:{account}:stack/*/*")
}

fn template_bucket(account: &str) -> String {
    format!("arn:aws:s3:::templates-{account}-{TARGET_REGION}")
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
    let template = package(profile, Some(Side::Tooling), &**progress)?;
    let tooling = rehearsal.tooling();
    progress(&format!(
        "deploying template.yaml into account {}, {}",
        tooling.id(),
        tooling.region()
    ));
    let own = parameters.iter();
    let mut parameters: Parameters<'_> = own
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    parameters.push(("CaBundleFile", ca_bundle()?.to_owned()));
    one(
        rehearsal,
        &tooling,
        "redbutton",
        &template,
        parameters,
        progress,
    )
}

/// Builds the functions and deploys the production side of `template.yaml` into `account`. It trusts
/// the account that the pipelines are in, unless the parameters name another one.
pub fn production(
    rehearsal: &Rehearsal,
    profile: Profile,
    account: &Account,
    parameters: &[(&str, &str)],
    progress: &Progress,
) -> Result<()> {
    let template = package(profile, Some(Side::Production), &**progress)?;
    let tooling = rehearsal.tooling();
    // Without the tooling side there is no key yet, and nothing that it could sign.
    let key = signing_key(&tooling).unwrap_or_default();
    let mut all = vec![
        ("Side", "production"),
        ("ToolingAccountId", tooling.id()),
        ("ReleasePublicKeys", key.as_str()),
        ("CaBundleFile", ca_bundle()?),
        // Nothing here takes as long as it does on AWS.
        ("StepEverySeconds", "1"),
    ];
    all.retain(|(name, _)| parameters.iter().all(|(given, _)| given != name));
    all.extend(parameters);
    let stack = Stack {
        name: "redbutton-production",
        template: &template,
        parameters: &all,
    };
    deploy(rehearsal, account, &stack, progress).map(drop)
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
