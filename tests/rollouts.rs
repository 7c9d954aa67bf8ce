//! Rollouts that succeed: what is called, what is registered, what is told (CONTRACTS 3.5).

use rehearsal::proxy::{Fault, What, When};
use rehearsal::world;
use serde_json::{Value, json};

use crate::fixture::{succeeded, world};

// rules: 3.1.12 3.2.3 3.5.29
#[test]
fn a_service_in_another_account_and_region_serves_the_new_image() {
    let world = world();
    let case = world.case("plain");
    let finished = world.run(world.job(&case));
    let variables = succeeded(&finished);
    // PERFORMANCE: two writes, one read a look, two for the proof; to find what an earlier delivery
    // registered takes one more, and the running definition is the newest one here.
    assert_eq!(
        world.calls(),
        [
            "s3:GetObject",
            "sts:AssumeRole",
            "ecs:DescribeServices",
            "ecs:DescribeTaskDefinition",
            "ecr:DescribeImages",
            "ecs:RegisterTaskDefinition",
            "ecs:UpdateService",
            "ecs:DescribeServices",
            "ecs:ListTasks",
            "ecs:DescribeTasks",
            "codepipeline:PutJobSuccessResult",
        ]
    );
    let serving = case.service.primary_task_definition().unwrap();
    assert!(serving.ends_with(":task-definition/plain:2"), "{serving}");
    assert_eq!(variables["TaskDefinitionArns"], serving);
    let proof: Value = serde_json::from_str(&variables["Proof"]).unwrap();
    assert_eq!(proof["targets"][0]["was"], "plain:1");
    assert_eq!(
        proof["targets"][0]["images"][0]["image"],
        format!("{}@{}", case.repository, case.digest)
    );
    assert!(
        variables["Summary"].contains("plain:2")
            && variables["DurationSeconds"].parse::<u64>().is_ok()
    );
}

#[test]
fn a_service_of_the_functions_own_account_needs_no_role() {
    let world = world();
    let case = world.case_in(&world.suite.own, "own", |_| {});
    let spec = world.job_with(
        &case,
        |file| {
            let file = file.as_object_mut().unwrap();
            file.remove("role");
            file.remove("externalId");
        },
        &[],
    );
    succeeded(&world.run(spec));
    assert_eq!(world.count("sts", "AssumeRole"), 0);
    assert!(
        case.service
            .primary_task_definition()
            .unwrap()
            .contains(":111111111111:")
    );
}

#[test]
fn a_warm_function_keeps_its_session_for_the_execution() {
    let world = world();
    let case = world.case("session");
    world.set_timeout(62);
    world.hold(4);
    let finished = world.run(world.job(&case));
    world.set_timeout(300);
    succeeded(&finished);
    assert!(finished.rounds > 1);
    assert_eq!(world.count("sts", "AssumeRole"), 1);
    let assumed = world
        .rehearsal
        .proxy()
        .calls()
        .into_iter()
        .find(|call| call.operation == "AssumeRole")
        .unwrap();
    let request = String::from_utf8_lossy(&assumed.request).into_owned();
    assert!(request.contains("RoleSessionName=redbutton-"), "{request}");
}

