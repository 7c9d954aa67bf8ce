//! One-off tasks before and after services (CONTRACTS 3.5.21). The emulator's records know no task
//! that ends by itself: how it ended is written into the answers. With real containers:
//! `containers.rs`.

use rehearsal::codepipeline::{Finished, JobSpec};
use rehearsal::proxy::{Fault, What, When};
use serde_json::{Value, json};

use crate::fixture::{Case, PATIENCE, World, failed, succeeded, world};

/// A job of a task and a service in this order of dependence.
fn job(world: &World, case: &Case, task: Value, service_after: Option<&str>) -> JobSpec {
    let name = case.service.name.clone();
    world.job_with(
        case,
        move |file| {
            let mut all = json!({"like": name, "cluster": "test"});
            for (key, value) in task.as_object().unwrap() {
                all[key] = value.clone();
            }
            let mut service = json!({"service": name, "cluster": "test"});
            if let Some(after) = service_after {
                service["after"] = json!(after);
            }
            file["targets"] = json!([all, service]);
            file["timeoutMinutes"] = json!(1);
            file["rollbackMinutes"] = json!(1);
        },
        &[],
    )
}

/// From the `nth` look at the one-off task on, it is this.
fn is(world: &World, nth: usize, change: Value) {
    let what = What::edit_json(move |answer| {
        for task in answer["tasks"].as_array_mut().into_iter().flatten() {
            let of_service = task["group"]
                .as_str()
                .is_some_and(|group| group.starts_with("service:"));
            if of_service {
                continue;
            }
            for (key, value) in change.as_object().unwrap() {
                match value {
                    Value::Array(_) => {
                        for (field, value) in value[0].as_object().unwrap() {
                            task[key][0][field] = value.clone();
                        }
                    }
                    value => task[key] = value.clone(),
                }
            }
        }
    });
    let when = When::nth("ecs", "DescribeTasks", nth);
    world
        .rehearsal
        .proxy()
        .inject_times(Fault { when, what }, 90);
}

fn ended(code: i32) -> Value {
    json!({"lastStatus": "STOPPED", "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
           "containers": [{"exitCode": code, "lastStatus": "STOPPED"}]})
}

fn run_task(world: &World) -> Value {
    let calls = world.rehearsal.proxy().calls();
    let call = calls.iter().find(|call| call.operation == "RunTask");
    call.expect("a task was run").request_json()
}

fn unchanged(world: &World, case: &Case) {
    assert_eq!(world.count("ecs", "UpdateService"), 0);
    assert_eq!(
        case.service.primary_task_definition().unwrap(),
        case.service.first_task_definition
    );
}

fn run(world: &World, spec: JobSpec) -> Finished {
    world.rehearsal.proxy().reset();
    world.run(spec)
}

// rules: 3.5.21
#[test]
fn a_migration_runs_with_the_release_before_the_service_changes() {
    let world = world();
    let case = world.case("migrated");
    let task = json!({"task": "migrate", "command": ["migrate", "--all"], "environment": {"MODE": "fast"}});
    let spec = job(&world, &case, task, Some("migrate"));
    is(&world, 2, ended(0));
    let variables = succeeded(&world.run(spec));
    let asked = run_task(&world);
    // The service's network, the release's definition, registered once for both.
    assert_eq!(
        asked["networkConfiguration"]["awsvpcConfiguration"]["subnets"]
            .as_array()
            .unwrap()
            .len(),
        1,
        "{asked:#}"
    );
    assert!(
        asked["taskDefinition"]
            .as_str()
            .unwrap()
            .ends_with("/migrated:2"),
        "{asked:#}"
    );
    assert_eq!(
        asked["overrides"]["containerOverrides"],
        json!([{"name": "migrated", "command": ["migrate", "--all"], "environment": [{"name": "MODE", "value": "fast"}]}])
    );
    assert_eq!(world.count("ecs", "RegisterTaskDefinition"), 1);
    let token = asked["clientToken"].as_str().unwrap();
    assert!(
        token.len() <= 64 && token.starts_with(asked["startedBy"].as_str().unwrap()),
        "{token}"
    );
    let calls = world.calls();
    let place = |operation: &str| calls.iter().position(|call| call == operation).unwrap();
    assert!(place("ecs:RunTask") < place("ecs:UpdateService"));
    let summary = &variables["Summary"];
    assert!(
        summary.contains("migrate ended with exit code 0"),
        "{summary}"
    );
    let proof: Value = serde_json::from_str(&variables["Proof"]).unwrap();
    assert_eq!(proof["targets"][0]["exitCode"], 0, "{proof:#}");
}

