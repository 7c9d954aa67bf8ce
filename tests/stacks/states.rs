//! States of stacks and change sets that the emulator does not get into, played as AWS documents
//! them: waited for, explained, or told as the cause (CONTRACTS 3.6.7, 3.6.10, 3.6.15).

use rehearsal::codepipeline::Finished;
use rehearsal::proxy::Call;
use serde_json::{Value, json};

use super::case::StackCase;
use super::faults::second_revision_fails;
use super::job::{ROLE, target, target_with};
use super::script::{
    ChangeSet, Event, Execution, STACK, Script, Standing, available, modified, resource_is,
    stack_is,
};
use crate::fixture::{World, failed, succeeded, world};

const SERVICE: &str = "AWS::ECS::Service";
const QUEUE: &str = "AWS::SQS::Queue";

/// Runs a job for this target.
fn run_for(world: &World, case: &StackCase, target: Value) -> Finished {
    world.run(world.stack_job(case, &[target], &json!({}), &[]))
}

/// Runs a job for the case while a script is played.
fn run(world: &World, case: &StackCase, script: Script) -> Finished {
    script.play(world.rehearsal.proxy(), &case.stack);
    run_for(world, case, target(case))
}

fn count(world: &World, operation: &str) -> usize {
    world.count("cloudformation", operation)
}

/// The first call of an operation.
fn first(world: &World, operation: &str) -> Call {
    let calls = world.rehearsal.proxy().calls();
    let mut found = calls.into_iter().filter(|call| call.operation == operation);
    found.next().expect("it was called")
}

fn has(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
}

/// A failure that left the stack as it was: nothing was executed, and no change set is left.
fn untouched(case: &StackCase, finished: &Finished, kind: &str, words: &[&str]) {
    let (actual, message) = failed(finished);
    assert_eq!(actual, kind, "{message}");
    has(&message, words);
    assert_ne!(case.stack.parameters().unwrap()["Image"], case.image());
    let service = case.service();
    let serving = service.primary_task_definition().unwrap();
    assert!(serving.ends_with(":1"), "{serving}");
    assert_eq!(case.stack.change_sets().unwrap(), [""; 0], "{message}");
}

fn standing(status: &'static str) -> Standing {
    Standing {
        status,
        ..Standing::default()
    }
}

/// What comes of our update at each look at the events; nothing is executed.
fn played(forward: Vec<Vec<Event>>) -> Script {
    Script {
        execution: Execution::Played,
        forward,
        ..Script::default()
    }
}

// rules: 3.6.7
#[test]
fn somebody_elses_update_is_waited_for() {
    let world = world();
    let case = world.stack("stack-busy");
    let states = [
        "UPDATE_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_COMPLETE",
    ];
    let script = Script {
        standing: states.map(standing).to_vec(),
        ..Script::default()
    };
    succeeded(&run(&world, &case, script));
    // Four looks at what it is, and one in the end at what it was given.
    assert_eq!(count(&world, "DescribeStacks"), 5, "{:#?}", world.calls());
    assert_eq!(count(&world, "CreateChangeSet"), 1);
    assert_eq!(case.stack.parameters().unwrap()["Image"], case.image());
}

// rules: 3.6.7 3.6.8
#[test]
fn a_stack_that_is_stuck_is_explained_with_what_frees_it() {
    let world = world();
    let case = world.stack("stack-stuck");
    let runs = |call: &str| {
        format!("`aws cloudformation {call} --stack-name stack-stuck --region ap-southeast-2`")
    };
    for (status, frees) in [
        ("UPDATE_ROLLBACK_FAILED", runs("continue-update-rollback")),
        ("UPDATE_FAILED", runs("rollback-stack")),
        ("ROLLBACK_COMPLETE", runs("delete-stack")),
        ("ROLLBACK_FAILED", runs("delete-stack")),
        ("DELETE_FAILED", runs("delete-stack")),
        ("REVIEW_IN_PROGRESS", "\"create\": true".to_owned()),
    ] {
        let script = Script {
            standing: vec![Standing {
                reason: "said so",
                ..standing(status)
            }],
            ..Script::default()
        };
        let finished = run(&world, &case, script);
        world.rehearsal.proxy().clear_faults();
        let words = ["stack-stuck (ap-southeast-2, account 333333333333)", &frees];
        untouched(&case, &finished, "ConfigurationError", &words);
    }
    assert_eq!(count(&world, "CreateChangeSet"), 0);
    // ... and run by nobody.
    let changes = ["DeleteStack", "RollbackStack", "ContinueUpdateRollback"];
    assert!(changes.iter().all(|one| count(&world, one) == 0));
}

