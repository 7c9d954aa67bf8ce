//! What a rollout refuses when it begins, its preview refuses as well: examples of what was found to be
//! missing there.

use rehearsal::proxy::{Fault, What, When};
use serde_json::{Value, json};

use super::services::around;
use crate::fixture::{Case, World, failed, world};
use crate::preview::job::refused;

/// A service whose execution role is there.
fn case(world: &World, name: &str) -> Case {
    let role = json!({"executionRoleArn": around::EXECUTION_ROLE});
    world.case_with(name, |spec| {
        spec.task_definition = role.as_object().unwrap().clone();
    })
}

/// The preview, and then the rollout itself, are refused in these words.
fn check(world: &World, case: &Case, targets: &Value, words: &str) {
    let job = world.job_with(case, |file| file["targets"] = targets.clone(), &[]);
    let (message, _) = refused(&world.run(world.preview_of(&job, &json!({}))));
    assert!(message.contains(words), "{message}");
    let (_, message) = failed(&world.run(job));
    assert!(message.contains(words), "{message}");
}

#[test]
fn somebody_else_rolls_out_what_would_begin_later() {
    let world = world();
    world.make_surroundings();
    let case = case(&world, "refused-later");
    let of_it = case.service.first_task_definition.clone();
    let what = What::edit_json(move |answer| {
        for service in answer["services"].as_array_mut().into_iter().flatten() {
            let mut before = service["deployments"][0].clone();
            before["status"] = json!("ACTIVE");
            before["taskDefinition"] = json!(of_it.replace(":1", ":7"));
            service["deployments"][0]["rolloutState"] = json!("IN_PROGRESS");
            service["deployments"].as_array_mut().unwrap().push(before);
        }
    });
    let when = When::next("ecs", "DescribeServices");
    let fault = Fault { when, what };
    world.rehearsal.proxy().inject_for_good(fault);
    let targets = json!([
        {"task": "first", "like": "refused-later", "cluster": "test"},
        {"service": "refused-later", "cluster": "test", "after": "first"},
    ]);
    check(&world, &case, &targets, "somebody else is rolling out");
}

#[test]
fn more_targets_than_the_token_takes() {
    let world = world();
    world.make_surroundings();
    // The longest name that a family may have, for each of them.
    let case = case(&world, &"refused-by-its-length-".repeat(11));
    let like = &case.service.name;
    let tasks =
        (0..10).map(|n| json!({"task": format!("task-{n}"), "like": like, "cluster": "test"}));
    let targets = tasks.collect();
    check(
        &world,
        &case,
        &targets,
        "would not fit CodePipeline's continuation token",
    );
}
