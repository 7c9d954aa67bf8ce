//! The newest goes first, and nothing goes during a freeze.

use rehearsal::codepipeline::JobSpec;
use rehearsal::suite;
use serde_json::json;
use shared::release::outcome::Kind;

use crate::fixture::{succeeded, world};

/// A second release overtakes a slow first one, which waits: for the end of a freeze, here.
// rules: 3.4.1
#[test]
fn of_those_who_wait_the_newest_goes() {
    let world = world();
    let line = world.line("overtaken");
    let first = world.tested_line(&line);
    world.freezes(&json!({"reason": "black friday"}));
    world.delivered(&first);
    world.arrives(&first);
    world.told(&first, |_, result| result == Kind::Started);
    let second = world.tested_again(&first);
    // Two releases of one second go by their names.
    world.next_second();
    world.delivered(&second);
    world.arrives(&second);
    let told = world.ended(&first, 1);
    assert_eq!(told.result, Kind::Superseded, "{:?}", told.outcome);
    assert!(
        told.outcome.reasons[0].contains(&second.release()),
        "{:?}",
        told.outcome
    );
    let name = format!("r-{}-1", second.execution);
    let running = (name, "RUNNING".to_owned());
    assert!(
        world.executions().contains(&running),
        "{:?}",
        world.executions()
    );
    world.thaws();
    assert_eq!(world.ended(&second, 1).result, Kind::Served);
    assert_eq!(world.ledger(&line).len(), 2);
    // The old one again, by an event that was lost on the way: it is over.
    let replayed = world.arrives(&first);
    assert_eq!(replayed["looked"][0]["before"], "superseded", "{replayed}");
    // And a person's wish to have it looked at again finds it older than what serves.
    world.nothing_is_held();
}

/// A release that was never looked at, and is older than what serves by now.
#[test]
fn an_old_release_does_not_come_back_by_an_event() {
    let world = world();
    let line = world.line("replayed");
    let old = world.tested_line(&line);
    world.delivered(&old);
    let new = world.tested_again(&old);
    // Two releases of one second go by their names.
    world.next_second();
    world.delivered(&new);
    world.arrives(&new);
    assert_eq!(world.ended(&new, 1).result, Kind::Served);
    world.arrives(&old);
    let told = world.ended(&old, 1);
    assert_eq!(told.result, Kind::Refused);
    assert!(
        told.outcome.reasons[0].contains("has had release"),
        "{:?}",
        told.outcome
    );
}

#[test]
fn a_freeze_that_refuses_says_why() {
    let world = world();
    let line = world.line("frozen");
    let tested = world.tested_line(&line);
    world.freezes(&json!({"reason": "audit", "releases": "refuse"}));
    world.delivered(&tested);
    world.arrives(&tested);
    let told = world.ended(&tested, 1);
    world.thaws();
    assert_eq!(told.result, Kind::Refused);
    assert_eq!(told.outcome.reasons, ["production is frozen: audit"]);
    assert!(world.ledger(&line).is_empty());
    world.nothing_is_held();
}

/// The approver learns of it before anybody approves.
#[test]
fn a_freeze_is_in_the_preview() {
    let world = world();
    let line = world.line("previewed");
    let tested = world.tested_line(&line);
    // Its tag is looked up where it was tested.
    let other = &world.suite.other;
    rehearsal::world::let_pull(other, "previewed", world.suite.production.id()).unwrap();
    let parameters = json!({
        "rollout": "Build::production.json",
        "execution": "#{codepipeline.PipelineExecutionId}",
        "role": suite::PREVIEW_ROLE,
        "externalId": suite::PREVIEW_EXTERNAL_ID,
    });
    let preview = || {
        let job = JobSpec {
            function: suite::PREVIEW.to_owned(),
            user_parameters: Some(parameters.to_string()),
            ..world.release_job(&tested, &json!({}))
        };
        let variables = succeeded(&world.run(job));
        (variables["Summary"].clone(), world.page(&variables).html)
    };
    let (summary, page) = preview();
    assert!(
        !summary.contains("Frozen") && !page.contains("Frozen"),
        "{summary}"
    );
    world.freezes(&json!({"reason": "black friday", "until": "2099-11-30T08:00:00Z"}));
    let (summary, page) = preview();
    world.thaws();
    let says = "production is frozen until 2099-11-30 08:00:00 UTC: black friday";
    assert!(summary.contains(&format!("Frozen: {says}.")), "{summary}");
    assert!(page.contains(says), "{page}");
}
