//! For each call of the path, as the proxy saw it: the run in which that call goes unanswered, is
//! throttled, or takes the function down ends in the same state as the undisturbed run.

use std::collections::BTreeMap;

use rehearsal::proxy::{Fault, What, When};

use crate::fixture::{World, succeeded, world};

fn check(world: &World, name: &str, when: When, what: What) {
    let case = world.case(name);
    let proxy = world.rehearsal.proxy();
    proxy.reset();
    proxy.inject(Fault { when, what });
    let finished = world.run(world.job(&case));
    world.rehearsal.settle(crate::fixture::PATIENCE).unwrap();
    assert_eq!(
        proxy.clear_faults(),
        0,
        "{name}: the fault did not fire: {:#?}",
        world.calls()
    );
    succeeded(&finished);
    // However many rounds a slow machine made of it: one end, and CodePipeline took every answer.
    let ends = finished.accepted().filter(|answer| answer.ends()).count();
    assert_eq!(ends, 1, "{name}: {:#?}", finished.answers);
    assert_eq!(world.deployments_begun(), 1, "{name}: {:#?}", proxy.calls());
    assert_eq!(
        case.service.revisions().unwrap().len(),
        2,
        "{name}: {:#?}",
        proxy.calls()
    );
    let deployments = case.service.deployments().unwrap();
    let shown: Vec<_> = deployments
        .iter()
        .map(|d| {
            (
                d["taskDefinition"].as_str().unwrap(),
                d["rolloutState"].as_str().unwrap(),
            )
        })
        .collect();
    let ours = case
        .service
        .first_task_definition
        .strip_suffix('1')
        .unwrap()
        .to_owned()
        + "2";
    assert_eq!(shown, [(ours.as_str(), "COMPLETED")], "{name}");
}

fn every_call(kind: &str, what: &dyn Fn() -> What) {
    let world = world();
    let reference = world.case(&format!("{kind}-reference"));
    succeeded(&world.run(world.job(&reference)));
    let calls = world.calls();
    assert!(calls.len() >= 11, "{calls:#?}");
    for (n, when) in each(&calls).into_iter().enumerate() {
        check(&world, &format!("{kind}-{n}"), when, what());
    }
}

/// Which call each of them is: the first, the second … of its operation.
pub(crate) fn each(calls: &[String]) -> Vec<When> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let whens = calls.iter().map(|call| {
        let nth = seen.entry(call).or_insert(0);
        *nth += 1;
        let (service, operation) = call.split_once(':').unwrap();
        When::nth(service, operation, *nth)
    });
    whens.collect()
}

// rules: 3.5.7
#[test]
fn each_call_once_throttled() {
    every_call("throttle", &|| What::Throttle);
}

// rules: 3.5.6
#[test]
fn each_call_once_carried_out_without_an_answer() {
    every_call("drop", &|| What::DropAnswer);
}

// rules: 3.5.6
#[test]
fn each_call_once_timing_out() {
    every_call("hang", &|| What::NeverAnswer);
}

// rules: 3.2.1 3.3.1 3.5.6
#[test]
fn the_function_dies_before_each_call() {
    every_call("kill-before", &|| What::KillBefore);
}

// rules: 3.2.1 3.3.1 3.5.6
#[test]
fn the_function_dies_after_each_call() {
    every_call("kill-after", &|| What::KillAfter);
}
