//! Stacks that are updated by a release: the image, the calls that it takes, and what serves then.

use rehearsal::world;
use serde_json::{Value, json};

use super::case::{SERVICE, tagged};
use super::job::{ROLE, change_set_of, sent, target, target_with};
use super::script::{ChangeSet, Script, available, modified};
use crate::fixture::{self, failed, succeeded};

// rules: 3.6.2 3.6.11
#[test]
fn a_new_image_reaches_the_service_through_the_stack() {
    let world = fixture::world();
    let case = world.stack_from("stack-image", SERVICE, |spec| {
        tagged(spec).with("Token", "kept-secret")
    });
    let before = case.stack.parameters().unwrap();
    let job = world.stack_job(&case, &[target(&case)], &json!({}), &[]);
    let finished = world.run(job);
    let variables = succeeded(&finished);

    let serving = case.service().primary_task_definition().unwrap();
    assert!(serving.ends_with("/stack-image:2"), "{serving}");
    let summary = &variables["Summary"];
    assert!(
        summary.starts_with(
            "stack stack-image (ap-southeast-2, account 333333333333) is updated: service \
             stack-image serves stack-image:2 (1 task), after "
        ),
        "{summary}"
    );
    assert_eq!(variables["TaskDefinitionArns"], serving);
    let proof: Value = serde_json::from_str(&variables["Proof"]).unwrap();
    let proof = &proof["targets"][0];
    assert_eq!(proof["changeSet"], change_set_of(&finished));
    let served = &proof["services"][0];
    assert_eq!(served["taskDefinition"], serving);
    assert_eq!(served["images"][0]["image"], case.image());

    // The tag's digest, and nothing else.
    let mut expected = before;
    expected.insert("Image".to_owned(), case.image());
    assert_eq!(case.stack.parameters().unwrap(), expected);
    assert_eq!(case.stack.template().unwrap(), SERVICE);
    assert_eq!(case.stack.tags().unwrap()["team"], "web");
    assert_eq!(
        case.stack.change_sets().unwrap(),
        [change_set_of(&finished)]
    );
    // What is hidden is kept: it is what the container still gets.
    let definition = world::task_definition(&world.suite.other, &serving).unwrap();
    let token = &definition["taskDefinition"]["containerDefinitions"][0]["environment"][0];
    assert_eq!(token, &json!({"name": "TOKEN", "value": "kept-secret"}));
    let [asked] = &world.change_sets_asked_for()[..] else {
        panic!("one change set is enough");
    };
    assert_eq!(asked.request_parameter("RoleARN").unwrap(), ROLE);
    for (key, value) in sent(asked) {
        assert_eq!(value, (key == "Image").then(|| case.image()), "{key}");
    }
}

/// Two writes, as few reads as tell what is there, what would change, and what serves then. The
/// change set is looked at at once.
#[test]
fn a_release_of_a_stack_takes_two_writes_and_one_look() {
    let world = fixture::world();
    let case = world.stack("stack-budget");
    world.rehearsal.proxy().reset();
    let job = world.stack_job(&case, &[target(&case)], &json!({}), &[]);
    succeeded(&world.run(job));
    let calls = [
        "s3:GetObject",
        "sts:AssumeRole",
        "cloudformation:DescribeStacks",
        // It was changed just now: by an earlier delivery?
        "cloudformation:DescribeStackEvents",
        "ecr:DescribeImages",
        "cloudformation:CreateChangeSet",
        "cloudformation:DescribeChangeSet",
        // What the stack was before.
        "s3:PutObject",
        "cloudformation:ExecuteChangeSet",
        "cloudformation:DescribeStackEvents",
        // The services in the stack, and what their tasks run.
        "cloudformation:ListStackResources",
        "ecs:DescribeServices",
        "ecs:ListTasks",
        "ecs:DescribeTasks",
        // Whether what they run is what the stack was given.
        "cloudformation:DescribeStacks",
        "codepipeline:PutJobSuccessResult",
    ];
    assert_eq!(world.calls(), calls);
}