// rules: 3.6.9
#[test]
fn a_stack_that_is_not_there_is_named() {
    let world = world();
    let case = world.stack("stack-there");
    let elsewhere = target_with(&case, &json!({"stack": "stack-nowhere"}));
    let finished = run_for(&world, &case, elsewhere);
    let words = ["there is no stack stack-nowhere", "\"create\": true"];
    untouched(&case, &finished, "ConfigurationError", &words);
}

// rules: 3.6.11
#[test]
fn a_role_that_sticks_to_the_stack_is_enough() {
    let world = world();
    let case = world.stack("stack-sticky");
    let mut without = target(&case);
    without
        .as_object_mut()
        .unwrap()
        .remove("cloudFormationRole");
    let finished = run_for(&world, &case, without.clone());
    let words = ["\"cloudFormationRole\"", "callersRights"];
    untouched(&case, &finished, "ConfigurationError", &words);

    let script = Script {
        standing: vec![Standing {
            role: ROLE,
            ..standing("UPDATE_COMPLETE")
        }],
        ..Script::default()
    };
    script.play(world.rehearsal.proxy(), &case.stack);
    succeeded(&run_for(&world, &case, without));
    let created = first(&world, "CreateChangeSet");
    assert_eq!(created.request_parameter("RoleARN"), None);
}

// rules: 3.6.6
#[test]
fn a_change_set_that_became_obsolete_changes_nothing() {
    let world = world();
    let case = world.stack("stack-overtaken");
    let refusal = "ChangeSet [redbutton] cannot be executed in its current execution status of \
                   [OBSOLETE]";
    let script = Script {
        execution: Execution::Refused("InvalidChangeSetStatus", refusal),
        ..Script::default()
    };
    let finished = run(&world, &case, script);
    let words = [
        "somebody else changed the stack",
        refusal,
        "was not changed",
    ];
    untouched(&case, &finished, "RevisionOutOfSync", &words);
    assert_eq!(count(&world, "ExecuteChangeSet"), 1);
}

// rules: 3.6.5 3.6.6
#[test]
fn a_change_set_that_fails_says_why_and_is_deleted() {
    let world = world();
    let case = world.stack("stack-unmade");
    let why = "Template error: instance of Fn::GetAtt references undefined resource Queue";
    let with = |status, reason| ChangeSet {
        status,
        execution: "UNAVAILABLE",
        reason,
        ..available(Vec::new())
    };
    let script = Script {
        change_sets: vec![
            with("CREATE_PENDING", ""),
            with("CREATE_IN_PROGRESS", ""),
            with("FAILED", why),
        ],
        ..Script::default()
    };
    let finished = run(&world, &case, script);
    untouched(&case, &finished, "ConfigurationError", &[why]);
    assert_eq!(count(&world, "ExecuteChangeSet"), 0);
}

// rules: 3.6.6
#[test]
fn every_page_of_a_change_set_is_read() {
    let world = world();
    let case = world.stack("stack-pages");
    let changes = vec![
        modified(
            "TaskDefinition",
            "AWS::ECS::TaskDefinition",
            "True",
            "Image",
        ),
        modified("Service", SERVICE, "False", "TaskDefinition"),
        modified("Queue", QUEUE, "True", "QueueName"),
    ];
    let script = Script {
        change_sets: vec![ChangeSet {
            page: Some(1),
            ..available(changes)
        }],
        ..Script::default()
    };
    let finished = run(&world, &case, script);
    let words = ["Queue", QUEUE, "\"allowReplacement\""];
    untouched(&case, &finished, "ConfigurationError", &words);
    assert_eq!(count(&world, "ExecuteChangeSet"), 0);
}

