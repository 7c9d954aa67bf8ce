//! What a preview may do in production, and in the tooling account: look, propose change sets of its
//! own name, and nothing else.
//!
//! Two witnesses: the emulator, of which every operation is asked for in the role's name; and what
//! the role's policies say, for what the emulator does not check and for services that it does not
//! have.

mod emulator;
mod proposals;

use std::collections::BTreeSet;

use rehearsal::{Account, local, suite, world};
use serde_json::Value;

use crate::fixture::{self, World};
use crate::policy::Policies;
use crate::templates;

/// The one function that may assume the role.
const FUNCTION: &str = "production-preview";

/// What the role may do and is no reading, and why nothing becomes of it.
const WRITES: [(&str, &str); 4] = [
    (
        "cloudformation:CreateChangeSet",
        "only of its own names; a change set that nobody executes changes nothing",
    ),
    ("cloudformation:DeleteChangeSet", "the same ones"),
    (
        "iam:PassRole",
        "to CloudFormation alone, which looks by it while it makes a change set",
    ),
    (
        "kms:Decrypt",
        "by way of S3 alone, which reads for it whether production is frozen",
    ),
];

/// What an action of a name with this beginning does.
const READS: [&str; 5] = ["BatchGet", "Describe", "Get", "List", "Simulate"];

/// What only the function's own role does that is no reading: its answers, its log, its traces.
const OWN_WRITES: [&str; 7] = [
    "codepipeline:PutJobFailureResult",
    "codepipeline:PutJobSuccessResult",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sts:AssumeRole",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

impl World {
    /// A session of the function's role, in the tooling account.
    fn preview_function(&self) -> Account {
        let credentials = local::function_credentials(&self.rehearsal, FUNCTION).unwrap();
        self.rehearsal.tooling().acting_as(credentials)
    }

    /// A session of the preview's role, in the production account, as the function gets it.
    fn preview(&self) -> Account {
        let function = self.preview_function();
        let external_id = Some(suite::PREVIEW_EXTERNAL_ID);
        let session = function.assume_role(suite::PREVIEW_ROLE, "redbutton-1", external_id, None);
        self.suite.production.acting_as(session.unwrap())
    }

    /// What the preview's role may do, as it is deployed.
    fn preview_policies(&self) -> Policies {
        let role = suite::PREVIEW_ROLE.rsplit('/').next().unwrap();
        Policies::new(&world::policies(&self.suite.production, role).unwrap())
    }
}

/// Of all actions that AWS has, in all its services, the policies name these, and no pattern among
/// them means more than it says.
// rules: 3.6.17
#[test]
fn of_all_actions_of_aws_only_those_that_read_are_allowed() {
    let world = fixture::world();
    let all = templates::actions_of_aws();

    let function = suite::PREVIEW;
    let own = Policies::new(&world::policies(&world.rehearsal.tooling(), function).unwrap());
    let there = world.preview_policies();
    let writes: Vec<&str> = WRITES.iter().map(|(action, _)| *action).collect();
    for (role, policies, writes) in [
        ("PreviewRole", &there, &writes[..]),
        ("ProductionPreviewRole", &own, &OWN_WRITES[..]),
    ] {
        let written = templates::granted(&templates::SUITE, role);
        let named: BTreeSet<String> = all
            .iter()
            .filter(|action| policies.name(action))
            .cloned()
            .collect();
        let expected: BTreeSet<String> = written.iter().map(|one| one.to_lowercase()).collect();
        assert_eq!(named, expected, "{role}");
        for action in &written {
            let (_, name) = action.split_once(':').unwrap();
            let reads = READS.iter().any(|start| name.starts_with(start));
            assert_ne!(reads, writes.contains(&action.as_str()), "{role}: {action}");
        }
        for action in writes {
            assert!(written.contains(*action), "{role}: {action}");
        }
    }
}

/// CONTRACTS 3.10.1: the function's role with the external id, and nobody else of that account.
// rules: 3.10.1
#[test]
fn only_the_function_gets_in_and_only_with_the_external_id() {
    let world = fixture::world();
    let function = world.preview_function();
    let updater = local::function_credentials(&world.rehearsal, "task-definition-updater").unwrap();
    let tooling = world.rehearsal.tooling();
    let updater = tooling.acting_as(updater);
    let right = Some(suite::PREVIEW_EXTERNAL_ID);
    let production = world.suite.production.clone();
    for (who, caller, external_id, enters) in [
        ("the function", &function, right, true),
        ("without the external id", &function, None, false),
        ("with another", &function, Some(suite::EXTERNAL_ID), false),
        ("the updater", &updater, right, false),
        ("the tooling account's root", &tooling, right, false),
        ("the account's own root", &production, right, false),
    ] {
        let session = caller.assume_role(suite::PREVIEW_ROLE, "redbutton-1", external_id, None);
        assert_eq!(session.is_ok(), enters, "{who}");
        if let Err(error) = session {
            assert_eq!(refused(error), "AccessDenied", "{who}");
        }
    }
    // And the function into nothing else.
    let there = function.assume_role(suite::TARGET_ROLE, "redbutton-1", right, None);
    assert_eq!(refused(there.unwrap_err()), "AccessDenied");
}

/// The code by which AWS refused.
fn refused(error: anyhow::Error) -> String {
    let error = error.downcast::<rehearsal::AwsError>().unwrap();
    match error.code.as_str() {
        "AccessDeniedException" => "AccessDenied".to_owned(),
        code => code.to_owned(),
    }
}

/// Fails unless AWS refuses for want of a right.
#[track_caller]
fn denied<T>(what: &str, answer: anyhow::Result<T>) {
    match answer {
        Ok(_) => panic!("{what} is allowed"),
        Err(error) => assert_eq!(refused(error), "AccessDenied", "{what}"),
    }
}

/// Answers of JSON services, whose targets are long.
fn json(account: &Account, target: &str, body: Value) -> anyhow::Result<Value> {
    let (service, prefix) = match target.split_once(':').unwrap().0 {
        "ssm" => ("ssm", "AmazonSSM"),
        "secretsmanager" => ("secretsmanager", "secretsmanager"),
        other => panic!("{other} is not known here"),
    };
    let operation = target.split_once(':').unwrap().1;
    account.json(service, &format!("{prefix}.{operation}"), body)
}
