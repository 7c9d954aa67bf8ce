//! Every operation of the services around releases, asked for in the name of the copier's two roles:
//! refused, unless the template grants it.

use rehearsal::suite;
use serde_json::{Value, json};

use super::deployed::Deployed;
use crate::fixture;
use crate::operations::check;
use crate::templates::{SUITE, granted};

/// CONTRACTS 3.7.5: the role in production adds releases and reads, and rolls nothing out.
// rules: 3.7.5
#[test]
fn every_other_operation_is_refused_to_the_role_in_production() {
    let world = fixture::world();
    let production = &world.suite.production;
    let bucket = suite::RELEASES_BUCKET;
    // There is one to be read, and the rest is written beside it.
    let key = "releases/operations/1";
    production.put_object(bucket, key, &[], "{}").unwrap();
    let mut values = values(production.region(), production.id());
    values["Bucket"] = json!(bucket);
    values["Key"] = json!(key);
    values["s3.Prefix"] = json!("releases/operations/");
    values["CopySource"] = json!(format!("{bucket}/{key}"));
    values["KeyId"] = json!(Deployed::new(&world).key);
    let mut may = granted(&SUITE, "ReleaseRole");
    // By way of S3 only: in its own name it is refused.
    for through in ["kms:Decrypt", "kms:GenerateDataKey"] {
        assert!(may.remove(through), "{through}");
    }
    check(&super::release(&world), &values, &may);
}

/// ... and the function's own role signs, and answers jobs.
#[test]
fn every_other_operation_is_refused_to_the_function_in_the_tooling_account() {
    let world = fixture::world();
    let copier = super::copier(&world);
    let mut values = values(copier.region(), copier.id());
    values["KeyId"] = json!(Deployed::new(&world).signing);
    values["sts.RoleArn"] = json!(suite::RELEASE_ROLE);
    values["sts.ExternalId"] = json!(suite::RELEASE_EXTERNAL_ID);
    values["codepipeline.name"] = json!("orders");
    // The suite's own, in which the updater keeps what was before.
    let tooling = world.rehearsal.tooling();
    let state = &rehearsal::deploy::outputs(&tooling, "redbutton").unwrap()["StateBucketName"];
    values["Bucket"] = json!(state);
    values["CopySource"] = json!(format!("{state}/before/1"));
    let own = granted(&SUITE, "ArtifactCopierRole");
    // By these Lambda writes log and traces, see the preview's.
    let lambdas = ["xray:", "logs:"];
    let may = own
        .into_iter()
        .filter(|one| !lambdas.iter().any(|start| one.starts_with(start)));
    check(&copier, &values, &may.collect());
}

/// Names of what could be looked at or changed beside a release, so that a refusal is for the action.
fn values(region: &str, account: &str) -> Value {
    let group = "/aws/lambda/redbutton-artifact-copier";
    json!({
        "cluster": "test", "service": "web", "services": ["web"], "taskDefinition": "web",
        "StackName": "redbutton", "ChangeSetName": "redbutton-1", "TemplateBody": "{}",
        "repositoryName": "web", "RoleName": "redbutton-artifact-copier", "Key": "before/1",
        "PolicySourceArn": format!("arn:aws:iam::{account}:role/redbutton-artifact-copier"),
        "ssm.Name": "/redbutton/web", "ssm.Names": ["/redbutton/web"], "ssm.Path": "/redbutton",
        "SecretId": "web", "logGroupName": group, "AlarmNames": ["web"],
        "pipelineName": "orders", "pipelineExecutionId": "1", "UploadId": "none",
        "logs.resourceArn": format!("arn:aws:logs:{region}:{account}:log-group:{group}"),
    })
}