// rules: 3.5.2 3.5.4
#[test]
fn a_field_that_no_sdk_knows_reaches_ecs_value_for_value() {
    let world = world();
    let future =
        json!({"deep": [1, 2.5, "", {"empty": ""}, [true]], "number": 9_007_199_254_740_993_u64});

    // From a file.
    let case = world.case("future-file");
    let file = json!({
        "family": "future-file", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "fieldOfTheFuture": future,
        "containerDefinitions": [{
            "name": "future-file", "image": "<IMAGE1_NAME>", "essential": true,
            "environment": [{"name": "EMPTY", "value": ""}], "containerFieldOfTheFuture": future,
        }],
        "tags": [{"key": "team", "value": "web"}],
    });
    let detail = json!({"ImageURI": format!("{}:v2", case.repository)}).to_string();
    let spec = world.job_with(
        &case,
        |rollout| {
            rollout["taskDefinition"] = json!("Build::taskdef.json");
            rollout["images"] = json!("Build::imageDetail.json");
        },
        &[
            ("taskdef.json", file.to_string().as_bytes()),
            ("imageDetail.json", detail.as_bytes()),
        ],
    );
    succeeded(&world.run(spec));
    let registered = world.registered();
    assert_eq!(registered["fieldOfTheFuture"], future);
    assert_eq!(
        registered["containerDefinitions"][0]["containerFieldOfTheFuture"],
        future
    );
    assert_eq!(
        registered["containerDefinitions"][0]["environment"],
        file["containerDefinitions"][0]["environment"]
    );
    assert_eq!(
        registered["containerDefinitions"][0]["image"],
        format!("{}@{}", case.repository, case.digest)
    );

    // From the running definition, as an ECS of the future describes it.
    let case = world.case("future-running");
    world.rehearsal.proxy().reset();
    let value = future.clone();
    let described = What::edit_json(move |answer| {
        answer["taskDefinition"]["fieldOfTheFuture"] = value.clone();
        answer["taskDefinition"]["containerDefinitions"][0]["containerFieldOfTheFuture"] =
            value.clone();
        answer["taskDefinition"]["deleteRequestedAt"] = json!(1);
    });
    world.rehearsal.proxy().inject(Fault {
        when: When::next("ecs", "DescribeTaskDefinition"),
        what: described,
    });
    succeeded(&world.run(world.job(&case)));
    let registered = world.registered();
    assert_eq!(registered["fieldOfTheFuture"], future);
    assert_eq!(
        registered["containerDefinitions"][0]["containerFieldOfTheFuture"],
        future
    );
    for read_only in [
        "taskDefinitionArn",
        "revision",
        "status",
        "registeredAt",
        "deleteRequestedAt",
        "compatibilities",
    ] {
        assert!(registered.get(read_only).is_none(), "{read_only}");
    }
}

// rules: 3.1.4 3.2.9 3.5.3 3.5.6
#[test]
fn tags_are_carried_and_ours_are_added() {
    let world = world();
    let tags = json!([{"key": "team", "value": "web"}, {"key": "empty", "value": ""}]);
    let case = world.case_with("tagged", |spec| {
        spec.task_definition.insert("tags".into(), tags.clone());
    });
    let spec = world.job(&case);
    let execution = spec.execution.clone();
    let finished = world.run(spec);
    succeeded(&finished);
    let described = case.service.revisions().unwrap().pop().unwrap();
    let value = |key: &str| {
        let tags = described["tags"].as_array().unwrap();
        tags.iter()
            .find(|tag| tag["key"] == key)
            .map(|tag| tag["value"].as_str().unwrap().to_owned())
    };
    assert_eq!(
        (value("team").as_deref(), value("empty").as_deref()),
        (Some("web"), Some(""))
    );
    assert!(
        value("redbutton:operation")
            .unwrap()
            .starts_with(&execution)
    );
    assert_eq!(
        value("redbutton:attempt").as_deref(),
        Some(finished.ids[0].as_str())
    );
    assert_eq!(value("redbutton:sha256").map(|sha| sha.len()), Some(64));
}

// rules: 3.5.19
#[test]
fn the_same_release_again_changes_nothing_and_proves_it() {
    let world = world();
    let case = world.case("again");
    succeeded(&world.run(world.job(&case)));
    world.rehearsal.proxy().reset();
    let variables = succeeded(&world.run(world.job(&case)));
    assert!(
        variables["Summary"].contains("as before; nothing was changed"),
        "{}",
        variables["Summary"]
    );
    assert_eq!(world.writes(), 0);
    assert_eq!(case.service.revisions().unwrap().len(), 2);
}

