//! Rollouts that fail: told with their first cause, with the old version serving. The answers that
//! the emulator does not give are those that AWS documents (CONTRACTS 3.5.11 to 3.5.28).

use rehearsal::codepipeline::Finished;
use rehearsal::proxy::{Fault, What, When};
use serde_json::{Value, json};

use crate::fixture::{Case, World, failed, succeeded, world};

const STOPPED_REASON: &str = "Essential container in task exited";

/// Describes the service in another way from the `nth` look on, for `times` looks.
fn describe(
    world: &World,
    nth: usize,
    times: usize,
    edit: impl Fn(&mut Value) + Send + Sync + 'static,
) {
    let what = What::edit_json(move |answer| edit(&mut answer["services"][0]));
    world.rehearsal.proxy().inject_times(
        Fault {
            when: When::nth("ecs", "DescribeServices", nth),
            what,
        },
        times,
    );
}

fn deployment(definition: &str, status: &str, state: &str, running: u32) -> Value {
    json!({"id": format!("ecs-svc/{status}{state}"), "status": status, "taskDefinition": definition, "desiredCount": 1,
           "runningCount": running, "pendingCount": 0, "failedTasks": 0, "rolloutState": state})
}

/// The stopped tasks are ours and failed for this reason.
pub(crate) fn stopped_tasks(world: &World, definition: &str, code: &str, reason: &str) {
    let task = json!({
        "taskArn": "arn:aws:ecs:ap-southeast-2:333333333333:task/test/1", "taskDefinitionArn": definition,
        "lastStatus": "STOPPED", "desiredStatus": "STOPPED", "stopCode": code, "stoppedReason": reason,
        "startedBy": "ecs-svc/1", "containers": [{"name": "web", "exitCode": 1}],
    });
    let proxy = world.rehearsal.proxy();
    let arns = json!({"taskArns": ["arn:aws:ecs:ap-southeast-2:333333333333:task/test/1"]});
    proxy.inject_times(
        Fault {
            when: When::next("ecs", "ListTasks"),
            what: What::json(200, &arns),
        },
        9,
    );
    let tasks = json!({"tasks": [task], "failures": []});
    proxy.inject_times(
        Fault {
            when: When::next("ecs", "DescribeTasks"),
            what: What::json(200, &tasks),
        },
        9,
    );
}

/// ECS's own sequence when the breaker trips: ours FAILED beside a PRIMARY of the old definition,
/// then that one alone, for longer than a description may lag behind.
fn breaker_trips(world: &World, was: &str, ours: &str) {
    let (back, gone, end) = (was.to_owned(), ours.to_owned(), was.to_owned());
    describe(world, 2, 1, move |service| {
        service["deployments"] = json!([
            deployment(&back, "PRIMARY", "IN_PROGRESS", 0),
            deployment(&gone, "ACTIVE", "FAILED", 0)
        ]);
    });
    describe(world, 3, 90, move |service| {
        service["deployments"] = json!([deployment(&end, "PRIMARY", "COMPLETED", 1)])
    });
}

/// Ours has a failed task and is still under way, the old one serves.
fn ours_struggles(world: &World, was: &str, ours: &str) {
    let (held, struggling) = (was.to_owned(), ours.to_owned());
    describe(world, 2, 1, move |service| {
        let mut ours = deployment(&struggling, "PRIMARY", "IN_PROGRESS", 0);
        ours["failedTasks"] = json!(1);
        service["deployments"] = json!([ours, deployment(&held, "ACTIVE", "COMPLETED", 1)]);
    });
}

fn names(case: &Case) -> (String, String) {
    let was = case.service.first_task_definition.clone();
    let ours = format!("{}:2", was.rsplit_once(':').unwrap().0);
    (was, ours)
}

fn run(world: &World, case: &Case) -> Finished {
    world.run(world.job(case))
}

