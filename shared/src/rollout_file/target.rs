//! What a rollout changes: an ECS service, a CloudFormation stack, or a one-off task beside them.

use serde_json::Value;

use super::door::{Door, Rule, Wrongs};
pub use super::stack::StackTarget;
use super::{PLACE, Place, written};
use crate::names::{Region, RoleArn};

/// A service, a one-off task or a stack, and how to get there.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// What messages and `after` call it; no two have the same.
    pub name: String,
    /// The cluster's name; empty for a stack.
    pub cluster: String,
    /// Where it is.
    pub region: Region,
    /// The role to assume; none means the function's own, in the pipeline's account.
    pub role: Option<RoleArn>,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
    /// The task definition's file; none means that the running one is edited.
    pub task_definition: Option<Place>,
    /// Places of the targets that have to be done before this one begins.
    pub after: Vec<usize>,
    /// Service, task or stack.
    pub kind: Kind,
}

/// What kind of target it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// An ECS service, by its name.
    Service(String),
    /// A task that runs once and ends.
    Task(OneOff),
    /// A CloudFormation stack.
    Stack(Box<StackTarget>),
}

/// A one-off task: a migration, an acceptance test.
#[derive(Debug, Clone, PartialEq)]
pub struct OneOff {
    /// The service whose network and launch type it has, and whose task definition when none is
    /// named.
    pub like: String,
    /// What the container runs in the place of its own command.
    pub command: Option<Vec<String>>,
    /// The container that command and environment are for, and whose exit code counts.
    pub container: Option<String>,
    /// Environment variables for the container, besides its own.
    pub environment: Vec<(String, String)>,
}

impl Kind {
    /// In a word: `service`, `task` or `stack`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Service(_) => "service",
            Self::Task(_) => "task",
            Self::Stack(_) => "stack",
        }
    }
}

impl Target {
    /// The account that the role leads into; none for the pipeline's own.
    pub fn account(&self) -> Option<&str> {
        self.role.as_ref().map(|role| role.account().as_str())
    }

    /// The service that it changes, or that it is like; empty for a stack.
    pub fn service(&self) -> &str {
        match &self.kind {
            Kind::Service(service) => service,
            Kind::Task(task) => &task.like,
            Kind::Stack(_) => "",
        }
    }

    /// Whether it is an ECS service.
    pub fn is_service(&self) -> bool {
        matches!(self.kind, Kind::Service(_))
    }

    /// Whether it is a stack.
    pub fn stack(&self) -> Option<&StackTarget> {
        match &self.kind {
            Kind::Stack(stack) => Some(stack),
            Kind::Service(_) | Kind::Task(_) => None,
        }
    }

    /// Whether it is a task.
    pub fn task(&self) -> Option<&OneOff> {
        match &self.kind {
            Kind::Service(_) | Kind::Stack(_) => None,
            Kind::Task(task) => Some(task),
        }
    }

    /// Whether both are reached by the same session, in the same region.
    pub fn same_place(&self, other: &Self) -> bool {
        (&self.region, &self.role, &self.external_id)
            == (&other.region, &other.role, &other.external_id)
    }
}

/// What the top of the file says for all targets.
#[derive(Default)]
pub(super) struct Defaults {
    region: Option<Region>,
    role: Option<RoleArn>,
    external_id: Option<String>,
    task_definition: Option<Place>,
}

pub(super) const REGION: Rule = Rule {
    allowed: "a region such as \"ap-southeast-2\"",
    accepts: |text| Region::parse(text).is_some(),
};
pub(super) const ROLE: Rule = Rule {
    allowed: "a role's ARN such as \"arn:aws:iam::333333333333:role/redbutton-rollout\"",
    accepts: |text| RoleArn::parse(text).is_some(),
};
pub(super) const EXTERNAL_ID: Rule = Rule {
    allowed: "an external id (2 to 1,224 letters, digits or +=,.@:/-_)",
    accepts: |text| {
        (2..=1_224).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+=,.@:/-_".contains(&b))
    },
};
const NAME: Rule = Rule {
    allowed: "a name, not an ARN (1 to 255 letters, digits, - or _)",
    accepts: |text| {
        (1..=255).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    },
};

