//! How the preflight asks: each thing once, and what gets no answer is not provable.

use std::sync::Arc;

use rehearsal::proxy::{Call, Fault, What, When};
use rehearsal::suite;
use serde_json::json;

use super::{ACCOUNT, allow, as_expected};
use crate::fixture::{World, world};

/// A right that the preview's role has not, as long as this is there.
struct Without<'a>(&'a World);

impl<'a> Without<'a> {
    fn right(world: &'a World, action: &str) -> Self {
        let denies = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Action": action, "Resource": "*"},
        ]});
        let denies = denies.to_string();
        let params = [NAME, POLICY, ("PolicyDocument", &denies)];
        let other = &world.suite.other;
        other.query("iam", "PutRolePolicy", &params).unwrap();
        Self(world)
    }
}

const NAME: (&str, &str) = ("RoleName", "redbutton-preview");
const POLICY: (&str, &str) = ("PolicyName", "without");

impl Drop for Without<'_> {
    fn drop(&mut self) {
        let other = &self.0.suite.other;
        other
            .query("iam", "DeleteRolePolicy", &[NAME, POLICY])
            .unwrap();
    }
}

/// The account's own role for previews misses a right: one finding says whose and which.
#[test]
fn a_right_that_the_preview_lacks_makes_things_not_provable() {
    let world = world();
    let release = world.release("preflight-blind");
    let job = || {
        let deployer = Some("preflight-deployer");
        world.preview_release(&release, &release.definition(), |_| {}, deployer)
    };
    // It is made by the first preview.
    assert_eq!(world.found(job()), (Vec::new(), Vec::new()));
    for (action, words) in [
        (
            "iam:GetRole",
            "role/tasks/preflight-task (taskRoleArn), role",
        ),
        ("iam:SimulatePrincipalPolicy", "iam:PassRole for role"),
        (
            "secretsmanager:DescribeSecret",
            "secret arn:aws:secretsmanager",
        ),
        ("ssm:DescribeParameters", "parameter /preflight-blind/key"),
        ("logs:DescribeLogGroups", "log group /ecs/preflight-blind"),
    ] {
        let _without = Without::right(&world, action);
        let (refused, not_provable) = world.found(job());
        assert!(refused.is_empty(), "{action}: {refused:#?}");
        let what = format!("may not call {action}");
        let who = ":assumed-role/redbutton-preview/";
        let why = "a Deny statement in an identity-based policy matches";
        as_expected(action, &not_provable, &[&[words, who, &what, why]]);
    }
}

#[test]
fn what_is_throttled_or_not_answered_is_not_provable() {
    let world = world();
    let release = world.release("preflight-slow");
    let proxy = world.rehearsal.proxy();
    let calls = |operation: &'static str| {
        When::Matches(Arc::new(move |call: &Call| call.operation == operation))
    };
    for (operation, what) in [
        ("GetRole", What::Throttle),
        ("DescribeSecret", What::Throttle),
        ("DescribeParameters", What::DropAnswer),
        ("DescribeLogGroups", What::NeverAnswer),
    ] {
        let when = calls(operation);
        proxy.inject_for_good(Fault { when, what });
    }
    let deployer = Some("preflight-deployer");
    let job = world.preview_release(&release, &release.definition(), |_| {}, deployer);
    let (refused, not_provable) = world.found(job);
    assert!(refused.is_empty(), "{refused:#?}");
    as_expected(
        "no answers",
        &not_provable,
        &[
            &[
                "(taskRoleArn), role",
                "(executionRoleArn) could not be looked at",
            ],
            &["secret arn:aws:secretsmanager", "could not be looked at"],
            &["parameter /preflight-slow/key", "could not be looked at"],
            &["log group /ecs/preflight-slow", "could not be looked at"],
        ],
    );
}

/// Two services of one account that need the same things.
#[test]
fn each_thing_is_asked_for_once() {
    let world = world();
    let release = world.release("preflight-once");
    let beside = world.case_with("preflight-twice", |spec| {
        let role = format!("{ACCOUNT}/preflight-execution");
        let definition = &mut spec.task_definition;
        definition.insert("executionRoleArn".into(), role.into());
    });
    let mut other = release.definition();
    other["family"] = "preflight-twice".into();
    other["containerDefinitions"][0]["name"] = "preflight-twice".into();
    let other = other.to_string();
    let both = json!([&release.case, &beside].map(|case| {
        json!({"name": case.service.name, "imageUri": format!("{}:v2", case.repository)})
    }));
    let both = both.to_string();
    let one = release.definition().to_string();
    let files = [
        ("taskdef.json", one.as_bytes()),
        ("other.json", other.as_bytes()),
        ("imagedefinitions.json", both.as_bytes()),
    ];
    let change = |file: &mut serde_json::Value| {
        file["targets"] = json!([
            {"service": "preflight-once", "cluster": "test", "taskDefinition": "Build::taskdef.json"},
            {"service": "preflight-twice", "cluster": "test", "taskDefinition": "Build::other.json"},
        ]);
    };
    let job = world.job_with(&release.case, change, &files);
    let deployer = format!("{ACCOUNT}/preflight-deployer");
    let job = world.preview_of(&job, &json!({"deployer": deployer}));
    world.rehearsal.proxy().reset();
    assert_eq!(world.found(job), (Vec::new(), Vec::new()));
    for (service, operation, times) in [
        ("iam", "GetRole", 2),
        // What the deployer may pass; secrets, parameters and images for the execution role.
        ("iam", "SimulatePrincipalPolicy", 4),
        ("secretsmanager", "DescribeSecret", 1),
        ("ssm", "DescribeParameters", 1),
        ("logs", "DescribeLogGroups", 1),
    ] {
        assert_eq!(world.count(service, operation), times, "{operation}");
    }
}

/// The role that CloudFormation is to act with.
#[test]
fn a_stacks_role_is_there_and_may_be_passed() {
    let world = world();
    let case = world.stack("preflight-stack");
    let deployer = world.roles();
    world.role("/", "preflight-bare", &json!([allow("sns:Publish", "*")]));
    let bare = format!("{ACCOUNT}/preflight-bare");
    let gone = format!("{ACCOUNT}/preflight-gone");
    let there = suite::CLOUDFORMATION_ROLE;
    for (role, deployer, words) in [
        (there, &deployer, &[][..]),
        (
            gone.as_str(),
            &deployer,
            &["role/preflight-gone (cloudFormationRole) does not exist: create it"][..],
        ),
        (
            there,
            &bare,
            &[
                "no policy of arn:aws:iam::333333333333:role/preflight-bare allows iam:PassRole",
                "(cloudFormationRole) to cloudformation.amazonaws.com",
            ][..],
        ),
    ] {
        let target = json!([{
            "stack": case.stack.name, "imageParameters": {&case.stack.name: "Image"},
            "cloudFormationRole": role,
        }]);
        let job = world.preview_of_targets(&case, None, &target, &[]);
        let mut parameters: serde_json::Value =
            serde_json::from_str(job.user_parameters.as_ref().unwrap()).unwrap();
        parameters["deployer"] = deployer.as_str().into();
        let user_parameters = Some(parameters.to_string());
        let job = rehearsal::codepipeline::JobSpec {
            user_parameters,
            ..job
        };
        let (refused, not_provable) = world.found(job);
        let expected: Vec<&[&str]> = [words]
            .into_iter()
            .filter(|words| !words.is_empty())
            .collect();
        as_expected(role, &refused, &expected);
        assert!(not_provable.is_empty(), "{not_provable:#?}");
    }
}
