//! Change sets on the wire: what is asked for, and what each answer means.

use super::*;
use crate::replay::{query, query_error, replay};
use serde_json::{Value, json};

mod described;

const WANTED: Wanted<'static> = Wanted {
    stack: "web",
    name: "redbutton-a-1",
    new: false,
    template: None,
    parameters: &[],
    capabilities: &[],
    role: None,
    tags: None,
};

async fn created(wanted: &Wanted<'_>, answer: (u16, Value)) -> (Result<(), CallError>, Value) {
    let (config, replay) = replay([answer]);
    let result = create(&Client::new(&config), wanted).await;
    let [(_, body)] = replay.calls().try_into().unwrap();
    (result, body)
}

fn made() -> (u16, Value) {
    query("CreateChangeSet", "<Id>arn:1</Id><StackId>arn:2</StackId>")
}

// rules: 3.6.2 3.6.11 3.6.18
#[tokio::test]
async fn what_is_not_given_stays_as_it_is() {
    let parameters = [("Image".to_owned(), None)];
    let wanted = Wanted {
        parameters: &parameters,
        ..WANTED
    };
    let (result, body) = created(&wanted, made()).await;
    result.unwrap();
    assert_eq!(
        body,
        json!({"Action": "CreateChangeSet", "Version": "2010-05-15", "StackName": "web",
            "ChangeSetName": "redbutton-a-1", "ClientToken": "redbutton-a-1", "ChangeSetType": "UPDATE",
            "IncludeNestedStacks": "true", "UsePreviousTemplate": "true",
            "Parameters.member.1.ParameterKey": "Image",
            "Parameters.member.1.UsePreviousValue": "true"})
    );
}

// rules: 3.6.2 3.6.3 3.6.11
#[tokio::test]
async fn what_is_given_is_sent_as_it_is() {
    let parameters = [
        ("Image".to_owned(), Some("r/web:2 & more".to_owned())),
        ("Prefix".to_owned(), Some(String::new())),
        ("Secret".to_owned(), None),
    ];
    let capabilities = ["CAPABILITY_IAM".to_owned()];
    let tags = [("team".to_owned(), "web".to_owned())];
    let wanted = Wanted {
        new: true,
        template: Some(Source::Body("Resources: {}\n")),
        parameters: &parameters,
        capabilities: &capabilities,
        role: Some("arn:aws:iam::333333333333:role/cloudformation"),
        tags: Some(&tags),
        ..WANTED
    };
    let (result, body) = created(&wanted, made()).await;
    result.unwrap();
    assert_eq!(
        body,
        json!({"Action": "CreateChangeSet", "Version": "2010-05-15", "StackName": "web",
            "ChangeSetName": "redbutton-a-1", "ClientToken": "redbutton-a-1", "ChangeSetType": "CREATE",
            "IncludeNestedStacks": "true", "TemplateBody": "Resources: {}\n",
            "Parameters.member.1.ParameterKey": "Image",
            "Parameters.member.1.ParameterValue": "r/web:2 & more",
            "Parameters.member.2.ParameterKey": "Prefix",
            "Parameters.member.2.ParameterValue": "",
            "Parameters.member.3.ParameterKey": "Secret",
            "Parameters.member.3.UsePreviousValue": "true",
            "Capabilities.member.1": "CAPABILITY_IAM",
            "RoleARN": "arn:aws:iam::333333333333:role/cloudformation",
            "Tags.member.1.Key": "team", "Tags.member.1.Value": "web"})
    );
}

// rules: 3.6.1 3.6.11
#[tokio::test]
async fn no_tags_at_all_and_a_template_in_a_bucket() {
    let url = "https://templates.s3.us-east-1.amazonaws.com/redbutton/0f";
    let wanted = Wanted {
        template: Some(Source::Url(url)),
        tags: Some(&[]),
        ..WANTED
    };
    let (result, body) = created(&wanted, made()).await;
    result.unwrap();
    assert_eq!(
        (&body["TemplateURL"], &body["Tags"]),
        (&json!(url), &json!(""))
    );
    assert!(body.get("UsePreviousTemplate").is_none());
}

