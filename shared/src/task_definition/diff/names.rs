//! Lists whose members have names: which they are, what a member is called, and a path's shape,
//! which is the same for every member.

use serde_json::{Map, Value};

/// A list whose members are told apart by one of their fields.
pub(super) struct Named {
    /// Where it is; `*` stands for a member of a named list.
    shape: &'static str,
    key: &'static str,
    /// The field that is a member's whole content, where it has one.
    content: Option<&'static str>,
}

/// The key of port mappings, whose name is more than a field: see `name_of`.
const PORTS: &str = "containerPort";

const NAMED: [Named; 18] = [
    named("containerDefinitions", "name"),
    pairs("containerDefinitions/*/environment", "name", "value"),
    pairs("containerDefinitions/*/secrets", "name", "valueFrom"),
    named("containerDefinitions/*/portMappings", PORTS),
    named("containerDefinitions/*/mountPoints", "containerPath"),
    named("containerDefinitions/*/volumesFrom", "sourceContainer"),
    named("containerDefinitions/*/dependsOn", "containerName"),
    named("containerDefinitions/*/ulimits", "name"),
    pairs("containerDefinitions/*/extraHosts", "hostname", "ipAddress"),
    pairs(
        "containerDefinitions/*/systemControls",
        "namespace",
        "value",
    ),
    pairs(
        "containerDefinitions/*/resourceRequirements",
        "type",
        "value",
    ),
    pairs(
        "containerDefinitions/*/logConfiguration/secretOptions",
        "name",
        "valueFrom",
    ),
    named("containerDefinitions/*/linuxParameters/devices", "hostPath"),
    named(
        "containerDefinitions/*/linuxParameters/tmpfs",
        "containerPath",
    ),
    named("volumes", "name"),
    named("placementConstraints", "expression"),
    pairs("proxyConfiguration/properties", "name", "value"),
    pairs("tags", "key", "value"),
];

const fn named(shape: &'static str, key: &'static str) -> Named {
    let content = None;
    Named {
        shape,
        key,
        content,
    }
}

const fn pairs(shape: &'static str, key: &'static str, content: &'static str) -> Named {
    let content = Some(content);
    Named {
        shape,
        key,
        content,
    }
}

/// The path with `*` for the names of members: the same for every container, variable, volume.
pub(super) fn shape(path: &[String]) -> Vec<&str> {
    let mut shape: Vec<&str> = Vec::new();
    for key in path {
        let member = named_list(&shape).is_some();
        shape.push(if member { "*" } else { key });
    }
    shape
}

pub(super) fn named_list(shape: &[&str]) -> Option<&'static Named> {
    NAMED.iter().find(|list| is(shape, list.shape))
}

pub(super) fn is(shape: &[&str], pattern: &str) -> bool {
    pattern.split('/').eq(shape.iter().copied())
}

/// The members by their names; `None` when one has no name or shares it with another.
pub(super) fn members<'a>(list: &Named, entries: &'a [Value]) -> Option<Vec<Member<'a>>> {
    let mut members: Vec<Member> = Vec::new();
    for entry in entries {
        let fields = entry.as_object()?;
        let name = name_of(list, fields)?;
        if members.iter().any(|other| other.name == name) {
            return None;
        }
        let content = list.content.and_then(|content| fields.get(content));
        let content = content.filter(|content| content.is_string() && fields.len() == 2);
        members.push(Member {
            name,
            entry,
            content,
        });
    }
    Some(members)
}

/// A port mapping is `8080/tcp` or `8080-8090/udp`, and by its own name without a port; every
/// other member has its name in a field.
fn name_of(list: &Named, fields: &Map<String, Value>) -> Option<String> {
    if list.key != PORTS {
        return Some(fields.get(list.key)?.as_str()?.to_owned());
    }
    let port = match (fields.get(PORTS), fields.get("containerPortRange")) {
        (Some(port), _) => Some(port.as_u64()?.to_string()),
        (None, Some(range)) => Some(range.as_str()?.to_owned()),
        (None, None) => None,
    };
    let Some(port) = port else {
        return Some(fields.get("name")?.as_str()?.to_owned());
    };
    let protocol = match fields.get("protocol") {
        Some(protocol) => protocol.as_str()?,
        None => "tcp",
    };
    Some(format!("{port}/{protocol}"))
}

/// A member of a named list: its name, itself, and its content when it has nothing else.
pub(super) struct Member<'a> {
    pub(super) name: String,
    pub(super) entry: &'a Value,
    pub(super) content: Option<&'a Value>,
}

impl Member<'_> {
    pub(super) fn told(&self) -> Value {
        self.content.unwrap_or(self.entry).clone()
    }
}
