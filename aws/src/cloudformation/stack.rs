//! Stacks: described, and an update called off.

use aws_sdk_cloudformation::{Client, types};
use shared::stack::Stack;

use super::failed;
use crate::error::{CallError, Kind};
use crate::time::seconds;

/// Describes a stack by its name or ARN; none when there is no such stack.
pub async fn describe(client: &Client, name: &str) -> Result<Option<Stack>, CallError> {
    let answer = client.describe_stacks().stack_name(name).send().await;
    match answer.map_err(|error| failed("cloudformation:DescribeStacks", error)) {
        Ok(answer) => Ok(answer.stacks().first().map(read)),
        Err(error) if error.kind == Kind::Missing => Ok(None),
        Err(error) => Err(error),
    }
}

/// Calls off the update that is under way, so that CloudFormation goes back. False when no update
/// is: it has ended, or it goes back already, perhaps because an earlier delivery of this call had
/// asked for it. The token, at most 128 characters, names the way back in the stack's events.
pub async fn cancel(client: &Client, name: &str, token: &str) -> Result<bool, CallError> {
    let answer = client
        .cancel_update_stack()
        .stack_name(name)
        .client_request_token(token)
        .send()
        .await;
    match answer.map_err(|error| failed("cloudformation:CancelUpdateStack", error)) {
        Ok(_) => Ok(true),
        Err(error) if error.code == "TokenAlreadyExistsException" => Ok(true),
        Err(error)
            if error.code == "ValidationError"
                && error
                    .message
                    .contains("cannot be called from current stack status") =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn read(stack: &types::Stack) -> Stack {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let changed = stack.last_updated_time().or(stack.creation_time());
    Stack {
        id: text(stack.stack_id()),
        status: text(stack.stack_status().map(|status| status.as_str())),
        reason: text(stack.stack_status_reason()),
        // Of a parameter that names an SSM parameter this is the name, which is what has to be
        // sent again; `ResolvedValue` would be what it stands for.
        parameters: stack
            .parameters()
            .iter()
            .map(|parameter| {
                let key = text(parameter.parameter_key());
                (key, text(parameter.parameter_value()))
            })
            .collect(),
        tags: stack
            .tags()
            .iter()
            .map(|tag| (text(tag.key()), text(tag.value())))
            .collect(),
        role: given(stack.role_arn()),
        capabilities: stack
            .capabilities()
            .iter()
            .map(|capability| capability.as_str().to_owned())
            .collect(),
        changed: changed.map(seconds).unwrap_or_default(),
        parent: given(stack.parent_id()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{query, query_error, replay};
    use serde_json::json;

    const ARN: &str = "arn:aws:cloudformation:ap-southeast-2:333333333333:stack/web/0b1c";

    /// The shape of the API reference's example, with what a stack of a role and a parent has more.
    #[tokio::test]
    async fn a_stack_is_read_with_all_that_decides() {
        let stack = format!(
            "<Stacks><member><StackName>web</StackName><StackId>{ARN}</StackId>\
             <StackStatus>UPDATE_ROLLBACK_COMPLETE</StackStatus>\
             <StackStatusReason>User &amp; breaker</StackStatusReason>\
             <CreationTime>2026-01-02T03:04:05.678Z</CreationTime>\
             <LastUpdatedTime>2026-02-02T03:04:05.678Z</LastUpdatedTime>\
             <DisableRollback>false</DisableRollback>\
             <Parameters><member><ParameterKey>Image</ParameterKey><ParameterValue>r/web:1</ParameterValue></member>\
             <member><ParameterKey>Vpc</ParameterKey><ParameterValue>/net/vpc</ParameterValue><ResolvedValue>vpc-1</ResolvedValue></member>\
             <member><ParameterKey>Secret</ParameterKey><ParameterValue>****</ParameterValue></member>\
             <member><ParameterKey>Empty</ParameterKey><ParameterValue></ParameterValue></member></Parameters>\
             <Capabilities><member>CAPABILITY_NAMED_IAM</member><member>CAPABILITY_OF_TOMORROW</member></Capabilities>\
             <Tags><member><Key>team</Key><Value>web</Value></member></Tags>\
             <RoleARN>arn:aws:iam::333333333333:role/cloudformation</RoleARN>\
             <ParentId>arn:aws:cloudformation:ap-southeast-2:333333333333:stack/all/9</ParentId>\
             </member></Stacks>"
        );
        let (config, replay) = replay([query("DescribeStacks", &stack)]);
        let described = describe(&Client::new(&config), "web").await.unwrap();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let expected = Stack {
            id: ARN.into(),
            status: "UPDATE_ROLLBACK_COMPLETE".into(),
            reason: "User & breaker".into(),
            parameters: vec![
                pair("Image", "r/web:1"),
                pair("Vpc", "/net/vpc"),
                pair("Secret", "****"),
                pair("Empty", ""),
            ],
            tags: vec![pair("team", "web")],
            role: Some("arn:aws:iam::333333333333:role/cloudformation".into()),
            capabilities: vec![
                "CAPABILITY_NAMED_IAM".into(),
                "CAPABILITY_OF_TOMORROW".into(),
            ],
            changed: 1_770_001_445,
            parent: Some("arn:aws:cloudformation:ap-southeast-2:333333333333:stack/all/9".into()),
        };
        assert_eq!(described, Some(expected));
        let (operation, body) = &replay.calls()[0];
        assert_eq!(
            (operation.as_str(), &body["StackName"]),
            ("DescribeStacks", &json!("web"))
        );
    }

    // rules: 3.6.9
    #[tokio::test]
    async fn no_such_stack_is_none_and_other_errors_stay() {
        let (config, _) = replay([
            query_error("ValidationError", "Stack with id web does not exist"),
            query_error("ValidationError", "1 validation error detected"),
        ]);
        let client = Client::new(&config);
        assert_eq!(describe(&client, "web").await.unwrap(), None);
        let error = describe(&client, "web").await.unwrap_err();
        assert_eq!(error.kind, Kind::Refused);
    }

    #[tokio::test]
    async fn an_update_is_called_off_once() {
        let not_now = "CancelUpdateStack cannot be called from current stack status";
        let (config, replay) = replay([
            query("CancelUpdateStack", ""),
            query_error("TokenAlreadyExistsException", "Token was used before"),
            query_error("ValidationError", not_now),
            query_error("ValidationError", "Stack [web] does not exist"),
        ]);
        let client = Client::new(&config);
        for cancelled in [true, true, false] {
            assert_eq!(cancel(&client, "web", "a-1-back").await.unwrap(), cancelled);
        }
        let error = cancel(&client, "web", "a-1-back").await.unwrap_err();
        assert_eq!(error.kind, Kind::Missing);
        let (operation, body) = &replay.calls()[0];
        assert_eq!(operation, "CancelUpdateStack");
        assert_eq!(body["ClientRequestToken"], "a-1-back");
    }
}