#[tokio::test]
async fn a_change_set_that_is_there_already_is_ours() {
    let there = "AlreadyExistsException";
    for (code, message, expected) in [
        (there, "ChangeSet [redbutton-a-1] already exists", Ok(())),
        (
            there,
            "ChangeSet redbutton-a-1 cannot be created due to a mismatch with existing attribute Template",
            Ok(()),
        ),
        (there, "Stack [web] already exists", Err(Kind::Refused)),
        (
            "ValidationError",
            "Stack [web] does not exist",
            Err(Kind::Refused),
        ),
    ] {
        let (result, _) = created(&WANTED, query_error(code, message)).await;
        assert_eq!(result.map_err(|error| error.kind), expected, "{message}");
    }
}

// rules: 3.6.3
#[tokio::test]
async fn a_capability_that_was_not_granted_is_named() {
    let answer = query_error(
        "InsufficientCapabilitiesException",
        "Requires capabilities : [CAPABILITY_IAM]",
    );
    let (result, _) = created(&WANTED, answer).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    assert_eq!(
        error.message,
        "Requires capabilities : [CAPABILITY_IAM]; grant them in the target's `capabilities`"
    );
}

async fn executed(answer: (u16, Value)) -> (Result<Executed, CallError>, Value) {
    let (config, replay) = replay([answer]);
    let result = execute(&Client::new(&config), "web", "redbutton-a-1", "a-1").await;
    let [(_, body)] = replay.calls().try_into().unwrap();
    (result, body)
}

// rules: 3.6.19
#[tokio::test]
async fn a_failed_update_rolls_back_and_carries_our_token() {
    let (result, body) = executed(query("ExecuteChangeSet", "")).await;
    assert_eq!(result.unwrap(), Executed::Begun);
    assert_eq!(
        body,
        json!({"Action": "ExecuteChangeSet", "Version": "2010-05-15", "StackName": "web",
            "ChangeSetName": "redbutton-a-1", "ClientRequestToken": "a-1", "DisableRollback": "false"})
    );
}

// rules: 3.6.4 3.6.6
#[tokio::test]
async fn a_change_set_is_executed_once() {
    let status = |status: &str| {
        format!(
            "ChangeSet [arn:aws:x] cannot be executed in its current execution status of [{status}]"
        )
    };
    for status in ["EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE", "EXECUTE_FAILED"].map(status) {
        let (result, _) = executed(query_error("InvalidChangeSetStatus", &status)).await;
        assert_eq!(result.unwrap(), Executed::Before, "{status}");
    }
    let used = query_error("TokenAlreadyExistsException", "Token a-1 already exists");
    assert_eq!(executed(used).await.0.unwrap(), Executed::Before);

    let obsolete = status("OBSOLETE");
    for (code, message) in [
        ("InvalidChangeSetStatus", obsolete.as_str()),
        (
            "ChangeSetNotFound",
            "ChangeSet [redbutton-a-1] does not exist",
        ),
        ("ValidationError", "Stack [web] does not exist"),
    ] {
        let (result, _) = executed(query_error(code, message)).await;
        assert_eq!(result.unwrap(), Executed::Gone(message.into()));
    }

    let busy = "Stack:arn:aws:x is in UPDATE_IN_PROGRESS state and can not be updated.";
    let creating =
        "ChangeSet [arn:aws:x] cannot be executed in its current status of [CREATE_IN_PROGRESS]";
    for (code, message) in [
        ("ValidationError", busy),
        ("InvalidChangeSetStatus", creating),
    ] {
        let (result, _) = executed(query_error(code, message)).await;
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (Kind::Refused, message)
        );
    }
}

#[tokio::test]
async fn what_is_not_there_need_not_be_deleted() {
    let (config, replay) = replay([
        query("DeleteChangeSet", ""),
        query_error(
            "ChangeSetNotFound",
            "ChangeSet [redbutton-a-1] does not exist",
        ),
        query_error("ValidationError", "Stack [web] does not exist"),
        query_error("InvalidChangeSetStatus", "ChangeSet is being executed"),
    ]);
    let client = Client::new(&config);
    for _ in 0..3 {
        delete(&client, "web", "redbutton-a-1").await.unwrap();
    }
    let error = delete(&client, "web", "redbutton-a-1").await.unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    let (operation, body) = &replay.calls()[0];
    assert_eq!(operation, "DeleteChangeSet");
    assert_eq!(
        (&body["StackName"], &body["ChangeSetName"]),
        (&json!("web"), &json!("redbutton-a-1"))
    );
}
