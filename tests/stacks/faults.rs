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

/// Runs a rollout with one of its calls disturbed. `plays` is armed after the disturbance, which so
/// hits a call that both are meant for; `meanwhile` happens once the job has begun.
fn run(
    world: &World,
    job: JobSpec,
    disturbed: Option<(When, What)>,
    plays: fn(&World),
    meanwhile: &dyn Fn(),
) -> Finished {
    let proxy = world.rehearsal.proxy();
    proxy.reset();
    let what = disturbed.as_ref().map(|(_, what)| format!("{what:?}"));
    if let Some((when, what)) = disturbed {
        proxy.inject(Fault { when, what });
    }
    plays(world);
    let job = world.rehearsal.pipeline().start_job(job).unwrap();
    meanwhile();
    let finished = world.end_of(&job);
    world.rehearsal.settle(PATIENCE).unwrap();
    proxy.clear_faults();
    let calls = proxy.calls();
    let hit = |call: &&Call| what.is_some() && call.fault == what;
    let hits = calls.iter().filter(hit).count();
    assert_eq!(hits, usize::from(what.is_some()), "{what:?}: {calls:#?}");
    // However many rounds a slow machine made of it: one end, and CodePipeline took every answer.
    let ends = finished.accepted().filter(|answer| answer.ends()).count();
    assert_eq!(ends, 1, "{:#?}", finished.answers);
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
/// left, and these operations of redbutton came to these ends, in this order.
fn ended(world: &World, case: &StackCase, revision: usize, operations: &[(&str, &str)]) {
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
    assert_eq!(ends, operations, "{name}: {calls:#?}\n{events:#?}");

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
    let used = |status: &String| ["EXECUTE_COMPLETE", "EXECUTE_FAILED"].contains(&status.as_str());
    assert!(left.iter().all(used), "{name}: {sets}");
}

fn forward(world: &World, name: &str, disturbed: Option<(When, What)>) {
    let case = world.stack(name);
    let finished = run(world, job(world, &case), disturbed, |_| {}, &|| {});
    succeeded(&finished);
    let parameters = case.stack.parameters().unwrap();
    let brought = (parameters["Image"].as_str(), parameters["Cpu"].as_str());
    assert_eq!(brought, (case.image().as_str(), "512"), "{name}");
    ended(world, &case, 2, &[("-0", "UPDATE_COMPLETE")]);
}

fn back(world: &World, name: &str, disturbed: Option<(When, What)>) {
    let case = world.stack(name);
    let before = case.stack.parameters().unwrap();
    let job = job(world, &case);
    let finished = run(world, job, disturbed, second_revision_fails, &|| {});
    let (kind, message) = failed(&finished);
    assert_eq!(kind, "JobFailed", "{name}: {message}");
    assert_eq!(
        case.stack.parameters().unwrap(),
        before,
        "{name}: {message}"
    );
    assert_eq!(case.stack.template().unwrap(), SERVICE, "{name}");
    let operations = ["-0", "-0-back"].map(|one| (one, "UPDATE_COMPLETE"));
    ended(world, &case, 3, &operations);
}

/// The stack waits in the middle of its update when a service beside it fails.
fn given_up(world: &World, name: &str, when: When, what: What) {
    let case = world.stack(name);
    // Without a breaker: ECS is not waited for to go back by itself.
    let beside = world.case_with(&format!("beside-{name}"), |spec| spec.breaker = false);
    let before = case.stack.parameters().unwrap();
    let held = json!({"parameters": {"Hold": "600"}, "allowReplacement": ["Handle", "Signal"]});
    let targets = [
        target_with(&case, &held),
        json!({"service": beside.service.name, "cluster": "test"}),
    ];
    let image = |name: &str, repository: &str| json!({"name": name, "imageUri": format!("{repository}:v2")});
    let images = json!([
        image(name, &case.repository),
        image(&beside.service.name, &beside.repository),
    ]);
    let files = [("imagedefinitions.json", images.to_string())];
    let files = files
        .each_ref()
        .map(|(name, text)| (*name, text.as_bytes()));
    let job = world.stack_job(&case, &targets, &json!({}), &files);
    let finished = run(world, job, Some((when, what)), |_| {}, &|| {
        case.await_hold();
        second_revision_fails(world);
        let taken = |call: &Call| call.operation == "CancelUpdateStack" && call.status == Some(200);
        let proxy = world.rehearsal.proxy();
        proxy
            .wait_until(PATIENCE, |calls| calls.iter().any(taken))
            .unwrap();
        // The emulator looks for a cancellation before it turns to the next resource.
        case.stack.signal("Signal", "SUCCESS").unwrap();
    });
    let (kind, message) = failed(&finished);
    assert_eq!(kind, "JobFailed", "{name}: {message}");
    assert_eq!(
        case.stack.parameters().unwrap(),
        before,
        "{name}: {message}"
    );
    ended(
        world,
        &case,
        1,
        &[("-0-cancel", "UPDATE_ROLLBACK_COMPLETE")],
    );
    let serving = beside.service.primary_task_definition().unwrap();
    assert_eq!(serving, beside.service.first_task_definition, "{name}");
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

// rules: 3.2.1 3.3.1 3.6.4 3.6.19
#[test]
fn giving_an_update_up_is_disturbed_in_every_way() {
    let world = world();
    let whats = [
        ("throttle", What::Throttle),
        ("drop", What::DropAnswer),
        ("kill", What::KillAfter),
    ];
    for (kind, what) in whats {
        let when = When::next("cloudformation", "CancelUpdateStack");
        given_up(&world, &format!("stack-given-up-{kind}"), when, what);
    }
}