// rules: 3.5.11 3.5.27 3.5.28
#[test]
fn a_rollback_by_the_breaker_fails_the_job_with_its_cause() {
    let world = world();
    let case = world.case("breaker");
    let (was, ours) = names(&case);
    stopped_tasks(&world, &ours, "EssentialContainerExited", STOPPED_REASON);
    breaker_trips(&world, &was, &ours);
    let (kind, message) = failed(&run(&world, &case));
    assert_eq!(kind, "JobFailed");
    for word in [
        "was not released",
        STOPPED_REASON,
        "exit code 1",
        "It was breaker:1, became breaker:2",
        "is now breaker:1 (1 of 1",
    ] {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
    // ECS goes back by itself: redbutton adds nothing.
    assert_eq!(world.count("ecs", "UpdateService"), 1);
}

// rules: 3.5.28
#[test]
fn without_a_breaker_redbutton_goes_back_itself() {
    let world = world();
    let case = world.case_with("no-breaker", |spec| spec.breaker = false);
    let (was, ours) = names(&case);
    stopped_tasks(
        &world,
        &ours,
        "TaskFailedToStart",
        "CannotPullContainerError: no-breaker@sha256:0: not found",
    );
    ours_struggles(&world, &was, &ours);
    let (kind, message) = failed(&run(&world, &case));
    assert_eq!(kind, "JobFailed");
    for word in [
        "CannotPullContainerError",
        "waiting cannot mend this",
        "is now no-breaker:1 (1 of 1",
    ] {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
    assert_eq!(case.service.primary_task_definition().unwrap(), was);
    assert_eq!(world.count("ecs", "UpdateService"), 2);
}

// rules: 3.5.27
#[test]
fn a_deployment_under_way_is_stopped_through_ecs_where_it_can_be() {
    let world = world();
    let case = world.case("stoppable");
    let (was, ours) = names(&case);
    stopped_tasks(
        &world,
        &ours,
        "TaskFailedToStart",
        "CannotPullContainerError: stoppable@sha256:0: not found",
    );
    ours_struggles(&world, &was, &ours);
    let target = ours.clone();
    describe(&world, 3, 90, move |service| {
        service["deployments"] = json!([deployment(&was, "PRIMARY", "COMPLETED", 1)])
    });
    let proxy = world.rehearsal.proxy();
    let arn = "arn:aws:ecs:ap-southeast-2:333333333333:service-deployment/test/stoppable/1";
    let listed = json!({"serviceDeployments": [{"serviceDeploymentArn": arn, "status": "IN_PROGRESS",
        "targetServiceRevisionArn": "arn:aws:ecs:ap-southeast-2:333333333333:service-revision/test/stoppable/2"}]});
    proxy.inject(Fault {
        when: When::next("ecs", "ListServiceDeployments"),
        what: What::json(200, &listed),
    });
    let revision = json!({"serviceRevisions": [{"taskDefinition": target,
        "serviceRevisionArn": "arn:aws:ecs:ap-southeast-2:333333333333:service-revision/test/stoppable/2"}]});
    proxy.inject(Fault {
        when: When::next("ecs", "DescribeServiceRevisions"),
        what: What::json(200, &revision),
    });
    let stopped = json!({"serviceDeploymentArn": arn});
    proxy.inject(Fault {
        when: When::next("ecs", "StopServiceDeployment"),
        what: What::json(200, &stopped),
    });
    failed(&run(&world, &case));
    assert_eq!(
        (
            world.count("ecs", "StopServiceDeployment"),
            world.count("ecs", "UpdateService")
        ),
        (1, 1)
    );
}

// rules: 3.5.29
#[test]
fn what_serves_other_bytes_is_no_success() {
    let world = world();
    let case = world.case("other-bytes");
    let report = What::edit_json(|answer| {
        answer["tasks"][0]["containers"][0]["imageDigest"] =
            json!(format!("sha256:{}", "f".repeat(64)));
    });
    world.rehearsal.proxy().inject_times(
        Fault {
            when: When::next("ecs", "DescribeTasks"),
            what: report,
        },
        9,
    );
    let (kind, message) = failed(&run(&world, &case));
    assert_eq!(kind, "JobFailed");
    assert!(
        message.contains("was released as") && message.contains("ffff"),
        "{message}"
    );
    assert!(
        case.service
            .primary_task_definition()
            .unwrap()
            .ends_with("other-bytes:1")
    );
}

#[test]
fn another_controller_is_left_alone() {
    let world = world();
    let case = world.case("contested");
    let theirs = format!(
        "{}:7",
        case.service
            .first_task_definition
            .rsplit_once(':')
            .unwrap()
            .0
    );
    describe(&world, 2, 90, move |service| {
        service["deployments"] = json!([deployment(&theirs, "PRIMARY", "IN_PROGRESS", 1)])
    });
    let (kind, message) = failed(&run(&world, &case));
    assert_eq!(kind, "RevisionOutOfSync");
    assert!(
        message.contains("somebody else deployed contested:7"),
        "{message}"
    );
    assert_eq!(world.count("ecs", "UpdateService"), 1);
}

// rules: 3.5.13
#[test]
fn an_unknown_state_is_progress_until_it_is_known_and_is_said() {
    let world = world();
    let case = world.case("unknown-state");
    world.set_timeout(62);
    describe(&world, 2, 5, |service| {
        service["deployments"][0]["rolloutState"] = json!("CONTEMPLATING");
    });
    let finished = run(&world, &case);
    world.set_timeout(300);
    succeeded(&finished);
    let first = finished.accepted().next().unwrap();
    let summary = first.request["executionDetails"]["summary"]
        .as_str()
        .unwrap();
    assert!(
        summary.contains("CONTEMPLATING, which this version does not know"),
        "{summary}"
    );
}

// rules: 3.3.1 3.5.6
#[test]
fn a_late_duplicate_of_a_failed_attempt_deploys_nothing() {
    let world = world();
    let case = world.case("late");
    let (was, ours) = names(&case);
    stopped_tasks(&world, &ours, "EssentialContainerExited", STOPPED_REASON);
    breaker_trips(&world, &was, &ours);
    let pipeline = world.rehearsal.pipeline();
    let job = pipeline.start_job(world.job(&case)).unwrap();
    let patience = crate::fixture::PATIENCE;
    failed(&pipeline.wait(&job, patience).unwrap());
    world.rehearsal.settle(patience).unwrap();
    let before = world.writes();
    // What ECS has after a rollback: the old version is PRIMARY, ours has stopped tasks.
    case.service.update(json!({"taskDefinition": was})).unwrap();
    stopped_tasks(&world, &ours, "EssentialContainerExited", STOPPED_REASON);
    pipeline.redeliver(&job).unwrap();
    world.rehearsal.settle(patience).unwrap();
    assert_eq!(world.writes(), before, "{:#?}", world.calls());
    assert_eq!(case.service.primary_task_definition().unwrap(), was);
}
