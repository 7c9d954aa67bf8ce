//! What the emulator is made to do as AWS does it, where other tests would stumble over the
//! difference only now and then.

use std::thread;

use serde_json::{Value, json};

use crate::fixture::world;

/// Statuses of deployments.
fn statuses(service: &Value) -> Vec<&str> {
    let deployments = service["deployments"].as_array().unwrap().iter();
    deployments
        .map(|deployment| deployment["status"].as_str().unwrap())
        .collect()
}

/// CONTRACTS 3.5.19.
#[test]
fn the_same_update_twice_at_the_same_time_begins_one_deployment() {
    let world = world();
    let (case, other) = (world.case("at-once"), world.case("at-once-other"));
    let definitions = [
        &other.service.first_task_definition,
        &case.service.first_task_definition,
    ];
    for definition in definitions.into_iter().cycle().take(30) {
        let update = || {
            let change = json!({ "taskDefinition": definition });
            case.service.update(change).unwrap();
        };
        let seen = thread::scope(|scope| {
            scope.spawn(update);
            scope.spawn(update);
            case.service.describe().unwrap()
        });
        // However far they are, one deployment is the one that ECS brings forward.
        let primary = statuses(&seen).iter().filter(|s| **s == "PRIMARY").count();
        assert_eq!(primary, 1, "{:#}", seen["deployments"]);
        let settled = case.service.describe().unwrap();
        assert_eq!(settled["runningCount"], 1, "{:#}", settled["deployments"]);
        assert_eq!(statuses(&settled), ["PRIMARY"]);
    }
}
