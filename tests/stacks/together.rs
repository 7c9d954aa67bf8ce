//! Stacks beside services and tasks: all or none, parameters, template and tags included (CONTRACTS
//! 3.6.20).

use rehearsal::codepipeline::JobSpec;
use rehearsal::world;
use serde_json::{Value, json};

use super::case::{SERVICE, StackCase, tagged};
use super::job::target_with;
use super::services::{Failing, NO_IMAGE, Says, count, tasks_end};
use crate::fixture::{self, Case, World, failed, succeeded};

/// What a release can change of a stack.
#[derive(Debug, PartialEq)]
struct Shown {
    parameters: Vec<(String, String)>,
    template: String,
    tags: Vec<(String, String)>,
    /// Logical ids.
    resources: Vec<String>,
}

fn shown(case: &StackCase) -> Shown {
    Shown {
        parameters: case.stack.parameters().unwrap().into_iter().collect(),
        template: case.stack.template().unwrap(),
        tags: case.stack.tags().unwrap().into_iter().collect(),
        resources: case.stack.resources().unwrap().into_keys().collect(),
    }
}

/// A job for a stack, all of which it changes, and a service. `more` is for either target.
pub(super) fn job(
    world: &World,
    case: &StackCase,
    service: &Case,
    more: &Value,
    extra: &Value,
) -> JobSpec {
    let stack = target_with(
        case,
        &json!({
            "template": "Build::service.yaml", "parameters": {"Cpu": "512"},
            "tags": {"team": "api", "release": "two"},
        }),
    );
    let mut targets = [
        stack,
        json!({"service": service.service.name, "cluster": "test"}),
    ];
    for (target, more) in targets.iter_mut().zip(more.as_array().unwrap()) {
        for (key, value) in more.as_object().unwrap() {
            target[key] = value.clone();
        }
        target
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
    }
    let images = json!([
        {"name": case.stack.name, "imageUri": format!("{}:v2", case.repository)},
        {"name": service.service.name, "imageUri": format!("{}:v2", service.repository)},
    ]);
    // With a resource and a parameter that the stack did not have.
    let template = SERVICE
        .replace(
            "Parameters:",
            "Parameters:\n  Later: {Type: String, Default: of the release}",
        )
        .replace("Resources:", "Resources:\n  Added: {Type: AWS::SNS::Topic}");
    let images = images.to_string();
    let files = [
        ("imagedefinitions.json", images.as_bytes()),
        ("service.yaml", template.as_bytes()),
    ];
    world.stack_job(case, &targets, extra, &files)
}

/// The service's new tasks do not start, until it was brought back.
pub(super) fn fails(world: &World, case: &Case) {
    let failing = Failing {
        name: &case.service.name,
        was: &case.service.first_task_definition,
    };
    failing.plays(world, Says::Struggling, |calls| {
        count(calls, "UpdateService") == 1
    });
}

/// The circuit breaker of the stack's service goes back after the update, until redbutton does.
fn fails_inside(world: &World, case: &StackCase, before: &str) {
    let failing = Failing {
        name: &case.stack.name,
        was: before,
    };
    failing.plays(world, Says::WentBack, |calls| {
        count(calls, "ExecuteChangeSet") == 1
    });
}

pub(super) fn says(message: &str, all: &[&str]) {
    for words in all {
        assert!(message.contains(words), "no {words:?} in: {message}");
    }
}

// rules: 3.6.13 3.6.20
#[test]
fn a_service_that_fails_brings_the_stack_back_whole() {
    let world = fixture::world();
    let case = world.stack_from("stack-with-service", SERVICE, |spec| {
        tagged(spec).with("Token", "kept-secret")
    });
    let service = world.case_with("beside-stack", |spec| spec.breaker = false);
    let before = shown(&case);
    world.rehearsal.proxy().reset();
    fails(&world, &service);
    let spec = job(&world, &case, &service, &json!([]), &json!({}));
    let (kind, message) = failed(&world.run(spec));
    assert_eq!(kind, "JobFailed");
    says(
        &message,
        &[
            "service beside-stack (cluster test, ap-southeast-2, account 333333333333) was not \
             released",
            NO_IMAGE,
            "- stack-with-service was last changed at 20",
            ", was given redbutton-",
            "and is now UPDATE_COMPLETE, template and parameters as before; service stack-with-service serves stack-with-service:3 (1 \
             of 1 tasks run)",
            "- beside-stack was beside-stack:1, became beside-stack:2",
            "and is now beside-stack:1 (1 of 1 tasks run)",
        ],
    );
    assert_eq!(shown(&case), before);
    assert_eq!(world.count("cloudformation", "ExecuteChangeSet"), 2);
    let asked = world.change_sets_asked_for();
    assert_eq!(asked[1].request_parameter("TemplateBody").unwrap(), SERVICE);
    assert_eq!(
        service.service.primary_task_definition().unwrap(),
        service.service.first_task_definition
    );
    // The one that was replaced is deregistered: the same content is another revision.
    let serving = case.service().primary_task_definition().unwrap();
    assert!(serving.ends_with("/stack-with-service:3"), "{serving}");
    let definition = world::task_definition(&world.suite.other, &serving).unwrap();
    let token = &definition["taskDefinition"]["containerDefinitions"][0]["environment"][0];
    assert_eq!(token["value"], "kept-secret");
}

