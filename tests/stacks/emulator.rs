//! The emulator's CloudFormation holds what the rollouts of stacks are tried on, and faults hit it.

use rehearsal::proxy::{Fault, What, When};
use rehearsal::world::StackSpec;
use rehearsal::xml_text;
use serde_json::{Value, json};

use super::case::{SERVICE, long};
use super::hand::{call, change_set, execute, refusal};
use crate::fixture::world;

#[test]
fn a_change_set_brings_the_stacks_service_another_task_definition() {
    let world = world();
    let case = world.stack("stack-plain");
    let first = case.service().first_task_definition;
    change_set(&world, &case, "to-v2", &[("Token", "secret")]);
    execute(&world, &case, "to-v2", "release-0").unwrap();
    assert_eq!(case.stack.settled().unwrap(), "UPDATE_COMPLETE");

    let service = case.service();
    let serving = service.primary_task_definition().unwrap();
    assert!(serving.ends_with("/stack-plain:2"), "{serving}");
    assert_eq!(case.stack.outputs().unwrap()["TaskDefinition"], serving);
    // CloudFormation deregisters what it replaced.
    assert_eq!(service.revisions().unwrap().len(), 1);
    assert_ne!(first, serving);
    let parameters = case.stack.parameters().unwrap();
    assert_eq!(parameters["Image"], case.image());
    assert_eq!(parameters["Token"], "****");
    assert_eq!(case.stack.template().unwrap(), SERVICE);
    assert_eq!(case.stack.change_sets().unwrap(), ["to-v2"]);
    assert!(case.stack.tags().unwrap().is_empty());
    let events = case.stack.events().unwrap();
    let newest = events.last().unwrap();
    assert_eq!(newest.token, "release-0");
    assert_eq!(
        (newest.physical.as_str(), newest.status.as_str()),
        (case.stack.id.as_str(), "UPDATE_COMPLETE")
    );
}

#[test]
fn an_update_is_held_until_it_is_told_how_to_go_on() {
    let world = world();
    let case = world.stack("stack-held");
    change_set(&world, &case, "held", &[("Hold", "600")]);
    execute(&world, &case, "held", "release-0").unwrap();
    case.await_hold();
    assert_eq!(case.stack.status().unwrap(), "UPDATE_IN_PROGRESS");
    // The emulator looks for a cancellation before it turns to the next resource.
    let (stack, token) = (
        ("StackName", "stack-held"),
        ("ClientRequestToken", "release-0-back"),
    );
    call(&world, "CancelUpdateStack", &[stack, token]).unwrap();
    case.stack.signal("Signal", "SUCCESS").unwrap();
    assert_eq!(case.stack.settled().unwrap(), "UPDATE_ROLLBACK_COMPLETE");
    let newest = case.stack.events().unwrap().pop().unwrap();
    assert_eq!(newest.token, "release-0-back");

    change_set(&world, &case, "fails", &[("Hold", "600")]);
    execute(&world, &case, "fails", "release-1").unwrap();
    case.stack.signal("Signal", "FAILURE").unwrap();
    assert_eq!(case.stack.settled().unwrap(), "UPDATE_ROLLBACK_COMPLETE");
    let serving = case.service().primary_task_definition().unwrap();
    assert!(serving.ends_with("/stack-held:1"), "{serving}");
}

#[test]
fn somebody_else_makes_a_change_set_obsolete() {
    let world = world();
    let case = world.stack("stack-obsolete");
    change_set(&world, &case, "late", &[]);
    case.stack.update(&[("Cpu", "512")]).unwrap();
    assert_eq!(case.stack.settled().unwrap(), "UPDATE_COMPLETE");
    assert_eq!(case.stack.parameters().unwrap()["Cpu"], "512");
    let refused = refusal(execute(&world, &case, "late", "release-0"));
    assert_eq!(refused.code, "InvalidChangeSetStatus");
    assert!(refused.message.contains("OBSOLETE"), "{refused}");
}

#[test]
fn a_long_template_comes_from_a_bucket() {
    let world = world();
    let template = world.template("long.yaml", &long(SERVICE));
    let case = world.stack_from("stack-long", SERVICE, |spec| StackSpec { template, ..spec });
    assert_eq!(case.stack.template().unwrap(), long(SERVICE));
}

