//! Several targets in one action: side by side, in order, all or none (CONTRACTS 3.5.8, 3.5.27).

use rehearsal::codepipeline::JobSpec;
use rehearsal::proxy::{Fault, What, When};
use rehearsal::suite;
use serde_json::{Value, json};

use crate::fixture::{Case, PATIENCE, World, failed, succeeded, world};

/// A job that rolls `v2` out to all of these, with targets as they are written.
fn job(world: &World, cases: &[&Case], targets: Value, extra: Value) -> JobSpec {
    let mut rollout = json!({
        "targets": targets, "region": suite::TARGET_REGION,
        "role": suite::TARGET_ROLE, "externalId": suite::EXTERNAL_ID,
    });
    for (key, value) in extra.as_object().unwrap() {
        rollout[key] = value.clone();
    }
    let images: Vec<Value> = cases
        .iter()
        .map(|case| json!({"name": case.service.name, "imageUri": format!("{}:v2", case.repository)}))
        .collect();
    let files = [
        ("rollout.json", rollout.to_string()),
        ("imagedefinitions.json", json!(images).to_string()),
    ];
    let files = files
        .each_ref()
        .map(|(name, text)| (*name, text.as_bytes()));
    world.job_from(world.suite.store.put_artifact("Build", &files).unwrap())
}

fn service(name: &str) -> Value {
    json!({"service": name, "cluster": "test"})
}

fn serves(case: &Case, revision: u32) {
    let serving = case.service.primary_task_definition().unwrap();
    assert!(
        serving.ends_with(&format!("{}:{revision}", case.service.family)),
        "{serving}"
    );
}

/// The answer to every look from the `nth` on says this about one service.
fn describe(
    world: &World,
    name: &str,
    nth: usize,
    change: impl Fn(&mut Value) + Send + Sync + 'static,
) {
    let name = name.to_owned();
    let what = What::edit_json(move |answer| {
        for service in answer["services"].as_array_mut().into_iter().flatten() {
            if service["serviceName"] == name.as_str() {
                change(service);
            }
        }
    });
    let when = When::nth("ecs", "DescribeServices", nth);
    let fault = Fault { when, what };
    world.rehearsal.proxy().inject_times(fault, 90);
}

// rules: 3.5.8
#[test]
fn ten_services_take_one_look_as_one_does() {
    let world = world();
    let cases: Vec<Case> = (0..10).map(|n| world.case(&format!("ten-{n}"))).collect();
    let all: Vec<&Case> = cases.iter().collect();
    let targets = all.iter().map(|case| service(&case.service.name)).collect();
    world.rehearsal.proxy().reset();
    let variables = succeeded(&world.run(job(&world, &all, targets, json!({}))));
    for case in &cases {
        serves(case, 2);
    }
    // One to check everything before the first write, one look.
    assert_eq!(world.count("ecs", "DescribeServices"), 2);
    assert_eq!(world.count("sts", "AssumeRole"), 1);
    for (operation, count) in [("RegisterTaskDefinition", 10), ("UpdateService", 10)] {
        assert_eq!(world.count("ecs", operation), count, "{operation}");
    }
    let proof: Value = serde_json::from_str(&variables["Proof"]).unwrap();
    assert_eq!(proof["targets"].as_array().unwrap().len(), 10);
    assert_eq!(variables["DeploymentIds"].split(',').count(), 10);
    assert!(
        variables["Summary"].starts_with("10 targets released in"),
        "{}",
        variables["Summary"]
    );
}

