//! Executions that meet, that are stopped, that are rejected (CONTRACTS 3.2.10, 3.2.11).

use rehearsal::codepipeline::Answer;
use rehearsal::pipeline::{Approval, Audience, Decision, Event};

use super::*;

/// A pipeline whose second stage waits for a person.
fn waiting(world: &World, name: &str, mode: &str, watcher: &Arc<Watcher>) -> Pipeline {
    let stages = json!([source("Source"), approval("Production", json!({}))]);
    let given = properties(world, name, mode, stages);
    let folder = folder(world, name, &[("README", "nothing")]);
    pipeline(world, &given, from(folder), watcher)
}

fn waits(what: &What) -> bool {
    matches!(what, What::Waits { .. })
}

// rules: 3.2.11
#[test]
fn queued_executions_take_their_turns() {
    let world = world();
    let watcher = Watcher::new(Say::Wait);
    let pipeline = waiting(&world, "rehearse-queued", "QUEUED", &watcher);
    let ids: Vec<String> = (0..3).map(|_| start(&pipeline)).collect();
    watcher.wait_asked(1);
    assert_eq!(watcher.asked()[0].execution, ids[0]);
    let stands = |id: &String| {
        watcher.wait_heard(id, waits);
        assert_eq!(pipeline.execution(id).unwrap().status, Status::InProgress);
    };
    ids[1..].iter().for_each(stands);
    watcher.say(Say::Approve);
    for id in &ids {
        assert_eq!(end(&pipeline, id).status, Status::Succeeded);
    }
    let order: Vec<String> = watcher
        .asked()
        .into_iter()
        .map(|asked| asked.execution)
        .collect();
    assert_eq!(order, ids);
}

// rules: 3.2.11
#[test]
fn a_newer_execution_supersedes_one_that_waits() {
    let world = world();
    let watcher = Watcher::new(Say::Wait);
    let pipeline = waiting(&world, "rehearse-superseded", "SUPERSEDED", &watcher);
    let first = start(&pipeline);
    watcher.wait_asked(1);
    let second = start(&pipeline);
    watcher.wait_heard(&second, waits);
    let third = start(&pipeline);
    let overtaken = end(&pipeline, &second);
    assert_eq!(overtaken.status, Status::Superseded);
    assert_eq!(overtaken.stages.len(), 1, "{overtaken:#?}");
    watcher.say(Say::Approve);
    for id in [&first, &third] {
        assert_eq!(end(&pipeline, id).status, Status::Succeeded);
    }
    assert_eq!(watcher.asked().len(), 2);
}

// rules: 3.2.11
#[test]
fn parallel_executions_are_in_one_stage_together() {
    let world = world();
    let watcher = Watcher::new(Say::Wait);
    let pipeline = waiting(&world, "rehearse-parallel", "PARALLEL", &watcher);
    let ids = [start(&pipeline), start(&pipeline)];
    watcher.wait_asked(2);
    watcher.say(Say::Approve);
    for id in &ids {
        assert_eq!(end(&pipeline, id).status, Status::Succeeded);
    }
}

// rules: 3.2.13
#[test]
fn a_rejection_ends_the_execution() {
    let world = world();
    let watcher = Watcher::new(Say::Reject);
    let pipeline = waiting(&world, "rehearse-rejected", "QUEUED", &watcher);
    let id = start(&pipeline);
    let ended = end(&pipeline, &id);
    assert_eq!(ended.status, Status::Failed);
    let problem = problem(&ended, "Production", "Approve");
    assert_eq!(problem.code, "Rejected");
    assert!(
        problem.message.contains("user/jane: looked at it"),
        "{problem:#?}"
    );
}

// rules: 3.2.10
#[test]
fn a_person_stops_an_execution() {
    let world = world();
    let watcher = Watcher::new(Say::Wait);
    let pipeline = waiting(&world, "rehearse-stopped", "QUEUED", &watcher);
    let (first, second) = (start(&pipeline), start(&pipeline));
    watcher.wait_asked(1);
    watcher.wait_heard(&second, waits);
    // One that waits before a stage has nothing in progress.
    pipeline.stop(&second, false).unwrap();
    assert_eq!(end(&pipeline, &second).status, Status::Stopped);
    // The action in progress goes on to its end.
    pipeline.stop(&first, false).unwrap();
    watcher.say(Say::Approve);
    let ended = end(&pipeline, &first);
    assert_eq!(ended.status, Status::Stopped);
    assert_eq!(
        ended.action("Production", "Approve").unwrap().status,
        Status::Succeeded
    );
    // Abandoned, nobody needs to decide any more.
    watcher.say(Say::Wait);
    let third = start(&pipeline);
    watcher.wait_asked(2);
    pipeline.stop(&third, true).unwrap();
    let ended = end(&pipeline, &third);
    assert_eq!(ended.status, Status::Stopped);
    assert_eq!(
        ended.action("Production", "Approve").unwrap().status,
        Status::Stopped
    );
    watcher.say(Say::Approve);
    assert!(
        pipeline
            .stop("nobody", true)
            .unwrap_err()
            .to_string()
            .contains("no execution nobody")
    );
}

// rules: 3.2.10
#[test]
fn an_abandoned_function_is_not_listened_to() {
    let world = world();
    let case = world.case("rehearse-abandoned");
    let stages = json!([source("Build"), update("Test", "Build")]);
    let given = properties(&world, "rehearse-abandoned", "SUPERSEDED", stages);
    let watcher = Watcher::new(Say::Approve);
    let pipeline = pipeline(&world, &given, from(rollout(&world, &case)), &watcher);
    world.hold(3);
    let id = start(&pipeline);
    let looks = |calls: &[rehearsal::proxy::Call]| {
        calls.iter().any(|call| call.operation == "UpdateService")
    };
    world.rehearsal.proxy().wait_until(PATIENCE, looks).unwrap();
    pipeline.stop(&id, true).unwrap();
    assert_eq!(end(&pipeline, &id).status, Status::Stopped);
    world.rehearsal.settle(PATIENCE).unwrap();
    let answers: Vec<Answer> = world.rehearsal.pipeline().answers();
    let last = answers.last().unwrap();
    assert_eq!(
        last.refused.as_deref(),
        Some("InvalidJobStateException"),
        "{last:#?}"
    );
}

/// Watches until the last stage.
struct Broken;

impl Audience for Broken {
    fn hear(&self, event: &Event) {
        let last = event.stage.as_deref() == Some("Production");
        assert!(!last, "this one cannot watch any longer");
    }

    fn decide(&self, approval: &Approval) -> Decision {
        panic!("nothing is told of, and so asked for: {approval:#?}");
    }
}

#[test]
fn an_audience_that_breaks_down_holds_nobody_up() {
    let world = world();
    let stages = json!([source("Source"), approval("Production", json!({}))]);
    let given = properties(&world, "rehearse-broken", "QUEUED", stages);
    let definition = Definition::parse(&given).unwrap();
    let inputs = from(folder(&world, "rehearse-broken", &[("a", "b")]));
    let pipeline = Pipeline::new(&world.rehearsal, definition, inputs, Arc::new(Broken)).unwrap();
    let ids = [start(&pipeline), start(&pipeline)];
    for id in &ids {
        assert_eq!(end(&pipeline, id).status, Status::Failed);
    }
}
