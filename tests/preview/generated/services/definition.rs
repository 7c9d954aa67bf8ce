//! Task definitions of all kinds, and files that differ from what runs in any place.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rehearsal::suite;
use serde_json::{Map, Value, json};

use super::around;

/// The container that releases bring an image for, before it gets its name.
pub(super) const RELEASED: &str = "released";

/// The repository that the releases' images are in.
pub(super) const BESIDE: &str = "beside";

/// The odds of a field that is not to be missing; a millionth is left out.
const ALWAYS: f64 = 0.999_999;

/// What a container has, except name and image: each with the odds that it has it.
fn container_fields() -> Vec<(&'static str, f64, BoxedStrategy<Value>)> {
    vec![
        ("environment", 0.7, environment().boxed()),
        ("secrets", 0.4, secrets().boxed()),
        ("portMappings", 0.4, ports().boxed()),
        ("mountPoints", 0.3, mounts().boxed()),
        ("healthCheck", 0.3, health_check().boxed()),
        ("logConfiguration", 0.4, log().boxed()),
        ("command", 0.3, texts().boxed()),
        ("entryPoint", 0.2, texts().boxed()),
        ("ulimits", 0.2, ulimits().boxed()),
        ("dockerLabels", 0.3, labels().boxed()),
        ("cpu", 0.3, number(&[0, 32, 64]).boxed()),
        ("memoryReservation", 0.3, number(&[64, 128]).boxed()),
        ("stopTimeout", 0.2, number(&[10, 30]).boxed()),
        ("user", 0.2, text().prop_map(Value::from).boxed()),
        ("readonlyRootFilesystem", 0.2, truth().boxed()),
        ("linuxParameters", 0.2, linux().boxed()),
        // Of a later version of ECS: carried, and told, like all others.
        ("tomorrow", 0.2, tomorrow().boxed()),
    ]
}

/// What a task definition has besides family, containers and execution role.
fn fields() -> Vec<(&'static str, f64, BoxedStrategy<Value>)> {
    let size = |texts: &[&'static str]| select(texts.to_vec()).prop_map(Value::from).boxed();
    vec![
        ("cpu", ALWAYS, size(&["256", "512"])),
        ("memory", ALWAYS, size(&["1024", "2048"])),
        ("runtimePlatform", 0.4, platform().boxed()),
        ("ephemeralStorage", 0.3, storage().boxed()),
        ("volumes", 0.5, volumes().boxed()),
        ("taskRoleArn", 0.3, Just(json!(around::TASK_ROLE)).boxed()),
        ("tags", 0.6, tags().boxed()),
    ]
}

/// A task definition without its family, its first container called [`RELEASED`].
pub(super) fn definition() -> impl Strategy<Value = Value> {
    let others = subsequence(vec!["proxy", "agent"], 0..=2);
    let containers = (
        container(Just(RELEASED)),
        container(Just("proxy")),
        container(Just("agent")),
        others,
    );
    (some(fields()), containers).prop_map(|(mut body, (first, proxy, agent, others))| {
        let all = [proxy, agent].into_iter();
        let others = all.filter(|it| others.contains(&it["name"].as_str().unwrap()));
        let containers: Vec<Value> = [first].into_iter().chain(others).collect();
        body.insert("containerDefinitions".into(), json!(containers));
        body.insert("executionRoleArn".into(), json!(around::EXECUTION_ROLE));
        body.insert("networkMode".into(), json!("awsvpc"));
        body.insert("requiresCompatibilities".into(), json!(["FARGATE"]));
        Value::Object(body)
    })
}

fn container(name: Just<&'static str>) -> impl Strategy<Value = Value> {
    let image = select(vec![
        "docker.io/library/envoy:1.31",
        "beside:v1",
        "beside:v2",
    ]);
    (name, image, some(container_fields())).prop_map(|(name, image, mut container)| {
        container.insert("name".into(), json!(name));
        container.insert("image".into(), json!(image));
        container.insert("essential".into(), json!(true));
        Value::Object(container)
    })
}

/// Some of the fields.
fn some(
    fields: Vec<(&'static str, f64, BoxedStrategy<Value>)>,
) -> impl Strategy<Value = Map<String, Value>> {
    let each = fields.into_iter().map(|(name, odds, value)| {
        option::weighted(odds, value).prop_map(move |value| Some((name.to_owned(), value?)))
    });
    let each: Vec<_> = each.collect();
    each.prop_map(|all| all.into_iter().flatten().collect())
}

/// What people write, and what breaks pages.
fn text() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        5 => "[a-z]{1,9}",
        1 => "[0-9]{1,3}",
        1 => Just(String::new()),
        1 => Just(" at both ends ".to_owned()),
        1 => Just("<b title=\"x\">&amp; größer \u{1f680}</b>".to_owned()),
        1 => "[a-z]".prop_map(|last| format!("{}{last}{}", "l".repeat(220), "o".repeat(30))),
    ]
}

fn texts() -> impl Strategy<Value = Value> {
    vec(text(), 1..3).prop_map(Value::from)
}

fn number(some: &[u64]) -> impl Strategy<Value = Value> + use<> {
    select(some.to_vec()).prop_map(Value::from)
}

fn truth() -> impl Strategy<Value = Value> {
    any::<bool>().prop_map(Value::from)
}