#[test]
fn front_end_and_back_end_go_in_order_from_one_image_file() {
    let world = world();
    let (front, back) = (world.case("front"), world.case("back"));
    let targets = json!([
        {"service": "front", "cluster": "test", "after": ["back"]},
        service("back"),
    ]);
    world.rehearsal.proxy().reset();
    succeeded(&world.run(job(&world, &[&front, &back], targets, json!({}))));
    serves(&front, 2);
    serves(&back, 2);
    let calls = world.rehearsal.proxy().calls();
    let updated: Vec<String> = calls
        .iter()
        .filter(|call| call.operation == "UpdateService")
        .map(|call| call.request_json()["service"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(updated, ["back", "front"]);
    // The back end was proven, by its tasks, before the front end began.
    let place = |operation: &str, nth: usize| {
        let mut each = calls
            .iter()
            .enumerate()
            .filter(|(_, call)| call.operation == operation);
        each.nth(nth).unwrap().0
    };
    assert!(place("DescribeTasks", 0) < place("UpdateService", 1));
    // What is checked is checked for both before the first write.
    assert!(place("RegisterTaskDefinition", 1) < place("UpdateService", 0));
}

// rules: 3.5.27
#[test]
fn one_that_fails_brings_all_that_changed_back() {
    let world = world();
    let (good, bad) = (world.case("good"), world.case("bad"));
    let held = bad.service.first_task_definition.clone();
    let ours = format!("{}2", held.strip_suffix('1').unwrap());
    describe(&world, "bad", 2, move |service| {
        service["deployments"] = json!([
            {"id": "ecs-svc/9", "status": "PRIMARY", "taskDefinition": held, "desiredCount": 1, "runningCount": 1, "pendingCount": 0, "rolloutState": "COMPLETED"},
            {"id": "ecs-svc/8", "status": "INACTIVE", "taskDefinition": ours, "desiredCount": 0, "runningCount": 0, "pendingCount": 0, "rolloutState": "FAILED",
             "rolloutStateReason": "ECS deployment circuit breaker: tasks failed to start."},
        ]);
    });
    let targets = json!([service("good"), service("bad")]);
    let (kind, message) = failed(&world.run(job(&world, &[&good, &bad], targets, json!({}))));
    assert_eq!(kind, "JobFailed");
    for words in [
        "service bad (cluster test, ap-southeast-2, account 333333333333) was not released",
        "circuit breaker",
        "- good was good:1, became good:2",
        "and is now good:1 (1 of 1 tasks run)",
        "- bad was bad:1, became bad:2",
    ] {
        assert!(message.contains(words), "no {words:?} in: {message}");
    }
    serves(&good, 1);
}

#[test]
fn what_fails_to_begin_leaves_nothing_begun() {
    let world = world();
    let (first, second) = (world.case("begun"), world.case("refused"));
    let refused = |call: &rehearsal::proxy::Call| {
        call.operation == "UpdateService" && call.request_json()["service"] == "refused"
    };
    world.rehearsal.proxy().inject(Fault {
        when: When::Matches(std::sync::Arc::new(refused)),
        what: What::error(
            400,
            "AccessDeniedException",
            "not authorized to perform: ecs:UpdateService",
        ),
    });
    let targets = json!([service("begun"), service("refused")]);
    let spec = job(&world, &[&first, &second], targets, json!({}));
    let (kind, message) = failed(&world.run(spec));
    assert_eq!(kind, "PermissionError", "{message}");
    for words in [
        "ecs:UpdateService",
        "- begun was begun:1, became begun:2",
        "- refused was not changed",
    ] {
        assert!(message.contains(words), "no {words:?} in: {message}");
    }
    serves(&first, 1);
    serves(&second, 1);
}

#[test]
fn everything_that_speaks_against_any_target_is_said_before_a_write() {
    let world = world();
    let (here, there) = (world.case("here"), world.case("there"));
    describe(&world, "there", 1, |service| {
        service["desiredCount"] = json!(0)
    });
    let targets = json!([service("here"), service("there"), service("nowhere")]);
    let (kind, message) = failed(&world.run(job(&world, &[&here, &there], targets, json!({}))));
    assert_eq!(kind, "ConfigurationError");
    for words in [
        "nothing was changed",
        "service there (cluster test, ap-southeast-2, account 333333333333): its desired count is 0",
        "service nowhere (cluster test, ap-southeast-2, account 333333333333): there is no service nowhere",
    ] {
        assert!(message.contains(words), "no {words:?} in: {message}");
    }
    assert_eq!(world.writes(), 0);
}

// rules: 3.3.1
#[test]
fn a_duplicate_of_the_job_deploys_nothing_twice() {
    let world = world();
    let (one, two) = (world.case("twice-1"), world.case("twice-2"));
    let targets = json!([
        service("twice-1"),
        {"service": "twice-2", "cluster": "test", "after": "twice-1"},
    ]);
    let pipeline = world.rehearsal.pipeline();
    let started = pipeline
        .start_job(job(&world, &[&one, &two], targets, json!({})))
        .unwrap();
    pipeline.redeliver(&started).unwrap();
    succeeded(&world.end_of(&started));
    world.rehearsal.settle(PATIENCE).unwrap();
    assert_eq!(world.deployments_begun(), 2);
    serves(&one, 2);
    serves(&two, 2);
}

#[test]
fn progress_tells_what_moved_and_how_far_it_is() {
    let world = world();
    let (one, two) = (world.case("slow"), world.case("quick"));
    world.set_timeout(62);
    let when = When::nth("ecs", "DescribeServices", 2);
    let what = What::edit_json(|answer| {
        for service in answer["services"].as_array_mut().into_iter().flatten() {
            if service["serviceName"] == "slow" {
                service["deployments"][0]["rolloutState"] = json!("IN_PROGRESS");
            }
        }
    });
    world
        .rehearsal
        .proxy()
        .inject_times(Fault { when, what }, 4);
    let targets = json!([service("slow"), service("quick")]);
    let finished = world.run(job(&world, &[&one, &two], targets, json!({})));
    world.set_timeout(300);
    succeeded(&finished);
    let details = &finished.accepted().next().unwrap().request["executionDetails"];
    let summary = details["summary"].as_str().unwrap();
    assert!(
        summary.contains("slow: slow:2: 1 of 1 tasks run") && summary.contains("1 of 2 are done"),
        "{details}"
    );
    let percent = details["percentComplete"].as_u64().unwrap();
    assert!((50..100).contains(&percent), "{details}");
}

/// A parameter of the target's account.
fn parameter(world: &World, operation: &str, body: Value) -> Value {
    world.suite.other.json("ssm", operation, body).unwrap()
}

#[test]
fn the_live_image_is_published_once_it_serves() {
    let world = world();
    let case = world.case("published");
    let publish = json!({"publishImage": {"published": "/redbutton/published"}});
    let spec = || {
        job(
            &world,
            &[&case],
            json!([service("published")]),
            publish.clone(),
        )
    };
    // Before it exists: refused, and nothing changed.
    let (kind, message) = failed(&world.run(spec()));
    assert_eq!(kind, "ConfigurationError", "{message}");
    assert!(
        message.contains("there is no parameter /redbutton/published in ap-southeast-2"),
        "{message}"
    );
    assert_eq!(world.writes(), 0);
    let name = "/redbutton/published";
    parameter(
        &world,
        "AmazonSSM.PutParameter",
        json!({"Name": name, "Type": "String", "Value": "none"}),
    );
    let variables = succeeded(&world.run(spec()));
    let found = parameter(&world, "AmazonSSM.GetParameter", json!({ "Name": name }));
    let image = format!("{}@{}", case.repository, case.digest);
    assert_eq!(found["Parameter"]["Value"], image.as_str(), "{variables:?}");
}
