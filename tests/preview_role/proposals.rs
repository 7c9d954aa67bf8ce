//! Change sets of the preview's own names are proposed, looked at and deleted; nobody else's are, and
//! none is executed. And nothing that is read there gives a secret away.

use anyhow::Result;
use rehearsal::world::{StackSpec, create_stack, stack};
use rehearsal::{Account, suite};
use serde_json::json;

use super::{denied, json};
use crate::fixture;

/// A stack of nothing but a parameter of its own.
const TEMPLATE: &str = r#"{"Parameters": {"Image": {"Type": "String", "Default": "web:v1"}}, "Resources":
    {"Kept": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Ref": "Image"}}}}}"#;

const OWN: &str = "redbutton-preview-1";
const NAME: &str = "previewed";

/// CONTRACTS 3.6.17: what becomes of a stack, as the emulator has it.
// rules: 3.6.17
#[test]
fn a_preview_proposes_under_its_own_name_and_executes_nothing() {
    let world = fixture::world();
    let production = &world.suite.production;
    let preview = world.preview();
    let made = create_stack(production, &StackSpec::new(NAME, TEMPLATE)).unwrap();

    propose(&preview, NAME, OWN).unwrap();
    let looked = change_set(&preview, "DescribeChangeSet", NAME, OWN).unwrap();
    assert!(looked.contains("CREATE_COMPLETE"), "{looked}");
    // A rollout's, and a person's.
    for theirs in ["redbutton-1", "by-hand", "a-redbutton-preview-1"] {
        denied(theirs, propose(&preview, NAME, theirs));
        propose(production, NAME, theirs).unwrap();
        denied(
            theirs,
            change_set(&preview, "DeleteChangeSet", NAME, theirs),
        );
        denied(
            theirs,
            change_set(&preview, "ExecuteChangeSet", NAME, theirs),
        );
    }
    denied(
        "execute",
        change_set(&preview, "ExecuteChangeSet", NAME, OWN),
    );
    let proposed = made.change_sets().unwrap();
    assert_eq!(proposed.len(), 4, "{proposed:?}");
    for action in [
        "CancelUpdateStack",
        "ContinueUpdateRollback",
        "DeleteStack",
        "UpdateStack",
    ] {
        let new = TEMPLATE.replace("v1", "v2");
        let params = [("StackName", NAME), ("TemplateBody", new.as_str())];
        denied(action, preview.query("cloudformation", action, &params));
    }
    // A stack that is not listed: the parameter names those of one region.
    let elsewhere = preview.in_region("us-east-1");
    denied("another stack", propose(&elsewhere, NAME, OWN));

    change_set(&preview, "DeleteChangeSet", NAME, OWN).unwrap();
    let left = stack(production, NAME).unwrap();
    assert_eq!(left.status().unwrap(), "CREATE_COMPLETE");
    assert_eq!(left.template().unwrap(), TEMPLATE);
    assert_eq!(left.change_sets().unwrap().len(), 3);
}

/// What the emulator does not look at: who a role is passed to, and the form by which AWS names a
/// stack.
// rules: 3.6.17
#[test]
fn roles_are_passed_to_cloudformation_only_and_only_those_listed() {
    let world = fixture::world();
    let policies = world.preview_policies();
    let region = suite::TARGET_REGION;
    let account = suite::PRODUCTION_ACCOUNT;
    let stack = format!("arn:aws:cloudformation:{region}:{account}:stack/web/1");
    let transform = format!("arn:aws:cloudformation:{region}:aws:transform/Serverless-2016-10-31");
    let macros = format!("arn:aws:cloudformation:{region}:{account}:transform/Theirs");
    let named = |name| [("cloudformation:ChangeSetName", name)];
    let to = |service| [("iam:PassedToService", service)];
    let role = format!("arn:aws:iam::{account}:role/redbutton-cloudformation");
    let admin = format!("arn:aws:iam::{account}:role/admin");
    let (create, delete) = (
        "cloudformation:CreateChangeSet",
        "cloudformation:DeleteChangeSet",
    );
    let execute = "cloudformation:ExecuteChangeSet";
    for (action, resource, context, allowed) in [
        (create, &stack, named(OWN), true),
        (delete, &stack, named(OWN), true),
        (create, &stack, named("redbutton-1-0"), false),
        (delete, &stack, named("redbutton-1-0"), false),
        (execute, &stack, named(OWN), false),
        (
            create,
            &stack.replace(region, "us-east-1"),
            named(OWN),
            false,
        ),
        (
            create,
            &stack.replace(account, "333333333333"),
            named(OWN),
            false,
        ),
        (create, &transform, named(OWN), true),
        (create, &macros, named(OWN), false),
        (
            "iam:PassRole",
            &role,
            to("cloudformation.amazonaws.com"),
            true,
        ),
        ("iam:PassRole", &role, to("ecs-tasks.amazonaws.com"), false),
        ("iam:PassRole", &role, to("lambda.amazonaws.com"), false),
        (
            "iam:PassRole",
            &admin,
            to("cloudformation.amazonaws.com"),
            false,
        ),
    ] {
        let found = policies.allow(action, resource, &context);
        assert_eq!(found, allowed, "{action} {resource} {context:?}");
    }
    assert!(!policies.allow(create, &stack, &[]), "without a name");
    assert!(!policies.allow("iam:PassRole", &role, &[]), "to nobody");
}

#[test]
fn nothing_that_is_read_is_a_secret() {
    let world = fixture::world();
    let production = &world.suite.production;
    let preview = world.preview();

    let secret = json!({"Name": "previewed", "SecretString": "hunter2"});
    json(production, "secretsmanager:CreateSecret", secret).unwrap();
    let id = json!({"SecretId": "previewed"});
    let described = json(&preview, "secretsmanager:DescribeSecret", id.clone()).unwrap();
    assert_eq!(described["Name"], "previewed");
    assert!(!described.to_string().contains("hunter2"), "{described}");
    denied(
        "a secret",
        json(&preview, "secretsmanager:GetSecretValue", id),
    );
    let several = json!({"SecretIdList": ["previewed"]});
    denied(
        "secrets",
        json(&preview, "secretsmanager:BatchGetSecretValue", several),
    );

    for (name, value) in [("/redbutton/previewed", "web:v1"), ("/password", "hunter2")] {
        let put = json!({"Name": name, "Value": value, "Type": "String"});
        json(production, "ssm:PutParameter", put).unwrap();
    }
    let listed = json(&preview, "ssm:DescribeParameters", json!({}))
        .unwrap()
        .to_string();
    assert!(
        listed.contains("/password") && !listed.contains("hunter2"),
        "{listed}"
    );
    let published = json!({"Name": "/redbutton/previewed"});
    let read = json(&preview, "ssm:GetParameter", published).unwrap();
    assert_eq!(read["Parameter"]["Value"], "web:v1");
    for (operation, body) in [
        ("GetParameter", json!({"Name": "/password"})),
        ("GetParameters", json!({"Names": ["/password"]})),
        ("GetParametersByPath", json!({"Path": "/"})),
        (
            "GetParameterHistory",
            json!({"Name": "/redbutton/previewed"}),
        ),
    ] {
        denied(operation, json(&preview, &format!("ssm:{operation}"), body));
    }

    let templates = format!("templates-{}-{}", production.id(), production.region());
    for bucket in [templates.as_str(), "others"] {
        // Another test may have made the one that the parameters name.
        drop(production.create_bucket(bucket));
        for key in ["redbutton/0f", "others/0f"] {
            production.put_object(bucket, key, &[], "{}").unwrap();
        }
    }
    assert_eq!(
        &preview.get_object(&templates, "redbutton/0f").unwrap()[..],
        b"{}"
    );
    denied(
        "another object",
        preview.get_object(&templates, "others/0f"),
    );
    denied(
        "another bucket",
        preview.get_object("others", "redbutton/0f"),
    );
    denied("a list", preview.list_objects(&templates, "redbutton/"));
    denied(
        "an object",
        preview.put_object(&templates, "redbutton/0f", &[], "{}"),
    );
}

fn propose(account: &Account, stack: &str, name: &str) -> Result<String> {
    let new = TEMPLATE.replace("v1", "v2");
    let params = [
        ("StackName", stack),
        ("ChangeSetName", name),
        ("TemplateBody", new.as_str()),
    ];
    account.query("cloudformation", "CreateChangeSet", &params)
}

fn change_set(account: &Account, action: &str, stack: &str, name: &str) -> Result<String> {
    let params = [("StackName", stack), ("ChangeSetName", name)];
    account.query("cloudformation", action, &params)
}
