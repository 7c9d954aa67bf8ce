//! What is played before the emulator's CloudFormation comes as it was written.

use rehearsal::{xml_text, xml_texts};

use super::hand::{call, change_set, execute, look, refusal};
use super::script::{
    ChangeSet, Event, Execution, STACK, Script, Standing, available, modified, nested, resource_is,
    stack_is,
};
use crate::fixture::world;

#[test]
fn change_sets_of_nested_stacks_are_played_page_by_page() {
    let world = world();
    let case = world.stack_with_nested("stack-played");
    let database = modified(
        "Database",
        "AWS::RDS::DBInstance",
        "True",
        "DBInstanceIdentifier",
    );
    let inside = ChangeSet {
        page: Some(1),
        ..available(vec![
            database,
            modified("Service", "AWS::ECS::Service", "False", "TaskDefinition"),
        ])
    };
    let pending = ChangeSet {
        status: "CREATE_PENDING",
        execution: "UNAVAILABLE",
        ..available(Vec::new())
    };
    let script = Script {
        change_sets: vec![pending, available(vec![nested("Nested", inside)])],
        ..Script::default()
    };
    script.play(world.rehearsal.proxy(), &case.stack);
    change_set(&world, &case, "first", &[("Child", ""), ("Identifier", "")]);
    let stack = ("StackName", case.stack.name.as_str());
    let first = [stack, ("ChangeSetName", "first")];
    let described = || call(&world, "DescribeChangeSet", &first).unwrap();
    assert_eq!(xml_text(&described(), "Status").unwrap(), "CREATE_PENDING");
    let root = described();
    let ids = xml_texts(&root, "ChangeSetId");
    let [_, child] = ids.as_slice() else {
        panic!("no nested change set in: {root}");
    };
    let child = ("ChangeSetName", child.as_str());
    let page = call(&world, "DescribeChangeSet", &[child]).unwrap();
    assert!(page.contains("<Replacement>True</Replacement>"), "{page}");
    let next = xml_text(&page, "NextToken").unwrap();
    let page = call(&world, "DescribeChangeSet", &[child, ("NextToken", &next)]).unwrap();
    assert_eq!(xml_text(&page, "LogicalResourceId").unwrap(), "Service");
    assert_eq!(xml_text(&page, "NextToken"), None);
}

#[test]
fn states_in_between_are_played_look_by_look() {
    let world = world();
    let case = world.stack_with_nested("stack-looks");
    let child = case.stack.nested("Nested").unwrap();
    let failed = |why| resource_is("Service", "AWS::ECS::Service", "UPDATE_FAILED", why);
    let elsewhere = Event {
        token: Some("console"),
        ..stack_is("UPDATE_ROLLBACK_FAILED", "")
    };
    let script = Script {
        standing: vec![Standing {
            status: "UPDATE_COMPLETE",
            reason: "",
            role: "arn:aws:iam::333333333333:role/sticky",
        }],
        execution: Execution::Played,
        forward: vec![
            vec![stack_is("UPDATE_IN_PROGRESS", "User Initiated")],
            vec![resource_is("Nested", STACK, "UPDATE_IN_PROGRESS", "")],
        ],
        back: vec![
            vec![stack_is("UPDATE_ROLLBACK_IN_PROGRESS", "")],
            vec![elsewhere],
        ],
        nested: vec![("Nested", vec![failed("out of <capacity>")])],
        ..Script::default()
    };
    script.play(world.rehearsal.proxy(), &case.stack);
    let stack = ("StackName", case.stack.name.as_str());
    let stands = || call(&world, "DescribeStacks", &[stack]).unwrap();
    let before = stands();
    assert!(before.contains("<RoleARN>arn:aws:iam::333333333333:role/sticky</RoleARN>"));
    assert_eq!(xml_text(&before, "StackStatus").unwrap(), "UPDATE_COMPLETE");
    let earlier = look(&world, &case.stack.name);

    execute(&world, &case, "first", "release-0").unwrap();
    let newest = || look(&world, &case.stack.id).swap_remove(0);
    let row = |logical: &str, status: &str, token: &str| {
        (logical.to_owned(), status.to_owned(), token.to_owned())
    };
    assert_eq!(
        newest(),
        row("stack-looks", "UPDATE_IN_PROGRESS", "release-0")
    );
    assert_eq!(newest(), row("Nested", "UPDATE_IN_PROGRESS", "release-0"));
    assert_eq!(
        xml_text(&stands(), "StackStatus").unwrap(),
        "UPDATE_IN_PROGRESS"
    );
    let inside = look(&world, &child.id);
    assert_eq!(inside, [row("Service", "UPDATE_FAILED", "release-0")]);

    let token = ("ClientRequestToken", "release-0-back");
    call(&world, "CancelUpdateStack", &[stack, token]).unwrap();
    let rolls_back = row(
        "stack-looks",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "release-0-back",
    );
    assert_eq!(newest(), rolls_back);
    assert_eq!(
        newest(),
        row("stack-looks", "UPDATE_ROLLBACK_FAILED", "console")
    );
    let told = look(&world, &case.stack.id);
    assert_eq!(told.len(), earlier.len() + 4);
    assert!(told.ends_with(&earlier));
    assert_eq!(
        xml_text(&stands(), "StackStatus").unwrap(),
        "UPDATE_ROLLBACK_FAILED"
    );
    assert_eq!(case.stack.status().unwrap(), "CREATE_COMPLETE");
}

#[test]
fn an_execution_is_refused_in_cloudformations_words() {
    let world = world();
    let case = world.stack("stack-refused");
    let words = "ChangeSet [first] is in OBSOLETE status";
    let script = Script {
        change_sets: vec![ChangeSet {
            execution: "OBSOLETE",
            ..available(Vec::new())
        }],
        execution: Execution::Refused("InvalidChangeSetStatus", words),
        ..Script::default()
    };
    script.play(world.rehearsal.proxy(), &case.stack);
    change_set(&world, &case, "first", &[]);
    let first = [("StackName", "stack-refused"), ("ChangeSetName", "first")];
    let described = call(&world, "DescribeChangeSet", &first).unwrap();
    assert_eq!(xml_text(&described, "ExecutionStatus").unwrap(), "OBSOLETE");
    let refused = refusal(execute(&world, &case, "first", "release-0"));
    assert_eq!(refused.message, words);
}
