//! What a stack has inside, stacks that are nested in it included.

use std::collections::VecDeque;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{ResourceStatus, StackResourceSummary};

use super::{DEEPEST, PAGES, endless, failed};
use crate::error::CallError;

const OPERATION: &str = "cloudformation:ListStackResources";

/// What proof needs of a stack's resources; those that are gone are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources {
    /// Physical ids of ECS services, which are ARNs.
    pub services: Vec<String>,
    /// ARNs of task definitions.
    pub definitions: Vec<String>,
}

/// The resources of a stack and of all that is nested in it: those of the stack first, then those
/// of the stacks in it.
pub async fn inside(client: &Client, stack: &str) -> Result<Resources, CallError> {
    let mut resources = Resources::default();
    let mut waiting = VecDeque::from([(0, stack.to_owned())]);
    while let Some((depth, stack)) = waiting.pop_front() {
        if depth > DEEPEST {
            return Err(endless(OPERATION));
        }
        for resource in listed(client, &stack).await? {
            let physical = match resource.physical_resource_id() {
                Some(physical) if !physical.is_empty() && !is_gone(&resource) => {
                    physical.to_owned()
                }
                _ => continue,
            };
            match resource.resource_type().unwrap_or_default() {
                "AWS::ECS::Service" => resources.services.push(physical),
                "AWS::ECS::TaskDefinition" => resources.definitions.push(physical),
                "AWS::CloudFormation::Stack" => waiting.push_back((depth + 1, physical)),
                _ => {}
            }
        }
    }
    Ok(resources)
}

async fn listed(client: &Client, stack: &str) -> Result<Vec<StackResourceSummary>, CallError> {
    let mut pages = client
        .list_stack_resources()
        .stack_name(stack)
        .into_paginator()
        .send();
    let mut all = Vec::new();
    for _ in 0..PAGES {
        let Some(page) = pages.next().await else {
            return Ok(all);
        };
        let page = page.map_err(|error| failed(OPERATION, error))?;
        all.extend(page.stack_resource_summaries.unwrap_or_default());
    }
    Err(endless(OPERATION))
}

/// Deleted, or left behind by the stack.
fn is_gone(resource: &StackResourceSummary) -> bool {
    matches!(
        resource.resource_status(),
        Some(ResourceStatus::DeleteComplete | ResourceStatus::DeleteSkipped)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::replay::{query, query_error, replay};

    fn arn(service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:us-east-1:111111111111:{resource}")
    }

    fn member(logical: &str, physical: &str, kind: &str, status: &str) -> String {
        format!(
            "<member><LogicalResourceId>{logical}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
             <ResourceType>AWS::{kind}</ResourceType><LastUpdatedTimestamp>2026-02-02T03:04:05.678Z</LastUpdatedTimestamp>\
             <ResourceStatus>{status}</ResourceStatus></member>"
        )
    }

    fn page(members: &[String], next: &str) -> (u16, serde_json::Value) {
        let members = members.concat();
        let result = format!("<StackResourceSummaries>{members}</StackResourceSummaries>{next}");
        query("ListStackResources", &result)
    }

    #[tokio::test]
    async fn nested_stacks_are_followed_and_what_is_gone_is_left_out() {
        let nested = |logical: &str, status: &str| {
            let physical = arn("cloudformation", &format!("stack/{logical}/1"));
            member(logical, &physical, "CloudFormation::Stack", status)
        };
        let definition = |number: u32, status: &str| {
            let physical = arn("ecs", &format!("task-definition/web:{number}"));
            member("Task", &physical, "ECS::TaskDefinition", status)
        };
        let service = |name: &str, status: &str| {
            let physical = match name {
                "" => String::new(),
                name => arn("ecs", &format!("service/test/{name}")),
            };
            member("Service", &physical, "ECS::Service", status)
        };
        let (config, replay) = replay([
            page(
                &[
                    nested("App", "UPDATE_COMPLETE"),
                    nested("Old", "DELETE_COMPLETE"),
                ],
                "<NextToken>2</NextToken>",
            ),
            page(
                &[
                    service("web", "UPDATE_COMPLETE"),
                    service("", "CREATE_FAILED"),
                    definition(1, "DELETE_COMPLETE"),
                    definition(2, "CREATE_COMPLETE"),
                    member("Topic", "t", "SNS::Topic", "CREATE_COMPLETE"),
                ],
                "",
            ),
            page(
                &[
                    service("left", "DELETE_SKIPPED"),
                    nested("Jobs", "CREATE_COMPLETE"),
                ],
                "",
            ),
            page(&[service("worker", "CREATE_COMPLETE")], ""),
        ]);
        let found = inside(&Client::new(&config), "web").await.unwrap();
        let expected = Resources {
            services: vec![
                arn("ecs", "service/test/web"),
                arn("ecs", "service/test/worker"),
            ],
            definitions: vec![arn("ecs", "task-definition/web:2")],
        };
        assert_eq!(found, expected);
        let asked: Vec<_> = replay
            .calls()
            .into_iter()
            .map(|(_, body)| body["StackName"].as_str().unwrap_or_default().to_owned())
            .collect();
        let [app, jobs] =
            ["App", "Jobs"].map(|name| arn("cloudformation", &format!("stack/{name}/1")));
        assert_eq!(asked, ["web", "web", &app, &jobs]);
    }

    #[tokio::test]
    async fn what_has_no_end_is_refused_and_what_is_not_there_is_missing() {
        let itself = member("Self", "web", "CloudFormation::Stack", "CREATE_COMPLETE");
        let pages = (0..20).map(|_| page(std::slice::from_ref(&itself), ""));
        let (config, replay) = replay(pages);
        let error = inside(&Client::new(&config), "web").await.unwrap_err();
        assert_eq!((error.kind, replay.calls().len()), (Kind::Refused, 11));

        let missing = query_error("ValidationError", "Stack with id web does not exist");
        let (config, _) = crate::replay::replay([missing]);
        let error = inside(&Client::new(&config), "web").await.unwrap_err();
        assert_eq!(error.kind, Kind::Missing);
    }
}
