//! What the stand-in answers about a whole pipeline is what the API's model says (CONTRACTS 3.2.13).

use super::*;

/// Calls CodePipeline as a function of the account would, by way of the proxy.
fn ask(world: &World, operation: &str, request: Value) -> Value {
    let tooling = world.rehearsal.tooling();
    let asking = tooling.by_way_of(world.rehearsal.proxy());
    let target = format!("CodePipeline_20150709.{operation}");
    asking.json("codepipeline", &target, request).unwrap()
}

/// Asks everything there is to ask of a pipeline.
fn ask_all(world: &World, name: &str, id: &str) -> BTreeMap<&'static str, Value> {
    let of = |more: Value| {
        let mut request = json!({ "pipelineName": name });
        let more = more.as_object().unwrap().clone();
        request.as_object_mut().unwrap().extend(more);
        request
    };
    [
        ("GetPipeline", json!({ "name": name })),
        ("GetPipelineState", json!({ "name": name })),
        (
            "GetPipelineExecution",
            of(json!({ "pipelineExecutionId": id })),
        ),
        ("ListPipelineExecutions", of(json!({}))),
        (
            "ListActionExecutions",
            of(json!({ "filter": { "pipelineExecutionId": id } })),
        ),
    ]
    .into_iter()
    .map(|(operation, request)| (operation, ask(world, operation, request)))
    .collect()
}

/// The record of an action.
fn record<'a>(answers: &'a BTreeMap<&str, Value>, action: &str) -> &'a Value {
    let details = answers["ListActionExecutions"]["actionExecutionDetails"]
        .as_array()
        .unwrap();
    let found = details.iter().find(|detail| detail["actionName"] == action);
    found.unwrap_or_else(|| panic!("no {action} in {details:#?}"))
}

// rules: 3.2.13
#[test]
fn every_answer_of_a_whole_run_is_as_the_model_has_it() {
    let world = world();
    let name = "rehearse-answers";
    let case = world.case(name);
    let build = json!({ "Name": "Build", "Actions": [building("Pack", "Source", "Build")] });
    let stages = json!([
        source("Source"),
        build,
        update("Test", "Build"),
        approval("Production", json!({ "CustomData": "#{Update.Summary}" })),
        approval("Later", json!({}))
    ]);
    let mut given = properties(&world, name, "QUEUED", stages);
    given["Variables"] = json!([{ "Name": "Color", "DefaultValue": "blue" }]);
    let mut inputs = from(rollout(&world, &case));
    inputs.builds.insert("Pack".into(), project());
    let watcher = Watcher::new(Say::Wait);
    let pipeline = pipeline(&world, &given, inputs, &watcher);
    let id = start(&pipeline);
    watcher.wait_asked(1);
    let second = start(&pipeline);
    watcher.wait_heard(&second, |what| matches!(what, What::Waits { .. }));

    let answers = ask_all(&world, name, &id);
    let state = &answers["GetPipelineState"]["stageStates"][3];
    assert_eq!(
        state["latestExecution"],
        json!({ "pipelineExecutionId": id, "status": "InProgress", "type": "STANDARD" })
    );
    assert_eq!(
        state["inboundExecutions"][0]["pipelineExecutionId"],
        second.as_str()
    );
    let waiting = &state["actionStates"][0]["latestExecution"];
    assert_eq!(
        (&waiting["status"], &waiting["token"]),
        (&json!("InProgress"), &json!(watcher.asked()[0].token))
    );
    assert_eq!(record(&answers, "Approve")["status"], "InProgress");

    watcher.say(Say::Approve);
    assert_eq!(end(&pipeline, &id).status, Status::Succeeded);
    let ended = end(&pipeline, &second);
    assert_eq!(ended.status, Status::Succeeded, "{ended:#?}");
    let answers = ask_all(&world, name, &id);
    let execution = &answers["GetPipelineExecution"]["pipelineExecution"];
    assert_eq!(
        (&execution["status"], &execution["executionMode"]),
        (&json!("Succeeded"), &json!("QUEUED"))
    );
    assert_eq!(
        execution["variables"],
        json!([{ "name": "Color", "resolvedValue": "blue" }])
    );
    let code = record(&answers, "Code");
    let commit = &code["output"]["outputVariables"]["CommitId"];
    assert_eq!(&execution["artifactRevisions"][0]["revisionId"], commit);
    assert_eq!(code["input"]["namespace"], "Source");
    let pack = &record(&answers, "Pack")["input"];
    let variables = |kind: &str| {
        pack[kind]["EnvironmentVariables"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(variables("configuration").contains("#{Source.CommitId}"));
    assert!(variables("resolvedConfiguration").contains(commit.as_str().unwrap()));
    assert_eq!(
        pack["inputArtifacts"][0]["s3location"],
        code["output"]["outputArtifacts"][0]["s3location"]
    );
    let update = record(&answers, "Update");
    assert_eq!(
        update["input"]["configuration"]["UserParameters"],
        PARAMETERS
    );
    assert_eq!(
        update["input"]["resolvedConfiguration"]["UserParameters"],
        PARAMETERS.replace("#{codepipeline.PipelineExecutionId}", &id)
    );
    assert!(
        update["output"]["outputVariables"]["Summary"]
            .as_str()
            .unwrap()
            .contains(name)
    );
    let details = answers["ListActionExecutions"]["actionExecutionDetails"]
        .as_array()
        .unwrap();
    let approved = details
        .iter()
        .find(|detail| detail["stageName"] == "Production")
        .unwrap();
    assert_eq!(approved["updatedBy"], "arn:aws:iam::111111111111:user/jane");
    assert_eq!(
        approved["output"]["executionResult"]["externalExecutionSummary"],
        "looked at it"
    );
    let key = code["output"]["outputArtifacts"][0]["s3location"]["key"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(key.starts_with("rehearse-answers/Source/"), "{key}");

    watcher.say(Say::Reject);
    let third = start(&pipeline);
    assert_eq!(end(&pipeline, &third).status, Status::Failed);
    pipeline
        .retry(&third, "Production", RetryMode::FailedActions)
        .unwrap();
    assert_eq!(end(&pipeline, &third).status, Status::Failed);
    let answers = ask_all(&world, name, &third);
    let state = &answers["GetPipelineState"]["stageStates"][3];
    assert_eq!(state["retryStageMetadata"]["manualStageRetryAttempt"], 1);
    assert_eq!(
        state["actionStates"][0]["latestExecution"]["errorDetails"]["code"],
        "Rejected"
    );

    let stand_in = world.rehearsal.pipeline();
    assert_eq!(stand_in.invalid_answers(), Vec::<String>::new());
    let answered = stand_in.answered();
    for operation in answers.keys() {
        assert!(
            answered.get(*operation).is_some_and(|count| *count >= 3),
            "{operation}: {answered:?}"
        );
    }
}
