//! What a release brings a service: another image only, a file that differs anywhere, or nothing.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::definition::{RELEASED, definition};

/// What is released.
#[derive(Debug, Clone)]
pub(super) enum Release {
    /// Another image, in what runs.
    Image,
    /// What runs already.
    Nothing,
    /// A task definition file; whether the image is another one.
    File(Value, bool),
}

/// A service that runs something, and its release.
pub(super) fn release() -> impl Strategy<Value = (Value, Release)> {
    let masks = (any::<u64>(), any::<u64>());
    let how = (0u32..10, any::<bool>(), any::<bool>(), any::<bool>());
    (definition(), definition(), masks, how).prop_map(
        |(running, other, masks, (kind, image, spelled, turned))| {
            let release = match kind {
                0 | 1 => Release::Image,
                2 => Release::Nothing,
                _ => {
                    // In one of two, a quarter of all places differs; in the other, half of them.
                    let mask = if image { masks.0 & masks.1 } else { masks.0 };
                    let mut file = mixed(&running, &other, &mut Bits(mask));
                    if spelled {
                        spell_out(&mut file);
                    }
                    if turned {
                        turn_round(&mut file);
                    }
                    Release::File(file, kind % 2 == 0)
                }
            };
            (running, release)
        },
    )
}

/// Yes and no, in turn.
struct Bits(u64);

impl Bits {
    fn next(&mut self) -> bool {
        self.0 = self.0.rotate_left(1);
        self.0 & 1 == 1
    }
}

/// The one, with what the bits say from the other: fields of the task and of its containers, and
/// whole containers.
fn mixed(one: &Value, other: &Value, bits: &mut Bits) -> Value {
    let mut mixed = fields(one, other, bits);
    let mut containers = Vec::new();
    for name in [RELEASED, "proxy", "agent"] {
        let of = |definition: &Value| container(definition, name);
        containers.extend(match (of(one), of(other)) {
            (Some(one), Some(other)) => Some(fields(&one, &other, bits)),
            (one, other) => {
                if bits.next() {
                    other
                } else {
                    one
                }
            }
        });
    }
    mixed["containerDefinitions"] = json!(containers);
    mixed
}

fn container(definition: &Value, name: &str) -> Option<Value> {
    let containers = definition["containerDefinitions"].as_array().unwrap();
    containers.iter().find(|it| it["name"] == name).cloned()
}

fn fields(one: &Value, other: &Value, bits: &mut Bits) -> Value {
    let (one, other) = (one.as_object().unwrap(), other.as_object().unwrap());
    let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
    keys.sort();
    keys.dedup();
    let each = keys.into_iter().filter_map(|key| {
        let from = if bits.next() { other } else { one };
        Some((key.clone(), from.get(key)?.clone()))
    });
    Value::Object(each.collect())
}

/// With what ECS would fill in.
fn spell_out(file: &mut Value) {
    let fill = |value: &mut Value, key: &str, filled: Value| {
        if value.get(key).is_none() {
            value[key] = filled;
        }
    };
    fill(file, "volumes", json!([]));
    fill(file, "placementConstraints", json!([]));
    for container in file["containerDefinitions"].as_array_mut().unwrap() {
        for list in [
            "environment",
            "mountPoints",
            "portMappings",
            "systemControls",
            "volumesFrom",
        ] {
            fill(container, list, json!([]));
        }
        fill(container, "cpu", json!(0));
        for port in container["portMappings"].as_array_mut().unwrap() {
            let same = port["containerPort"].clone();
            fill(port, "protocol", json!("tcp"));
            fill(port, "hostPort", same);
        }
        for mount in container["mountPoints"].as_array_mut().unwrap() {
            fill(mount, "readOnly", json!(false));
        }
        if let Some(check) = container.get_mut("healthCheck") {
            fill(check, "interval", json!(30));
            fill(check, "timeout", json!(5));
            fill(check, "retries", json!(3));
        }
    }
}

/// With its containers, variables and tags in another order, which says nothing.
fn turn_round(file: &mut Value) {
    let reverse = |value: Option<&mut Value>| {
        if let Some(Value::Array(entries)) = value {
            entries.reverse();
        }
    };
    reverse(file.get_mut("tags"));
    reverse(file.get_mut("volumes"));
    for container in file["containerDefinitions"].as_array_mut().unwrap() {
        for list in [
            "environment",
            "secrets",
            "portMappings",
            "mountPoints",
            "ulimits",
        ] {
            reverse(container.get_mut(list));
        }
    }
    reverse(file.get_mut("containerDefinitions"));
}
