//! What ECS fills in where a task definition leaves a field out. Each entry has its source: the
//! API model (botocore `ecs`, `RegisterTaskDefinition`), what descriptions of a real ECS are seen
//! to hold (AWS's own examples of `describe-task-definition`), or the emulator of the tests.
//!
//! A field that is not here has no default: leaving it out is a difference. So is anything that
//! depends on an account's settings or on where the task runs, such as the mode of the log driver,
//! `stopTimeout`, or the ulimits and the platform of Fargate.

use serde_json::{Map, Value, json};

use super::names::is;
use super::same;

/// A value that ECS fills in.
enum Fill {
    Number(u64),
    Truth(bool),
    Text(&'static str),
    EmptyList,
    EmptyObject,
    /// `awsvpc` for Fargate, which knows no other, else `bridge`.
    NetworkMode,
    /// The container's port where the task has its own network or the host's, else 0.
    HostPort,
}

const FILLED: [(&str, Fill); 40] = [
    // Seen in every description. For `cpu` the model adds that none and 0 are the same; `essential`
    // is true by the model.
    ("containerDefinitions/*/cpu", Fill::Number(0)),
    ("containerDefinitions/*/essential", Fill::Truth(true)),
    ("containerDefinitions/*/environment", Fill::EmptyList),
    ("containerDefinitions/*/mountPoints", Fill::EmptyList),
    ("containerDefinitions/*/portMappings", Fill::EmptyList),
    ("containerDefinitions/*/systemControls", Fill::EmptyList),
    ("containerDefinitions/*/volumesFrom", Fill::EmptyList),
    ("volumes", Fill::EmptyList),
    ("placementConstraints", Fill::EmptyList),
    // Seen in descriptions of volumes that have a name only; the model says that an empty `host`
    // leaves the place to Docker, as none does.
    ("volumes/*/host", Fill::EmptyObject),
    // Lists and maps of which the model says what an entry adds: an empty one adds nothing. (Of an
    // empty `command` or `entryPoint` it does not say that, so they are not here.)
    ("requiresCompatibilities", Fill::EmptyList),
    ("containerDefinitions/*/secrets", Fill::EmptyList),
    ("containerDefinitions/*/environmentFiles", Fill::EmptyList),
    ("containerDefinitions/*/dependsOn", Fill::EmptyList),
    ("containerDefinitions/*/ulimits", Fill::EmptyList),
    ("containerDefinitions/*/extraHosts", Fill::EmptyList),
    ("containerDefinitions/*/links", Fill::EmptyList),
    ("containerDefinitions/*/dnsServers", Fill::EmptyList),
    ("containerDefinitions/*/dnsSearchDomains", Fill::EmptyList),
    (
        "containerDefinitions/*/dockerSecurityOptions",
        Fill::EmptyList,
    ),
    (
        "containerDefinitions/*/resourceRequirements",
        Fill::EmptyList,
    ),
    ("containerDefinitions/*/dockerLabels", Fill::EmptyObject),
    (
        "containerDefinitions/*/logConfiguration/options",
        Fill::EmptyObject,
    ),
    (
        "containerDefinitions/*/logConfiguration/secretOptions",
        Fill::EmptyList,
    ),
    // The model: PortMapping (`hostPort` for awsvpc, host and bridge), HealthCheck, MountPoint,
    // VolumeFrom, ContainerDefinition$versionConsistency, EFSVolumeConfiguration and its
    // authorization, S3FilesVolumeConfiguration, RegisterTaskDefinitionRequest.
    (
        "containerDefinitions/*/portMappings/*/protocol",
        Fill::Text("tcp"),
    ),
    (
        "containerDefinitions/*/portMappings/*/hostPort",
        Fill::HostPort,
    ),
    (
        "containerDefinitions/*/healthCheck/interval",
        Fill::Number(30),
    ),
    (
        "containerDefinitions/*/healthCheck/timeout",
        Fill::Number(5),
    ),
    (
        "containerDefinitions/*/healthCheck/retries",
        Fill::Number(3),
    ),
    (
        "containerDefinitions/*/mountPoints/*/readOnly",
        Fill::Truth(false),
    ),
    (
        "containerDefinitions/*/volumesFrom/*/readOnly",
        Fill::Truth(false),
    ),
    (
        "containerDefinitions/*/versionConsistency",
        Fill::Text("enabled"),
    ),
    (
        "volumes/*/efsVolumeConfiguration/rootDirectory",
        Fill::Text("/"),
    ),
    (
        "volumes/*/efsVolumeConfiguration/transitEncryption",
        Fill::Text("DISABLED"),
    ),
    (
        "volumes/*/efsVolumeConfiguration/authorizationConfig/iam",
        Fill::Text("DISABLED"),
    ),
    (
        "volumes/*/s3filesVolumeConfiguration/rootDirectory",
        Fill::Text("/"),
    ),
    ("enableFaultInjection", Fill::Truth(false)),
    // The model says `bridge`; MiniStack 1.5.33 fills in `awsvpc` for Fargate, where nothing else
    // can be registered.
    ("networkMode", Fill::NetworkMode),
    // MiniStack 1.5.33; ECS registers neither with an empty text.
    ("pidMode", Fill::Text("")),
    ("ipcMode", Fill::Text("")),
];

/// MiniStack 1.5.33 describes a role that was left out as an empty text.
const ROLES: [&str; 2] = ["executionRoleArn", "taskRoleArn"];

/// Whether `value` is what ECS fills in at this place of a task definition that leaves it out.
/// `beside` are the fields that it has there, `mode` is its network mode.
pub(super) fn filled_in(
    shape: &[&str],
    value: &Value,
    beside: &Map<String, Value>,
    mode: &str,
) -> bool {
    if ROLES.iter().any(|role| is(shape, role)) {
        return value == "";
    }
    let Some((_, fill)) = FILLED.iter().find(|(pattern, _)| is(shape, pattern)) else {
        return false;
    };
    let filled = match fill {
        Fill::Number(number) => json!(number),
        Fill::Truth(truth) => json!(truth),
        Fill::Text(text) => json!(text),
        Fill::EmptyList => json!([]),
        Fill::EmptyObject => json!({}),
        Fill::NetworkMode => json!(network_mode(beside)),
        Fill::HostPort => match (mode, beside.get("containerPort")) {
            (_, None) => return false,
            ("awsvpc" | "host", Some(port)) => port.clone(),
            (_, Some(_)) => json!(0),
        },
    };
    same(value, &filled)
}

/// The network mode, as it is written or as ECS fills it in.
pub(super) fn network_mode(body: &Map<String, Value>) -> &str {
    let written = body.get("networkMode").and_then(Value::as_str);
    let requires = body
        .get("requiresCompatibilities")
        .and_then(Value::as_array);
    let mut requires = requires.into_iter().flatten();
    written.unwrap_or(if requires.any(|one| one == "FARGATE") {
        "awsvpc"
    } else {
        "bridge"
    })
}

/// Whether both are the same size of a task: ECS keeps `cpu` and `memory` as texts of units and
/// MiB, whether they were sent as `256`, `"256"`, `".25 vCPU"` or `"1 GB"`
/// (the model: `RegisterTaskDefinitionRequest`).
pub(super) fn same_size(shape: &[&str], one: &Value, other: &Value) -> bool {
    let unit = match shape {
        ["cpu"] => "vcpu",
        ["memory"] => "gb",
        _ => return false,
    };
    let size = size(one, unit);
    size.is_some() && size == self::size(other, unit)
}

fn size(value: &Value, unit: &str) -> Option<f64> {
    let text = match value {
        Value::String(text) => text.trim().to_ascii_lowercase(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let (number, factor) = match text.strip_suffix(unit) {
        Some(number) => (number.trim_end(), 1024.0),
        None => (text.as_str(), 1.0),
    };
    let digits = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = digits.then(|| number.parse().ok())??;
    Some(number * factor)
}
