//! Every operation of the services that a preview touches, asked for in the name of its two roles:
//! refused, unless the template grants it.

use rehearsal::{Account, suite};
use serde_json::{Value, json};

use crate::fixture;
use crate::operations::check;
use crate::templates::{SUITE, granted};

/// True-when: the preview's role can write nothing else.
// rules: 3.6.17
#[test]
fn every_other_operation_is_refused_to_the_role_in_production() {
    let world = fixture::world();
    let account = world.suite.production.id();
    let region = suite::TARGET_REGION;
    let mut values = values(account, region);
    values["logs.resourceArn"] = json!(format!(
        "arn:aws:logs:{region}:{account}:log-group:/ecs/web"
    ));
    let mut may = granted(&SUITE, "PreviewRole");
    // No operation: CreateChangeSet asks for it, see the policies.
    assert!(may.remove("iam:PassRole"));
    // And S3 for this one.
    assert!(may.remove("kms:Decrypt"));
    bucket(&world.suite.production, &values);
    check(&world.preview(), &values, &may);
}

/// ... nor can the function's own role change anything where it is at home.
#[test]
fn every_other_operation_is_refused_to_the_function_in_the_tooling_account() {
    let world = fixture::world();
    let preview = world.preview_function();
    let (account, region) = (preview.id(), preview.region());
    let group = format!("/aws/lambda/{}", suite::PREVIEW);
    let mut values = values(account, region);
    values["logs.resourceArn"] =
        json!(format!("arn:aws:logs:{region}:{account}:log-group:{group}"));
    values["logs.logGroupName"] = json!(group);
    values["sts.RoleArn"] = json!(suite::PREVIEW_ROLE);
    values["sts.ExternalId"] = json!(suite::PREVIEW_EXTERNAL_ID);
    let own = granted(&SUITE, "ProductionPreviewRole");
    // By these Lambda writes log and traces. X-Ray is not among the services; a stream of the log is
    // another resource to AWS than to the emulator, which refuses it.
    let lambdas = ["xray:", "logs:"];
    let may = own
        .into_iter()
        .filter(|one| !lambdas.iter().any(|start| one.starts_with(start)));
    bucket(&world.rehearsal.tooling(), &values);
    check(&preview, &values, &may.collect());
}

/// S3 says that a bucket is not there before it looks at rights.
fn bucket(account: &Account, values: &Value) {
    // Another test may have made it.
    drop(account.create_bucket(values["Bucket"].as_str().unwrap()));
}

/// Names of what either role may look at, so that a refusal is for the action.
fn values(account: &str, region: &str) -> Value {
    json!({
        "cluster": "test", "service": "web", "services": ["web"], "taskDefinition": "web",
        "StackName": "web", "ChangeSetName": "redbutton-preview-1", "TemplateBody": "{}",
        "repositoryName": "web", "RoleName": "web-task", "Bucket": format!("templates-{account}-{region}"),
        "Key": "redbutton/0f", "CopySource": format!("templates-{account}-{region}/redbutton/0f"),
        "PolicySourceArn": format!("arn:aws:iam::{account}:role/web-task"),
        "ssm.Name": "/redbutton/web", "ssm.Names": ["/redbutton/web"], "ssm.Path": "/redbutton",
        "SecretId": "web", "logGroupName": "/ecs/web", "AlarmNames": ["web"],
        "pipelineName": "orders", "pipelineExecutionId": "1", "KeyId": "alias/web",
    })
}
