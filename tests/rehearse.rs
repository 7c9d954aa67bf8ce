//! Whole pipelines on this machine: what CodePipeline would do around the functions, and what it
//! answers them (CONTRACTS 3.2).

mod answers;
mod modes;
mod watcher;
mod work;
mod wrong;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rehearsal::pipeline::{
    Definition, Execution, Inputs, Pipeline, Problem, Project, RetryMode, Status, What,
};
use rehearsal::suite::UPDATER;
use rehearsal::xml_text;
use serde_json::{Value, json};

use crate::fixture::{Case, PARAMETERS, PATIENCE, World, world};
use watcher::{Say, Watcher};

/// A folder with these files, which goes with the run's other files.
fn folder(world: &World, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = world.rehearsal.dir().join("sources").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    for (file, content) in files {
        std::fs::write(folder.join(file), content).unwrap();
    }
    folder
}

/// A role that CodePipeline may assume, with these permissions besides the artifacts'.
fn role(world: &World, name: &str, more: &[Value]) -> String {
    role_of(world, "codepipeline.amazonaws.com", name, more)
}

/// The same for any service.
fn role_of(world: &World, service: &str, name: &str, more: &[Value]) -> String {
    let tooling = world.rehearsal.tooling();
    let store = &world.suite.store;
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
        "Principal": { "Service": service }, "Action": "sts:AssumeRole" }] });
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

/// The permission to have projects build.
fn builds() -> Value {
    json!({ "Effect": "Allow", "Action": ["codebuild:StartBuild", "codebuild:BatchGetBuilds"],
        "Resource": "arn:aws:codebuild:us-east-1:111111111111:project/*" })
}

