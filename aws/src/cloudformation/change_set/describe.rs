//! A change set with all its pages and all the change sets that are nested in it (CONTRACTS
//! 3.6.18).

use std::collections::VecDeque;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::operation::describe_change_set::builders::DescribeChangeSetFluentBuilder;
use aws_sdk_cloudformation::types::{
    ChangeSource, EvaluationType, RequiresRecreation, ResourceAttribute, ResourceChange,
    ResourceChangeDetail, ResourceTargetDefinition,
};
use shared::stack::{Change, ChangeSet, Status};

use crate::cloudformation::{DEEPEST, PAGES, endless, failed};
use crate::error::{CallError, Kind};

const OPERATION: &str = "cloudformation:DescribeChangeSet";

/// Describes a change set; none when there is none of this name. Its changes are read once it is
/// complete, and with them those of every nested one: as long as one of these is not complete, the
/// whole is not, and has no changes yet.
pub async fn describe(
    client: &Client,
    stack: &str,
    name: &str,
) -> Result<Option<ChangeSet>, CallError> {
    let root = client
        .describe_change_set()
        .stack_name(stack)
        .change_set_name(name);
    let Some((mut whole, nested)) = read(root, &[]).await? else {
        return Ok(None);
    };
    if whole.status == Status::Failed {
        whole.reason = explained(client, whole.reason).await;
    }
    let mut waiting = VecDeque::from(nested);
    while let Some(Nested { path, id }) = waiting.pop_front() {
        if path.len() > DEEPEST {
            return Err(endless(OPERATION));
        }
        let of = format!("the change set of the nested stack {}", path.join("/"));
        let Some((part, deeper)) = read(by_id(client, &id), &path).await? else {
            if is_over(&whole.execution) {
                continue;
            }
            return Err(CallError::unusable(OPERATION, format!("{of} is not there")));
        };
        if part.status == Status::Complete {
            whole.changes.extend(part.changes);
            waiting.extend(deeper);
        } else if !part.changes_nothing() {
            return Ok(Some(ChangeSet {
                status: part.status,
                reason: format!("{of}: {}", part.reason),
                changes: Vec::new(),
                ..whole
            }));
        }
    }
    Ok(Some(whole))
}

/// A change set that another one leads to.
struct Nested {
    path: Vec<String>,
    id: String,
}

/// One change set by itself. Unless it is complete, its first page says all that matters.
async fn read(
    call: DescribeChangeSetFluentBuilder,
    path: &[String],
) -> Result<Option<(ChangeSet, Vec<Nested>)>, CallError> {
    let mut pages = call.into_paginator().send();
    let mut found: Option<(ChangeSet, Vec<Nested>)> = None;
    for _ in 0..PAGES {
        let Some(page) = pages.next().await else {
            return Ok(found);
        };
        let page = match page.map_err(|error| failed(OPERATION, error)) {
            Ok(page) => page,
            Err(error) if error.kind == Kind::Missing => return Ok(None),
            Err(error) => return Err(error),
        };
        let (set, nested) = found.get_or_insert_with(|| (head(&page), Vec::new()));
        if set.status != Status::Complete {
            return Ok(found);
        }
        let changes = page.changes().iter();
        for change in changes.filter_map(|change| change.resource_change()) {
            set.changes.push(read_change(change, path));
            if let Some(id) = change.change_set_id().filter(|id| !id.is_empty()) {
                let logical = change.logical_resource_id().unwrap_or_default();
                nested.push(Nested {
                    path: [path, &[logical.to_owned()]].concat(),
                    id: id.to_owned(),
                });
            }
        }
    }
    Err(endless(OPERATION))
}

fn by_id(client: &Client, id: &str) -> DescribeChangeSetFluentBuilder {
    client.describe_change_set().change_set_name(id)
}

