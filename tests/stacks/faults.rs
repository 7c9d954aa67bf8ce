//! For each call of a stack's rollout, as the proxy saw it, forward and back: the run in which that
//! call goes unanswered, is throttled, or takes the function down ends in the same state as the
//! undisturbed run.

use std::sync::Arc;

use rehearsal::codepipeline::{Finished, JobSpec};
use rehearsal::proxy::{Call, Fault, What, When};
use rehearsal::{world, xml_texts};
use serde_json::json;

use super::case::{SERVICE, StackCase, long};
use super::hand::call;
use super::job::target_with;
use crate::faults::each;
use crate::fixture::{PATIENCE, World, failed, succeeded, world};

/// A rollout that makes every kind of call: its template goes through a bucket, and other parameters
/// stay.
fn job(world: &World, case: &StackCase) -> JobSpec {
    let bucket = world::template_bucket(&world.suite.other).unwrap();
    let more = json!({
        "template": "Build::long.yaml", "templateBucket": bucket, "parameters": {"Cpu": "512"},
    });
    // Bytes of its own: what another case put into the bucket is not this one's.
    let template = format!("{}# {}\n", long(SERVICE), case.stack.name);
    let files = [("long.yaml", template.as_bytes())];
    world.stack_job(case, &[target_with(case, &more)], &json!({}), &files)
}

/// Runs the case's rollout, with one of its calls disturbed.
fn run(world: &World, case: &StackCase, disturbed: Option<(When, What)>, fails: bool) -> Finished {
    let (job, proxy) = (job(world, case), world.rehearsal.proxy());
    proxy.reset();
    let what = disturbed.as_ref().map(|(_, what)| format!("{what:?}"));
    if let Some((when, what)) = disturbed {
        proxy.inject(Fault { when, what });
    }
    // Armed after it: the disturbance hits a call that both are meant for.
    if fails {
        second_revision_fails(world);
    }
    let finished = world.run(job);
    world.rehearsal.settle(PATIENCE).unwrap();
    proxy.clear_faults();
    let name = &case.stack.name;
    let calls = proxy.calls();
    let hit = |call: &&Call| what.is_some() && call.fault == what;
    assert_eq!(
        calls.iter().filter(hit).count(),
        usize::from(what.is_some()),
        "{name}: {calls:#?}"
    );
    // However many rounds a slow machine made of it: one end, and CodePipeline took every answer.
    let ends = finished.accepted().filter(|answer| answer.ends()).count();
    assert_eq!(ends, 1, "{name}: {:#?}", finished.answers);
    finished
}

/// ECS calls the deployment of the stack's second task definition failed: it went wrong after
/// CloudFormation was done.
pub(super) fn second_revision_fails(world: &World) {
    let fails = What::rewrite_json(|_, answer| {
        for deployment in answer["services"][0]["deployments"].as_array_mut().unwrap() {
            let definition = deployment["taskDefinition"].as_str().unwrap();
            if definition.ends_with(":2") {
                deployment["rolloutState"] = json!("FAILED");
            }
        }
    });
    let looks = |call: &Call| call.operation == "DescribeServices";
    world.rehearsal.proxy().inject_for_good(Fault {
        when: When::Matches(Arc::new(looks)),
        what: fails,
    });
}

/// What the stack and its service have to be in the end: this revision serves, the only one that is
/// left, and these operations of redbutton came to their end, in this order.
fn ended(world: &World, case: &StackCase, revision: usize, operations: &[&str]) {
    let (name, calls) = (&case.stack.name, world.rehearsal.proxy().calls());
    let events = case.stack.events().unwrap();
    let ends = events
        .iter()
        .filter(|event| event.physical == case.stack.id && !event.status.ends_with("_IN_PROGRESS"));
    let ends: Vec<(&str, &str)> = ends
        .skip(1) // It was created.
        .map(|event| {
            let (_, operation) = event.token.split_at(event.token.len().min(36));
            (operation, event.status.as_str())
        })
        .collect();
    let expected: Vec<_> = operations
        .iter()
        .map(|one| (*one, "UPDATE_COMPLETE"))
        .collect();
    assert_eq!(ends, expected, "{name}: {calls:#?}\n{events:#?}");

    let service = case.service();
    let deployments = service.deployments().unwrap();
    let shown = deployments.iter().map(|one| {
        let text = |field: &str| one[field].as_str().unwrap().to_owned();
        (text("taskDefinition"), text("rolloutState"))
    });
    let shown: Vec<_> = shown.collect();
    let family = service.first_task_definition.rsplit_once(':').unwrap().0;
    let ours = (format!("{family}:{revision}"), "COMPLETED".to_owned());
    assert_eq!(shown, [ours], "{name}: {calls:#?}");
    // CloudFormation deregisters what it replaced.
    assert_eq!(service.revisions().unwrap().len(), 1, "{name}");

    let sets = [("StackName", name.as_str())];
    let sets = call(world, "ListChangeSets", &sets).unwrap();
    let left = xml_texts(&sets, "ExecutionStatus");
    assert!(
        left.iter().all(|one| one == "EXECUTE_COMPLETE"),
        "{name}: {sets}"
    );
}