/// A pipeline's properties, as CloudFormation has them.
fn properties(world: &World, name: &str, mode: &str, stages: Value) -> Value {
    let store = &world.suite.store;
    json!({
        "Name": name,
        "RoleArn": role(world, name, &[invokes(), builds()]),
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
    json!({ "Name": stage, "Actions": [updating(input)] })
}

fn updating(input: &str) -> Value {
    json!({
        "Name": "Update",
        "ActionTypeId": { "Category": "Invoke", "Owner": "AWS", "Provider": "Lambda", "Version": "1" },
        "Configuration": { "FunctionName": UPDATER, "UserParameters": PARAMETERS },
        "InputArtifacts": [{ "Name": input }],
        "Namespace": "Update",
    })
}

fn building(name: &str, input: &str, output: &str) -> Value {
    json!({
        "Name": name,
        "ActionTypeId": { "Category": "Build", "Owner": "AWS", "Provider": "CodeBuild", "Version": "1" },
        "Configuration": { "ProjectName": name,
            "EnvironmentVariables": r##"[{"name": "COMMIT", "value": "#{Source.CommitId}"}]"## },
        "InputArtifacts": [{ "Name": input }],
        "OutputArtifacts": [{ "Name": output }],
        "Namespace": name,
    })
}

/// The source of a rollout of `v2`, as a folder.
fn rollout(world: &World, case: &Case) -> PathBuf {
    let (rollout, images) = world.files(case);
    let (rollout, images) = (rollout.to_string(), images.to_string());
    let files = [
        ("rollout.json", rollout.as_str()),
        ("imagedefinitions.json", &images),
    ];
    folder(world, &case.service.name, &files)
}

/// Inputs with a folder for the source.
fn from(folder: PathBuf) -> Inputs {
    Inputs {
        sources: BTreeMap::from([("Code".into(), folder)]),
        ..Inputs::default()
    }
}

/// A pipeline of a definition that is right.
fn pipeline(world: &World, given: &Value, inputs: Inputs, watcher: &Arc<Watcher>) -> Pipeline {
    let definition = Definition::parse(given).unwrap();
    let audience = Arc::clone(watcher);
    Pipeline::new(&world.rehearsal, definition, inputs, audience).unwrap()
}

fn start(pipeline: &Pipeline) -> String {
    pipeline.start(&BTreeMap::new()).unwrap()
}

fn end(pipeline: &Pipeline, id: &str) -> Execution {
    pipeline.wait(id, PATIENCE).unwrap()
}

/// Why an action failed.
fn problem(execution: &Execution, stage: &str, action: &str) -> Problem {
    let run = execution.action(stage, action).unwrap();
    run.error
        .clone()
        .unwrap_or_else(|| panic!("{action} has not failed: {run:#?}"))
}

const BUILDSPEC: &str = "
version: 0.2
env:
  variables: { COLOR: red }
  exported-variables: [TAG, SHORT]
phases:
  pre_build:
    commands:
      - TAG=$COLOR-$CODEBUILD_BUILD_NUMBER
      - SHORT=$(printf '%.7s' \"$CODEBUILD_RESOLVED_SOURCE_VERSION\")
      - test \"$COMMIT\" = \"$CODEBUILD_RESOLVED_SOURCE_VERSION\"
  build:
    commands:
      - mkdir out && cp rollout.json imagedefinitions.json out/
artifacts:
  base-directory: out
  files: ['*.json']
";

fn project() -> Project {
    Project {
        buildspec: Some(BUILDSPEC.into()),
        ..Project::default()
    }
}

// rules: 3.1.4 3.2.2 3.2.13 3.2.14 3.2.16
#[test]
fn a_pipeline_runs_from_its_source_to_its_approval() {
    let world = world();
    let case = world.case("rehearse-whole");
    let scan = json!({
        "Name": "Scan", "RunOrder": 2,
        "ActionTypeId": { "Category": "Test", "Owner": "ThirdParty", "Provider": "Scanner", "Version": "1" },
    });
    let build = json!({ "Name": "Build", "Actions": [building("Pack", "Source", "Build"), scan] });
    let message = json!({ "CustomData": "#{Update.Summary} of #{Pack.TAG}",
        "ExternalEntityLink": "https://example.com/#{codepipeline.PipelineExecutionId}" });
    let stages = json!([
        source("Source"),
        build,
        update("Test", "Build"),
        approval("Production", message)
    ]);
    let mut given = properties(&world, "rehearse-whole", "QUEUED", stages);
    // With the pipeline's name, the function looks whether its job is what CodePipeline says.
    let parameters = PARAMETERS.replace('{', r#"{"pipeline": "rehearse-whole","#);
    let parameters = parameters.replace(r##"#{"pipeline": "rehearse-whole","##, "#{");
    given["Stages"][2]["Actions"][0]["Configuration"]["UserParameters"] = parameters.into();
    let mut inputs = from(rollout(&world, &case));
    inputs.builds.insert("Pack".into(), project());
    let watcher = Watcher::new(Say::Approve);
    let pipeline = pipeline(&world, &given, inputs, &watcher);
    world.set_timeout(62);
    world.hold(4);
    let id = start(&pipeline);
    let ended = end(&pipeline, &id);
    world.set_timeout(300);

    assert_eq!(ended.status, Status::Succeeded, "{ended:#?}");
    let of = |stage: &str, action: &str| ended.action(stage, action).unwrap().clone();
    let commit = of("Source", "Code").variables["CommitId"].clone();
    assert_eq!(of("Build", "Pack").variables["TAG"], "red-1");
    assert_eq!(of("Build", "Pack").variables["SHORT"], commit[..7]);
    assert!(
        of("Build", "Scan")
            .not_run
            .unwrap()
            .contains("Scanner is not rehearsed")
    );
    let summary = of("Test", "Update").variables["Summary"].clone();
    let asked = watcher.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].custom_data.as_deref(),
        Some(format!("{summary} of red-1").as_str())
    );
    assert_eq!(
        asked[0].link.as_deref(),
        Some(format!("https://example.com/{id}").as_str())
    );
    assert_eq!(
        case.service.primary_task_definition().unwrap(),
        of("Test", "Update").variables["TaskDefinitionArns"]
    );

    let events = watcher.events();
    let said = events
        .iter()
        .filter(|event| matches!(event.what, What::ActionSaid { .. }))
        .count();
    assert!(
        said > 0,
        "the function went on with a token and said how far it was: {events:#?}"
    );
    let wrote = |wanted: &str| {
        events
            .iter()
            .any(|event| matches!(&event.what, What::BuildLine { line } if line.contains(wanted)))
    };
    assert!(wrote("$ mkdir out"), "{events:#?}");
}

// rules: 3.2.9
#[test]
fn a_retry_repeats_what_failed_or_everything() {
    let world = world();
    let case = world.case("rehearse-retry");
    let mut both = approval("Test", json!({}));
    let updating = updating("Build");
    both["Actions"].as_array_mut().unwrap().push(updating);
    let stages = json!([source("Build"), both, approval("Production", json!({}))]);
    let given = properties(&world, "rehearse-retry", "SUPERSEDED", stages);
    let watcher = Watcher::new(Say::Reject);
    let pipeline = pipeline(&world, &given, from(rollout(&world, &case)), &watcher);
    let jobs = || {
        let answers = world.rehearsal.pipeline().answers();
        answers.into_iter().filter(|answer| answer.ends()).count()
    };
    let before = jobs();
    let id = start(&pipeline);
    assert_eq!(end(&pipeline, &id).status, Status::Failed);
    assert_eq!(jobs() - before, 1);
    let wrong = pipeline
        .retry(&id, "Production", RetryMode::AllActions)
        .unwrap_err();
    assert!(wrong.to_string().contains("has not failed"), "{wrong}");

    pipeline
        .retry(&id, "Test", RetryMode::FailedActions)
        .unwrap();
    assert_eq!(end(&pipeline, &id).status, Status::Failed);
    assert_eq!(
        (jobs() - before, watcher.asked().len()),
        (1, 2),
        "only the approval is repeated"
    );

    watcher.say(Say::Approve);
    pipeline.retry(&id, "Test", RetryMode::AllActions).unwrap();
    let ended = end(&pipeline, &id);
    assert_eq!(ended.status, Status::Succeeded, "{ended:#?}");
    assert_eq!(
        (jobs() - before, watcher.asked().len()),
        (2, 4),
        "the function has a new job"
    );
    assert_eq!(
        (ended.id.as_str(), ended.stages[1].attempts),
        (id.as_str(), 3)
    );
    let wrong = pipeline
        .retry(&id, "Test", RetryMode::AllActions)
        .unwrap_err();
    assert!(wrong.to_string().contains("only what failed"), "{wrong}");
}
