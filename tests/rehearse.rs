//! Whole pipelines on this machine: what CodePipeline would do around the functions, and what it
//! answers them (CONTRACTS 3.2).

mod answers;
mod modes;
mod watcher;

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
        "RoleArn": role(world, name, &[invokes()]),
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

#[test]
fn what_fails_says_why() {
    let world = world();
    let case = world.case("rehearse-fails");
    let watcher = Watcher::new(Say::Approve);
    let run = |name: &str, more: &dyn Fn(&mut Value, &mut Inputs)| {
        let stages = json!([source("Build"), update("Test", "Build")]);
        let mut given = properties(&world, name, "SUPERSEDED", stages);
        let mut inputs = from(rollout(&world, &case));
        more(&mut given, &mut inputs);
        let pipeline = pipeline(&world, &given, inputs, &watcher);
        let id = start(&pipeline);
        end(&pipeline, &id)
    };
    let check = |ended: &Execution, code: &str, words: &[&str]| {
        assert_eq!(ended.status, Status::Failed, "{ended:#?}");
        let problem = problem(ended, "Test", "Update");
        assert_eq!(problem.code, code, "{problem:#?}");
        for word in words {
            assert!(problem.message.contains(word), "no {word:?}: {problem:#?}");
        }
    };
    let ended = run("rehearse-denied", &|given, _| {
        given["RoleArn"] = role(&world, "rehearse-powerless", &[]).into();
    });
    check(
        &ended,
        "PermissionError",
        &["rehearse-powerless", "lambda:InvokeFunction"],
    );
    let ended = run("rehearse-nobody", &|given, _| {
        let may = json!({ "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*" });
        given["RoleArn"] = role(&world, "rehearse-nobodys", &[may]).into();
        given["Stages"][1]["Actions"][0]["Configuration"]["FunctionName"] = "nobody".into();
    });
    check(&ended, "ConfigurationError", &["no function nobody"]);
    let ended = run("rehearse-unresolved", &|given, _| {
        let parameters = json!("#{Source.Nothing}");
        given["Stages"][1]["Actions"][0]["Configuration"]["UserParameters"] = parameters;
    });
    check(
        &ended,
        "ConfigurationError",
        &["UserParameters refers to #{Source.Nothing}"],
    );
    world.hold(20);
    let ended = run("rehearse-silent", &|_, inputs| {
        inputs.silence = Some(Duration::from_millis(300));
    });
    check(
        &ended,
        "JobFailed",
        &["no answer within", "PutJobSuccessResult"],
    );
}

#[test]
fn a_pipeline_that_cannot_run_is_not_started() {
    let world = world();
    let stages = json!([source("Source"), approval("Production", json!({}))]);
    let given = properties(&world, "rehearse-refused", "SUPERSEDED", stages);
    let check = |change: &dyn Fn(&mut Value), inputs: Inputs, words: &[&str]| {
        let mut given = given.clone();
        change(&mut given);
        let definition = Definition::parse(&given).unwrap();
        let audience = Watcher::new(Say::Approve);
        let made = Pipeline::new(&world.rehearsal, definition, inputs, audience);
        let error = format!("{:#}", made.err().expect("it is refused"));
        for word in words {
            assert!(error.contains(word), "no {word:?} in: {error}");
        }
    };
    let here = || from(folder(&world, "rehearse-refused", &[("a", "b")]));
    let mut stray = Inputs::default();
    stray.sources.insert("Cod".into(), "/nowhere".into());
    check(
        &|_| {},
        stray,
        &["--source Code=FOLDER", "no source action Cod", "/nowhere"],
    );
    check(
        &|given| given["RoleArn"] = "arn:aws:iam::111111111111:role/redbutton-nobody".into(),
        here(),
        &["redbutton-nobody"],
    );
    check(
        &|given| given["RoleArn"] = world.suite.store.role.clone().into(),
        here(),
        &["codepipeline.amazonaws.com may not assume"],
    );
    check(
        &|given| given["Stages"][1]["Name"] = "Über".into(),
        here(),
        &["would refuse this definition", "regular expression pattern"],
    );
}