#[test]
fn another_identifier_replaces_the_database_of_a_nested_stack() {
    let world = world();
    let case = world.stack_with_nested("stack-parent");
    let nested = case.stack.nested("Nested").unwrap();
    assert_eq!(nested.resources().unwrap()["Database"], "stack-parent");
    let more = [("Child", ""), ("Identifier", "another")];
    change_set(&world, &case, "replace", &more);
    execute(&world, &case, "replace", "release-0").unwrap();
    assert_eq!(case.stack.settled().unwrap(), "UPDATE_COMPLETE");
    assert_eq!(nested.resources().unwrap()["Database"], "another");
    let serving = nested.service("Service").unwrap().primary_task_definition();
    assert!(serving.unwrap().ends_with("/stack-parent:2"));
}

#[test]
fn faults_hit_cloudformation_too() {
    let world = world();
    let case = world.stack("stack-faults");
    let proxy = world.rehearsal.proxy();
    let when = || When::next("cloudformation", "DescribeStacks");
    let ask = || call(&world, "DescribeStacks", &[("StackName", "stack-faults")]);
    let what = What::Throttle;
    proxy.inject(Fault { when: when(), what });
    assert_eq!(refusal(ask()).code, "Throttling");
    let what = What::error(400, "ValidationError", "not <now>");
    proxy.inject(Fault { when: when(), what });
    assert_eq!(refusal(ask()).message, "not <now>");
    let what = What::DropAnswer;
    proxy.inject(Fault { when: when(), what });
    assert!(ask().is_err());
    assert!(ask().unwrap().contains(&case.stack.id));
    assert_eq!(world.count("cloudformation", "DescribeStacks"), 4);
}

#[test]
fn iam_knows_a_change_set_by_its_name_and_by_its_arn() {
    let world = world();
    let case = world.stack("stack-iam");
    let account = &world.suite.other;
    let root = format!("arn:aws:iam::{}:root", account.id());
    let stacks = "arn:aws:cloudformation:*:*:stack/stack-iam/*";
    let policy = |statement: Value| json!({"Version": "2012-10-17", "Statement": statement});
    let trust = policy(json!({
        "Effect": "Allow", "Principal": {"AWS": root}, "Action": "sts:AssumeRole",
    }));
    let ours = json!({"StringLike": {"cloudformation:ChangeSetName": "redbutton-*"}});
    let may = policy(json!([
        {"Effect": "Allow", "Action": "cloudformation:CreateChangeSet", "Resource": stacks, "Condition": ours},
        {"Effect": "Allow", "Action": "cloudformation:DescribeChangeSet", "Resource": stacks},
    ]));
    let role = ("RoleName", "stack-iam");
    let (trust, may) = (trust.to_string(), may.to_string());
    let made = [role, ("AssumeRolePolicyDocument", &trust)];
    let made = account.query("iam", "CreateRole", &made).unwrap();
    let inline = [role, ("PolicyName", "may"), ("PolicyDocument", &may)];
    account.query("iam", "PutRolePolicy", &inline).unwrap();
    let arn = xml_text(&made, "Arn").unwrap();
    let session = account.assume_role(&arn, "stack-iam", None, None).unwrap();
    let account = account.acting_as(session);
    let create = |name: &str| {
        let image = case.image();
        let params = [
            ("StackName", "stack-iam"),
            ("ChangeSetName", name),
            ("UsePreviousTemplate", "true"),
            ("Parameters.member.1.ParameterKey", "Name"),
            ("Parameters.member.1.UsePreviousValue", "true"),
            ("Parameters.member.2.ParameterKey", "Image"),
            ("Parameters.member.2.ParameterValue", &image),
        ];
        account.query("cloudformation", "CreateChangeSet", &params)
    };
    assert_eq!(refusal(create("theirs")).code, "AccessDenied");
    let id = xml_text(&create("redbutton-1").unwrap(), "Id").unwrap();
    let by_arn = [("ChangeSetName", id.as_str())];
    let described = account.query("cloudformation", "DescribeChangeSet", &by_arn);
    assert_eq!(
        xml_text(&described.unwrap(), "ExecutionStatus").unwrap(),
        "AVAILABLE"
    );
}