#[test]
fn a_change_set_that_takes_its_time_is_looked_at_again() {
    let world = fixture::world();
    let case = world.stack("stack-pending");
    let pending = |status| ChangeSet {
        status,
        execution: "UNAVAILABLE",
        ..available(Vec::new())
    };
    let changes = vec![
        modified(
            "TaskDefinition",
            "AWS::ECS::TaskDefinition",
            "True",
            "ContainerDefinitions",
        ),
        modified("Service", "AWS::ECS::Service", "False", "TaskDefinition"),
    ];
    let script = Script {
        change_sets: vec![
            pending("CREATE_PENDING"),
            pending("CREATE_IN_PROGRESS"),
            available(changes),
        ],
        ..Script::default()
    };
    script.play(world.rehearsal.proxy(), &case.stack);
    let job = world.stack_job(&case, &[target(&case)], &json!({}), &[]);
    succeeded(&world.run(job));
    assert_eq!(world.count("cloudformation", "DescribeChangeSet"), 3);
    assert_eq!(case.stack.parameters().unwrap()["Image"], case.image());
}

// rules: 3.6.5 3.6.17
#[test]
fn a_release_that_changes_nothing_succeeds_and_says_so() {
    let world = fixture::world();
    let case = world.stack("stack-again");
    let job = || world.stack_job(&case, &[target(&case)], &json!({}), &[]);
    let first = world.run(job());
    succeeded(&first);
    world.rehearsal.proxy().reset();
    let summary = &succeeded(&world.run(job()))["Summary"];
    assert!(
        summary.starts_with(
            "stack stack-again (ap-southeast-2, account 333333333333) has no changes: service \
             stack-again serves stack-again:2 (1 task), as before; nothing was changed"
        ),
        "{summary}"
    );
    assert_eq!(world.count("cloudformation", "ExecuteChangeSet"), 0);
    assert_eq!(case.stack.change_sets().unwrap(), [change_set_of(&first)]);
}

// rules: 3.6.9
#[test]
fn a_stack_is_made_only_when_asked_to() {
    let world = fixture::world();
    let case = world.stack("stack-model");
    let new = |more: Value| {
        let mut target = target_with(
            &case,
            &json!({
                "stack": "stack-made", "template": "Build::web.yaml",
                "parameters": {"Name": "stack-made"},
            }),
        );
        for (key, value) in more.as_object().unwrap() {
            target[key] = value.clone();
        }
        let template = ("web.yaml", SERVICE.as_bytes());
        world.stack_job(&case, &[target], &json!({}), &[template])
    };
    let (kind, message) = failed(&world.run(new(json!({}))));
    assert_eq!(kind, "ConfigurationError");
    assert!(
        message.contains(
            "there is no stack stack-made here; correct \"stack\", or write \"create\": true"
        ),
        "{message}"
    );
    assert_eq!(world.change_sets_asked_for().len(), 0);

    let summary = &succeeded(&world.run(new(json!({"create": true}))))["Summary"];
    assert!(
        summary.contains("is made: service stack-made serves stack-made:1 (1 task)"),
        "{summary}"
    );
    let made = world::stack(&world.suite.other, "stack-made").unwrap();
    assert_eq!(made.status().unwrap(), "CREATE_COMPLETE");
    assert_eq!(made.parameters().unwrap()["Image"], case.image());
}

#[test]
fn the_service_of_a_nested_stack_is_proven_too() {
    let world = fixture::world();
    let case = world.stack_with_nested("stack-nested");
    let job = world.stack_job(&case, &[target(&case)], &json!({}), &[]);
    let summary = &succeeded(&world.run(job))["Summary"];
    assert!(
        summary.contains("is updated: service stack-nested serves stack-nested:2 (1 task)"),
        "{summary}"
    );
    let inside = case.stack.nested("Nested").unwrap();
    assert_eq!(inside.parameters().unwrap()["Image"], case.image());
}
