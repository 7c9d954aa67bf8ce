//! Who may do what, and does it: every action that a role is granted is a call that its function
//! makes, and every call is granted.
//!
//! Which function makes which call is what the linker kept: each call names its operation, and what
//! cannot be reached from a function's `main` is not in its binary.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rehearsal::package::{Profile, package};
use rehearsal::workspace;

use super::{ROLES, SUITE, granted};

/// Actions that no call of ours names, and why they are granted.
const LAMBDAS: [(&str, &str); 4] = [
    (
        "logs:CreateLogStream",
        "Lambda writes the function's log in the function's name",
    ),
    ("logs:PutLogEvents", "as above"),
    (
        "xray:PutTelemetryRecords",
        "Lambda sends the function's traces in its name",
    ),
    ("xray:PutTraceSegments", "as above"),
];

/// As above, for those who roll out.
const ROLLOUTS: [(&str, &str); 2] = [
    (
        "ecs:TagResource",
        "RegisterTaskDefinition with tags asks for it",
    ),
    (
        "iam:PassRole",
        "RegisterTaskDefinition, UpdateService, RunTask and CreateChangeSet ask for it, once a role \
         is named",
    ),
];

/// As above, for those who look.
const PREVIEWS: [(&str, &str); 2] = [
    (
        "iam:PassRole",
        "CreateChangeSet asks for it, once a role is named",
    ),
    ("kms:Decrypt", "S3 asks for it, for a freeze that is read"),
];

/// As above, for the role that adds releases.
const RELEASES: [(&str, &str); 2] = [
    (
        "kms:Decrypt",
        "S3 asks for it, for what is read and for the parts of an upload",
    ),
    ("kms:GenerateDataKey", "S3 asks for it, for what is written"),
];

/// Calls that need no statement of ours, and why.
const UNGRANTED: [(&str, &str); 1] = [("sts:GetCallerIdentity", "allowed to everybody")];

/// What is in the updater's binary and is no call of it.
const NOT_THE_UPDATERS: [(&str, &str); 1] = [(
    "s3:ListBucket",
    "no call: what is said about S3's 403 names it",
)];

/// What is in the preview's binary and is no call of it that its roles are for, and why.
const NOT_THE_PREVIEWS: [(&str, &str); 3] = [
    NOT_THE_UPDATERS[0],
    (
        "ecr:BatchGetImage",
        "no call: it asks IAM whether an execution role may pull",
    ),
    (
        "s3:PutObject",
        "the page, with the credentials of the job; a long template is only looked for",
    ),
];

/// What only a function's own role does; the rest is done in the account of the services, or in
/// production.
const OWN_ONLY: [&str; 7] = [
    "codepipeline:",
    "kms:GetPublicKey",
    "kms:Sign",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sts:AssumeRole",
    "xray:",
];

/// What the preview's own role does as well: a registry of its account is asked by itself.
const OWN_REGISTRY: &str = "ecr:DescribeImages";

// rules: 3.1.10
#[test]
fn every_action_is_needed_and_every_call_is_granted() {
    let calls = calls_but("task-definition-updater", &NOT_THE_UPDATERS);
    let needed = with(&calls, &[&LAMBDAS, &ROLLOUTS]);
    // It rolls out in its own account, too.
    let own_role = granted(&SUITE, "TaskDefinitionUpdaterRole");
    assert_eq!(own_role, needed, "TaskDefinitionUpdaterRole");
    let there: BTreeSet<String> = needed.into_iter().filter(|action| !own(action)).collect();
    assert_eq!(granted(&ROLES, "RolloutRole"), there, "RolloutRole");
}

// rules: 3.1.10 3.6.17
#[test]
fn every_action_of_the_preview_is_needed_and_every_call_is_granted() {
    let calls = calls_but("production-preview", &NOT_THE_PREVIEWS);
    let needed = with(&calls, &[&LAMBDAS, &PREVIEWS]);
    let (mut own_role, there): (BTreeSet<String>, BTreeSet<String>) =
        needed.into_iter().partition(|action| own(action));
    own_role.insert(OWN_REGISTRY.to_owned());
    let found = granted(&SUITE, "ProductionPreviewRole");
    assert_eq!(found, own_role, "ProductionPreviewRole");
    assert_eq!(granted(&SUITE, "PreviewRole"), there, "PreviewRole");
}