#[test]
fn a_migration_that_fails_changes_no_service_and_quotes_its_log() {
    let world = world();
    let group = "/ecs/unmigrated";
    let case = world.case_with("unmigrated", |spec| {
        let options = json!({"awslogs-group": group, "awslogs-region": "ap-southeast-2", "awslogs-stream-prefix": "web"});
        let container = json!({
            "name": spec.name, "image": spec.containers[0].image, "essential": true,
            "logConfiguration": {"logDriver": "awslogs", "options": options},
        });
        spec.task_definition.insert("containerDefinitions".into(), json!([container]));
    });
    let spec = job(&world, &case, json!({"task": "migrate"}), Some("migrate"));
    is(&world, 1, ended(3));
    let events = [
        json!({"timestamp": 1, "ingestionTime": 1, "message": "migrating orders"}),
        json!({"timestamp": 2, "ingestionTime": 2, "message": "duplicate key 7"}),
    ];
    world.rehearsal.proxy().inject(Fault {
        when: When::next("logs", "GetLogEvents"),
        what: What::json(
            200,
            &json!({"events": events, "nextBackwardToken": "b", "nextForwardToken": "f"}),
        ),
    });
    let (kind, message) = failed(&world.run(spec));
    assert_eq!(kind, "JobFailed");
    for words in [
        "task migrate (cluster test, ap-southeast-2, account 333333333333) was not released",
        "container unmigrated: exit code 3",
        "The last lines of its log:\n  migrating orders\n  duplicate key 7",
        "- unmigrated was not changed",
    ] {
        assert!(message.contains(words), "no {words:?} in: {message}");
    }
    unchanged(&world, &case);
}

// rules: 3.5.27
#[test]
fn an_acceptance_task_that_fails_brings_the_service_back() {
    let world = world();
    let case = world.case("unaccepted");
    let task = json!({"task": "accept", "after": "unaccepted"});
    let spec = job(&world, &case, task, None);
    is(&world, 1, ended(1));
    let (kind, message) = failed(&run(&world, spec));
    assert_eq!(kind, "JobFailed");
    for words in [
        "task accept",
        "exit code 1",
        "- unaccepted was unaccepted:1, became unaccepted:2",
        "and is now unaccepted:1 (1 of 1 tasks run)",
    ] {
        assert!(message.contains(words), "no {words:?} in: {message}");
    }
    assert!(
        case.service
            .primary_task_definition()
            .unwrap()
            .ends_with("/unaccepted:1")
    );
    assert_eq!(world.count("ecs", "UpdateService"), 2);
}

#[test]
fn a_task_that_never_started_says_why() {
    let world = world();
    let case = world.case("unstarted");
    let spec = job(&world, &case, json!({"task": "migrate"}), Some("migrate"));
    let stopped =
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found";
    is(
        &world,
        1,
        json!({"lastStatus": "STOPPED", "stopCode": "TaskFailedToStart", "stoppedReason": stopped, "containers": [{"exitCode": null}]}),
    );
    let (_, message) = failed(&world.run(spec));
    assert!(message.contains(stopped), "{message}");
    unchanged(&world, &case);
}

