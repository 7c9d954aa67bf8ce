//! What approvers read about two task definitions, in examples.

mod any;
mod hidden;

use serde_json::{Value, json};

use super::*;

fn definition(file: &Value) -> TaskDefinition {
    TaskDefinition::from_file(file.to_string().as_bytes()).unwrap()
}

/// A task definition with these fields beside its family, and one container with those.
fn task(fields: Value, container: Value) -> Value {
    let mut whole = json!({"name": "web", "image": "r/web:1"});
    let mut file = json!({"family": "web"});
    for (field, value) in container.as_object().unwrap() {
        whole[field] = value.clone();
    }
    file["containerDefinitions"] = json!([whole]);
    for (field, value) in fields.as_object().unwrap() {
        file[field] = value.clone();
    }
    file
}

fn lines(before: &Value, after: &Value, show_values: bool) -> Vec<String> {
    let differences = diff(&definition(before), &definition(after));
    let line = |difference: &Difference| {
        let (from, to) = difference.shown(show_values);
        let [from, to] = [from, to].map(|text| text.unwrap_or_else(|| "-".into()));
        format!("{} | {from} → {to}", difference.place())
    };
    differences.iter().map(line).collect()
}

fn check(before: Value, after: Value, expected: &[&str]) {
    assert_eq!(lines(&before, &after, false), expected, "{before} {after}");
}

/// The same about one container.
fn container(before: Value, after: Value, expected: &[&str]) {
    check(task(json!({}), before), task(json!({}), after), expected);
}

/// The same about everything else.
fn fields(before: Value, after: Value, expected: &[&str]) {
    check(task(before, json!({})), task(after, json!({})), expected);
}