// rules: 3.6.4 3.6.10 3.6.15 3.6.19
#[test]
fn an_update_that_cloudformation_takes_back_fails_with_what_failed_first() {
    let world = world();
    let case = world.stack("stack-rolled-back");
    let fails = |logical, why| resource_is(logical, QUEUE, "UPDATE_FAILED", why);
    let script = played(vec![
        vec![stack_is("UPDATE_IN_PROGRESS", "User Initiated")],
        vec![resource_is("Queue", QUEUE, "UPDATE_IN_PROGRESS", "")],
        vec![
            fails("Early", "Resource update cancelled"),
            fails(
                "Queue",
                "Value 0 for parameter VisibilityTimeout is invalid.",
            ),
            fails("Topic", "something that followed"),
            fails("Late", "Resource update cancelled"),
            stack_is(
                "UPDATE_ROLLBACK_IN_PROGRESS",
                "The following resource(s) failed to update: [Queue].",
            ),
        ],
        vec![stack_is("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "")],
        vec![stack_is("UPDATE_ROLLBACK_COMPLETE", "")],
    ]);
    let finished = run(&world, &case, script);
    let (kind, message) = failed(&finished);
    assert_eq!(kind, "JobFailed");
    let leads = "was not released: Queue (AWS::SQS::Queue) UPDATE_FAILED: Value 0 for parameter \
                 VisibilityTimeout is invalid.";
    let now = "is now UPDATE_ROLLBACK_COMPLETE, template and parameters as before; service stack-rolled-back serves";
    has(&message, &[leads, now]);
    for noise in ["cancelled", "Topic", "Early"] {
        assert!(!message.contains(noise), "{noise} in: {message}");
    }
    // CloudFormation goes back by itself, as it was told to.
    assert_eq!(count(&world, "ExecuteChangeSet"), 1);
    assert_eq!(count(&world, "CancelUpdateStack"), 0);
    let executed = first(&world, "ExecuteChangeSet");
    let sent = |parameter| executed.request_parameter(parameter).unwrap_or_default();
    assert_eq!(sent("DisableRollback"), "false");
    assert_eq!(sent("OnStackFailure"), "");
    let token = sent("ClientRequestToken");
    assert_eq!(sent("ChangeSetName"), format!("redbutton-{token}"));
}

// rules: 3.6.15
#[test]
fn what_failed_in_a_nested_stack_is_the_cause() {
    let world = world();
    let case = world.stack_with_nested("stack-inner");
    let why = "Cannot upgrade postgres from 15.2 to 14.1";
    let words =
        "Embedded stack was not successfully updated. Currently in UPDATE_ROLLBACK_IN_PROGRESS";
    let script = Script {
        nested: vec![(
            "Nested",
            vec![
                stack_is("UPDATE_IN_PROGRESS", ""),
                resource_is("Database", "AWS::RDS::DBInstance", "UPDATE_FAILED", why),
                resource_is("Other", QUEUE, "UPDATE_FAILED", "Resource update cancelled"),
                stack_is("UPDATE_ROLLBACK_IN_PROGRESS", ""),
            ],
        )],
        ..played(vec![
            vec![stack_is("UPDATE_IN_PROGRESS", "User Initiated")],
            vec![resource_is("Nested", STACK, "UPDATE_IN_PROGRESS", "")],
            vec![
                resource_is("Nested", STACK, "UPDATE_FAILED", words),
                stack_is("UPDATE_ROLLBACK_IN_PROGRESS", ""),
            ],
            vec![stack_is("UPDATE_ROLLBACK_COMPLETE", "")],
        ])
    };
    let (kind, message) = failed(&run(&world, &case, script));
    assert_eq!(kind, "JobFailed");
    let leads = format!(
        "was not released: Database (AWS::RDS::DBInstance) UPDATE_FAILED: {why} in nested stack Nested"
    );
    has(&message, &[&leads, "UPDATE_ROLLBACK_COMPLETE"]);
}

// rules: 3.6.7 3.6.10
#[test]
fn a_rollback_that_is_stuck_is_left_to_a_person() {
    let world = world();
    let case = world.stack("stack-half");
    let script = played(vec![
        vec![stack_is("UPDATE_IN_PROGRESS", "User Initiated")],
        vec![
            resource_is("Queue", QUEUE, "UPDATE_FAILED", "no such key"),
            stack_is("UPDATE_ROLLBACK_IN_PROGRESS", ""),
        ],
        vec![stack_is(
            "UPDATE_ROLLBACK_FAILED",
            "Queue did not come back",
        )],
    ]);
    let (kind, message) = failed(&run(&world, &case, script));
    assert_eq!(kind, "JobFailed");
    let frees = "`aws cloudformation continue-update-rollback --stack-name stack-half --region \
                 ap-southeast-2`";
    has(
        &message,
        &[
            "no such key",
            "UPDATE_ROLLBACK_FAILED",
            "Queue did not come back",
            frees,
        ],
    );
    assert_eq!(count(&world, "ContinueUpdateRollback"), 0);
}

// rules: 3.6.19
#[test]
fn what_somebody_else_does_after_ours_is_not_changed_back() {
    let world = world();
    let case = world.stack("stack-theirs");
    let theirs = Event {
        token: Some("Console-UpdateStack-1"),
        ..stack_is("UPDATE_IN_PROGRESS", "User Initiated")
    };
    let script = played(vec![
        vec![stack_is("UPDATE_IN_PROGRESS", "User Initiated")],
        vec![stack_is("UPDATE_COMPLETE", ""), theirs],
    ]);
    let (kind, message) = failed(&run(&world, &case, script));
    assert_eq!(kind, "RevisionOutOfSync", "{message}");
    has(
        &message,
        &["somebody else changed the stack", "was not changed back"],
    );
    assert_eq!(count(&world, "CancelUpdateStack"), 0);
    assert_eq!(count(&world, "CreateChangeSet"), 1);
    assert_eq!(count(&world, "ExecuteChangeSet"), 1);
}

// rules: 3.6.10
#[test]
fn cleaning_up_is_waited_for() {
    let world = world();
    let case = world.stack("stack-cleanup");
    let script = Script {
        forward: vec![
            vec![stack_is("UPDATE_IN_PROGRESS", "User Initiated")],
            vec![stack_is("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "")],
            vec![resource_is("Queue", QUEUE, "DELETE_IN_PROGRESS", "")],
            vec![stack_is("UPDATE_COMPLETE", "")],
        ],
        ..Script::default()
    };
    succeeded(&run(&world, &case, script));
    assert_eq!(
        count(&world, "DescribeStackEvents"),
        // The first is before its change set: did an earlier delivery begin it?
        5,
        "{:#?}",
        world.calls()
    );
    let serving = case.service().primary_task_definition().unwrap();
    assert!(serving.ends_with(":2"), "{serving}");
}

// rules: 3.6.10 3.6.20
#[test]
fn a_way_back_that_fails_is_told() {
    let world = world();
    let case = world.stack("stack-lost");
    second_revision_fails(&world);
    let script = Script {
        forward: vec![vec![
            stack_is("UPDATE_IN_PROGRESS", "User Initiated"),
            stack_is("UPDATE_COMPLETE", ""),
        ]],
        back: vec![
            vec![stack_is("UPDATE_IN_PROGRESS", "User Initiated")],
            vec![stack_is("UPDATE_ROLLBACK_IN_PROGRESS", "")],
            vec![stack_is("UPDATE_ROLLBACK_COMPLETE", "Queue is gone")],
        ],
        ..Script::default()
    };
    let (kind, message) = failed(&run(&world, &case, script));
    assert_eq!(kind, "JobFailed");
    let told = "is now UPDATE_ROLLBACK_COMPLETE, so the way back failed: Queue is gone";
    has(&message, &["service stack-lost", told]);
    // Once was enough.
    assert_eq!(count(&world, "ExecuteChangeSet"), 2);
}

// rules: 3.1.10 3.1.12
#[test]
fn a_stack_is_reached_where_it_is_and_as_the_role_may() {
    let world = world();
    let case = world.stack("stack-far");
    // The role is for stacks in ap-southeast-2.
    let far = target_with(&case, &json!({"region": "eu-west-1"}));
    let finished = run_for(&world, &case, far);
    let words = [
        "cloudformation:DescribeStacks",
        "arn:aws:cloudformation:eu-west-1:333333333333:stack/stack-far/*",
        "account 333333333333",
    ];
    untouched(&case, &finished, "PermissionError", &words);

    world.rehearsal.proxy().reset();
    succeeded(&run_for(&world, &case, target(&case)));
    let calls = world.rehearsal.proxy().calls();
    let of_stacks = calls.iter().filter(|call| call.service == "cloudformation");
    let regions: Vec<&str> = of_stacks.map(|call| call.region.as_str()).collect();
    assert!(regions.len() >= 6, "{calls:#?}");
    assert!(
        regions.iter().all(|one| *one == "ap-southeast-2"),
        "{calls:#?}"
    );
    let answers = calls.iter().filter(|call| call.service == "codepipeline");
    assert!(
        answers
            .map(|call| call.region.as_str())
            .all(|one| one == "us-east-1")
    );
}
