//! An arriving release is all that happens in the production account, and the new image serves there.

use rehearsal::suite;
use serde_json::json;
use shared::ledger::Came;
use shared::release::outcome::Kind;

use super::case::state_bucket;
use crate::fixture::{succeeded, world};

/// Turned on, the rule of the template hands what arrives to the gate, and the pipeline turns green when
/// production serves.
// rules: 3.4.8 3.4.12 3.9.1
#[test]
fn a_release_that_arrives_serves_and_the_pipeline_hears_of_it() {
    let world = world();
    let line = world.line("arrives");
    let before = world.serves(&line);
    let tested = world.tested_line(&line);
    let rule = |operation: &str| {
        let body = json!({"Name": "redbutton-release-arrived"});
        let target = format!("AWSEvents.{operation}");
        world
            .suite
            .production
            .json("events", &target, body)
            .unwrap();
    };
    rule("EnableRule");
    let variables = succeeded(&world.run(world.release_job(&tested, &json!({"follow": true}))));
    rule("DisableRule");
    let summary = &variables["Summary"];
    assert!(
        summary.contains("service arrives (cluster test"),
        "{summary}"
    );
    assert_ne!(world.serves(&line), before);

    let ledger = world.ledger(&line);
    let results: Vec<Came> = ledger.iter().map(|entry| entry.result).collect();
    assert_eq!(results, [Came::Adopted, Came::Served]);
    let served = &ledger[1];
    assert_eq!(
        (served.from.as_str(), served.to.as_str()),
        (before.as_str(), world.serves(&line).as_str())
    );
    let of = served.release.as_ref().unwrap();
    assert_eq!(
        (of.name.as_str(), of.attempt),
        (tested.release().as_str(), 1)
    );
    assert_eq!(of.approvers, [crate::releases::case::APPROVER]);
    let proof = served.proof.as_ref().unwrap().to_string();
    assert!(proof.contains(&tested.digest), "{proof}");
    let name = format!("r-{}-1", tested.execution);
    let executions = world.executions();
    assert!(
        executions.contains(&(name, "SUCCEEDED".to_owned())),
        "{executions:?}"
    );
    world.nothing_is_held();

    let announced = world.announced(&tested.release());
    assert_eq!(announced.len(), 1, "{announced:?}");
    let text = announced[0]["text"].as_str().unwrap();
    assert!(text.contains("serves in production"), "{text}");
    assert_eq!(
        announced[0]["ledger"][0]["key"],
        format!("ledger/{}/00000002.json", line.target())
    );
}