/// Artifacts are read with the credentials of the job, and nothing else is in the tooling account's S3.
// rules: 3.1.10 3.7.4 3.7.5
#[test]
fn every_action_of_the_copier_is_needed_and_every_call_is_granted() {
    let needed = with(&calls_of("artifact-copier"), &[&LAMBDAS, &RELEASES]);
    let (own_role, there): (BTreeSet<String>, BTreeSet<String>) =
        needed.into_iter().partition(|action| own(action));
    let found = granted(&SUITE, "ArtifactCopierRole");
    assert_eq!(found, own_role, "ArtifactCopierRole");
    assert_eq!(granted(&SUITE, "ReleaseRole"), there, "ReleaseRole");
}

/// What S3 and Lambda ask for in the name of production's functions.
const PRODUCTIONS: [(&str, &str); 3] = [
    RELEASES[0],
    RELEASES[1],
    (
        "s3:GetObjectVersion",
        "GetObject and HeadObject of a version ask for it",
    ),
];

// rules: 3.4.3
#[test]
fn every_action_of_the_gate_is_needed_and_every_call_is_granted() {
    let queue = [(
        "sqs:SendMessage",
        "Lambda sends what failed for good in its name",
    )];
    let needed = with(
        &calls_of("production-gate"),
        &[&LAMBDAS, &PRODUCTIONS, &queue],
    );
    assert_eq!(granted(&SUITE, "ProductionGateRole"), needed);
}

// rules: 3.9.3
#[test]
fn every_action_of_the_deployer_is_needed_and_every_call_is_granted() {
    let needed = with(
        &calls_of("production-deployer"),
        &[&LAMBDAS, &ROLLOUTS, &PRODUCTIONS],
    );
    let needed: BTreeSet<String> = needed
        .into_iter()
        // Linked, and for targets of other accounts and pipelines only, which no release has.
        .filter(|action| !action.starts_with("codepipeline:") && action != "sts:AssumeRole")
        .collect();
    assert_eq!(granted(&SUITE, "ProductionDeployerRole"), needed);
}

/// A call that no function makes any more would be tested, and kept, for nobody.
#[test]
fn every_call_is_made_by_a_function() {
    let functions = [
        "artifact-copier",
        "production-deployer",
        "production-gate",
        "production-preview",
        "task-definition-updater",
    ];
    let made: BTreeSet<String> = functions.into_iter().flat_map(calls_of).collect();
    assert_eq!(made, calls());
}

fn own(action: &str) -> bool {
    OWN_ONLY.iter().any(|prefix| action.starts_with(prefix))
}

/// The actions that these calls need.
fn with(calls: &BTreeSet<String>, implied: &[&[(&str, &str)]]) -> BTreeSet<String> {
    let ungranted = |call: &str| UNGRANTED.iter().any(|(action, _)| *action == call);
    let implied = implied.iter().copied().flatten();
    let calls = calls.iter().filter(|call| !ungranted(call)).cloned();
    calls
        .chain(implied.map(|(action, _)| (*action).to_owned()))
        .collect()
}

/// The calls that can be reached in a function, but for what is named there and is none of its own.
fn calls_but(function: &str, others: &[(&str, &str)]) -> BTreeSet<String> {
    let mut calls = calls_of(function);
    for (action, why) in others {
        assert!(calls.remove(*action), "{action} is not named: {why}");
    }
    calls
}

/// The calls that can be reached in a function.
fn calls_of(function: &str) -> BTreeSet<String> {
    let template = package(Profile::Dev, None, &|_| {}).unwrap();
    let binary = template.with_file_name(function).join("bootstrap");
    let binary = fs::read(binary).unwrap();
    let all = calls();
    let parts: Vec<(&String, (&str, &str))> = all
        .iter()
        .map(|call| (call, call.split_once(':').unwrap()))
        .collect();
    let pieces: Vec<&[u8]> = binary.split(|byte| *byte == b':').collect();
    let mut made = BTreeSet::new();
    for pair in pieces.windows(2) {
        let found = parts.iter().filter(|(_, (service, operation))| {
            pair[0].ends_with(service.as_bytes()) && pair[1].starts_with(operation.as_bytes())
        });
        made.extend(found.map(|(call, _)| (*call).clone()));
    }
    // Some are out of each function's reach: otherwise the linker has kept everything.
    let some = 5 < made.len() && made.len() < all.len();
    assert!(some, "{function}: {made:?}");
    made
}

/// The operations that the crate `aws` names beside each call, such as `ecs:UpdateService`.
fn calls() -> BTreeSet<String> {
    let mut calls = BTreeSet::new();
    for path in sources(&workspace::root().join("aws/src")) {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        calls.extend(
            code.split('"')
                .filter(|text| is_action(text))
                .map(str::to_owned),
        );
    }
    calls
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn is_action(text: &str) -> bool {
    text.split_once(':').is_some_and(|(service, operation)| {
        !service.is_empty()
            && service
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && operation.starts_with(|first: char| first.is_ascii_uppercase())
            && operation.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}
