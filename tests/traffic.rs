//! Rollouts by blue/green, linear and canary deployments. No emulator has them: a script says what
//! AWS answers at each look, and the calls are made for real (CONTRACTS 3.5.13 to 3.5.17, 3.5.25 to
//! 3.5.30).

mod script;

use rehearsal::codepipeline::Finished;
use rehearsal::proxy::{Fault, What, When};
use serde_json::{Value, json};

use crate::failures::stopped_tasks;
use crate::fixture::{Case, World, failed, succeeded, world};
use script::{Moment, OURS, Script, Shows, TASKS, at, is, successful};

fn blue_green() -> Value {
    json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5})
}

fn canary() -> Value {
    let canary = json!({"canaryPercent": 5.5, "canaryBakeTimeInMinutes": 10});
    json!({"strategy": "CANARY", "bakeTimeInMinutes": 5, "canaryConfiguration": canary})
}

fn linear() -> Value {
    let linear = json!({"stepPercent": 50.0, "stepBakeTimeInMinutes": 6});
    json!({"strategy": "LINEAR", "bakeTimeInMinutes": 5, "linearConfiguration": linear})
}

fn case(world: &World, name: &str) -> Case {
    world.case_with(name, |spec| spec.desired = TASKS)
}

/// Every invocation has time for one look, so that each is told.
fn run_look_by_look(world: &World, case: &Case) -> Finished {
    world.set_timeout(60);
    let finished = world.run(world.job(case));
    world.set_timeout(300);
    finished
}

/// Summary and percent of each answer that is not the last one.
fn told(finished: &Finished) -> Vec<(String, u64)> {
    let under_way = finished
        .accepted()
        .filter(|answer| answer.request.get("continuationToken").is_some());
    under_way
        .map(|answer| {
            let details = &answer.request["executionDetails"];
            (
                details["summary"].as_str().unwrap_or_default().to_owned(),
                details["percentComplete"].as_u64().unwrap_or_default(),
            )
        })
        .collect()
}

fn assert_told(finished: &Finished, words: &[&str]) {
    let told = told(finished);
    for word in words {
        let said = told.iter().any(|(summary, _)| summary.contains(word));
        assert!(said, "no {word:?} in: {told:#?}");
    }
}

/// The calls that look at the service and its deployments, from our update on.
fn looks(world: &World) -> Vec<String> {
    let calls = world.calls().into_iter();
    calls
        .skip_while(|call| call != "ecs:UpdateService")
        .filter_map(|call| call.strip_prefix("ecs:").map(str::to_owned))
        .filter(|call| call.contains("Service") && call != "UpdateService")
        .collect()
}

/// `UpdateService` and `StopServiceDeployment`.
fn updates_and_stops(world: &World) -> (usize, usize) {
    let count = |operation| world.count("ecs", operation);
    (count("UpdateService"), count("StopServiceDeployment"))
}