#[test]
fn a_task_beyond_the_deadline_is_stopped() {
    let world = world();
    let case = world.case("endless");
    let spec = job(&world, &case, json!({"task": "migrate"}), Some("migrate"));
    let (kind, message) = failed(&run(&world, spec));
    assert_eq!(kind, "JobFailed");
    for words in ["timeoutMinutes (1)", "the task is RUNNING", "is stopped"] {
        assert!(message.contains(words), "no {words:?} in: {message}");
    }
    assert_eq!(world.count("ecs", "StopTask"), 1);
    unchanged(&world, &case);
}

// rules: 3.5.9 3.5.21
#[test]
fn a_task_that_finds_no_room_is_asked_for_again_with_the_same_token() {
    let world = world();
    let case = world.case("crowded");
    let spec = job(&world, &case, json!({"task": "migrate"}), Some("migrate"));
    let full = json!({"tasks": [], "failures": [{"reason": "RESOURCE:MEMORY", "arn": "arn:aws:ecs:ap-southeast-2:333333333333:container-instance/1"}]});
    world.rehearsal.proxy().inject_times(
        Fault {
            when: When::next("ecs", "RunTask"),
            what: What::json(200, &full),
        },
        2,
    );
    is(&world, 1, ended(0));
    succeeded(&world.run(spec));
    let calls = world.rehearsal.proxy().calls();
    let tokens: Vec<Value> = calls
        .iter()
        .filter(|call| call.operation == "RunTask")
        .map(|call| call.request_json()["clientToken"].clone())
        .collect();
    assert_eq!(tokens.len(), 3);
    assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
}

// rules: 3.5.21
#[test]
fn a_token_that_was_used_with_other_parameters_is_told() {
    let world = world();
    let case = world.case("conflict");
    let spec = job(&world, &case, json!({"task": "migrate"}), Some("migrate"));
    world.rehearsal.proxy().inject(Fault {
        when: When::next("ecs", "RunTask"),
        what: What::error(400, "ConflictException", "The RunTask request could not be processed due to conflicts. The provided clientToken is already in use with a different RunTask request."),
    });
    let (_, message) = failed(&world.run(spec));
    assert!(
        message.contains("clientToken is already in use"),
        "{message}"
    );
    unchanged(&world, &case);
}

// rules: 3.2.9 3.3.1 3.5.21
#[test]
fn a_duplicate_sends_the_same_token_and_a_retry_another() {
    let world = world();
    let case = world.case("task-again");
    let spec = job(&world, &case, json!({"task": "migrate"}), Some("migrate"));
    is(&world, 1, ended(0));
    let pipeline = world.rehearsal.pipeline();
    let started = pipeline.start_job(spec).unwrap();
    pipeline.redeliver(&started).unwrap();
    succeeded(&world.end_of(&started));
    world.rehearsal.settle(PATIENCE).unwrap();
    let calls = world.rehearsal.proxy().calls();
    let tokens: std::collections::BTreeSet<String> = calls
        .iter()
        .filter(|call| call.operation == "RunTask")
        .map(|call| {
            call.request_json()["clientToken"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
}

#[test]
fn what_is_wrong_with_a_task_is_found_before_a_write() {
    let world = world();
    let case = world.case("unclear");
    let check = |task: Value, words: &str| {
        let spec = job(&world, &case, task, None);
        let (kind, message) = failed(&run(&world, spec));
        assert_eq!(kind, "ConfigurationError", "{message}");
        assert!(message.contains(words), "no {words:?} in: {message}");
        assert_eq!(world.writes(), 0);
    };
    check(
        json!({"task": "x", "container": "wbe"}),
        "no container is named \"wbe\"; there are: unclear",
    );
    check(json!({"task": "x", "like": "nobody"}), "correct \"like\"");
    check(
        json!({"task": "x", "command": "migrate"}),
        "command: must be a list",
    );
    check(
        json!({"task": "x", "service": "y"}),
        "service: is not known; known here: task, like",
    );
}
