//! Task definitions as raw JSON: a field that no SDK knows yet is carried value for value
//! (CONTRACTS 3.5.1 to 3.5.6).

pub mod diff;
pub mod foreign;
mod images;

pub use images::put_images;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::names::short;

/// What ECS adds to a description and `RegisterTaskDefinition` does not take (3.5.2).
const READ_ONLY: [&str; 9] = [
    "compatibilities",
    "deleteRequestedAt",
    "deregisteredAt",
    "registeredAt",
    "registeredBy",
    "requiresAttributes",
    "revision",
    "status",
    "taskDefinitionArn",
];

/// Tags by which a revision is recognised as one of ours (3.5.6).
pub mod tag {
    /// Execution and target: the same for a retry of the stage.
    pub const OPERATION: &str = "redbutton:operation";
    /// The id of the job that began it: another one for a retry, the same for a duplicate.
    pub const ATTEMPT: &str = "redbutton:attempt";
    /// `family:revision` of what served before: a delivery that comes after ours has finished can
    /// still go back to it. Absent where targets that share the revision served different ones.
    pub const WAS: &str = "redbutton:was";
    /// sha256 of the content that was sent.
    pub const SHA256: &str = "redbutton:sha256";
}

/// A tag.
pub type Tag = (String, String);

/// What will be registered, or was: everything except the read-only fields, and the tags.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskDefinition {
    body: Map<String, Value>,
    tags: Vec<Tag>,
}

/// A revision as ECS describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// The revision's ARN.
    pub arn: String,
    /// Its number in the family.
    pub revision: u64,
    /// Whether it can be deployed.
    pub active: bool,
    /// What it was registered from.
    pub definition: TaskDefinition,
}

/// Where a container's log goes: `awslogs`. Without a prefix a stream's name cannot be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The log group.
    pub group: String,
    /// Its region, unless it is the task's.
    pub region: Option<String>,
    /// Streams are called `prefix/container/task id`.
    pub prefix: String,
}

impl Described {
    /// Reads an answer of `DescribeTaskDefinition` or `RegisterTaskDefinition`.
    pub fn from_answer(answer: &Value) -> Option<Self> {
        let described = answer.get("taskDefinition")?.as_object()?;
        Some(Self {
            arn: described.get("taskDefinitionArn")?.as_str()?.to_owned(),
            revision: described.get("revision")?.as_u64()?,
            active: described.get("status").and_then(Value::as_str) != Some("INACTIVE"),
            definition: TaskDefinition {
                body: writable(described),
                tags: tags_of(answer.get("tags")),
            },
        })
    }

    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.definition
            .tags
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }
}

impl TaskDefinition {
    /// Reads a task definition file: the input of `RegisterTaskDefinition`, or the output of
    /// `aws ecs describe-task-definition` as it is.
    pub fn from_file(bytes: &[u8]) -> Result<Self, Vec<String>> {
        let value: Value =
            serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
                .map_err(|error| vec![format!("is not JSON ({error})")])?;
        let (described, tags) = match value.get("taskDefinition") {
            Some(described) => (described, value.get("tags")),
            None => (&value, value.get("tags")),
        };
        let Some(object) = described.as_object() else {
            return Err(vec!["must be a JSON object".into()]);
        };
        let mut body = writable(object);
        body.shift_remove("tags");
        let definition = Self {
            body,
            tags: tags_of(tags),
        };
        let mut wrongs = Vec::new();
        if definition.family().is_empty() {
            wrongs.push("family: is missing".to_owned());
        }
        if definition.containers().is_empty() {
            wrongs.push("containerDefinitions: is missing or names no container".to_owned());
        }
        if wrongs.is_empty() {
            Ok(definition)
        } else {
            Err(wrongs)
        }
    }

    /// The family; empty when it has none.
    pub fn family(&self) -> &str {
        self.body
            .get("family")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The content, without tags.
    pub fn body(&self) -> &Map<String, Value> {
        &self.body
    }

    /// The names of the containers, in order.
    pub fn containers(&self) -> Vec<&str> {
        let definitions = self
            .body
            .get("containerDefinitions")
            .and_then(Value::as_array);
        let containers = definitions.into_iter().flatten();
        containers
            .filter_map(|container| container.get("name")?.as_str())
            .collect()
    }

    /// Gives containers another image, where `other` has one for what is written.
    pub fn replace_images(&mut self, other: impl Fn(&str) -> Option<String>) {
        let definitions = self.body.get_mut("containerDefinitions");
        let containers = definitions.and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            if let Some(image) = container.get_mut("image")
                && let Some(new) = image.as_str().and_then(&other)
            {
                *image = Value::from(new);
            }
        }
    }

    /// Every container's image as it is written, by the container's name.
    pub fn images(&self) -> Vec<(&str, &str)> {
        let definitions = self
            .body
            .get("containerDefinitions")
            .and_then(Value::as_array);
        let containers = definitions.into_iter().flatten();
        containers
            .filter_map(|container| {
                Some((
                    container.get("name")?.as_str()?,
                    container.get("image")?.as_str()?,
                ))
            })
            .collect()
    }

    /// Replaces images by what `pin` makes of them.
    pub fn pin(&mut self, pin: impl Fn(&str) -> Option<String>) {
        let names: Vec<String> = self
            .containers()
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        for name in names {
            let Some(container) = self.container_mut(&name) else {
                continue;
            };
            let image = container
                .get("image")
                .and_then(Value::as_str)
                .and_then(&pin);
            if let Some(image) = image {
                container.insert("image".into(), Value::String(image));
            }
        }
    }

