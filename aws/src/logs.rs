//! CloudWatch Logs: the last lines that a container wrote, and whether it has where to write.

pub use aws_sdk_cloudwatchlogs::Client;

use crate::error::{CallError, Kind};

/// A page may be empty though there are lines before it: this many are asked for.
const PAGES: usize = 5;

/// The last lines of a log stream, oldest first; empty when there is no such group or stream, since
/// a container that never started has none.
pub async fn last_lines(
    client: &Client,
    group: &str,
    stream: &str,
    limit: u16,
) -> Result<Vec<String>, CallError> {
    let mut token = None;
    for _ in 0..PAGES {
        let answer = client
            .get_log_events()
            .log_group_name(group)
            .log_stream_name(stream)
            .limit(i32::from(limit))
            .start_from_head(false)
            .set_next_token(token.clone())
            .send()
            .await
            .map_err(|error| CallError::new("logs:GetLogEvents", error));
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.kind == Kind::Missing => break,
            Err(error) => return Err(error),
        };
        let before = answer.next_backward_token().map(str::to_owned);
        // The same token again is the stream's beginning.
        if !answer.events().is_empty() || before.is_none() || before == token {
            let lines = answer.events().iter();
            return Ok(lines
                .map(|event| event.message().unwrap_or_default().to_owned())
                .collect());
        }
        token = before;
    }
    Ok(Vec::new())
}

/// Whether there is a log group of exactly this name.
pub async fn has_group(client: &Client, name: &str) -> Result<bool, CallError> {
    let mut pages = client
        .describe_log_groups()
        .log_group_name_prefix(name)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| CallError::new("logs:DescribeLogGroups", error))?;
        let mut groups = page.log_groups().iter();
        if groups.any(|group| group.log_group_name() == Some(name)) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::replay;
    use serde_json::json;

    #[tokio::test]
    async fn an_empty_page_is_not_the_beginning() {
        let page = |events: serde_json::Value, before: &str| {
            let page =
                json!({"events": events, "nextBackwardToken": before, "nextForwardToken": "f/1"});
            (200, page)
        };
        let line = json!([{"timestamp": 1, "message": "last"}]);
        let (config, replay) = replay([
            page(json!([]), "b/2"),
            page(line, "b/1"),
            page(json!([]), "b/9"),
            page(json!([]), "b/9"),
        ]);
        let client = Client::new(&config);
        let lines = last_lines(&client, "/ecs/web", "web/app/1", 20).await;
        assert_eq!(lines.unwrap(), ["last"]);
        assert_eq!(replay.calls()[1].1["nextToken"], "b/2");
        let lines = last_lines(&client, "/ecs/web", "web/app/2", 20).await;
        assert!(lines.unwrap().is_empty());
    }

    #[tokio::test]
    async fn lines_come_as_they_were_written_and_no_stream_is_no_line() {
        let event = |message: &str| json!({"timestamp": 1, "ingestionTime": 2, "message": message});
        let (config, replay) = replay([
            (200, json!({"events": [event("first"), event("")]})),
            (
                400,
                json!({"__type": "ResourceNotFoundException", "message": "The specified log stream does not exist."}),
            ),
        ]);
        let client = Client::new(&config);
        let lines = last_lines(&client, "/ecs/web", "web/app/1", 20).await;
        assert_eq!(lines.unwrap(), ["first", ""]);
        let lines = last_lines(&client, "/ecs/web", "web/app/2", 20).await;
        assert!(lines.unwrap().is_empty());
        let (operation, body) = &replay.calls()[0];
        assert_eq!(operation, "GetLogEvents");
        assert_eq!(
            *body,
            json!({"logGroupName": "/ecs/web", "logStreamName": "web/app/1", "limit": 20, "startFromHead": false})
        );
    }

    #[tokio::test]
    async fn a_group_is_there_by_its_whole_name() {
        let page = |names: &[&str], next: Option<&str>| {
            let groups = names.iter().map(|name| json!({"logGroupName": name}));
            let groups: Vec<_> = groups.collect();
            (200, json!({"logGroups": groups, "nextToken": next}))
        };
        let (config, replay) = replay([
            page(&["/ecs/web-1"], Some("2")),
            page(&["/ecs/web"], Some("3")),
            page(&["/ecs/web-1", "/ecs/web/old"], None),
            (400, json!({"__type": "AccessDeniedException"})),
        ]);
        let client = Client::new(&config);
        assert!(has_group(&client, "/ecs/web").await.unwrap());
        assert!(!has_group(&client, "/ecs/web").await.unwrap());
        let error = has_group(&client, "/ecs/web").await.unwrap_err();
        assert_eq!(error.kind, Kind::Denied);
        let asked = json!({"logGroupNamePrefix": "/ecs/web"});
        assert_eq!(replay.calls()[0], ("DescribeLogGroups".into(), asked));
        assert_eq!(replay.calls()[1].1["nextToken"], "2");
    }
}