#[test]
fn a_release_is_told_in_lines() {
    container(
        json!({"image": "r/web:1", "command": ["serve"], "healthCheck": {"command": ["a"], "interval": 10}}),
        json!({"image": "r/web:2", "command": ["serve", "-v"], "healthCheck": {"command": ["a"]}}),
        &[
            "container web: image | r/web:1 → r/web:2",
            "container web: command | [\"serve\"] → [\"serve\",\"-v\"]",
            "container web: healthCheck.interval | 10 → -",
        ],
    );
    container(
        json!({"secrets": [{"name": "KEY", "valueFrom": "/a"}, {"name": "OLD", "valueFrom": "/o"}]}),
        json!({"secrets": [{"name": "NEW", "valueFrom": "/n"}, {"name": "KEY", "valueFrom": "/b"}]}),
        &[
            "container web: secrets KEY | /a → /b",
            "container web: secrets OLD | /o → -",
            "container web: secrets NEW | - → /n",
        ],
    );
    container(
        json!({"portMappings": [{"containerPort": 80, "name": "http"}, {"containerPort": 53, "protocol": "udp"}]}),
        json!({"portMappings": [{"containerPort": 53}, {"containerPort": 80, "hostPort": 8080, "protocol": "tcp"}]}),
        &[
            "container web: portMappings 80/tcp name | http → -",
            "container web: portMappings 80/tcp hostPort | - → 8080",
            "container web: portMappings 53/udp | {\"containerPort\":53,\"protocol\":\"udp\"} → -",
            "container web: portMappings 53/tcp | - → {\"containerPort\":53}",
        ],
    );
    fields(
        json!({"cpu": "256", "tags": [{"key": "team", "value": "a"}], "volumes": [
            {"name": "data", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/x"}}]}),
        json!({"cpu": "512", "tags": [{"key": "team", "value": ""}], "volumes": [
            {"name": "data", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}, {"name": "more"}]}),
        &[
            "cpu | 256 → 512",
            "volume data: efsVolumeConfiguration.rootDirectory | /x → -",
            "volume more | - → {\"name\":\"more\"}",
            "tag team | a → \"\"",
        ],
    );
}

#[test]
fn a_field_that_nobody_knows_is_told_by_its_path() {
    fields(
        json!({"future": {"deep": {"a": 1}, "list": [1, 2]}}),
        json!({"future": {"deep": {"a": "1"}, "list": [2, 1]}, "other": true}),
        &[
            "future.deep.a | 1 → \"1\"",
            "future.list | [1,2] → [2,1]",
            "other | - → true",
        ],
    );
}

#[test]
fn containers_come_and_go_whole_and_their_order_is_nothing() {
    let of = |names: &[&str]| {
        let containers = names.iter().map(|name| {
            json!({"name": name, "image": "i", "environment": [{"name": "A", "value": "hidden"}]})
        });
        json!({"family": "web", "containerDefinitions": containers.collect::<Value>()})
    };
    check(
        of(&["a", "b"]),
        of(&["c", "a"]),
        &[
            "container b | {\"name\":\"b\",\"image\":\"i\",\"environment\":[{\"name\":\"A\",\"value\":\"was set\"}]} → -",
            "container c | - → {\"name\":\"c\",\"image\":\"i\",\"environment\":[{\"name\":\"A\",\"value\":\"set\"}]}",
        ],
    );
    check(of(&["a", "b"]), of(&["b", "a"]), &[]);
}

#[test]
fn what_ecs_fills_in_is_no_difference() {
    let described = |mode: &str, port: u16| {
        task(
            json!({"volumes": [{"name": "v", "host": {}}], "placementConstraints": [], "networkMode": mode,
                   "taskRoleArn": "", "pidMode": "", "cpu": "512", "memory": "1024"}),
            json!({"cpu": 0, "essential": true, "environment": [], "systemControls": [], "volumesFrom": [],
                   "mountPoints": [{"sourceVolume": "v", "containerPath": "/v", "readOnly": false}],
                   "portMappings": [{"containerPort": 80, "hostPort": port, "protocol": "tcp"}],
                   "healthCheck": {"command": ["a"], "interval": 30, "timeout": 5, "retries": 3}}),
        )
    };
    let sent = |fields: Value| {
        let mut file = task(
            json!({"volumes": [{"name": "v"}], "cpu": ".5 vCPU", "memory": "1 GB"}),
            json!({"mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}],
                   "portMappings": [{"containerPort": 80}], "healthCheck": {"command": ["a"]}}),
        );
        for (field, value) in fields.as_object().unwrap() {
            file[field] = value.clone();
        }
        file
    };
    check(described("bridge", 0), sent(json!({})), &[]);
    check(
        described("awsvpc", 80),
        sent(json!({"networkMode": "awsvpc"})),
        &[],
    );
    check(
        described("host", 80),
        sent(json!({"networkMode": "host"})),
        &[],
    );
    // What ECS would fill in now is something else.
    check(
        described("awsvpc", 80),
        sent(json!({"cpu": 256, "memory": "1025"})),
        &[
            "container web: portMappings 80/tcp hostPort | 80 → -",
            "networkMode | awsvpc → -",
            "cpu | 512 → 256",
            "memory | 1024 → 1025",
        ],
    );
    let fargate = json!(["FARGATE"]);
    fields(
        json!({"networkMode": "awsvpc", "requiresCompatibilities": fargate}),
        json!({"requiresCompatibilities": fargate}),
        &[],
    );
    container(
        json!({"essential": false, "cpu": 1, "command": []}),
        json!({}),
        &[
            "container web: essential | false → -",
            "container web: cpu | 1 → -",
            "container web: command | [] → -",
        ],
    );
}

#[test]
fn what_means_the_same_as_its_absence_is_no_difference() {
    let lists = [
        "secrets",
        "environmentFiles",
        "dependsOn",
        "ulimits",
        "extraHosts",
        "links",
        "dnsServers",
        "dnsSearchDomains",
        "dockerSecurityOptions",
        "resourceRequirements",
        "portMappings",
    ];
    let mut filled = json!({"versionConsistency": "enabled", "dockerLabels": {},
        "volumesFrom": [{"sourceContainer": "side", "readOnly": false}],
        "logConfiguration": {"logDriver": "awslogs", "options": {}, "secretOptions": []}});
    for list in lists {
        filled[list] = json!([]);
    }
    let bare = json!({"volumesFrom": [{"sourceContainer": "side"}], "logConfiguration": {"logDriver": "awslogs"}});
    container(filled.clone(), bare.clone(), &[]);
    container(bare, filled, &[]);
    fields(
        json!({"enableFaultInjection": false, "ipcMode": "", "executionRoleArn": "", "volumes": [
            {"name": "e", "efsVolumeConfiguration": {"fileSystemId": "f", "rootDirectory": "/",
                "transitEncryption": "DISABLED", "authorizationConfig": {"accessPointId": "a", "iam": "DISABLED"}}},
            {"name": "s", "s3filesVolumeConfiguration": {"fileSystemArn": "f", "rootDirectory": "/"}}]}),
        json!({"volumes": [
            {"name": "e", "efsVolumeConfiguration": {"fileSystemId": "f", "authorizationConfig": {"accessPointId": "a"}}},
            {"name": "s", "s3filesVolumeConfiguration": {"fileSystemArn": "f"}}]}),
        &[],
    );
    container(
        json!({"versionConsistency": "disabled", "volumesFrom": [{"sourceContainer": "side", "readOnly": true}]}),
        json!({"volumesFrom": [{"sourceContainer": "side"}]}),
        &[
            "container web: versionConsistency | disabled → -",
            "container web: volumesFrom side readOnly | true → -",
        ],
    );
}

#[test]
fn numbers_are_numbers_and_texts_are_texts() {
    container(
        json!({"memory": 512, "x": 1e300}),
        json!({"memory": 512.0, "x": 1e300}),
        &[],
    );
    container(
        json!({"memory": 9_007_199_254_740_993_u64, "x": 0.5}),
        json!({"memory": 9_007_199_254_740_992.0, "x": 0.25}),
        &[
            "container web: memory | 9007199254740993 → 9007199254740992.0",
            "container web: x | 0.5 → 0.25",
        ],
    );
    container(
        json!({"user": "1", "hostname": "a"}),
        json!({"user": 1, "hostname": "a "}),
        &[
            "container web: user | \"1\" → 1",
            "container web: hostname | a → \"a \"",
        ],
    );
}

#[test]
fn a_list_without_a_key_is_told_whole() {
    container(
        json!({"environment": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}),
        json!({"environment": [{"name": "A", "value": "1"}, {"name": "A", "value": "3"}]}),
        &[
            "container web: environment | [{\"name\":\"A\",\"value\":\"set\"},{\"name\":\"A\",\"value\":\"set\"}] → \
           [{\"name\":\"A\",\"value\":\"set\"},{\"name\":\"A\",\"value\":\"set to another value\"}]",
        ],
    );
    // One port on two ports of the host: defaults count as nothing here, too.
    container(
        json!({"portMappings": [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}, {"containerPort": 80, "hostPort": 81}]}),
        json!({"portMappings": [{"containerPort": 80}, {"containerPort": 80, "hostPort": 81}]}),
        &[],
    );
    // Of two files the order decides which one wins.
    let files = |order: [&str; 2]| json!({"environmentFiles": order.map(|value| json!({"type": "s3", "value": value}))});
    assert_eq!(
        lines(
            &task(json!({}), files(["a", "b"])),
            &task(json!({}), files(["b", "a"])),
            false
        )
        .len(),
        1
    );
}

#[test]
fn of_long_texts_the_part_is_shown_that_differs() {
    let long = |start: &str, times: usize, end: &str| json!({"x": format!("{start}{}{end}", "é".repeat(times))});
    let ends = |before: Value, after: Value| {
        let before = definition(&task(json!({}), before));
        let after = definition(&task(json!({}), after));
        let (from, to) = diff(&before, &after)[0].shown(false);
        (from.unwrap(), to.unwrap())
    };
    let (from, to) = ends(long("a", 199, ""), long("b", 200, ""));
    assert_eq!(from, format!("a{}", "é".repeat(199)));
    assert_eq!(to, format!("b{}…", "é".repeat(199)));
    let (from, to) = ends(long("", 300, "a"), long("", 300, "bc"));
    assert_eq!(from, format!("…{}a", "é".repeat(40)));
    assert_eq!(to, format!("…{}bc", "é".repeat(40)));
    let (from, to) = ends(long("", 300, ""), long("", 301, ""));
    assert_eq!((from.chars().count(), to.chars().count()), (41, 42));
}

#[test]
fn tags_that_redbutton_and_aws_write_are_nobodys_difference() {
    fields(
        json!({"tags": [{"key": "redbutton:was", "value": "web:1"}, {"key": "aws:x", "value": "y"}]}),
        json!({"tags": [{"key": "team", "value": "web"}]}),
        &["tag team | - → web"],
    );
}
