//! `DescribeChangeSet` as the API reference has it, with pages and nested change sets.

use super::*;
use shared::stack::{Change, ChangeSet, Status};

fn id(name: &str) -> String {
    format!("arn:aws:cloudformation:us-east-1:111111111111:changeSet/{name}/1")
}

/// The head of a change set, its changes, and what comes after.
fn set(name: &str, status: &str, changes: &[String], rest: &str) -> (u16, Value) {
    let (id, changes) = (id(name), changes.concat());
    let result = format!(
        "<ChangeSetName>{name}</ChangeSetName><ChangeSetId>{id}</ChangeSetId>\
         <StackName>web</StackName>{status}<Changes>{changes}</Changes>{rest}"
    );
    query("DescribeChangeSet", &result)
}

fn complete(execution: &str) -> String {
    format!("<Status>CREATE_COMPLETE</Status><ExecutionStatus>{execution}</ExecutionStatus>")
}

fn failed(reason: &str) -> String {
    format!(
        "<Status>FAILED</Status><StatusReason>{reason}</StatusReason>\
         <ExecutionStatus>UNAVAILABLE</ExecutionStatus>"
    )
}

fn change(action: &str, logical: &str, kind: &str, rest: &str) -> String {
    format!(
        "<member><Type>Resource</Type><ResourceChange><Action>{action}</Action>\
         <LogicalResourceId>{logical}</LogicalResourceId><ResourceType>AWS::{kind}</ResourceType>\
         {rest}</ResourceChange></member>"
    )
}

fn nested(logical: &str) -> String {
    let id = id(logical);
    let rest = format!("<Replacement>False</Replacement><ChangeSetId>{id}</ChangeSetId>");
    change("Modify", logical, "CloudFormation::Stack", &rest)
}

fn detail(attribute: &str, name: &str, recreation: &str) -> String {
    let name = match name {
        "" => String::new(),
        name => format!("<Name>{name}</Name>"),
    };
    format!(
        "<member><Target><Attribute>{attribute}</Attribute>{name}\
         <RequiresRecreation>{recreation}</RequiresRecreation></Target>\
         <Evaluation>Static</Evaluation><ChangeSource>DirectModification</ChangeSource></member>"
    )
}

async fn look(answers: Vec<(u16, Value)>) -> (Result<Option<ChangeSet>, CallError>, Vec<Value>) {
    let expected = answers.len();
    let (config, replay) = replay(answers);
    let result = describe(&Client::new(&config), "web", "redbutton-a-1").await;
    let bodies: Vec<_> = replay.calls().into_iter().map(|(_, body)| body).collect();
    assert_eq!(bodies.len(), expected);
    (result, bodies)
}

async fn seen(answers: Vec<(u16, Value)>) -> ChangeSet {
    look(answers).await.0.unwrap().unwrap()
}

/// A detail that asks for the replacement, perhaps, and what it refers to.
fn referring(name: &str, evaluation: &str, source: &str, entity: &str) -> String {
    format!(
        "<member><Target><Attribute>Properties</Attribute><Name>{name}</Name>\
         <RequiresRecreation>Always</RequiresRecreation></Target><Evaluation>{evaluation}</Evaluation>\
         <ChangeSource>{source}</ChangeSource><CausingEntity>{entity}</CausingEntity></member>"
    )
}

#[tokio::test]
async fn what_only_follows_another_resource_says_which() {
    let service = referring("ResourceId", "Dynamic", "ResourceAttribute", "Service.Name");
    let group = referring("ResourceId", "Dynamic", "ResourceReference", "Group");
    let parameter = referring("ResourceId", "Static", "ParameterReference", "Cluster");
    let never = detail("Properties", "MaxCapacity", "Never");
    for (details, follows) in [
        (
            format!("{service}{group}{never}"),
            vec!["Service.Name", "Group"],
        ),
        (format!("{service}{parameter}"), vec![]),
        (never.clone(), vec![]),
    ] {
        let more = format!("<Replacement>Conditional</Replacement><Details>{details}</Details>");
        let target = change(
            "Modify",
            "Scaling",
            "ApplicationAutoScaling::ScalableTarget",
            &more,
        );
        let found = seen(vec![set("root", &complete("AVAILABLE"), &[target], "")]).await;
        assert_eq!(found.changes[0].follows, follows, "{details}");
    }
}