// rules: 3.6.10 3.6.11
#[test]
fn a_service_of_a_stack_that_goes_back_later_brings_all_back() {
    let world = fixture::world();
    let case = world.stack("stack-inside");
    let first = case.service().first_task_definition;
    let service = world.case("beside-inside");
    let before = shown(&case);
    world.rehearsal.proxy().reset();
    fails_inside(&world, &case, &first);
    let spec = job(&world, &case, &service, &json!([]), &json!({}));
    let (kind, message) = failed(&world.run(spec));
    assert_eq!(kind, "JobFailed");
    says(
        &message,
        &[
            "stack stack-inside (ap-southeast-2, account 333333333333) was not released",
            "circuit breaker",
            "and is now UPDATE_COMPLETE, template and parameters as before; service stack-inside serves stack-inside:3 (1 of 1 tasks",
            "- beside-inside was beside-inside:1, became beside-inside:2",
            "and is now beside-inside:1 (1 of 1 tasks run)",
        ],
    );
    assert_eq!(shown(&case), before);
    assert_eq!(
        service.service.primary_task_definition().unwrap(),
        service.service.first_task_definition
    );
}

#[test]
fn on_failure_stop_leaves_a_stack_as_it_became() {
    let world = fixture::world();
    let case = world.stack("stack-stays");
    let first = case.service().first_task_definition;
    let service = world.case("beside-stays");
    world.rehearsal.proxy().reset();
    fails_inside(&world, &case, &first);
    let stop = json!({"onFailure": "stop"});
    let (_, message) = failed(&world.run(job(&world, &case, &service, &json!([]), &stop)));
    says(
        &message,
        &[
            "and is now UPDATE_COMPLETE; onFailure is \"stop\"",
            "onFailure is \"stop\", so redbutton did not go back",
        ],
    );
    assert_eq!(world.count("cloudformation", "CreateChangeSet"), 1);
    assert_eq!(case.stack.parameters().unwrap()["Cpu"], "512");
    assert!(case.stack.resources().unwrap().contains_key("Added"));
}

// rules: 3.6.17
#[test]
fn a_stack_that_waits_for_a_service_that_fails_is_not_touched() {
    let world = fixture::world();
    let case = world.stack_from("stack-waits", SERVICE, tagged);
    let service = world.case_with("before-stack", |spec| spec.breaker = false);
    let (before, events) = (shown(&case), case.stack.events().unwrap().len());
    world.rehearsal.proxy().reset();
    fails(&world, &service);
    let order = json!([{"after": ["before-stack"]}]);
    let (_, message) = failed(&world.run(job(&world, &case, &service, &order, &json!({}))));
    says(
        &message,
        &[
            NO_IMAGE,
            "- stack-waits was not changed, and is as before, CREATE_COMPLETE",
            "and is now before-stack:1 (1 of 1 tasks run)",
        ],
    );
    assert_eq!(world.count("cloudformation", "CreateChangeSet"), 1);
    assert_eq!(world.count("cloudformation", "ExecuteChangeSet"), 0);
    assert_eq!(shown(&case), before);
    assert_eq!(case.stack.events().unwrap().len(), events);
    assert_eq!(case.stack.change_sets().unwrap(), [""; 0]);
}

/// The migration runs with the release's image, like the stack's own service.
#[test]
fn a_migration_runs_before_the_stack_is_updated() {
    let world = fixture::world();
    let case = world.stack("stack-migrated");
    let migration = json!({
        "task": "migrate", "like": "stack-migrated", "cluster": "test", "command": ["migrate"],
    });
    let targets = [
        target_with(&case, &json!({"after": ["migrate"]})),
        migration,
    ];
    let job = || world.stack_job(&case, &targets, &json!({}), &[]);
    let events = case.stack.events().unwrap().len();
    world.rehearsal.proxy().reset();
    tasks_end(&world, 7);
    let (kind, message) = failed(&world.run(job()));
    assert_eq!(kind, "JobFailed");
    says(
        &message,
        &[
            "task migrate (cluster test, ap-southeast-2, account 333333333333) was not released",
            "exit code 7",
            "- stack-migrated was not changed, and is as before, CREATE_COMPLETE",
        ],
    );
    assert_eq!(world.count("cloudformation", "ExecuteChangeSet"), 0);
    assert_eq!(case.stack.events().unwrap().len(), events);
    assert_eq!(case.stack.change_sets().unwrap(), [""; 0]);

    world.rehearsal.proxy().clear_faults();
    world.rehearsal.proxy().reset();
    tasks_end(&world, 0);
    let summary = &succeeded(&world.run(job()))["Summary"];
    assert!(summary.starts_with("2 targets released in"), "{summary}");
    let calls = world.calls();
    let place = |operation: &str| calls.iter().position(|call| call == operation).unwrap();
    // The change set is made before anything begins, and executed when the task has ended.
    let order = [
        "cloudformation:CreateChangeSet",
        "ecs:RunTask",
        "cloudformation:ExecuteChangeSet",
    ];
    assert!(order.map(place).is_sorted(), "{calls:#?}");
    assert_eq!(case.stack.parameters().unwrap()["Image"], case.image());
}