fn environment() -> impl Strategy<Value = Value> {
    named(
        &["LEVEL", "MODE", "PEER", "a.b/c~d"],
        text(),
        |name, value| json!({"name": name, "value": value}),
    )
}

fn secrets() -> impl Strategy<Value = Value> {
    let from = select(around::secrets());
    named(
        &["KEY", "PASSWORD"],
        from,
        |name, from| json!({"name": name, "valueFrom": from}),
    )
}

fn labels() -> impl Strategy<Value = Value> {
    let pairs = (
        subsequence(vec!["team", "com.example/tier"], 0..=2),
        vec(text(), 2),
    );
    pairs.prop_map(|(names, texts)| {
        let names = names.into_iter().map(str::to_owned);
        let labels: BTreeMap<_, _> = names.zip(texts).collect();
        json!(labels)
    })
}

fn tags() -> impl Strategy<Value = Value> {
    named(
        &["team", "stage"],
        "[a-z]{0,6}",
        |key, value| json!({"key": key, "value": value}),
    )
}

fn volumes() -> impl Strategy<Value = Value> {
    let efs = option::of(("fs-0[1-4]{3}", option::of(select(vec!["/", "/data"]))));
    named(&["data", "cache"], efs, |name, efs| {
        let mut volume = json!({"name": name});
        if let Some((id, root)) = efs {
            volume["efsVolumeConfiguration"] = json!({"fileSystemId": id});
            if let Some(root) = root {
                volume["efsVolumeConfiguration"]["rootDirectory"] = json!(root);
            }
        }
        volume
    })
}

fn mounts() -> impl Strategy<Value = Value> {
    let mount = (select(vec!["data", "cache"]), option::of(any::<bool>()));
    named(
        &["/data", "/tmp/x~y"],
        mount,
        |path, (volume, read_only)| {
            let mut mount = json!({"containerPath": path, "sourceVolume": volume});
            if let Some(read_only) = read_only {
                mount["readOnly"] = json!(read_only);
            }
            mount
        },
    )
}

fn ports() -> impl Strategy<Value = Value> {
    let more = (
        option::of(select(vec!["tcp", "udp"])),
        option::of("[a-z]{3}"),
        any::<bool>(),
    );
    named(&["80", "9901"], more, |port, (protocol, name, host)| {
        let port: u64 = port.parse().unwrap();
        let mut mapping = json!({"containerPort": port});
        if let Some(protocol) = protocol {
            mapping["protocol"] = json!(protocol);
        }
        if let Some(name) = name {
            mapping["name"] = json!(name);
        }
        if host {
            mapping["hostPort"] = json!(port);
        }
        mapping
    })
}

fn ulimits() -> impl Strategy<Value = Value> {
    named(
        &["nofile", "core"],
        1024u64..1027,
        |name, limit| json!({"name": name, "softLimit": limit, "hardLimit": 65_536}),
    )
}

fn health_check() -> impl Strategy<Value = Value> {
    let numbers = (
        option::of(select(vec![10, 30])),
        option::of(select(vec![3, 5])),
    );
    (texts(), numbers).prop_map(|(command, (interval, retries))| {
        let mut check = json!({"command": command});
        for (key, number) in [("interval", interval), ("retries", retries)] {
            if let Some(number) = number {
                check[key] = json!(number);
            }
        }
        check
    })
}

fn log() -> impl Strategy<Value = Value> {
    (
        option::of("[a-z]{2}"),
        option::of(select(vec!["blocking", "non-blocking"])),
    )
        .prop_map(|(prefix, mode)| {
            let mut options = json!({
                "awslogs-group": around::LOG_GROUP,
                "awslogs-region": suite::TARGET_REGION,
            });
            if let Some(prefix) = prefix {
                options["awslogs-stream-prefix"] = json!(prefix);
            }
            if let Some(mode) = mode {
                options["mode"] = json!(mode);
            }
            json!({"logDriver": "awslogs", "options": options})
        })
}

fn linux() -> impl Strategy<Value = Value> {
    let devices = option::of(select(vec!["rw", "ro"]));
    (any::<bool>(), devices).prop_map(|(init, options)| {
        let mut linux = json!({"initProcessEnabled": init});
        if let Some(options) = options {
            linux["tmpfs"] =
                json!([{"containerPath": "/run", "size": 16, "mountOptions": [options]}]);
        }
        linux
    })
}

fn tomorrow() -> impl Strategy<Value = Value> {
    (text(), vec(0u64..3, 0..3)).prop_map(|(text, list)| json!({"mode": text, "list": list}))
}

fn platform() -> impl Strategy<Value = Value> {
    select(vec!["X86_64", "ARM64"])
        .prop_map(|cpu| json!({"cpuArchitecture": cpu, "operatingSystemFamily": "LINUX"}))
}

fn storage() -> impl Strategy<Value = Value> {
    (21u64..24).prop_map(|size| json!({"sizeInGiB": size}))
}

/// A list of members with some of these names, in any order.
fn named<S, M>(
    names: &[&'static str],
    content: S,
    member: M,
) -> impl Strategy<Value = Value> + use<S, M>
where
    S: Strategy + 'static,
    M: Fn(&str, S::Value) -> Value + 'static,
{
    let all = subsequence(names.to_vec(), 0..=names.len()).prop_shuffle();
    let contents = vec(content, names.len());
    (all, contents).prop_map(move |(names, contents)| {
        let each = names.iter().zip(contents);
        each.map(|(name, content)| member(name, content)).collect()
    })
}
