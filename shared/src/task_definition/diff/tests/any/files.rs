//! Task definitions as people write them, of many shapes, and pairs that have most in common.

use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::task_definition::tests::json_value;

/// Part of every value that must not be shown.
pub(super) const HIDDEN: &str = "hunter";

/// Parts of commands with such a value, each by itself.
fn told() -> [String; 3] {
    [
        format!("DB_PASSWORD={HIDDEN}6 ./migrate"),
        format!("--dsn=postgres://u:{HIDDEN}7@db/shop"),
        format!("curl -H 'Authorization: {HIDDEN}8' localhost"),
    ]
}

/// An object with those of the fields that are there.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let there = fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(there.collect())
}

/// One of these.
fn one(of: &[Value]) -> BoxedStrategy<Value> {
    select(of.to_vec()).boxed()
}

fn list(entry: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    of(vec(entry, 0..4).prop_map(Value::from)).boxed()
}

fn maybe(values: &[Value]) -> BoxedStrategy<Option<Value>> {
    of(one(values)).boxed()
}

fn variable() -> impl Strategy<Value = Value> {
    let values = [
        json!(""),
        json!(format!("{HIDDEN}1")),
        json!(format!("{HIDDEN}2")),
    ];
    (
        select(vec!["A", "B", "C", "D"]),
        one(&values),
        proptest::bool::weighted(0.1),
    )
        .prop_map(|(name, value, odd)| {
            let mut variable = json!({"name": name, "value": value});
            if odd {
                variable["future"] = json!(format!("{HIDDEN}3"));
            }
            variable
        })
}

fn pair(key: &'static str, value: &'static str) -> impl Strategy<Value = Value> {
    (select(vec!["a", "b", "c"]), select(vec!["x", "y"]))
        .prop_map(move |(name, content)| json!({key: name, value: content}))
}

fn port() -> impl Strategy<Value = Value> {
    let protocols = maybe(&[json!("tcp"), json!("udp")]);
    let hosts = maybe(&[json!(0), json!(80), json!(81)]);
    (one(&[json!(80), json!(81)]), hosts, protocols).prop_map(|(port, host, protocol)| {
        object([
            ("containerPort", Some(port)),
            ("hostPort", host),
            ("protocol", protocol),
        ])
    })
}

fn health() -> impl Strategy<Value = Value> {
    let times = || maybe(&[json!(3), json!(5), json!(30)]);
    let [_, _, told] = told();
    let command = one(&[json!(["CMD", "true"]), json!(["CMD-SHELL", told])]);
    (command, times(), times(), times(), of(json_value())).prop_map(
        |(command, interval, timeout, retries, future)| {
            object([
                ("command", Some(command)),
                ("interval", interval),
                ("timeout", timeout),
                ("retries", retries),
                ("future", future),
            ])
        },
    )
}

fn log() -> impl Strategy<Value = Value> {
    let options = btree_map(
        select(vec!["group".to_owned(), "environment".to_owned()]),
        one(&[json!("a"), json!("b")]),
        0..3,
    );
    let token = maybe(&[json!(format!("{HIDDEN}4")), json!(format!("{HIDDEN}5"))]);
    let key = select(vec!["splunk-Token", "Header"]);
    (of(options), key, token).prop_map(|(options, key, token)| {
        let mut options: Option<Map<String, Value>> = options.map(|it| it.into_iter().collect());
        if let Some(token) = token {
            options.get_or_insert_default().insert(key.into(), token);
        }
        object([
            ("logDriver", Some(json!("splunk"))),
            ("options", options.map(Value::Object)),
        ])
    })
}

/// Labels of which one is always there.
fn labels() -> impl Strategy<Value = Value> {
    let team = one(&[
        json!("a"),
        json!(format!("{{\"password\": \"{HIDDEN}9\"}}")),
    ]);
    let key = maybe(&[json!("b"), json!(format!("{HIDDEN}4"))]);
    (team, key).prop_map(|(team, key)| object([("team", Some(team)), ("license-key", key)]))
}

