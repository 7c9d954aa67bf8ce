//! For each call of the path, as the proxy saw it: the run in which that call goes unanswered, is
//! throttled, or takes the function down ends with one release, and its trigger never lies there before
//! all that it names.

use rehearsal::proxy::{Call, Fault, What, When};
use rehearsal::suite;
use serde_json::json;

use super::case::Tested;
use crate::faults::each;
use crate::fixture::{PATIENCE, World, succeeded, world};

fn check(world: &World, first: &Tested, label: &str, when: When, what: What) {
    let tested = world.tested_again(first);
    let proxy = world.rehearsal.proxy();
    proxy.reset();
    proxy.inject(Fault { when, what });
    let finished = world.run(world.release_job(&tested, &json!({"artifacts": ARTIFACTS})));
    world.rehearsal.settle(PATIENCE).unwrap();
    assert_eq!(
        proxy.clear_faults(),
        0,
        "{label}: the fault did not fire: {:#?}",
        world.calls()
    );
    let variables = succeeded(&finished);
    let ends = finished.accepted().filter(|answer| answer.ends()).count();
    assert_eq!(ends, 1, "{label}: {:#?}", finished.answers);
    assert_eq!(world.released(&tested.key("")).len(), 3, "{label}");
    let said = world.statement(&tested);
    assert_eq!(said.predicate.artifacts.len(), 2, "{label}");
    // One version of each: the first envelope was kept, and nothing was written over.
    assert_eq!(world.versions(&tested.key("")), 3, "{label}");
    let uri = &variables["ReleaseUri"];
    assert!(
        uri.ends_with(&tested.key("release.dsse.json")),
        "{label}: {uri}"
    );
    trigger_comes_last(&proxy.calls(), label);
}

/// By the calls: once the envelope was sent, no other object is written any more.
fn trigger_comes_last(calls: &[Call], label: &str) {
    let puts = calls.iter().filter(|call| {
        call.operation == "PutObject"
            && call.path.contains(suite::RELEASES_BUCKET)
            && call.status == Some(200)
    });
    let puts: Vec<&str> = puts.map(|call| call.path.as_str()).collect();
    let first = puts
        .iter()
        .position(|path| path.contains("release.dsse.json"));
    let after = puts.iter().skip(first.unwrap_or(puts.len()));
    for path in after {
        assert!(path.contains("release.dsse.json"), "{label}: {puts:#?}");
    }
}

/// One artifact as it is, and a file out of it.
const ARTIFACTS: [&str; 2] = ["Build", "Build::production.json"];

fn every_call(kind: &str, what: &dyn Fn() -> What) {
    let world = world();
    let first = world.tested(kind);
    world.rehearsal.proxy().reset();
    succeeded(&world.run(world.release_job(&first, &json!({"artifacts": ARTIFACTS}))));
    let calls = world.calls();
    assert!(calls.len() >= 14, "{calls:#?}");
    for (n, when) in each(&calls).into_iter().enumerate() {
        check(
            &world,
            &first,
            &format!("{kind} at call {n}, {when:?}"),
            when,
            what(),
        );
    }
}

// rules: 3.2.1 3.3.1 3.4.11 3.7.6 3.8.2
#[test]
fn the_copier_dies_before_each_call() {
    every_call("copy-kill-before", &|| What::KillBefore);
}

// rules: 3.2.1 3.3.1 3.4.11 3.7.6 3.8.2
#[test]
fn the_copier_dies_after_each_call() {
    every_call("copy-kill-after", &|| What::KillAfter);
}

// rules: 3.7.6
#[test]
fn each_call_once_throttled() {
    every_call("copy-throttle", &|| What::Throttle);
}

// rules: 3.7.6
#[test]
fn each_call_once_carried_out_without_an_answer() {
    every_call("copy-drop", &|| What::DropAnswer);
}
