//! What fails goes back, whatever ends it.

use std::sync::atomic::{AtomicBool, Ordering};

use rehearsal::proxy::{Fault, What, When};
use serde_json::json;
use shared::ledger::Came;
use shared::production::record::id;
use shared::release::outcome::Kind;

use super::case::state_bucket;
use crate::fixture::world;

/// A broken image: ECS gives the deployment up, the service is as before, and the ledger says so.
#[test]
fn a_release_that_fails_goes_back_and_is_recorded() {
    let world = world();
    let line = world.line("breaks");
    let before = world.serves(&line);
    let tested = world.tested_line(&line);
    world.delivered(&tested);
    let (was, ours) = (
        before.clone(),
        format!("{}:2", before.rsplit_once(':').unwrap().0),
    );
    let seen = AtomicBool::new(false);
    world.rehearsal.proxy().inject_for_good(Fault {
        when: When::nth("ecs", "DescribeServices", 1),
        what: What::edit_json(move |answer| {
            let service = &mut answer["services"][0];
            if service["deployments"][0]["taskDefinition"] != json!(ours) {
                return;
            }
            // As ECS tells it when its circuit breaker trips.
            let of = |definition: &str, status: &str, state: &str, running: u32| {
                json!({"id": format!("ecs-svc/{status}{state}"), "status": status,
                       "taskDefinition": definition, "desiredCount": 1, "runningCount": running,
                       "pendingCount": 0, "failedTasks": 0, "rolloutState": state})
            };
            service["deployments"] = match seen.swap(true, Ordering::Relaxed) {
                false => json!([
                    of(&was, "PRIMARY", "IN_PROGRESS", 0),
                    of(&ours, "ACTIVE", "FAILED", 0)
                ]),
                true => json!([of(&was, "PRIMARY", "COMPLETED", 1)]),
            };
        }),
    });
    world.arrives(&tested);
    let told = world.ended(&tested, 1);
    world.rehearsal.proxy().clear_faults();
    assert_eq!(told.result, Kind::Failed, "{:?}", told.outcome);
    assert_eq!(told.outcome.ledger.len(), 1);
    let ledger = world.ledger(&line);
    let results: Vec<Came> = ledger.iter().map(|entry| entry.result).collect();
    assert_eq!(results, [Came::Adopted, Came::Failed]);
    assert_eq!(ledger[1].from, before);
    assert!(!ledger[1].reasons.is_empty());
    world.nothing_is_held();
}

/// Somebody stops the execution while it deploys: another one brings back what it had begun.
// rules: 3.9.4 3.9.5
#[test]
fn an_execution_that_is_stopped_is_cleaned_up_after() {
    let world = world();
    let line = world.line("is-stopped");
    let before = world.serves(&line);
    let tested = world.tested_line(&line);
    world.delivered(&tested);
    world.outlives(2);
    // Neither there nor back it comes to an end, once it has begun.
    let ours = format!("{}:2", before.rsplit_once(':').unwrap().0);
    let began = AtomicBool::new(false);
    let hold = Fault {
        when: When::nth("ecs", "DescribeServices", 1),
        what: What::edit_json(move |answer| {
            let deployment = &mut answer["services"][0]["deployments"][0];
            if deployment["taskDefinition"] == json!(ours) {
                began.store(true, Ordering::Relaxed);
            }
            if began.load(Ordering::Relaxed) {
                deployment["rolloutState"] = json!("IN_PROGRESS");
            }
        }),
    };
    world.rehearsal.proxy().reset();
    world.rehearsal.proxy().inject_for_good(hold);
    world.arrives(&tested);
    world.until(|| world.count("ecs", "UpdateService") > 0);
    let (name, _) = world
        .executions()
        .into_iter()
        .find(|(name, _)| name.contains(&tested.execution))
        .unwrap();
    let arn = execution(&name);
    world.states("StopExecution", json!({"executionArn": arn}));
    assert_eq!(world.end_of_execution(&arn), "ABORTED");
    let swept = || {
        let event = json!({"source": "aws.states", "detail-type": "Step Functions Execution Status Change"});
        let swept = world.gate(&event);
        // The rule of the template has told the gate of it, too: of both one starts the clean-up.
        let clean_up = swept["looked"][0]["started"].as_str().map(str::to_owned);
        clean_up.unwrap_or_else(|| {
            let name = swept["looked"][0]["before"].as_str();
            execution(name.unwrap_or_else(|| panic!("{swept}")))
        })
    };
    // That one dies as well, once it has taken over.
    let first = swept();
    let record = format!("rollouts/{}.json", id(&arn));
    let bucket = state_bucket(&world);
    world.until(|| {
        let bytes = world.suite.production.get_object(&bucket, &record).unwrap();
        serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()["execution"] == first
    });
    world.states("StopExecution", json!({"executionArn": first}));
    assert_eq!(world.end_of_execution(&first), "ABORTED");
    world.rehearsal.proxy().clear_faults();
    let second = swept();
    assert_ne!(second, first);
    assert_eq!(world.end_of_execution(&second), "FAILED");
    let told = world.ended(&tested, 1);
    assert_eq!(told.result, Kind::Failed, "{:?}", told.outcome);
    assert!(
        told.outcome.summary.contains("ended (ABORTED)"),
        "{:?}",
        told.outcome
    );
    assert_eq!(world.serves(&line), before);
    assert_eq!(world.ledger(&line).last().unwrap().result, Came::Failed);
    world.nothing_is_held();
    world.outlives(960);
    // Once more: it is over.
    let again = world.asks(&json!({"cleanUp": arn}));
    assert_eq!(world.end_of_execution(&again), "FAILED");
    assert_eq!(world.ended(&tested, 1).attempt, 1);
}

/// The ARN of an execution by its name.
fn execution(name: &str) -> String {
    let machine = rehearsal::suite::STATE_MACHINE.replacen(":stateMachine:", ":execution:", 1);
    format!("{machine}:{name}")
}