/// A root fails with "Nested change set ARN was not successfully created: Currently in FAILED.",
/// which helps nobody: the reason is the nested one's, or one that is nested in that. It is added,
/// but for "didn't contain changes", which must not be taken for the root's own (CONTRACTS 3.6.5).
/// What cannot be read is left out, since the failure is known without it.
async fn explained(client: &Client, reason: String) -> String {
    let mut whole = reason.clone();
    let mut last = reason;
    for _ in 0..DEEPEST {
        let id = last
            .split_once("Nested change set ")
            .and_then(|(_, rest)| rest.split(' ').next())
            .filter(|id| id.starts_with("arn:"));
        let Some(id) = id else {
            break;
        };
        match read(by_id(client, id), &[]).await {
            Ok(Some((nested, _))) if !nested.reason.is_empty() && !nested.changes_nothing() => {
                whole = format!("{whole} {}", nested.reason);
                last = nested.reason;
            }
            _ => break,
        }
    }
    whole
}

/// Whether nobody can execute it any more: then its nested ones may be gone.
fn is_over(execution: &str) -> bool {
    execution.starts_with("EXECUTE_") || execution == "OBSOLETE"
}

fn head(page: &DescribeChangeSetOutput) -> ChangeSet {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    ChangeSet {
        id: text(page.change_set_id()),
        status: page
            .status()
            .map(|status| Status::parse(status.as_str()))
            .unwrap_or_default(),
        reason: text(page.status_reason()),
        execution: text(page.execution_status().map(|status| status.as_str())),
        changes: Vec::new(),
    }
}

fn read_change(change: &ResourceChange, path: &[String]) -> Change {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let mut causes = Vec::new();
    let mut properties = Vec::new();
    for target in change.details().iter().filter_map(|detail| detail.target()) {
        let property = property(target);
        if !property.is_empty() && !properties.contains(&property) {
            properties.push(property);
        }
        let cause = cause(target);
        if recreates(target) && !causes.contains(&cause) {
            causes.push(cause);
        }
    }
    let recreating = change.details().iter().filter(|detail| {
        let target = detail.target();
        target.is_some_and(recreates)
    });
    let follows: Option<Vec<String>> = recreating.map(followed).collect();
    Change {
        path: path.to_vec(),
        logical: text(change.logical_resource_id()),
        physical: text(change.physical_resource_id()),
        kind: text(change.resource_type()),
        action: text(change.action().map(|action| action.as_str())),
        replacement: text(change.replacement().map(|replacement| replacement.as_str())),
        policy: text(change.policy_action().map(|policy| policy.as_str())),
        properties,
        causes,
        follows: follows.unwrap_or_default(),
    }
}

/// The resource, or the attribute of one, that a change only follows; none when something else asks for
/// it.
fn followed(detail: &ResourceChangeDetail) -> Option<String> {
    let refers = matches!(
        detail.change_source(),
        Some(ChangeSource::ResourceReference | ChangeSource::ResourceAttribute)
    );
    let unknown = detail.evaluation() == Some(&EvaluationType::Dynamic);
    let entity = detail.causing_entity().filter(|_| refers && unknown)?;
    Some(entity.to_owned())
}

fn recreates(target: &ResourceTargetDefinition) -> bool {
    matches!(
        target.requires_recreation(),
        Some(RequiresRecreation::Always | RequiresRecreation::Conditionally)
    )
}

/// `property Engine`, or `Tags` and its like.
fn cause(target: &ResourceTargetDefinition) -> String {
    match (target.attribute(), target.name()) {
        (Some(ResourceAttribute::Properties), Some(name)) => format!("property {name}"),
        _ => property(target),
    }
}

/// `Engine`, or `Tags` and its like.
fn property(target: &ResourceTargetDefinition) -> String {
    match (target.attribute(), target.name()) {
        (Some(ResourceAttribute::Properties), Some(name)) => name.to_owned(),
        (attribute, _) => attribute
            .map(|attribute| attribute.as_str().to_owned())
            .unwrap_or_default(),
    }
}
