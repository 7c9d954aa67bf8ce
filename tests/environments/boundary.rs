//! The boundary of services, and what is within it.

use rehearsal::pipeline::read_template;
use rehearsal::workspace;
use serde_json::Value;

/// What redbutton-services forbids a role of a service would fail at run time, far from here.
#[test]
fn the_boundary_has_room_for_what_roles_of_services_do() {
    let boundary = read("templates/boundary.yaml");
    let allowed: Vec<String> = actions(&boundary["Resources"]["Services"]);
    let service = read("templates/service.yaml");
    let mut wanted = Vec::new();
    for (_, resource) in service["Resources"].as_object().unwrap() {
        if resource["Type"] == "AWS::IAM::Role" {
            wanted.extend(actions(&resource["Properties"]["Policies"]));
        }
    }
    assert!(wanted.len() >= 10, "{wanted:?}");
    let fits = |action: &String| {
        allowed.iter().any(|one| match one.split_once('*') {
            Some((begin, _)) => action.starts_with(begin),
            None => one == action,
        })
    };
    let over: Vec<&String> = wanted.iter().filter(|action| !fits(action)).collect();
    assert!(over.is_empty(), "{over:?}");
    // And for nothing by which a task would be more than a service.
    for never in [
        "iam:",
        "sts:",
        "lambda:",
        "states:",
        "cloudformation:",
        "ecs:",
        "ecr:Put",
    ] {
        let found = allowed.iter().find(|one| one.starts_with(never));
        assert_eq!(found, None);
    }
}

/// Every action that statements with `Allow` name.
fn actions(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) if fields.get("Effect") == Some(&"Allow".into()) => {
            match &fields["Action"] {
                Value::String(one) => vec![one.clone()],
                Value::Array(all) => all
                    .iter()
                    .filter_map(|one| one.as_str().map(str::to_owned))
                    .collect(),
                _ => Vec::new(),
            }
        }
        Value::Object(fields) => fields.values().flat_map(actions).collect(),
        Value::Array(all) => all.iter().flat_map(actions).collect(),
        _ => Vec::new(),
    }
}

fn read(template: &str) -> Value {
    read_template(&workspace::root().join(template)).unwrap()
}
