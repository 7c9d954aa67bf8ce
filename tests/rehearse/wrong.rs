//! What fails, and what is refused before it starts, says why.

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
