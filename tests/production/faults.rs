//! For each call of the path, as the proxy saw it: the run in which that call goes unanswered, is
//! throttled, or takes the function down ends as the undisturbed one: the release serves, once in the
//! ledger, and nothing is held.

use rehearsal::proxy::{Fault, What};
use serde_json::json;
use shared::ledger::Came;
use shared::release::outcome::Kind;

use super::case::Line;
use crate::faults::each;
use crate::fixture::{PATIENCE, World, world};
use crate::releases::case::Tested;

/// What makes a fault.
type Make = fn() -> What;

/// Each call gets one of them, by turns, the first call that of the place in `REDBUTTON_FAULT`, 0 without it:
/// four runs give each call each.
const FAULTS: [(&str, Make); 4] = [
    ("killed before", || What::KillBefore),
    ("killed after", || What::KillAfter),
    ("throttled", || What::Throttle),
    ("unanswered", || What::DropAnswer),
];

/// What is tried with the call at `n`.
fn tried(n: usize) -> (&'static str, What) {
    let first = std::env::var("REDBUTTON_FAULT").ok();
    let first = first.map_or(0, |first| first.parse::<usize>().unwrap());
    let (label, what) = FAULTS[(n + first) % FAULTS.len()];
    (label, what())
}

/// The service is as before, by hand; what the ledger left is something else.
fn reset(world: &World, line: &Line) {
    let before = &line.live.service.first_task_definition;
    let body = json!({"cluster": "test", "service": line.name, "taskDefinition": before});
    let target = "AmazonEC2ContainerServiceV20141113.UpdateService";
    world.suite.production.json("ecs", target, body).unwrap();
    world.rehearsal.proxy().reset();
}

/// A person has it deployed, over what is there.
fn deploy(world: &World, tested: &Tested) -> String {
    let asked = world.asks(&json!({"release": tested.release(), "drift": "accept"}));
    world.end_of_execution(&asked)
}

#[test]
fn whatever_fails_once_on_the_way_of_a_deployment_it_ends_the_same() {
    let world = world();
    let line = world.line("prod-faults");
    let tested = world.tested_line(&line);
    world.delivered(&tested);
    reset(&world, &line);
    assert_eq!(deploy(&world, &tested), "SUCCEEDED");
    let calls = world.calls();
    assert!(calls.len() > 40, "{calls:#?}");
    let (mut attempt, mut fired) = (1, 0);
    for (n, when) in each(&calls).into_iter().enumerate() {
        let (what_it_is, what) = tried(n);
        let label = format!("{what_it_is} at call {n}, {when:?}");
        reset(&world, &line);
        let entries = world.ledger(&line).len();
        world.rehearsal.proxy().inject(Fault { when, what });
        assert_eq!(deploy(&world, &tested), "SUCCEEDED", "{label}");
        world.rehearsal.settle(PATIENCE).unwrap();
        // Not each run makes each look.
        fired += u32::from(world.rehearsal.proxy().clear_faults() == 0);
        attempt += 1;
        let told = world.ended(&tested, attempt);
        assert_eq!(
            (told.result, told.attempt),
            (Kind::Served, attempt),
            "{label}"
        );
        let ledger = world.ledger(&line);
        assert_eq!(ledger.len(), entries + 1, "{label}");
        assert_eq!(ledger.last().unwrap().result, Came::Served, "{label}");
        let now = world.serves(&line);
        assert_ne!(now, line.live.service.first_task_definition, "{label}");
        assert_eq!(world.deployments_begun(), 1, "{label}");
        world.nothing_is_held();
    }
    assert!(fired * 10 >= (attempt - 1) * 9, "{fired} of {attempt}");
}

#[test]
fn whatever_fails_once_on_the_way_through_the_gate_it_ends_the_same() {
    let world = world();
    let line = world.line("gate-faults");
    let first = world.tested_line(&line);
    world.delivered(&first);
    world.rehearsal.proxy().reset();
    world.arrives(&first);
    let calls: Vec<String> = world.calls();
    let gates = calls
        .iter()
        .position(|call| call == "states:StartExecution");
    let calls: Vec<String> = calls.into_iter().take(gates.unwrap() + 1).collect();
    assert_eq!(world.ended(&first, 1).result, Kind::Served);
    for (n, when) in each(&calls).into_iter().enumerate() {
        let (what_it_is, what) = tried(n);
        let label = format!("{what_it_is} at call {n}, {when:?}");
        let tested = world.tested_again(&first);
        world.delivered(&tested);
        world.rehearsal.proxy().reset();
        world.rehearsal.proxy().inject(Fault { when, what });
        // Lambda delivers it twice more, and the schedule looks for it.
        for _ in 0..3 {
            if world.tries(&tested) {
                break;
            }
        }
        let told = world.ended(&tested, 1);
        assert_eq!((told.result, told.attempt), (Kind::Served, 1), "{label}");
        world.rehearsal.proxy().clear_faults();
    }
    world.nothing_is_held();
}

/// The same release by the same events from several sides at once, and others between them.
// rules: 3.3.1 3.4.1
#[test]
fn events_in_any_order_and_number_leave_the_newest_deployed() {
    let world = world();
    let line = world.line("thousand");
    let first = world.tested_line(&line);
    let all: Vec<Tested> = (0..4)
        .map(|_| {
            let tested = world.tested_again(&first);
            world.next_second();
            world.delivered(&tested);
            tested
        })
        .collect();
    let mut order: Vec<usize> = (0..all.len()).flat_map(|n| [n; 5]).collect();
    // In an order of no meaning, the same in each run.
    order.sort_by_key(|n| (n * 7 + 3) % 5);
    order.extend([3, 0, 2, 1, 3]);
    for n in order {
        world.arrives(&all[n]);
    }
    for tested in &all {
        world.ended(tested, 1);
    }
    let results: Vec<Kind> = all.iter().map(|one| world.ended(one, 1).result).collect();
    assert_eq!(results[3], Kind::Served, "{results:?}");
    let ledger = world.ledger(&line);
    let mut names: Vec<String> = ledger
        .iter()
        .filter_map(|entry| Some(entry.release.as_ref()?.name.clone()))
        .collect();
    assert_eq!(names.last(), Some(&all[3].release()));
    let deployed = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), deployed, "each at most once");
    world.nothing_is_held();
}
