//! What a rollout changes: today an ECS service; stacks and one-off tasks have their place here.

use serde_json::Value;

use super::door::{Door, Rule, Wrongs};
use super::{PLACE, Place, written};
use crate::names::{Region, RoleArn};

/// An ECS service in a cluster, and how to get there.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceTarget {
    /// What messages call it.
    pub name: String,
    /// The cluster's name.
    pub cluster: String,
    /// The service's name.
    pub service: String,
    /// Where it is.
    pub region: Region,
    /// The role to assume; none means the function's own, in the pipeline's account.
    pub role: Option<RoleArn>,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
    /// The task definition's file; none means that the running one is edited.
    pub task_definition: Option<Place>,
}

impl ServiceTarget {
    /// The account that the role leads into; none for the pipeline's own.
    pub fn account(&self) -> Option<&str> {
        self.role.as_ref().map(|role| role.account().as_str())
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

const REGION: Rule = Rule {
    allowed: "a region such as \"ap-southeast-2\"",
    accepts: |text| Region::parse(text).is_some(),
};
const ROLE: Rule = Rule {
    allowed: "a role's ARN such as \"arn:aws:iam::333333333333:role/redbutton-rollout\"",
    accepts: |text| RoleArn::parse(text).is_some(),
};
const EXTERNAL_ID: Rule = Rule {
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

impl ServiceTarget {
    pub(super) fn through(
        value: &Value,
        path: &str,
        defaults: &Defaults,
        wrongs: &mut Wrongs,
    ) -> Option<Self> {
        let mut door = Door::open(value, path, written::TARGET_KEYS, wrongs)?;
        let service = door.required("service", NAME);
        let cluster = door.required("cluster", NAME);
        let name = door.text("name", NAME);
        let own = Defaults::through(&mut door);
        let region = own.region.or_else(|| defaults.region.clone());
        if region.is_none() && door.value("region").is_none() {
            door.wrong(
                "region",
                format!("is missing; write {} here or at the top", REGION.allowed),
            );
        }
        let service = service?;
        Some(Self {
            name: name.unwrap_or(service).to_owned(),
            cluster: cluster?.to_owned(),
            service: service.to_owned(),
            region: region?,
            role: own.role.or_else(|| defaults.role.clone()),
            external_id: own.external_id.or_else(|| defaults.external_id.clone()),
            task_definition: own
                .task_definition
                .or_else(|| defaults.task_definition.clone()),
        })
    }
}