// rules: 3.6.6 3.6.18
#[tokio::test]
async fn a_database_that_is_replaced_two_stacks_down_is_seen() {
    let details = [
        detail("Properties", "Engine", "Always"),
        detail("Properties", "Engine", "Always"),
        detail("Properties", "Port", "Conditionally"),
        detail("Properties", "MonitoringInterval", "Never"),
        detail("Tags", "", "Always"),
    ]
    .concat();
    let database = change(
        "Modify",
        "Database",
        "RDS::DBInstance",
        &format!(
            "<PhysicalResourceId>db-1</PhysicalResourceId><Replacement>True</Replacement>\
             <PolicyAction>ReplaceAndDelete</PolicyAction><Details>{details}</Details>"
        ),
    );
    let (set_of, done) = (set, complete("AVAILABLE"));
    let only_root = "<Status>CREATE_COMPLETE</Status>\
        <StatusReason>Only executable from the root change set.</StatusReason>\
        <ExecutionStatus>UNAVAILABLE</ExecutionStatus>";
    let (result, bodies) = look(vec![
        set_of(
            "root",
            &done,
            &[nested("App"), change("Add", "Topic", "SNS::Topic", "")],
            "<NextToken>2</NextToken>",
        ),
        set_of(
            "root",
            &done,
            &[nested("Idle"), change("Dance", "Queue", "SQS::Queue", "")],
            "",
        ),
        set_of("App", only_root, &[nested("Data")], ""),
        set_of("Idle", only_root, &[], ""),
        set_of("Data", only_root, &[], "<NextToken>2</NextToken>"),
        set_of("Data", only_root, &[database], ""),
    ])
    .await;
    let found = result.unwrap().unwrap();
    assert_eq!(
        (found.status, found.execution.as_str(), found.id.as_str()),
        (Status::Complete, "AVAILABLE", id("root").as_str())
    );
    let names: Vec<_> = found
        .changes
        .iter()
        .map(|change| format!("{} {}", change.action, change.name()))
        .collect();
    assert_eq!(
        names,
        [
            "Modify App",
            "Add Topic",
            "Modify Idle",
            "Dance Queue",
            "Modify App/Data",
            "Modify App/Data/Database"
        ]
    );
    let expected = Change {
        path: vec!["App".into(), "Data".into()],
        logical: "Database".into(),
        physical: "db-1".into(),
        kind: "AWS::RDS::DBInstance".into(),
        action: "Modify".into(),
        replacement: "True".into(),
        policy: "ReplaceAndDelete".into(),
        properties: ["Engine", "Port", "MonitoringInterval", "Tags"]
            .map(str::to_owned)
            .to_vec(),
        causes: vec![
            "property Engine".into(),
            "property Port".into(),
            "Tags".into(),
        ],
        follows: Vec::new(),
    };
    assert_eq!(found.changes[5], expected);
    assert_eq!(found.changes[1].replacement, "");
    assert!(found.changes[1].properties.is_empty());
    let asked: Vec<_> = bodies
        .iter()
        .map(|body| {
            let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
            [text("StackName"), text("ChangeSetName"), text("NextToken")]
        })
        .collect();
    let (app, idle, data) = (id("App"), id("Idle"), id("Data"));
    assert_eq!(
        asked,
        [
            ["web", "redbutton-a-1", ""],
            ["web", "redbutton-a-1", "2"],
            ["", &app, ""],
            ["", &idle, ""],
            ["", &data, ""],
            ["", &data, "2"],
        ]
    );
}

#[tokio::test]
async fn as_long_as_one_is_being_created_all_are() {
    for status in ["CREATE_PENDING", "CREATE_IN_PROGRESS"] {
        let creating = format!("<Status>{status}</Status>");
        let root = seen(vec![set("root", &creating, &[], "")]).await;
        assert_eq!(root.status, Status::Creating);
        let root = set("root", &complete("AVAILABLE"), &[nested("App")], "");
        let whole = seen(vec![root, set("App", &creating, &[], "")]).await;
        assert_eq!((whole.status, whole.changes.len()), (Status::Creating, 0));
    }
}

// rules: 3.6.5
#[tokio::test]
async fn nothing_to_change_is_told_from_other_failures() {
    let nothing = "The submitted information didn't contain changes. \
                   Submit different information to create a change set.";
    let idle = |name| set(name, &failed(nothing), &[], "");
    assert!(seen(vec![idle("root")]).await.changes_nothing());

    // A root that fails over an idle nested stack has not said that it changes nothing itself.
    let over = format!(
        "Nested change set {} was not successfully created: Currently in FAILED.",
        id("App")
    );
    let root = || set("root", &failed(&over), &[], "");
    let whole = seen(vec![root(), idle("App")]).await;
    assert!(!whole.changes_nothing());
    assert_eq!(whole.reason, over);

    let wrong = set("App", &failed("Template error: no Image"), &[], "");
    let whole = seen(vec![root(), wrong]).await;
    assert_eq!(whole.status, Status::Failed);
    assert_eq!(whole.reason, format!("{over} Template error: no Image"));

    let denied = query_error("AccessDenied", "no");
    assert_eq!(seen(vec![root(), denied]).await.reason, over);
}

#[tokio::test]
async fn a_nested_change_set_that_cannot_be_judged_stops_the_whole() {
    let root = |execution: &str| set("root", &complete(execution), &[nested("App")], "");
    let gone = || query_error("ChangeSetNotFound", "ChangeSet [x] does not exist");
    let (result, _) = look(vec![root("AVAILABLE"), gone()]).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    assert_eq!(
        error.message,
        "the change set of the nested stack App is not there"
    );
    // Once it was executed there is nothing left to judge.
    let whole = seen(vec![root("EXECUTE_COMPLETE"), gone()]).await;
    assert_eq!((whole.status, whole.changes.len()), (Status::Complete, 1));

    let wrong = set(
        "App",
        &failed("Parameters: [Image] must have values"),
        &[],
        "",
    );
    let whole = seen(vec![root("AVAILABLE"), wrong]).await;
    assert_eq!(whole.status, Status::Failed);
    assert_eq!(
        whole.reason,
        "the change set of the nested stack App: Parameters: [Image] must have values"
    );

    let itself = (0..11).map(|_| root("AVAILABLE")).collect();
    let error = look(itself).await.0.unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
}

#[tokio::test]
async fn no_such_change_set_is_none() {
    for (code, message) in [
        (
            "ChangeSetNotFound",
            "ChangeSet [redbutton-a-1] does not exist",
        ),
        ("ValidationError", "Stack [web] does not exist"),
    ] {
        let (result, _) = look(vec![query_error(code, message)]).await;
        assert_eq!(result.unwrap(), None);
    }
}
