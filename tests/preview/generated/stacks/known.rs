//! What is known of a stack: what CloudFormation says of it, and what it holds.

use std::collections::BTreeMap;

use rehearsal::world::{Stack, stack, task_definition};
use serde_json::{Value, json};

use crate::fixture::World;
use crate::preview::generated::oracle;

/// What is known of a stack; nothing of one that is not there.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Known {
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) template: String,
    /// Physical id and properties of each resource.
    pub(super) resources: BTreeMap<String, (String, Value)>,
}

/// All of a stack that can be read.
pub(super) fn known(world: &World, name: &str) -> Known {
    let Ok(stack) = stack(&world.suite.other, name) else {
        return Known::default();
    };
    let resources = stack.resources().unwrap().into_iter();
    let resources = resources.map(|(logical, physical)| {
        let properties = properties(world, &stack, &logical, &physical);
        (logical, (physical, properties))
    });
    Known {
        parameters: stack.parameters().unwrap(),
        tags: stack.tags().unwrap(),
        template: stack.template().unwrap(),
        resources: resources.collect(),
    }
}

/// A resource as its own service describes it.
fn properties(world: &World, stack: &Stack, logical: &str, physical: &str) -> Value {
    let account = &world.suite.other;
    let json = |service: &str, operation: &str, body: Value| {
        account.json(service, operation, body).unwrap()
    };
    match logical {
        "TaskDefinition" => oracle::tree(&task_definition(account, physical).unwrap()),
        "Service" => {
            let described = stack.service("Service").unwrap().describe().unwrap();
            let fields = ["taskDefinition", "desiredCount", "tags"];
            fields
                .map(|field| described[field].clone())
                .into_iter()
                .collect()
        }
        "Logs" => {
            let of = json!({"logGroupNamePrefix": physical});
            let found = json("logs", "Logs_20140328.DescribeLogGroups", of);
            let of = json!({"logGroupName": physical});
            let tags = json("logs", "Logs_20140328.ListTagsLogGroup", of);
            json!([found["logGroups"][0]["retentionInDays"], tags["tags"]])
        }
        "Note" => {
            let found = json("ssm", "AmazonSSM.GetParameter", json!({"Name": physical}));
            let of = json!({"ResourceType": "Parameter", "ResourceId": physical});
            let tags = json("ssm", "AmazonSSM.ListTagsForResource", of);
            json!([found["Parameter"]["Value"], tags["TagList"]])
        }
        other => panic!("no resource of the templates is called {other}"),
    }
}