/// The same event again, in either form, is found done; so is what the schedule finds.
// rules: 3.4.1 3.4.3 3.4.6 3.4.9 3.4.11 3.4.13 3.9.5
#[test]
fn what_arrives_twice_is_deployed_once() {
    let world = world();
    let line = world.line("twice");
    let tested = world.tested_line(&line);
    world.delivered(&tested);
    let swept = world.gate(&json!({"source": "aws.events", "detail-type": "Scheduled Event"}));
    assert!(swept.to_string().contains(&tested.release()), "{swept}");
    for _ in 0..2 {
        world.arrives(&tested);
    }
    let told = world.ended(&tested, 1);
    assert_eq!(
        (told.result, told.attempt),
        (Kind::Served, 1),
        "{:?}",
        told.outcome
    );
    let key = tested.key("release.dsse.json");
    let notified = world.gate(&json!({"Records": [
        {"eventSource": "aws:s3", "eventVersion": "2.1", "eventName": "ObjectCreated:Put",
         "s3": {"bucket": {"name": suite::RELEASES_BUCKET}, "object": {"key": key}}},
        {"eventSource": "aws:s3", "eventVersion": "2.1", "eventName": "ObjectCreated:Put",
         "s3": {"bucket": {"name": suite::RELEASES_BUCKET}, "object": {"key": "releases/x/release.dsse.json"}}},
        {"eventSource": "aws:s3", "eventVersion": "2.1", "eventName": "ObjectCreated:Put",
         "s3": {"bucket": {"name": "another"}, "object": {"key": key}}},
    ]}));
    assert_eq!(notified["looked"][0]["before"], "served", "{notified}");
    assert!(notified["looked"][1]["ignored"].is_string(), "{notified}");
    assert!(notified["looked"][2]["ignored"].is_string(), "{notified}");
    // A redrive repeats a step of an execution that came to its end: it finds what came of it.
    let execution = suite::STATE_MACHINE.replacen(":stateMachine:", ":execution:", 1);
    let execution = format!("{execution}:r-{}-1", tested.execution);
    let step = json!({"execution": execution, "began": "2026-11-28T16:20:00.123Z",
        "input": {"release": tested.release(), "arrived": "any"}});
    for step in [step.clone(), {
        let mut failed = step;
        failed["failed"] = true.into();
        failed
    }] {
        let again = world
            .suite
            .production
            .invoke(suite::DEPLOYER, &step)
            .unwrap();
        assert_eq!(
            (again.failed, &again.payload["next"]),
            (false, &json!("over"))
        );
        assert_eq!(again.payload["result"], "served", "{}", again.payload);
    }
    let swept = world.gate(&json!({"sweep": true}));
    assert!(!swept.to_string().contains(&tested.release()), "{swept}");
    assert_eq!(world.ledger(&line).len(), 2);
    world.nothing_is_held();
}

/// A version that is gone is nobody's to deploy, and no reason to try for hours.
// rules: 3.4.10
#[test]
fn a_version_that_is_gone_is_left_alone() {
    let world = world();
    let line = world.line("gone");
    let tested = world.tested_line(&line);
    world.delivered(&tested);
    let event = |version: &str| {
        json!({
            "source": "aws.s3", "detail-type": "Object Created",
            "detail": {"bucket": {"name": suite::RELEASES_BUCKET},
                       "object": {"key": tested.key("release.dsse.json"), "version-id": version}},
        })
    };
    let gone = world.gate(&event("00000000-0000-0000-0000-000000000000"));
    assert_eq!(gone["looked"][0]["gone"], true, "{gone}");
    assert!(
        world
            .released(&format!("outcomes/{}/", tested.release()))
            .is_empty()
    );
}

/// Going back is a release that a person asks for again: nothing is built or copied.
#[test]
fn going_back_is_one_line() {
    let world = world();
    let line = world.line("goes-back");
    let first = world.tested_line(&line);
    world.delivered(&first);
    world.arrives(&first);
    assert_eq!(world.ended(&first, 1).result, Kind::Served);
    let nothing = world.asks(&json!({"release": "previous", "target": line.target()}));
    assert_eq!(world.end_of_execution(&nothing), "FAILED");

    let second = world.tested_again(&first);
    world.delivered(&second);
    world.arrives(&second);
    assert_eq!(world.ended(&second, 1).result, Kind::Served);
    let back = world.asks(&json!({"release": "previous", "target": line.target()}));
    assert_eq!(world.end_of_execution(&back), "SUCCEEDED");
    let told = world.ended(&first, 2);
    assert_eq!((told.result, told.attempt), (Kind::Served, 2));
    let ledger = world.ledger(&line);
    let names: Vec<_> = ledger
        .iter()
        .filter_map(|entry| Some(entry.release.as_ref()?.name.clone()))
        .collect();
    assert_eq!(names, [first.release(), second.release(), first.release()]);
    // What was there before cannot come back by an event: it is older than what a person asked for.
    let swept = world.gate(&json!({"recheck": second.release()}));
    assert!(swept["looked"][0]["before"] == "served", "{swept}");
    let bucket = state_bucket(&world);
    let records = world
        .suite
        .production
        .list_objects(&bucket, "rollouts/")
        .unwrap();
    assert!(records.len() >= 3, "{records:?}");
    world.nothing_is_held();
}
