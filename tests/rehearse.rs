//! Whole pipelines on this machine: what CodePipeline would do around the functions, and what it
//! answers them (CONTRACTS 3.2).

mod watcher;

use std::collections::BTreeMap;
use std::sync::Arc;

use rehearsal::pipeline::{Definition, Execution, Inputs, Pipeline, RetryMode, Status, What};
use rehearsal::suite::UPDATER;
use rehearsal::{AwsError, xml_text};
use serde_json::{Value, json};

use crate::fixture::{PARAMETERS, PATIENCE, World, world};
use watcher::{Say, Watcher};

/// A folder with these files, which goes with the run's other files.
fn folder(world: &World, name: &str, files: &[(&str, &str)]) -> std::path::PathBuf {
    let folder = world.rehearsal.dir().join("sources").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    for (file, content) in files {
        std::fs::write(folder.join(file), content).unwrap();
    }
    folder
}

/// A role that CodePipeline may assume, with these permissions besides the artifacts'.
fn role(world: &World, name: &str, more: &[Value]) -> String {
    let tooling = world.rehearsal.tooling();
    let store = &world.suite.store;
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
        "Principal": { "Service": "codepipeline.amazonaws.com" }, "Action": "sts:AssumeRole" }] });
    let objects = format!("arn:aws:s3:::{}/*", store.bucket);
    let mut may = vec![
        json!({ "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": objects }),
        json!({ "Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": store.key }),
    ];
    may.extend(more.iter().cloned());
    let may = json!({ "Version": "2012-10-17", "Statement": may });
    let (named, trust) = (("RoleName", name), trust.to_string());
    let made = [named, ("AssumeRolePolicyDocument", trust.as_str())];
    let made = tooling.query("iam", "CreateRole", &made).unwrap();
    let may = may.to_string();
    let put = [
        named,
        ("PolicyName", "pipeline"),
        ("PolicyDocument", may.as_str()),
    ];
    tooling.query("iam", "PutRolePolicy", &put).unwrap();
    xml_text(&made, "Arn").unwrap()
}

/// The permission to invoke the updater.
fn invokes() -> Value {
    let function = format!("arn:aws:lambda:us-east-1:111111111111:function:{UPDATER}");
    json!({ "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function })
}

/// A pipeline's properties, as CloudFormation has them.
fn properties(world: &World, name: &str, mode: &str, stages: Value) -> Value {
    let store = &world.suite.store;
    json!({
        "Name": name,
        "RoleArn": "arn:aws:iam::111111111111:role/unset",
        "PipelineType": "V2",
        "ExecutionMode": mode,
        "ArtifactStore": { "Type": "S3", "Location": store.bucket,
            "EncryptionKey": { "Id": store.key, "Type": "KMS" } },
        "Stages": stages,
    })
}

fn source(output: &str) -> Value {
    json!({ "Name": "Source", "Actions": [{
        "Name": "Code",
        "ActionTypeId": { "Category": "Source", "Owner": "AWS",
            "Provider": "CodeStarSourceConnection", "Version": "1" },
        "Configuration": { "ConnectionArn": "arn:aws:codeconnections:us-east-1:111111111111:connection/x",
            "FullRepositoryId": "acme/orders", "BranchName": "main", "DetectChanges": false },
        "OutputArtifacts": [{ "Name": output }],
        "Namespace": "Source",
    }] })
}

fn approval(stage: &str, configuration: Value) -> Value {
    json!({ "Name": stage, "Actions": [{
        "Name": "Approve",
        "ActionTypeId": { "Category": "Approval", "Owner": "AWS", "Provider": "Manual", "Version": "1" },
        "Configuration": configuration,
    }] })
}

fn update(stage: &str, input: &str) -> Value {
    json!({ "Name": stage, "Actions": [{
        "Name": "Update",
        "ActionTypeId": { "Category": "Invoke", "Owner": "AWS", "Provider": "Lambda", "Version": "1" },
        "Configuration": { "FunctionName": UPDATER, "UserParameters": PARAMETERS },
        "InputArtifacts": [{ "Name": input }],
        "Namespace": "Update",
    }] })
}

// rules: 3.2.13 3.2.16
#[test]
fn a_pipeline_runs_from_its_source_to_its_approval() {
    let world = world();
    let case = world.case("rehearse-whole");
    let (rollout, images) = world.files(&case);
    let (rollout, images) = (rollout.to_string(), images.to_string());
    let files = [
        ("rollout.json", rollout.as_str()),
        ("imagedefinitions.json", &images),
    ];
    let mut given = properties(
        &world,
        "rehearse-whole",
        "QUEUED",
        json!([
            source("Build"),
            update("Test", "Build"),
            approval(
                "Production",
                json!({
                "CustomData": "Released #{Source.CommitId}: #{Update.Summary}" })
            )
        ]),
    );
    given["RoleArn"] = role(&world, "rehearse-whole", &[invokes()]).into();
    let definition = Definition::parse(&given).unwrap();
    let inputs = Inputs {
        sources: BTreeMap::from([("Code".into(), folder(&world, "rehearse-whole", &files))]),
        ..Inputs::default()
    };
    let watcher = Watcher::new(Say::Approve);
    let pipeline = Pipeline::new(&world.rehearsal, definition, inputs, watcher.clone()).unwrap();
    let id = pipeline.start(&BTreeMap::new()).unwrap();
    let ended = pipeline.wait(&id, PATIENCE).unwrap();
    eprintln!("{ended:#?} {:#?}", watcher.events());
    assert_eq!(ended.status, Status::Succeeded, "{ended:#?}");
}
