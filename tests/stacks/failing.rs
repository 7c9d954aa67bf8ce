//! Updates of stacks that fail or are given up while CloudFormation is at work (CONTRACTS 3.6.15,
//! 3.6.19).

use rehearsal::codepipeline::JobSpec;
use rehearsal::proxy::{Call, Fault, What, When};
use rehearsal::world::Service;
use serde_json::json;

use super::case::StackCase;
use super::job::{change_set_of, target_with};
use super::script::waits_for;
use super::services::{Failing, NO_IMAGE, Says, count};
use crate::fixture::{self, PATIENCE, World, failed};

/// A job whose update is held between task definition and service.
fn held(world: &World, case: &StackCase) -> JobSpec {
    // What only waits may be replaced.
    let target = target_with(
        case,
        &json!({"parameters": {"Hold": "600"}, "allowReplacement": ["Handle", "Signal"]}),
    );
    world.stack_job(case, &[target], &json!({}), &[])
}

fn is_as_it_was(case: &StackCase, before: &str) {
    assert_eq!(case.stack.status().unwrap(), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(case.stack.parameters().unwrap()["Hold"], "0");
    assert_ne!(case.stack.parameters().unwrap()["Image"], case.image());
    let serving = case.service().primary_task_definition().unwrap();
    assert_eq!(serving, before);
}

/// CloudFormation waits for the service, whose new task never starts, until the update is called off.
fn never_starts(world: &World, case: &StackCase, service: &Service) {
    let failing = Failing {
        name: &service.name,
        was: &service.first_task_definition,
    };
    failing.plays(world, Says::Struggling, |calls| {
        count(calls, "ExecuteChangeSet") == 1 && count(calls, "CancelUpdateStack") == 0
    });
    waits_for(world.rehearsal.proxy(), &case.stack, service);
}

// rules: 3.6.10 3.6.15
#[test]
fn an_update_that_fails_is_told_by_what_failed_first() {
    let world = fixture::world();
    let case = world.stack("stack-fails");
    let before = case.service().first_task_definition;
    world.rehearsal.proxy().reset();
    let job = world
        .rehearsal
        .pipeline()
        .start_job(held(&world, &case))
        .unwrap();
    case.await_hold();
    case.stack.signal("Signal", "FAILURE").unwrap();
    let (kind, message) = failed(&world.end_of(&job));
    assert_eq!(kind, "JobFailed");
    assert!(
        message.starts_with(
            "stack stack-fails (ap-southeast-2, account 333333333333) was not released: Signal \
             (AWS::CloudFormation::WaitCondition) UPDATE_FAILED: WaitCondition received failed \
             message"
        ),
        "{message}"
    );
    let now = "and is now UPDATE_ROLLBACK_COMPLETE, template and parameters as before; service stack-fails serves stack-fails:1 (1 of \
               1 tasks run)";
    assert!(message.contains(now), "{message}");
    // CloudFormation has taken it back: nothing is left to do.
    assert_eq!(world.count("cloudformation", "CreateChangeSet"), 1);
    assert_eq!(world.count("cloudformation", "CancelUpdateStack"), 0);
    is_as_it_was(&case, &before);
}

// rules: 3.6.19
#[test]
fn what_waiting_cannot_mend_calls_the_update_off() {
    let world = fixture::world();
    let case = world.stack("stack-called-off");
    let service = case.service();
    let before = service.first_task_definition.clone();
    let proxy = world.rehearsal.proxy();
    proxy.reset();
    never_starts(&world, &case, &service);
    let job = world
        .rehearsal
        .pipeline()
        .start_job(held(&world, &case))
        .unwrap();
    // The emulator looks for a cancellation before it turns to the next resource: it has to know of it
    // by then.
    let cancelled = |call: &Call| call.operation == "CancelUpdateStack" && call.status.is_some();
    let known = |calls: &[Call]| calls.iter().any(cancelled);
    proxy.wait_until(PATIENCE, known).unwrap();
    case.stack.signal("Signal", "SUCCESS").unwrap();
    let finished = world.end_of(&job);
    let (kind, message) = failed(&finished);
    assert_eq!(kind, "JobFailed");
    let because = "stack stack-called-off (ap-southeast-2, account 333333333333) was not released: \
                   service stack-called-off: waiting cannot mend this: ";
    assert!(message.starts_with(because), "{message}");
    assert!(message.contains(NO_IMAGE), "{message}");
    let now = "and is now UPDATE_ROLLBACK_COMPLETE, template and parameters as before; service stack-called-off serves \
               stack-called-off:1 (1 of 1 tasks run)";
    assert!(message.contains(now), "{message}");
    assert_eq!(world.count("cloudformation", "CreateChangeSet"), 1);
    let newest = case.stack.events().unwrap().pop().unwrap();
    assert!(newest.token.ends_with("-0-cancel"), "{}", newest.token);
    let executed = [change_set_of(&finished)];
    assert_eq!(case.stack.change_sets().unwrap(), executed);
    is_as_it_was(&case, &before);
}

// rules: 3.6.19 3.6.20
#[test]
fn an_update_that_ends_before_it_is_called_off_is_brought_back() {
    let world = fixture::world();
    let case = world.stack("stack-too-late");
    let proxy = world.rehearsal.proxy();
    proxy.reset();
    never_starts(&world, &case, &case.service());
    let when = When::next("cloudformation", "CancelUpdateStack");
    let what = What::error(
        400,
        "ValidationError",
        "CancelUpdateStack cannot be called from current stack status",
    );
    proxy.inject(Fault { when, what });
    let job = world
        .rehearsal
        .pipeline()
        .start_job(held(&world, &case))
        .unwrap();
    let asked = |calls: &[Call]| count(calls, "CancelUpdateStack") > 0;
    proxy.wait_until(PATIENCE, asked).unwrap();
    case.stack.signal("Signal", "SUCCESS").unwrap();
    let (_, message) = failed(&world.end_of(&job));
    assert!(message.contains(NO_IMAGE), "{message}");
    let now = "and is now UPDATE_COMPLETE, template and parameters as before; service stack-too-late serves stack-too-late:3 (1 of 1 \
               tasks run)";
    assert!(message.contains(now), "{message}");
    let parameters = case.stack.parameters().unwrap();
    assert_eq!(parameters["Hold"], "0");
    assert_ne!(parameters["Image"], case.image());
}
