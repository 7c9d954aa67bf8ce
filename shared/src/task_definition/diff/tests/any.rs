//! What holds of any two task definitions. What ECS makes of an input is written down a second
//! time here (`registered`), so that a difference too many and one too few are both found.

mod files;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Difference, definition, diff};
use files::{HIDDEN, files, two};

fn fill(object: &mut Value, fields: &[(&str, Value)]) {
    for (field, value) in fields {
        if object.get(field).is_none() {
            object[field] = value.clone();
        }
    }
}

fn each<'a>(object: &'a mut Value, field: &str) -> impl Iterator<Item = &'a mut Value> {
    object
        .get_mut(field)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

/// What ECS makes of an input.
fn registered(file: &Value) -> Value {
    let mut file = file.clone();
    let fargate = file["requiresCompatibilities"]
        .to_string()
        .contains("FARGATE");
    fill(
        &mut file,
        &[
            (
                "networkMode",
                json!(if fargate { "awsvpc" } else { "bridge" }),
            ),
            ("requiresCompatibilities", json!([])),
            ("volumes", json!([])),
            ("placementConstraints", json!([])),
            ("tags", json!([])),
        ],
    );
    let sizes = [json!(256), json!(".25 vCPU")];
    if file.get("cpu").is_some_and(|cpu| sizes.contains(cpu)) {
        file["cpu"] = json!("256");
    }
    let bridge = file["networkMode"] == "bridge";
    for container in each(&mut file, "containerDefinitions") {
        fill(container, &[("cpu", json!(0)), ("essential", json!(true))]);
        for list in [
            "environment",
            "secrets",
            "portMappings",
            "mountPoints",
            "environmentFiles",
        ] {
            fill(container, &[(list, json!([]))]);
        }
        for port in each(container, "portMappings") {
            let host = if bridge {
                json!(0)
            } else {
                port["containerPort"].clone()
            };
            fill(port, &[("protocol", json!("tcp")), ("hostPort", host)]);
        }
        for mount in each(container, "mountPoints") {
            fill(mount, &[("readOnly", json!(false))]);
        }
        if let Some(health) = container.get_mut("healthCheck") {
            let times = [
                ("interval", json!(30)),
                ("timeout", json!(5)),
                ("retries", json!(3)),
            ];
            fill(health, &times);
        }
        if let Some(log) = container.get_mut("logConfiguration") {
            fill(log, &[("options", json!({}))]);
        }
    }
    for volume in each(&mut file, "volumes") {
        fill(volume, &[("host", json!({}))]);
        if let Some(efs) = volume.get_mut("efsVolumeConfiguration") {
            fill(efs, &[("rootDirectory", json!("/"))]);
        }
    }
    file
}

/// What a member of this list is called.
fn name(list: &str, entry: &Value) -> String {
    let text = |key: &str| entry[key].as_str().unwrap().to_owned();
    match list {
        "portMappings" => {
            let protocol = entry
                .get("protocol")
                .map_or("tcp", |it| it.as_str().unwrap());
            format!("{}/{protocol}", entry["containerPort"])
        }
        "mountPoints" => text("containerPath"),
        "tags" => text("key"),
        _ => text("name"),
    }
}

/// The same with named lists in the order of their names, where names are not shared.
fn in_order(file: &Value) -> Value {
    let mut file = registered(file);
    let sort = |object: &mut Value, list: &str| {
        let entries = object[list].as_array_mut().unwrap();
        let mut names: Vec<String> = entries.iter().map(|entry| name(list, entry)).collect();
        names.sort();
        names.dedup();
        if names.len() == entries.len() {
            entries.sort_by_key(|entry| name(list, entry));
        }
    };
    for list in ["containerDefinitions", "volumes", "tags"] {
        sort(&mut file, list);
    }
    for container in each(&mut file, "containerDefinitions") {
        for list in ["environment", "secrets", "portMappings", "mountPoints"] {
            sort(container, list);
        }
    }
    file
}

/// Makes the difference.
fn apply(at: &mut Value, above: &str, difference: &Difference, depth: usize) {
    let (key, last) = (&difference.path[depth], difference.path.len() == depth + 1);
    if let Value::Array(entries) = at {
        let found = entries.iter().position(|entry| name(above, entry) == *key);
        if !last {
            return apply(&mut entries[found.unwrap()], key, difference, depth + 1);
        }
        let whole = difference.to.clone().map(|to| match (above, to) {
            ("environment", Value::String(text)) => json!({"name": key, "value": text}),
            ("secrets", Value::String(text)) => json!({"name": key, "valueFrom": text}),
            ("tags", Value::String(text)) => json!({"key": key, "value": text}),
            (_, whole) => whole,
        });
        match (found, whole) {
            (Some(found), Some(whole)) => entries[found] = whole,
            (Some(found), None) => drop(entries.remove(found)),
            (None, whole) => entries.push(whole.unwrap()),
        }
    } else if !last {
        apply(&mut at[key], key, difference, depth + 1);
    } else if let Some(to) = &difference.to {
        at[key] = to.clone();
    } else {
        at.as_object_mut().unwrap().remove(key).unwrap();
    }
}

fn applied<'a>(before: &Value, differences: impl Iterator<Item = &'a Difference>) -> Value {
    let mut file = before.clone();
    for difference in differences {
        apply(&mut file, "", difference, 0);
    }
    in_order(&file)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_differs_from_itself_or_from_what_ecs_makes_of_it(file in files()) {
        let sent = definition(&file);
        prop_assert_eq!(diff(&sent, &sent), []);
        for described in [registered(&file), in_order(&file)].iter().map(definition) {
            prop_assert_eq!(diff(&described, &sent), []);
            prop_assert_eq!(diff(&sent, &described), []);
        }
    }

    #[test]
    fn all_differences_make_the_one_into_the_other_and_all_but_one_do_not((before, after) in two()) {
        let before = registered(&before);
        let found = diff(&definition(&before), &definition(&after));
        let after = in_order(&after);
        prop_assert_eq!(applied(&before, found.iter()), after.clone(), "{:#?}", found);
        for left_out in &found {
            prop_assert_ne!(&left_out.from, &left_out.to);
            let others = found.iter().filter(|other| other.path != left_out.path);
            prop_assert_ne!(applied(&before, others), after.clone(), "{:#?}", left_out);
        }
    }

    #[test]
    fn every_difference_can_be_seen_and_no_value_that_is_hidden((before, after) in two()) {
        for difference in diff(&definition(&before), &definition(&after)) {
            for show_values in [false, true] {
                let (from, to) = difference.shown(show_values);
                prop_assert_eq!(from.is_some(), difference.from.is_some());
                prop_assert_eq!(to.is_some(), difference.to.is_some());
                prop_assert_ne!(&from, &to, "{:?}", difference);
                let texts = [from, to].into_iter().flatten();
                let hidden = texts.chain([difference.place()]).all(|text| !text.contains(HIDDEN));
                prop_assert!(show_values || hidden, "{:?}", difference);
            }
        }
    }
}
