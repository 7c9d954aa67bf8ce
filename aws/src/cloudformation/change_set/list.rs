//! The change sets that a stack has: those of others, and what an earlier attempt left behind.

use aws_sdk_cloudformation::Client;

use crate::cloudformation::{PAGES, endless, failed};
use crate::error::CallError;
use crate::time::seconds;

/// A change set in a stack's list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub id: String,
    /// When it was created, seconds since the epoch; 0 when unknown.
    pub created: u64,
}

/// The active change sets of a stack, all pages, in CloudFormation's order; a stack that is not
/// there is an error of kind Missing.
pub async fn list(client: &Client, stack: &str) -> Result<Vec<Listed>, CallError> {
    const OPERATION: &str = "cloudformation:ListChangeSets";
    let mut pages = client
        .list_change_sets()
        .stack_name(stack)
        .into_paginator()
        .send();
    let mut all = Vec::new();
    for _ in 0..PAGES {
        let Some(page) = pages.next().await else {
            return Ok(all);
        };
        let page = page.map_err(|error| failed(OPERATION, error))?;
        all.extend(page.summaries().iter().map(|summary| Listed {
            name: summary.change_set_name().unwrap_or_default().to_owned(),
            id: summary.change_set_id().unwrap_or_default().to_owned(),
            created: summary.creation_time().map(seconds).unwrap_or_default(),
        }));
    }
    Err(endless(OPERATION))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::replay::{query, query_error, replay};
    use serde_json::{Value, json};

    fn page(names: &[&str], next: &str) -> (u16, Value) {
        let members = names.iter().map(|name| {
            format!(
                "<member><StackName>web</StackName><ChangeSetName>{name}</ChangeSetName>\
                 <ChangeSetId>arn:{name}</ChangeSetId><Status>CREATE_COMPLETE</Status>\
                 <CreationTime>2026-02-02T03:04:05.678Z</CreationTime></member>"
            )
        });
        let members: String = members.collect();
        query(
            "ListChangeSets",
            &format!("<Summaries>{members}</Summaries>{next}"),
        )
    }

    #[tokio::test]
    async fn a_stacks_change_sets_come_from_all_pages() {
        let (config, replay) = replay([
            page(&["theirs"], "<NextToken>2</NextToken>"),
            page(&["ours"], ""),
            page(&[], ""),
            query_error("ValidationError", "Stack [web] does not exist"),
        ]);
        let client = Client::new(&config);
        let expected = ["theirs", "ours"].map(|name| Listed {
            name: name.into(),
            id: format!("arn:{name}"),
            created: 1_770_001_445,
        });
        assert_eq!(list(&client, "web").await.unwrap(), expected);
        assert!(list(&client, "web").await.unwrap().is_empty());
        assert_eq!(list(&client, "web").await.unwrap_err().kind, Kind::Missing);
        let (operation, body) = &replay.calls()[1];
        assert_eq!(operation, "ListChangeSets");
        assert_eq!(
            (&body["StackName"], &body["NextToken"]),
            (&json!("web"), &json!("2"))
        );
    }

    #[tokio::test]
    async fn a_list_without_an_end_is_refused() {
        let pages =
            (0..PAGES).map(|number| page(&["a"], &format!("<NextToken>{number}</NextToken>")));
        let (config, _) = replay(pages);
        let error = list(&Client::new(&config), "web").await.unwrap_err();
        assert_eq!(error.kind, Kind::Refused);
    }
}
