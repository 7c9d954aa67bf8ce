//! Stack events, newest first (CONTRACTS 3.6.15).

use aws_sdk_cloudformation::{Client, types};
use shared::rollout::seen::stack::Event;

use super::failed;
use crate::error::CallError;
use crate::time::seconds;

/// A page has about a hundred events: an operation that made two thousand has told its cause long
/// before.
const ENOUGH_PAGES: usize = 20;

/// The newest events of a stack, newest first, back to the first one that `stop` is true for, that
/// one included. One page as a rule; without such an event, what twenty pages have. A stack that
/// does not exist is an error of kind Missing.
pub async fn back_to(
    client: &Client,
    stack: &str,
    stop: impl Fn(&Event) -> bool,
) -> Result<Vec<Event>, CallError> {
    let mut pages = client
        .describe_stack_events()
        .stack_name(stack)
        .into_paginator()
        .send();
    let mut events = Vec::new();
    for _ in 0..ENOUGH_PAGES {
        let Some(page) = pages.next().await else {
            break;
        };
        let page = page.map_err(|error| failed("cloudformation:DescribeStackEvents", error))?;
        for event in page.stack_events() {
            let event = read(event);
            let found = stop(&event);
            events.push(event);
            if found {
                return Ok(events);
            }
        }
    }
    Ok(events)
}

fn read(event: &types::StackEvent) -> Event {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Event {
        stack: text(event.stack_id()),
        at: event.timestamp().map(seconds).unwrap_or_default(),
        logical: text(event.logical_resource_id()),
        physical: text(event.physical_resource_id()),
        kind: text(event.resource_type()),
        status: text(event.resource_status().map(|status| status.as_str())),
        reason: text(event.resource_status_reason()),
        token: text(event.client_request_token()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::replay::{query, query_error, replay};

    const ARN: &str = "arn:aws:cloudformation:us-east-1:111111111111:stack/web/0b1c";

    fn member(logical: &str, status: &str, token: &str) -> String {
        format!(
            "<member><StackId>{ARN}</StackId><EventId>e-{logical}-{status}</EventId><StackName>web</StackName>\
             <LogicalResourceId>{logical}</LogicalResourceId><PhysicalResourceId>{ARN}</PhysicalResourceId>\
             <ResourceType>AWS::CloudFormation::Stack</ResourceType><Timestamp>2026-02-02T03:04:05.678Z</Timestamp>\
             <ResourceStatus>{status}</ResourceStatus><ResourceStatusReason>why</ResourceStatusReason>{token}</member>"
        )
    }

    fn page(members: &[String], next: &str) -> (u16, serde_json::Value) {
        let members = members.concat();
        let result = format!("<StackEvents>{members}</StackEvents>{next}");
        query("DescribeStackEvents", &result)
    }

    fn ours(status: &str) -> String {
        let token = "<ClientRequestToken>a-1</ClientRequestToken>";
        member("web", status, token)
    }

    fn begun(event: &Event) -> bool {
        event.token == "a-1" && event.status == "UPDATE_IN_PROGRESS"
    }

    // rules: 3.6.15 3.6.19
    #[tokio::test]
    async fn events_are_read_back_to_the_beginning_of_our_operation() {
        let (config, replay) = replay([
            page(
                &[ours("UPDATE_ROLLBACK_IN_PROGRESS"), ours("UPDATE_FAILED")],
                "<NextToken>2</NextToken>",
            ),
            page(
                &[
                    ours("UPDATE_IN_PROGRESS"),
                    member("web", "UPDATE_COMPLETE", ""),
                ],
                "<NextToken>3</NextToken>",
            ),
        ]);
        let events = back_to(&Client::new(&config), "web", begun).await.unwrap();
        let statuses: Vec<&str> = events.iter().map(|event| event.status.as_str()).collect();
        assert_eq!(
            statuses,
            [
                "UPDATE_ROLLBACK_IN_PROGRESS",
                "UPDATE_FAILED",
                "UPDATE_IN_PROGRESS"
            ]
        );
        let expected = Event {
            stack: ARN.into(),
            at: 1_770_001_445,
            logical: "web".into(),
            physical: ARN.into(),
            kind: "AWS::CloudFormation::Stack".into(),
            status: "UPDATE_IN_PROGRESS".into(),
            reason: "why".into(),
            token: "a-1".into(),
        };
        assert_eq!(events[2], expected);
        assert!(events[2].is_of_the_stack());
        let calls = replay.calls();
        assert_eq!(calls.len(), 2);
        assert_eq!(calls[1].1["NextToken"], "2");
    }

    #[tokio::test]
    async fn without_a_beginning_what_there_is_within_twenty_pages() {
        let (config, replay) = replay([
            page(&[ours("UPDATE_COMPLETE")], ""),
            query_error("ValidationError", "Stack [web] does not exist"),
        ]);
        let client = Client::new(&config);
        let events = back_to(&client, "web", begun).await.unwrap();
        assert_eq!((events.len(), replay.calls().len()), (1, 1));
        let error = back_to(&client, "web", begun).await.unwrap_err();
        assert_eq!(error.kind, Kind::Missing);

        let pages = (0..30).map(|number| {
            let next = format!("<NextToken>{number}</NextToken>");
            page(&[ours("UPDATE_COMPLETE")], &next)
        });
        let (config, replay) = crate::replay::replay(pages);
        let events = back_to(&Client::new(&config), "web", begun).await.unwrap();
        assert_eq!((events.len(), replay.calls().len()), (20, 20));
    }
}