fn forward(world: &World, name: &str, disturbed: Option<(When, What)>) {
    let case = world.stack(name);
    let finished = run(world, &case, disturbed, false);
    succeeded(&finished);
    let parameters = case.stack.parameters().unwrap();
    let brought = (parameters["Image"].as_str(), parameters["Cpu"].as_str());
    assert_eq!(brought, (case.image().as_str(), "512"), "{name}");
    ended(world, &case, 2, &["-0"]);
}

fn back(world: &World, name: &str, disturbed: Option<(When, What)>) {
    let case = world.stack(name);
    let before = case.stack.parameters().unwrap();
    let finished = run(world, &case, disturbed, true);
    let (kind, message) = failed(&finished);
    assert_eq!(kind, "JobFailed", "{name}: {message}");
    assert_eq!(
        case.stack.parameters().unwrap(),
        before,
        "{name}: {message}"
    );
    assert_eq!(case.stack.template().unwrap(), SERVICE, "{name}");
    ended(world, &case, 3, &["-0", "-0-back"]);
}

/// Disturbs each call that is `wanted`: by what it is, and how many were made before it.
fn each_call(
    kind: &str,
    way: fn(&World, &str, Option<(When, What)>),
    what: &dyn Fn() -> What,
    wanted: impl Fn(&str, &[String]) -> bool,
) {
    let world = world();
    way(&world, &format!("{kind}-reference"), None);
    let calls = world.calls();
    // What the test itself asks in the end is no call of the rollout.
    let calls = calls
        .strip_suffix(&["cloudformation:ListChangeSets".to_owned()])
        .unwrap();
    let places: Vec<usize> = (0..calls.len())
        .filter(|n| wanted(&calls[*n], &calls[..*n]))
        .collect();
    assert!(places.len() >= 8, "{calls:#?}");
    let whens = each(calls);
    for n in places {
        way(
            &world,
            &format!("{kind}-{n}"),
            Some((whens[n].clone(), what())),
        );
    }
}

fn every_call(kind: &str, what: &dyn Fn() -> What) {
    each_call(kind, forward, what, |_, _| true);
}

// rules: 3.6.4
#[test]
fn each_call_of_a_stack_once_throttled() {
    every_call("stack-throttle", &|| What::Throttle);
}

// rules: 3.6.4
#[test]
fn each_call_of_a_stack_once_carried_out_without_an_answer() {
    every_call("stack-drop", &|| What::DropAnswer);
}

/// Waiting takes long; that other calls may be waited for in vain shows with services.
// rules: 3.6.4
#[test]
fn each_call_to_cloudformation_once_timing_out() {
    let of_stacks = |call: &str, _: &[String]| call.starts_with("cloudformation:");
    each_call("stack-hang", forward, &|| What::NeverAnswer, of_stacks);
}

// rules: 3.2.1 3.3.1 3.6.4
#[test]
fn the_function_dies_before_each_call_of_a_stack() {
    every_call("stack-kill-before", &|| What::KillBefore);
}

// rules: 3.2.1 3.3.1 3.6.4
#[test]
fn the_function_dies_after_each_call_of_a_stack() {
    every_call("stack-kill-after", &|| What::KillAfter);
}

/// What comes once the service is looked at for the first time, and is found to have failed.
fn way_back(_: &str, before: &[String]) -> bool {
    before.iter().any(|call| call == "ecs:DescribeServices")
}

// rules: 3.6.4 3.6.20
#[test]
fn each_call_of_a_stacks_way_back_once_throttled() {
    each_call("stack-back-throttle", back, &|| What::Throttle, way_back);
}

// rules: 3.6.4 3.6.20
#[test]
fn each_call_of_a_stacks_way_back_once_without_an_answer() {
    each_call("stack-back-drop", back, &|| What::DropAnswer, way_back);
}

// rules: 3.2.1 3.3.1 3.6.4 3.6.20
#[test]
fn the_function_dies_after_each_call_of_a_stacks_way_back() {
    each_call("stack-back-kill", back, &|| What::KillAfter, way_back);
}