impl Defaults {
    pub(super) fn through(door: &mut Door<'_>) -> Self {
        Self {
            region: door.text("region", REGION).and_then(Region::parse),
            role: door.text("role", ROLE).and_then(RoleArn::parse),
            external_id: door.text("externalId", EXTERNAL_ID).map(str::to_owned),
            task_definition: door.text("taskDefinition", PLACE).and_then(Place::parse),
        }
    }
}

const COMMAND_WORD: Rule = Rule {
    allowed: "a word of the command",
    accepts: |_| true,
};

/// A target as it is written, before `after` is looked up.
pub(super) struct Unordered {
    pub(super) target: Target,
    pub(super) after: Vec<String>,
}

impl Unordered {
    pub(super) fn through(
        value: &Value,
        path: &str,
        defaults: &Defaults,
        wrongs: &mut Wrongs,
    ) -> Option<Self> {
        let is = |kind: &str| value.get(kind).is_some();
        let (known, read): (_, Read) = if is("task") {
            (written::TASK_TARGET_KEYS, one_off)
        } else if is("stack") {
            (written::STACK_TARGET_KEYS, stack)
        } else {
            (written::SERVICE_TARGET_KEYS, service)
        };
        let mut door = Door::open(value, path, known, wrongs)?;
        let kind = read(&mut door);
        let has_cluster = known.contains(&"cluster");
        let cluster = if has_cluster {
            door.required("cluster", NAME)
        } else {
            Some("")
        };
        let name = door.text("name", NAME);
        let own = Defaults::through(&mut door);
        let region = own.region.or_else(|| defaults.region.clone());
        if region.is_none() && door.value("region").is_none() {
            door.wrong(
                "region",
                format!("is missing; write {} here or at the top", REGION.allowed),
            );
        }
        let after = door.one_or_several("after", NAME);
        let (called, kind) = kind?;
        let target = Target {
            name: name.map_or(called, str::to_owned),
            cluster: cluster?.to_owned(),
            region: region?,
            role: own.role.or_else(|| defaults.role.clone()),
            external_id: own.external_id.or_else(|| defaults.external_id.clone()),
            // A stack has its task definitions in its template.
            task_definition: own
                .task_definition
                .or_else(|| defaults.task_definition.clone())
                .filter(|_| has_cluster),
            after: Vec::new(),
            kind,
        };
        Some(Self {
            target,
            after: after.into_iter().map(str::to_owned).collect(),
        })
    }
}

/// Reads what only one kind of target has: what it is called unless it has a name, and its kind.
type Read = fn(&mut Door<'_>) -> Option<(String, Kind)>;

fn service(door: &mut Door<'_>) -> Option<(String, Kind)> {
    let name = door.required("service", NAME)?;
    Some((name.to_owned(), Kind::Service(name.to_owned())))
}

fn stack(door: &mut Door<'_>) -> Option<(String, Kind)> {
    let stack = StackTarget::through(door)?;
    Some((stack.stack.clone(), Kind::Stack(Box::new(stack))))
}

fn one_off(door: &mut Door<'_>) -> Option<(String, Kind)> {
    let name = door.required("task", NAME);
    let like = door.required("like", NAME);
    let command = door
        .value("command")
        .is_some()
        .then(|| door.texts("command", COMMAND_WORD));
    let container = door.text("container", NAME);
    let environment = door.map("environment");
    let task = OneOff {
        like: like?.to_owned(),
        command: command.map(|words| words.into_iter().map(str::to_owned).collect()),
        container: container.map(str::to_owned),
        environment,
    };
    Some((name?.to_owned(), Kind::Task(task)))
}