#[test]
fn sources_come_from_s3_as_the_pipelines_role() {
    let world = world();
    let tooling = world.rehearsal.tooling();
    tooling.create_bucket("rehearse-source").unwrap();
    let zip = world
        .suite
        .store
        .put_artifact("Zip", &[("README", b"x")])
        .unwrap();
    let zip = world.suite.store.read(&zip).unwrap();
    let version = tooling
        .put_object("rehearse-source", "code.zip", &[], zip)
        .unwrap();
    let mut from_s3 = source("Source");
    from_s3["Actions"][0]["ActionTypeId"]["Provider"] = "S3".into();
    from_s3["Actions"][0]["Configuration"] =
        json!({ "S3Bucket": "rehearse-source", "S3ObjectKey": "code.zip" });
    let mut asks = approval("Production", json!({}));
    let topic = "arn:aws:sns:us-east-1:111111111111:rehearse-topic";
    tooling
        .query("sns", "CreateTopic", &[("Name", "rehearse-topic")])
        .unwrap();
    asks["Actions"][0]["Configuration"]["NotificationArn"] = topic.into();
    let mut elsewhere = update("Away", "Source");
    elsewhere["Actions"][0]["Region"] = "eu-west-1".into();
    let stages = json!([from_s3, elsewhere, asks]);
    let run = |name: &str, may: &[Value]| {
        let mut given = properties(&world, name, "SUPERSEDED", stages.clone());
        let store = given["ArtifactStore"].clone();
        let regions = ["us-east-1", "eu-west-1"];
        given["ArtifactStores"] = regions
            .iter()
            .map(|region| json!({ "Region": region, "ArtifactStore": store }))
            .collect();
        given.as_object_mut().unwrap().remove("ArtifactStore");
        given["RoleArn"] = role(&world, &format!("{name}-own"), may).into();
        let watcher = Watcher::new(Say::Approve);
        let pipeline = pipeline(&world, &given, Inputs::default(), &watcher);
        let id = start(&pipeline);
        end(&pipeline, &id)
    };
    let denied = problem(&run("rehearse-s3-denied", &[]), "Source", "Code");
    assert_eq!(denied.code, "PermissionError", "{denied:#?}");
    assert!(
        denied.message.contains("s3://rehearse-source/code.zip"),
        "{denied:#?}"
    );
    let reads = json!({ "Effect": "Allow", "Action": "s3:GetObject*", "Resource": "arn:aws:s3:::rehearse-source/*" });
    let untold = problem(
        &run("rehearse-s3-untold", std::slice::from_ref(&reads)),
        "Production",
        "Approve",
    );
    assert_eq!(untold.code, "PermissionError", "{untold:#?}");
    assert!(untold.message.contains(topic), "{untold:#?}");
    let tells = json!({ "Effect": "Allow", "Action": "sns:Publish", "Resource": topic });
    let ended = run("rehearse-s3", &[reads, tells]);
    assert_eq!(ended.status, Status::Succeeded, "{ended:#?}");
    assert_eq!(
        ended.action("Source", "Code").unwrap().variables["VersionId"],
        version
    );
    let away = ended.action("Away", "Update").unwrap();
    assert!(
        away.not_run.as_ref().unwrap().contains("in another region"),
        "{away:#?}"
    );
}

#[test]
fn a_build_acts_as_its_projects_role_and_makes_several_artifacts() {
    let world = world();
    let mut pack = building("Pack", "Source", "Web");
    pack["OutputArtifacts"] = json!([{ "Name": "Web" }, { "Name": "Docs" }]);
    let mut again = building("Again", "Web", "Final");
    again["InputArtifacts"] = json!([{ "Name": "Web" }, { "Name": "Docs" }]);
    again["Configuration"]["PrimarySource"] = "Docs".into();
    let build = |name: &str, action: Value| json!({ "Name": name, "Actions": [action] });
    let stages = json!([
        source("Source"),
        build("Build", pack),
        build("Rebuild", again)
    ]);
    let given = properties(&world, "rehearse-roles", "SUPERSEDED", stages);
    let mut inputs = from(folder(
        &world,
        "rehearse-roles",
        &[("a.html", "a"), ("b.md", "b")],
    ));
    let trusts = role(&world, "rehearse-untrusting", &[]);
    let project = |spec: &str, role: Option<&String>| Project {
        buildspec: Some(format!("{spec}\n")),
        environment: BTreeMap::from([("MORE".into(), "more".into())]),
        role: role.cloned(),
    };
    let pack = "{version: 0.2, phases: {build: {commands: ['test $MORE = more']}}, artifacts: {
        secondary-artifacts: {Web: {files: ['*.html']}, Docs: {files: ['*.md']}}}}";
    let again = "{version: 0.2, phases: {build: {commands: [
        'test -f b.md && test -f $CODEBUILD_SRC_DIR_Web/a.html',
        'test -n \"$AWS_ENDPOINT_URL\" && test $AWS_REGION = us-east-1']}}, artifacts: {files: ['**/*']}}";
    inputs.builds.insert("Pack".into(), project(pack, None));
    inputs.builds.insert("Again".into(), project(again, None));
    let watcher = Watcher::new(Say::Approve);
    let first = pipeline(&world, &given, inputs.clone(), &watcher);
    let id = start(&first);
    let ended = end(&first, &id);
    assert_eq!(
        ended.status,
        Status::Succeeded,
        "{ended:#?} {:#?}",
        watcher.events()
    );
    drop(first);
    inputs
        .builds
        .insert("Pack".into(), project(pack, Some(&trusts)));
    let second = pipeline(&world, &given, inputs, &watcher);
    let id = start(&second);
    let problem = problem(&end(&second, &id), "Build", "Pack");
    assert!(
        problem
            .message
            .contains("codebuild.amazonaws.com may not assume"),
        "{problem:#?}"
    );
}
