//! CloudFormation's operations by hand, by way of the proxy: what redbutton would call.

use rehearsal::{AwsError, xml_text, xml_texts};

use super::case::StackCase;
use crate::fixture::World;

/// An operation by way of the proxy, in the other account.
pub(super) fn call(world: &World, action: &str, params: &[(&str, &str)]) -> anyhow::Result<String> {
    let seen = world.suite.other.by_way_of(world.rehearsal.proxy());
    seen.query("cloudformation", action, params)
}

/// A change set of the case's stack that brings its image, with more parameters.
pub(super) fn change_set(
    world: &World,
    case: &StackCase,
    name: &str,
    more: &[(&str, &str)],
) -> String {
    let image = case.image();
    let mut given = vec![("Name", ""), ("Image", image.as_str())];
    given.extend_from_slice(more);
    let mut params = vec![
        ("StackName".to_owned(), case.stack.name.clone()),
        ("ChangeSetName".to_owned(), name.to_owned()),
        ("UsePreviousTemplate".to_owned(), "true".to_owned()),
        ("IncludeNestedStacks".to_owned(), "true".to_owned()),
    ];
    for (n, (key, value)) in (1..).zip(given) {
        let member = format!("Parameters.member.{n}");
        params.push((format!("{member}.ParameterKey"), key.to_owned()));
        params.push(match value {
            "" => (format!("{member}.UsePreviousValue"), "true".to_owned()),
            value => (format!("{member}.ParameterValue"), value.to_owned()),
        });
    }
    let params: Vec<(&str, &str)> = params.iter().map(|(k, v)| (&**k, &**v)).collect();
    call(world, "CreateChangeSet", &params).unwrap()
}

pub(super) fn execute(
    world: &World,
    case: &StackCase,
    name: &str,
    token: &str,
) -> anyhow::Result<String> {
    let params = [
        ("StackName", case.stack.name.as_str()),
        ("ChangeSetName", name),
        ("ClientRequestToken", token),
    ];
    call(world, "ExecuteChangeSet", &params)
}

/// Logical ids, statuses and tokens of a stack's events, newest first.
pub(super) fn look(world: &World, stack: &str) -> Vec<(String, String, String)> {
    let answer = call(world, "DescribeStackEvents", &[("StackName", stack)]).unwrap();
    let text = |member: &String, name| xml_text(member, name).unwrap_or_default();
    let row = |member: &String| {
        (
            text(member, "LogicalResourceId"),
            text(member, "ResourceStatus"),
            text(member, "ClientRequestToken"),
        )
    };
    xml_texts(&answer, "member").iter().map(row).collect()
}

pub(super) fn refusal(answer: anyhow::Result<String>) -> AwsError {
    let error = answer.expect_err("it is refused");
    error
        .downcast_ref::<AwsError>()
        .expect("AWS says why")
        .clone()
}
