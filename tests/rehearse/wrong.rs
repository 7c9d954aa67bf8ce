//! What fails, and what is refused before it starts, says why.

use rehearsal::deploy::{Stack, deploy};
use rehearsal::pipeline::{Choice, PipelineTemplate, WrongDefinition};

use super::*;

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
    let ended = run("rehearse-absent", &|given, _| {
        let build = json!({ "Name": "Make", "Namespace": "Make",
            "ActionTypeId": { "Category": "Deploy", "Owner": "AWS",
                "Provider": "CloudFormation", "Version": "1" },
            "OutputArtifacts": [{ "Name": "Made" }] });
        let stages = given["Stages"].as_array_mut().unwrap();
        stages.insert(1, json!({ "Name": "Make", "Actions": [build] }));
        stages[2] = update("Test", "Made");
    });
    check(
        &ended,
        "ConfigurationError",
        &["there is no artifact Made", "--artifact Made=FOLDER"],
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

/// A template with a function that fails, a pipeline that invokes it, and the pipeline's role, which
/// trusts a service.
fn failing(world: &World, trusted: &str) -> Value {
    let trusts = |service: &str| {
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
            "Principal": { "Service": service }, "Action": "sts:AssumeRole" }] })
    };
    let may = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
        "Action": ["s3:*", "kms:*", "lambda:InvokeFunction"], "Resource": "*" }] });
    let mut invoke = update("Call", "Source");
    invoke["Actions"][0]["Configuration"] = json!({ "FunctionName": { "Ref": "Call" } });
    let mut pipeline = properties(
        world,
        &format!("rehearse-{trusted}"),
        "QUEUED",
        json!([source("Source"), invoke]),
    );
    pipeline["RoleArn"] = json!({ "Fn::GetAtt": ["Role", "Arn"] });
    pipeline["Name"] = "rehearse-failing".into();
    let trusted = format!("{trusted}.amazonaws.com");
    json!({ "Resources": {
        "Role": { "Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": trusts(&trusted),
            "Policies": [{ "PolicyName": "all", "PolicyDocument": may }] } },
        "Own": { "Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": trusts("lambda.amazonaws.com") } },
        "Call": { "Type": "AWS::Lambda::Function", "Properties": {
            "FunctionName": "rehearse-failing", "Runtime": "python3.12", "Handler": "index.handler",
            "Role": { "Fn::GetAtt": ["Own", "Arn"] },
            "Code": { "ZipFile": "def handler(event, context): raise ValueError('this one fails')" } } },
        "Pipeline": { "Type": "AWS::CodePipeline::Pipeline", "Properties": pipeline },
    } })
}

#[test]
fn a_function_that_fails_is_told_at_once_and_a_role_without_trust_before() {
    let world = world();
    let progress: rehearsal::Progress = Arc::new(|_: &str| {});
    let deployed = |trusted: &str| {
        let template = failing(&world, trusted).to_string();
        let folder = folder(&world, "rehearse-failing", &[("t.json", &template)]);
        let choice = Choice {
            stack: "rehearse-failing",
            pipeline: "Pipeline",
            parameters: &BTreeMap::new(),
            leave_out: &[],
        };
        let template = PipelineTemplate::read(&folder.join("t.json")).unwrap();
        template.deploy(&world.rehearsal, &choice, &progress)
    };
    let refused = deployed("lambda").unwrap_err();
    assert!(refused.is::<WrongDefinition>(), "{refused:#}");
    let refused = format!("{refused:#}");
    assert!(
        refused.contains("codepipeline.amazonaws.com may not assume"),
        "{refused}"
    );
    let right = deployed("codepipeline").unwrap();
    let watcher = Watcher::new(Say::Approve);
    let inputs = from(folder(&world, "rehearse-failing-source", &[("a", "b")]));
    let audience = Arc::clone(&watcher);
    let pipeline = Pipeline::new(&world.rehearsal, right.definition, inputs, audience).unwrap();
    let id = start(&pipeline);
    let log = world.rehearsal.dir().display().to_string();
    watcher.wait_heard(&id, |what| match what {
        What::Unanswered { why } => why.contains("rehearse-failing") && why.contains(&log),
        _ => false,
    });
    assert_eq!(pipeline.execution(&id).unwrap().status, Status::InProgress);
    pipeline.stop(&id, true).unwrap();
    assert_eq!(end(&pipeline, &id).status, Status::Stopped);
}

#[test]
fn a_samconfig_beside_a_template_is_not_read() {
    let world = world();
    let template = json!({ "Resources": { "Parameter": { "Type": "AWS::SSM::Parameter",
        "Properties": { "Type": "String", "Value": "x" } } } });
    let files = [
        ("t.json", template.to_string()),
        ("samconfig.toml", "this is no TOML".to_owned()),
    ];
    let files = files.each_ref().map(|(name, content)| (*name, &**content));
    let stack = Stack {
        name: "rehearse-samconfig",
        template: &folder(&world, "rehearse-samconfig", &files).join("t.json"),
        parameters: &[],
    };
    let progress: rehearsal::Progress = Arc::new(|_: &str| {});
    deploy(
        &world.rehearsal,
        &world.rehearsal.tooling(),
        &stack,
        &progress,
    )
    .unwrap();
}