    fn container_mut(&mut self, name: &str) -> Option<&mut Map<String, Value>> {
        let containers = self.body.get_mut("containerDefinitions")?.as_array_mut()?;
        containers
            .iter_mut()
            .filter_map(Value::as_object_mut)
            .find(|container| container.get("name").and_then(Value::as_str) == Some(name))
    }

    /// Where a container's log goes, when that is CloudWatch Logs.
    pub fn log_of(&self, container: &str) -> Option<Log> {
        let containers = self.body.get("containerDefinitions")?.as_array()?;
        let container = containers
            .iter()
            .find(|one| one.get("name").and_then(Value::as_str) == Some(container))?;
        let log = container.get("logConfiguration")?;
        let option = |name: &str| Some(log.get("options")?.get(name)?.as_str()?.to_owned());
        (log.get("logDriver")?.as_str()? == "awslogs").then_some(())?;
        Some(Log {
            group: option("awslogs-group")?,
            region: option("awslogs-region"),
            prefix: option("awslogs-stream-prefix")?,
        })
    }

    /// sha256 of the content and the owner's tags, in hex. The order of keys does not matter.
    pub fn sha256(&self) -> String {
        let mut canonical = String::new();
        write_canonical(&Value::Object(self.body.clone()), &mut canonical);
        let mut tags = self.own_tags();
        tags.sort();
        for (key, value) in tags {
            canonical.push_str(&format!("\n{key}={value}"));
        }
        hex::encode(Sha256::digest(canonical))
    }

    /// Whether registering this would change nothing about `other`.
    pub fn same_content(&self, other: &Self) -> bool {
        self.sha256() == other.sha256()
    }

    /// Whether everything that is written here is in `described`, to which ECS adds its defaults.
    pub fn is_in(&self, described: &Self) -> bool {
        self.body.iter().all(|(key, value)| {
            described
                .body
                .get(key)
                .is_some_and(|other| contains(other, value))
        })
    }

    /// The input of `RegisterTaskDefinition`: the content, the owner's tags, and ours.
    /// `was` is the ARN of what serves before.
    pub fn register_input(
        &self,
        operation: &str,
        attempt: &str,
        was: Option<&str>,
    ) -> Result<Value, String> {
        let mut tags = self.own_tags();
        let was = was.map(short).filter(|was| was.len() <= 256);
        tags.extend(was.map(|was| (tag::WAS.to_owned(), was.to_owned())));
        tags.extend([
            (tag::OPERATION.to_owned(), operation.to_owned()),
            (tag::ATTEMPT.to_owned(), attempt.to_owned()),
            (tag::SHA256.to_owned(), self.sha256()),
        ]);
        if tags.len() > 50 {
            return Err(format!(
                "the task definition has {} tags, and ECS allows 50 with the four that redbutton adds",
                self.own_tags().len()
            ));
        }
        let mut input = self.body.clone();
        let tags = tags
            .into_iter()
            .map(|(key, value)| json!({"key": key, "value": value}))
            .collect();
        input.insert("tags".into(), Value::Array(tags));
        Ok(Value::Object(input))
    }

    /// The owner's tags: without ours and without those that only AWS may write (3.5.3).
    fn own_tags(&self) -> Vec<Tag> {
        let reserved = |key: &str| {
            key.get(..4)
                .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
                || key.starts_with("redbutton:")
        };
        self.tags
            .iter()
            .filter(|(key, _)| !reserved(key))
            .cloned()
            .collect()
    }
}

/// Whether `described` is `written` with more fields in its objects.
fn contains(described: &Value, written: &Value) -> bool {
    match (described, written) {
        (Value::Object(described), Value::Object(written)) => written.iter().all(|(key, value)| {
            described
                .get(key)
                .is_some_and(|other| contains(other, value))
        }),
        (Value::Array(described), Value::Array(written)) => {
            described.len() == written.len()
                && described
                    .iter()
                    .zip(written)
                    .all(|(other, value)| contains(other, value))
        }
        (described, written) => described == written,
    }
}

/// What can be registered: no read-only field, no null; empty strings stay (3.5.4).
fn writable(described: &Map<String, Value>) -> Map<String, Value> {
    let fields = described
        .iter()
        .filter(|(key, _)| !READ_ONLY.contains(&key.as_str()));
    fields
        .filter_map(|(key, value)| Some((key.clone(), without_nulls(value)?)))
        .collect()
}

fn without_nulls(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(entries) => Some(Value::Array(
            entries.iter().filter_map(without_nulls).collect(),
        )),
        Value::Object(fields) => Some(Value::Object(
            fields
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), without_nulls(value)?)))
                .collect(),
        )),
        other => Some(other.clone()),
    }
}

fn tags_of(tags: Option<&Value>) -> Vec<Tag> {
    let entries = tags.and_then(Value::as_array).into_iter().flatten();
    entries
        .filter_map(|tag| {
            let key = tag.get("key")?.as_str()?;
            Some((
                key.to_owned(),
                tag.get("value")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
            ))
        })
        .collect()
}

/// JSON with sorted keys and no white space: equal content gives equal text.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort();
            out.push('{');
            for key in keys {
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write_canonical(fields.get(key).unwrap_or(&Value::Null), out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(entries) => {
            out.push('[');
            for entry in entries {
                write_canonical(entry, out);
                out.push(',');
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests;