fn container(name: &'static str) -> impl Strategy<Value = Value> {
    let [set, address, _] = told();
    let plain = (
        one(&[json!("i:1"), json!("i:2")]),
        maybe(&[json!(0), json!(10)]),
        maybe(&[json!(true), json!(false)]),
        maybe(&[
            json!([]),
            json!(["a"]),
            json!(["a", "b"]),
            json!(["a", set]),
            json!([address]),
        ]),
        of(labels()),
    );
    let mount = pair("containerPath", "sourceVolume").prop_flat_map(|mount| {
        maybe(&[json!(true), json!(false)]).prop_map(move |only| {
            let mut mount = mount.clone();
            if let Some(only) = only {
                mount["readOnly"] = only;
            }
            mount
        })
    });
    let lists = (
        list(variable()),
        list(pair("name", "valueFrom")),
        list(port()),
        list(mount),
        list(pair("value", "type")),
    );
    (plain, lists, of(health()), of(log()), of(json_value())).prop_map(
        move |((image, cpu, essential, command, labels), lists, health, log, future)| {
            let (environment, secrets, ports, mounts, files) = lists;
            object([
                ("name", Some(json!(name))),
                ("image", Some(image)),
                ("cpu", cpu),
                ("essential", essential),
                ("command", command),
                ("dockerLabels", labels),
                ("environment", environment),
                ("secrets", secrets),
                ("portMappings", ports),
                ("mountPoints", mounts),
                ("environmentFiles", files),
                ("healthCheck", health),
                ("logConfiguration", log),
                ("future", future),
            ])
        },
    )
}

fn volume() -> impl Strategy<Value = Value> {
    let roots = maybe(&[json!("/"), json!("/x")]);
    let configuration = roots.prop_map(|root| object([("rootDirectory", root)]));
    let hosts = maybe(&[json!({}), json!({"sourcePath": "/s"})]);
    (
        one(&[json!("a"), json!("b"), json!("c")]),
        of(configuration),
        hosts,
    )
        .prop_map(|(name, efs, host)| {
            object([
                ("name", Some(name)),
                ("efsVolumeConfiguration", efs),
                ("host", host),
            ])
        })
}

/// Task definitions as people write them.
pub(super) fn files() -> impl Strategy<Value = Value> {
    let first = select(vec!["web", "app"]).prop_flat_map(container);
    let containers =
        (first, of(container("side")), any::<bool>()).prop_map(|(first, side, turned)| {
            let mut containers: Vec<Value> = [Some(first), side].into_iter().flatten().collect();
            if turned {
                containers.reverse();
            }
            containers
        });
    let plain = (
        maybe(&[json!("awsvpc"), json!("bridge"), json!("host")]),
        maybe(&[json!([]), json!(["FARGATE"]), json!(["EC2", "FARGATE"])]),
        maybe(&[json!("256"), json!(256), json!(".25 vCPU"), json!("512")]),
    );
    let future = of(prop_oneof![
        json_value(),
        vec(variable(), 0..3).prop_map(|variables| json!({"environment": variables})),
    ]);
    (
        containers,
        plain,
        list(volume()),
        list(pair("key", "value")),
        future,
    )
        .prop_map(
            |(containers, (mode, requires, cpu), volumes, tags, future)| {
                object([
                    ("family", Some(json!("web"))),
                    ("containerDefinitions", Some(json!(containers))),
                    ("networkMode", mode),
                    ("requiresCompatibilities", requires),
                    ("cpu", cpu),
                    ("volumes", volumes),
                    ("tags", tags),
                    ("future", future),
                ])
            },
        )
}

/// Two that have most in common.
pub(super) fn two() -> impl Strategy<Value = (Value, Value)> {
    (files(), files(), vec(0..6_u8, 1..60)).prop_map(|(one, other, picks)| {
        let after = blend(&one, &other, &mut picks.into_iter().cycle());
        (one, after)
    })
}

fn blend(one: &Value, other: &Value, picks: &mut impl Iterator<Item = u8>) -> Value {
    match (one, other, picks.next()) {
        (Value::Object(fields), Value::Object(others), Some(2..)) => {
            let mut keys: Vec<&String> = fields.keys().chain(others.keys()).collect();
            keys.sort();
            keys.dedup();
            let blended = keys.into_iter().filter_map(|key| {
                let value = match (fields.get(key), others.get(key)) {
                    (Some(one), Some(other)) => blend(one, other, &mut *picks),
                    (Some(_), None) if key != "name" && picks.next() == Some(0) => return None,
                    (None, Some(_)) if picks.next() != Some(0) => return None,
                    (one, other) => one.or(other)?.clone(),
                };
                Some((key.clone(), value))
            });
            Value::Object(blended.collect())
        }
        (Value::Array(entries), Value::Array(others), Some(2..))
            if entries.len() == others.len() =>
        {
            let both = entries.iter().zip(others);
            both.map(|(one, other)| blend(one, other, &mut *picks))
                .collect()
        }
        (_, other, Some(0)) => other.clone(),
        _ => one.clone(),
    }
}
