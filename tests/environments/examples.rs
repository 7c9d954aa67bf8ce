//! Files of `examples/` that are for others to begin with: what takes them takes them.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::rollout_file::RolloutFile;
use shared::task_definition::TaskDefinition;

use super::{RECORDS, REGION, call, text};

fn json(file: &str) -> Value {
    serde_json::from_str(&text(file)).unwrap()
}

/// The rollout files of the examples are such that redbutton takes.
#[test]
fn rollout_files_of_examples_are_taken() {
    for file in [
        "examples/environments/rollout-test.json",
        "examples/environments/rollout-production.json",
        "examples/web/release/test.json",
        "examples/web/release/production.json",
        "examples/pipeline/source/test.json",
        "examples/pipeline/source/production.json",
    ] {
        let read = RolloutFile::from_value(&json(file));
        let read = read.unwrap_or_else(|wrong| panic!("{file}: {wrong:?}"));
        let roles = read.targets.iter().any(|target| target.role.is_some());
        assert_eq!(roles, file.contains("test"), "{file}");
    }
}

/// What `examples/compose` made of a compose file is a task definition.
#[test]
fn what_came_from_compose_is_registered() {
    let file = "examples/compose/task-definition.json";
    let given = json(file);
    let account = RECORDS.rehearsal.account("666666666666", REGION);
    for name in ["web-task", "web-execution"] {
        let role = [
            ("RoleName", name),
            ("Path", "/ecs/"),
            (
                "AssumeRolePolicyDocument",
                r#"{"Version":"2012-10-17","Statement":[]}"#,
            ),
        ];
        account.query("iam", "CreateRole", &role).unwrap();
    }
    let target = "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition";
    let taken = call(&account, "ecs", target, given.clone());
    let family = &taken["taskDefinition"]["family"];
    assert_eq!(*family, given["family"]);
    TaskDefinition::from_file(text(file).as_bytes()).unwrap();
}

/// A rehearsal of `examples/web` begins with the stacks that its first release leaves as they are, but for
/// the image.
#[test]
fn the_world_of_a_rehearsal_is_what_the_releases_say() {
    let texts = |value: &Value| -> BTreeMap<String, Value> {
        let pairs = value.as_object().unwrap().iter();
        let own = pairs.filter(|(name, _)| *name != "Image");
        own.map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let world = json("examples/web/world.json");
    for (account, stage) in [("333333333333", "test"), ("222222222222", "production")] {
        let mut stacks = world["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| &step["stack"]);
        let there = stacks
            .find(|stack| stack["name"] == "web" && stack["account"] == account)
            .unwrap();
        let released = json(&format!("examples/web/release/{stage}.parameters.json"));
        assert_eq!(
            texts(&there["parameters"]),
            texts(&released["Parameters"]),
            "{stage}"
        );
    }
}