/// One look: stage, tasks that run, traffic; and the percentage that is told.
type Row = (&'static str, u32, f64, u64);

/// Plays the rows and then success; each is told, and each costs two calls.
fn shifts(name: &str, configuration: Value, shown: &str, rows: &[Row]) {
    let world = world();
    let case = case(&world, name);
    let moments = rows
        .iter()
        .map(|(stage, running, traffic, _)| at(stage, *running, Some(*traffic)));
    let moments = moments.chain([successful()]).collect();
    Script::forward(configuration, moments).play(&world, &case);
    let finished = run_look_by_look(&world, &case);
    let variables = succeeded(&finished);

    let told = told(&finished);
    assert_eq!(told.len(), rows.len() + 1, "{told:#?}");
    for ((summary, percent), (stage, running, traffic, expected)) in told.iter().skip(1).zip(rows) {
        let text = format!(
            "{name}:2: {shown}, {stage}, {traffic} % of the traffic, {running} of {TASKS} tasks run"
        );
        assert!(summary.contains(&text), "no {text:?} in: {summary}");
        assert_eq!(percent, expected, "{stage}");
    }

    // PERFORMANCE: the mapping is found once and kept in the token; a look is two calls.
    let mut expected = vec![
        "DescribeServices",
        "ListServiceDeployments",
        "DescribeServiceRevisions",
        "DescribeServiceDeployments",
    ];
    for _ in rows {
        expected.extend(["DescribeServices", "DescribeServiceDeployments"]);
    }
    assert_eq!(looks(&world), expected);
    assert_eq!(updates_and_stops(&world), (1, 0));

    assert_eq!(variables["DeploymentIds"], OURS);
    let proof: Value = serde_json::from_str(&variables["Proof"]).unwrap();
    let proof = &proof["targets"][0];
    assert_eq!(proof["deployment"], OURS);
    assert_eq!(proof["was"], format!("{name}:1"));
    assert_eq!(proof["running"], TASKS);
    let serving = case.service.primary_task_definition().unwrap();
    assert!(serving.ends_with(&format!("/{name}:2")), "{serving}");
}

// rules: 3.5.13 3.5.15 3.5.25
#[test]
fn blue_green_is_told_stage_by_stage() {
    let rows: [Row; 11] = [
        ("RECONCILE_SERVICE", 0, 0.0, 2),
        ("PRE_SCALE_UP", 0, 0.0, 4),
        ("SCALE_UP", 1, 0.0, 8),
        ("POST_SCALE_UP", 2, 0.0, 30),
        ("TEST_TRAFFIC_SHIFT", 2, 0.0, 35),
        ("POST_TEST_TRAFFIC_SHIFT", 2, 0.0, 40),
        ("PRE_PRODUCTION_TRAFFIC_SHIFT", 2, 0.0, 45),
        ("PRODUCTION_TRAFFIC_SHIFT", 2, 100.0, 50),
        ("POST_PRODUCTION_TRAFFIC_SHIFT", 2, 100.0, 80),
        ("BAKE_TIME", 2, 100.0, 85),
        ("CLEAN_UP", 2, 100.0, 95),
    ];
    shifts("blue-green", blue_green(), "blue/green", &rows);
}

// rules: 3.5.13 3.5.15 3.5.25
#[test]
fn a_canary_is_told_with_its_first_part_and_its_bake() {
    let rows: [Row; 4] = [
        ("SCALE_UP", 0, 0.0, 8),
        ("PRODUCTION_TRAFFIC_SHIFT", 2, 5.5, 50),
        ("PRODUCTION_TRAFFIC_SHIFT", 2, 100.0, 50),
        ("BAKE_TIME", 2, 100.0, 85),
    ];
    shifts("canary-shift", canary(), "canary", &rows);
}

// rules: 3.5.13 3.5.15 3.5.25
#[test]
fn a_linear_deployment_is_told_step_by_step() {
    let rows: [Row; 4] = [
        ("SCALE_UP", 0, 0.0, 8),
        ("PRODUCTION_TRAFFIC_SHIFT", 2, 50.0, 50),
        ("PRODUCTION_TRAFFIC_SHIFT", 2, 100.0, 50),
        ("BAKE_TIME", 2, 100.0, 85),
    ];
    shifts("linear", linear(), "linear", &rows);
}

// rules: 3.5.26
#[test]
fn an_early_success_counts_when_the_old_tasks_are_gone() {
    let world = world();
    let case = case(&world, "early");
    let early = is("SUCCESSFUL", Shows::Both);
    let moments = vec![early.clone(), early, successful()];
    Script::forward(blue_green(), moments).play(&world, &case);
    let finished = run_look_by_look(&world, &case);
    succeeded(&finished);
    assert_told(&finished, &["successful, the old tasks are not gone yet"]);
    // Begun, and two looks that are no success.
    assert_eq!(told(&finished).len(), 3);
}

// rules: 3.5.10 3.5.25
#[test]
fn a_deployment_that_ecs_lists_late_is_found_below_the_older_ones() {
    let world = world();
    let case = case(&world, "listed-late");
    let unlisted = |shows| Moment {
        listed: false,
        ..is("PENDING", shows)
    };
    let moments = vec![unlisted(Shows::Old), unlisted(Shows::Both), successful()];
    Script::forward(canary(), moments).play(&world, &case);
    let finished = run_look_by_look(&world, &case);
    assert_eq!(succeeded(&finished)["DeploymentIds"], OURS);
    assert_told(&finished, &["the new deployment does not show yet"]);
    assert_eq!(updates_and_stops(&world), (1, 0));
}

// rules: 3.3.1 3.5.25
#[test]
fn a_deployment_whose_beginning_was_not_answered_is_found_by_its_revision() {
    let world = world();
    let case = case(&world, "unanswered");
    // The first try and all that the SDK adds to it.
    let dropped = Fault {
        when: When::next("ecs", "UpdateService"),
        what: What::DropAnswer,
    };
    world.rehearsal.proxy().inject_times(dropped, 9);
    let moments = vec![at("SCALE_UP", 1, Some(0.0)), successful()];
    Script::forward(blue_green(), moments).play(&world, &case);
    let finished = world.run(world.job(&case));
    assert_eq!(succeeded(&finished)["DeploymentIds"], OURS);
    assert_eq!(world.deployments_begun(), 1);
    assert_eq!(world.count("ecs", "RegisterTaskDefinition"), 1);
}

// rules: 3.5.13
#[test]
fn what_this_version_does_not_know_is_waited_for_and_said() {
    let world = world();
    let case = case(&world, "unknown");
    let unknown = Moment {
        status: "CONTEMPLATING",
        ..at("ASK_THE_MOON", 1, Some(7.5))
    };
    Script::forward(canary(), vec![unknown, successful()]).play(&world, &case);
    let finished = run_look_by_look(&world, &case);
    succeeded(&finished);
    let words = [
        "canary, ASK_THE_MOON, 7.5 % of the traffic",
        "ECS says CONTEMPLATING, which this version does not know: waiting",
    ];
    assert_told(&finished, &words);
}

fn pause(status: &str) -> Value {
    json!({"hookId": "hook-1", "targetType": "PAUSE", "status": status,
           "expiresAt": 1_900_003_600.5, "timeoutAction": "ROLLBACK"})
}

// rules: 3.5.16
#[test]
fn a_pause_says_who_is_waited_for_and_goes_on_when_it_is_continued() {
    let world = world();
    let case = case(&world, "paused");
    let paused = |status, stage| Moment {
        hooks: vec![pause(status)],
        ..at(stage, 2, Some(0.0))
    };
    let moments = vec![
        paused("AWAITING_ACTION", "POST_TEST_TRAFFIC_SHIFT"),
        paused("AWAITING_ACTION", "POST_TEST_TRAFFIC_SHIFT"),
        paused("SUCCEEDED", "PRODUCTION_TRAFFIC_SHIFT"),
        successful(),
    ];
    Script::forward(blue_green(), moments).play(&world, &case);
    let finished = run_look_by_look(&world, &case);
    succeeded(&finished);
    let told = told(&finished);
    let waits = "paused until a person continues it (aws ecs continue-service-deployment, hook \
                 hook-1); when the pause times out, ECS does ROLLBACK";
    let waiting: Vec<bool> = told
        .iter()
        .map(|(summary, _)| summary.contains(waits))
        .collect();
    assert_eq!(waiting, [false, true, true, false], "{told:#?}");
    assert_eq!(updates_and_stops(&world), (1, 0));
}

// rules: 3.2.2 3.5.25
#[test]
fn a_new_invocation_goes_on_with_the_deployment_that_was_found() {
    let world = world();
    let case = case(&world, "rounds");
    let mut moments = vec![at("SCALE_UP", 1, Some(0.0)); 5];
    moments.push(successful());
    Script::forward(blue_green(), moments).play(&world, &case);
    world.set_timeout(62);
    let finished = world.run(world.job(&case));
    world.set_timeout(300);
    assert_eq!(succeeded(&finished)["DeploymentIds"], OURS);
    assert!(finished.rounds > 1);
    let looks = looks(&world);
    let count = |operation: &str| looks.iter().filter(|call| *call == operation).count();
    assert_eq!(
        (
            count("DescribeServices"),
            count("DescribeServiceDeployments")
        ),
        (6, 6)
    );
    assert_eq!(
        (
            count("ListServiceDeployments"),
            count("DescribeServiceRevisions")
        ),
        (1, 1)
    );
}

/// A deployment that fails this way is told with these words, and with what serves in the end.
fn fails(
    name: &str,
    script: impl FnOnce(Vec<Moment>) -> Script,
    words: &[&str],
    writes: (usize, usize),
) {
    let world = world();
    let case = case(&world, name);
    script(vec![at("SCALE_UP", 1, Some(0.0))]).play(&world, &case);
    let (kind, message) = failed(&world.run(world.job(&case)));
    assert_eq!(kind, "JobFailed", "{message}");
    for word in words {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
    assert_eq!(updates_and_stops(&world), writes, "{message}");
    assert_eq!(world.count("ecs", "RegisterTaskDefinition"), 1);
}

/// ECS rolls back by itself, for the reason that `because` gives to each moment of it.
fn rolled_back(name: &str, because: impl Fn(Moment) -> Moment, returning: Shows, words: &[&str]) {
    let script = |mut moments: Vec<Moment>| {
        moments.extend([
            because(is("ROLLBACK_REQUESTED", Shows::Both)),
            because(is("ROLLBACK_IN_PROGRESS", returning)),
            because(is("ROLLBACK_SUCCESSFUL", Shows::Old)),
        ]);
        Script::forward(blue_green(), moments)
    };
    let now = format!("It was {name}:1, became {name}:2 ({OURS}), and is now {name}:1 (2 of 2 ");
    let mut words = words.to_vec();
    words.extend(["ECS rolled the deployment back: ", now.as_str()]);
    // ECS goes back by itself: redbutton adds nothing.
    fails(name, script, &words, (1, 0));
}

// rules: 3.5.27
#[test]
fn a_rollback_by_an_alarm_names_the_alarm() {
    let because = |moment| Moment {
        alarms: &["web-errors"],
        rollback: "An alarm of the deployment went off.",
        ..moment
    };
    let words = ["alarm web-errors went off"];
    rolled_back("alarm", because, Shows::Both, &words);
}

// rules: 3.5.27
#[test]
fn a_rollback_by_the_circuit_breaker_counts_the_tasks() {
    let because = |moment| Moment {
        failures: 3,
        reason: "Service deployment rolled back because the circuit breaker threshold was exceeded.",
        rollback: "The circuit breaker initiated the rollback.",
        ..moment
    };
    let words = [
        "3 tasks failed (the circuit breaker's threshold is 3)",
        "circuit breaker threshold was exceeded",
    ];
    rolled_back("traffic-breaker", because, Shows::Returning, &words);
}

// rules: 3.5.16 3.5.27
#[test]
fn a_rollback_by_a_hook_names_its_function() {
    const CHECK: &str = "arn:aws:lambda:ap-southeast-2:333333333333:function:check";
    let because = |moment| Moment {
        hooks: vec![
            json!({"hookId": "hook-2", "targetType": "AWS_LAMBDA", "targetArn": CHECK,
                   "status": "FAILED"}),
        ],
        ..moment
    };
    let words = [format!("lifecycle hook {CHECK} failed")];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    rolled_back("hook", because, Shows::Both, &words);
}

// rules: 3.5.16 3.5.27
#[test]
fn a_rollback_after_a_pause_that_timed_out_says_so() {
    let because = |moment| Moment {
        hooks: vec![pause("TIMED_OUT")],
        ..moment
    };
    let words = ["lifecycle hook a pause for a person timed out"];
    rolled_back("timed-out", because, Shows::Returning, &words);
}

// rules: 3.5.27
#[test]
fn a_deployment_that_a_person_stopped_is_brought_back_by_an_update() {
    let script = |mut forward: Vec<Moment>| {
        let stopped = Moment {
            reason: "Stopped by arn:aws:iam::333333333333:user/jo.",
            ..is("STOPPED", Shows::Both)
        };
        forward.extend([is("STOP_REQUESTED", Shows::Both), stopped]);
        Script {
            configuration: blue_green(),
            forward,
            back: vec![
                is("IN_PROGRESS", Shows::Returning),
                is("SUCCESSFUL", Shows::Old),
            ],
        }
    };
    let words = [
        "the deployment was stopped: Stopped by arn:aws:iam::333333333333:user/jo",
        "and is now stopped:1 (2 of 2 tasks run)",
    ];
    fails("stopped", script, &words, (2, 0));
}

// rules: 3.5.27
#[test]
fn a_rollback_that_failed_is_told_and_left_alone() {
    let script = |mut forward: Vec<Moment>| {
        let rolling = is("ROLLBACK_IN_PROGRESS", Shows::Both);
        let broken = Moment {
            reason: "The target group of the old tasks is gone.",
            ..is("ROLLBACK_FAILED", Shows::Both)
        };
        forward.extend([rolling, broken]);
        Script::forward(blue_green(), forward)
    };
    let words = [
        "ECS could not go back (The target group of the old tasks is gone.); look at the service",
        "and is now broken:2 (2 of 2 tasks run), and 2 tasks of broken:1",
    ];
    fails("broken", script, &words, (1, 0));
}

// rules: 3.5.27 3.5.28
#[test]
fn what_waiting_cannot_mend_is_stopped_once_and_waited_for() {
    let world = world();
    let case = case(&world, "hopeless");
    let reason = "CannotPullContainerError: hopeless@sha256:0: not found";
    let ours = case.service.first_task_definition.clone();
    let ours = format!("{}:2", ours.rsplit_once(':').unwrap().0);
    stopped_tasks(&world, &ours, "TaskFailedToStart", reason);
    let script = Script {
        configuration: canary(),
        forward: vec![
            at("SCALE_UP", 0, Some(0.0)),
            Moment {
                failures: 1,
                ..at("SCALE_UP", 0, Some(0.0))
            },
        ],
        back: vec![
            is("STOP_REQUESTED", Shows::Both),
            is("ROLLBACK_IN_PROGRESS", Shows::Both),
            is("ROLLBACK_IN_PROGRESS", Shows::Returning),
            is("ROLLBACK_SUCCESSFUL", Shows::Old),
        ],
    };
    script.play(&world, &case);
    // In an invocation of its own, every look has to know that the way back was asked for.
    let (kind, message) = failed(&run_look_by_look(&world, &case));
    assert_eq!(kind, "JobFailed");
    for word in [
        reason,
        "waiting cannot mend this",
        "and is now hopeless:1 (2 of 2 tasks run).",
    ] {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
    assert_eq!(updates_and_stops(&world), (1, 1));
    let calls = world.rehearsal.proxy().calls();
    let stop = calls
        .iter()
        .position(|call| call.operation == "StopServiceDeployment")
        .unwrap();
    let request = calls[stop].request_json();
    assert_eq!(request["stopType"], "ROLLBACK");
    let arn = request["serviceDeploymentArn"].as_str().unwrap();
    assert!(arn.ends_with(&format!(":service-deployment/test/hopeless/{OURS}")));
    let looks = calls[stop..]
        .iter()
        .filter(|call| call.operation == "DescribeServices");
    assert_eq!(looks.count(), 4);
}

/// Nothing is written, and these words say why.
fn refused(world: &World, case: &Case, expected: &str, words: &[&str]) {
    let (kind, message) = failed(&world.run(world.job(case)));
    assert_eq!(kind, expected, "{message}");
    assert_eq!(world.writes(), 0);
    for word in words {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
}

// rules: 3.5.25
#[test]
fn without_a_sight_of_service_deployments_nothing_is_begun() {
    let world = world();
    let case = case(&world, "unseen");
    let denied = "User: arn:aws:sts::333333333333:assumed-role/redbutton/x is not authorized to \
                  perform: ecs:ListServiceDeployments because no identity-based policy allows the \
                  ecs:ListServiceDeployments action";
    world.rehearsal.proxy().inject_for_good(Fault {
        when: When::next("ecs", "ListServiceDeployments"),
        what: What::error(400, "AccessDeniedException", denied),
    });
    Script::forward(linear(), vec![successful()]).play(&world, &case);
    let words = [
        "nothing was changed",
        "its deployment strategy is LINEAR, which is watched through the service-deployments API",
        "ecs:ListServiceDeployments",
    ];
    refused(&world, &case, "PermissionError", &words);
}

// rules: 3.5.16 3.5.30
#[test]
fn bakes_and_pauses_have_to_fit_the_deadline() {
    let world = world();
    let case = case(&world, "too-long");
    let mut configuration = canary();
    configuration["bakeTimeInMinutes"] = json!(1_440);
    configuration["lifecycleHooks"] = json!([{
        "targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"],
        "timeoutConfiguration": {"timeoutInMinutes": 60, "action": "ROLLBACK"},
    }]);
    Script::forward(configuration, vec![successful()]).play(&world, &case);
    let words = [
        "by its deployment strategy it is done after 1510 minutes (10 canary + 1440 bake + 60 pause at \
         POST_TEST_TRAFFIC_SHIFT), and timeoutMinutes is 120",
    ];
    refused(&world, &case, "ConfigurationError", &words);
}