// rules: 3.2.9
#[test]
fn a_retry_of_the_stage_is_a_deployment_of_its_own() {
    let world = world();
    let case = world.case("retry");
    let spec = world.job(&case);
    // The first attempt's registration goes through, its update is refused.
    let refusal = What::error(400, "ClientException", "The service is busy (a test)");
    world.rehearsal.proxy().inject(Fault {
        when: When::next("ecs", "UpdateService"),
        what: refusal,
    });
    let first = world.run(spec.clone());
    crate::fixture::failed(&first);
    let second = world.run(spec);
    succeeded(&second);
    assert!(
        case.service
            .primary_task_definition()
            .unwrap()
            .ends_with("retry:3")
    );
}

// rules: 3.5.29
#[test]
fn an_index_is_served_by_its_platform_manifest() {
    let world = world();
    let case = world.case("index");
    let child = world::put_image(
        &world.suite.other,
        "index",
        "child",
        &world::manifest("child"),
    )
    .unwrap();
    let index = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": child, "size": 1,
                       "platform": {"architecture": "amd64", "os": "linux"}}],
    });
    world::put_image(&world.suite.other, "index", "v2", &index.to_string()).unwrap();
    let reported = child.clone();
    let report = What::edit_json(move |answer| {
        answer["tasks"][0]["containers"][0]["imageDigest"] = json!(reported);
    });
    world.rehearsal.proxy().inject_times(
        Fault {
            when: When::next("ecs", "DescribeTasks"),
            what: report,
        },
        9,
    );
    let variables = succeeded(&world.run(world.job(&case)));
    assert!(
        variables["ImageDigests"].contains(&child),
        "{}",
        variables["ImageDigests"]
    );
    assert_eq!(world.count("ecr", "BatchGetImage"), 1);
}

// rules: 3.5.7 3.5.10
#[test]
fn concurrent_registrations_and_throttles_are_waited_out() {
    let world = world();
    let case = world.case("busy");
    let busy = "Too many concurrent attempts to create a new revision of the specified family. Retry this operation.";
    let proxy = world.rehearsal.proxy();
    proxy.inject(Fault {
        when: When::next("ecs", "RegisterTaskDefinition"),
        what: What::error(400, "ClientException", busy),
    });
    proxy.inject(Fault {
        when: When::nth("ecs", "RegisterTaskDefinition", 2),
        what: What::Throttle,
    });
    let unseen = "TaskDefinition not found.";
    proxy.inject(Fault {
        when: When::next("ecs", "UpdateService"),
        what: What::error(400, "ClientException", unseen),
    });
    succeeded(&world.run(world.job(&case)));
    assert_eq!(world.count("ecs", "RegisterTaskDefinition"), 3);
    assert_eq!(case.service.revisions().unwrap().len(), 2);
}

#[test]
fn an_exception_in_allow_lets_exactly_that_pass() {
    let world = world();
    let role = "arn:aws:iam::111111111111:role/shared-execution";
    let case = world.case_with("allowed", |spec| {
        spec.task_definition.insert(
            "containerDefinitions".into(),
            json!([{
                "name": "allowed", "image": spec.containers[0].image, "essential": true,
                "environment": [{"name": "ROLE", "value": role}],
            }]),
        );
    });
    let spec = world.job_with(&case, |file| file["allow"] = json!([role]), &[]);
    succeeded(&world.run(spec));
}

// rules: 3.5.7
#[test]
fn looking_goes_on_when_aws_does_not_answer_for_a_while() {
    let world = world();
    let case = world.case("patient");
    // More refusals in a row than the SDK itself repeats.
    let throttled = Fault {
        when: When::nth("ecs", "DescribeServices", 2),
        what: What::Throttle,
    };
    world.rehearsal.proxy().inject_times(throttled, 7);
    succeeded(&world.run(world.job(&case)));
    assert_eq!(world.deployments_begun(), 1);
}
