//! Jobs of every shape get exactly one answer (CONTRACTS 3.1, 3.2, 3.3).

use std::sync::Arc;

use rehearsal::codepipeline::{JobSpec, Outcome};
use rehearsal::suite::UPDATER;
use serde_json::{Value, json};

use crate::fixture::{PARAMETERS, PATIENCE, World, failed, succeeded, world};

/// A spec whose event is changed before it is delivered.
fn edited(spec: JobSpec, edit: impl Fn(&mut Value) + Send + Sync + 'static) -> JobSpec {
    JobSpec {
        edit: Some(Arc::new(edit)),
        ..spec
    }
}

fn data(event: &mut Value) -> &mut Value {
    &mut event["CodePipeline.job"]["data"]
}

/// Runs a job that has to fail with this type and words, after exactly one answer and no write.
fn check_refused(world: &World, spec: JobSpec, kind: &str, words: &[&str]) {
    world.rehearsal.proxy().reset();
    let finished = world.run(spec);
    let (actual, message) = failed(&finished);
    assert_eq!(actual, kind, "{message}");
    for word in words {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
    assert_eq!(finished.answers.len(), 1, "{:#?}", finished.answers);
    assert_eq!(
        world.count("ecs", "RegisterTaskDefinition") + world.count("ecs", "UpdateService"),
        0
    );
}

// rules: 3.1.1 3.1.2 3.1.3
#[test]
fn odd_but_possible_events_are_jobs_like_others() {
    let world = world();
    let case = world.case("odd-events");
    // After the first of these the service runs v2 already: the others prove that and change nothing.
    let spec = || world.job(&case);
    let extra = |value: &mut Value| {
        fn sow(value: &mut Value) {
            match value {
                Value::Object(fields) => {
                    fields.values_mut().for_each(sow);
                    fields.insert(
                        "aFieldOfTheFuture".into(),
                        json!({"with": ["depth", null, 1.5]}),
                    );
                }
                Value::Array(entries) => entries.iter_mut().for_each(sow),
                _ => {}
            }
        }
        sow(&mut value["CodePipeline.job"]);
    };
    let shapes = [
        ("as documented, with expirationTime in milliseconds", spec()),
        ("an unknown field everywhere", edited(spec(), extra)),
        (
            "a null revision",
            edited(spec(), |event| {
                data(event)["inputArtifacts"][0]["revision"] = Value::Null
            }),
        ),
        (
            "no key",
            JobSpec {
                encryption_key: None,
                ..spec()
            },
        ),
        (
            "a key of another account",
            JobSpec {
                encryption_key: Some(
                    "arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555"
                        .into(),
                ),
                ..spec()
            },
        ),
        (
            "no expirationTime",
            edited(spec(), |event| {
                if let Value::Object(fields) = &mut data(event)["artifactCredentials"] {
                    fields.remove("expirationTime");
                }
            }),
        ),
        (
            "an empty token",
            edited(spec(), |event| data(event)["continuationToken"] = json!("")),
        ),
    ];
    for (name, spec) in shapes {
        let finished = world.run(spec);
        assert!(
            matches!(finished.outcome, Outcome::Succeeded { .. }),
            "{name}: {:#?}",
            finished.outcome
        );
        assert_eq!(finished.answers.len(), 1, "{name}");
    }
}

// rules: 3.1.1
#[test]
fn five_input_artifacts_are_searched_in_their_order() {
    let world = world();
    let case = world.case("five-inputs");
    let last = world.job(&case);
    let mut inputs: Vec<_> = (1..=4)
        .map(|n| {
            world
                .suite
                .store
                .put_artifact(&format!("Source{n}"), &[("README", b"x")])
                .unwrap()
        })
        .collect();
    inputs.extend(last.input_artifacts.clone());
    let spec = JobSpec {
        input_artifacts: inputs,
        ..last
    };
    succeeded(&world.run(spec));
    assert_eq!(world.count("s3", "GetObject"), 5);
}

// rules: 3.1.6 3.2.1
#[test]
fn what_is_wrong_with_a_job_is_a_configuration_error_that_says_so() {
    let world = world();
    let case = world.case("bad-jobs");
    let spec = || world.job(&case);
    let token = |token: &'static str| {
        edited(spec(), move |event| {
            data(event)["continuationToken"] = json!(token)
        })
    };
    let parameters = |text: &str| JobSpec {
        user_parameters: Some(text.into()),
        ..spec()
    };
    let cases: Vec<(JobSpec, &[&str])> = vec![
        (
            JobSpec {
                user_parameters: None,
                ..spec()
            },
            &["no UserParameters", "PipelineExecutionId"],
        ),
        (parameters("rollout.json"), &["not JSON"]),
        (parameters("[]"), &["JSON object"]),
        (
            parameters(r##"{"execution": "#{codepipeline.PipelineExecutionId}"}"##),
            &["rollout: is missing"],
        ),
        (
            parameters(&PARAMETERS.replace("Build::", "Biuld::")),
            &["no input artifact \"Biuld\"", "it has Build"],
        ),
        (
            parameters(&PARAMETERS.replace("rollout.json", "deploy/rollout.json")),
            &[
                "no file \"deploy/rollout.json\"",
                "imagedefinitions.json, rollout.json",
            ],
        ),
        (token("somebody else's"), &["none of redbutton's"]),
        (token("rb1.00000000.{}"), &["damaged"]),
        (token("rb9.x"), &["another version"]),
        (
            world.job_with(&case, |file| file["timeout"] = json!(5), &[]),
            &["timeout: is not known", "timeoutMinutes"],
        ),
        (
            world.job_with(&case, |_| {}, &[("rollout.json", b"{")]),
            &["Build::rollout.json is not JSON"],
        ),
        (
            JobSpec {
                input_artifacts: Vec::new(),
                ..parameters(
                    r##"{"rollout": {"targets": [{"service": "a", "cluster": "b"}], "region": "ap-southeast-2"}, "execution": "#{codepipeline.PipelineExecutionId}"}"##,
                )
            },
            &["no input artifact"],
        ),
        (
            world.job_from(
                world
                    .suite
                    .store
                    .put_bytes("Build", b"<html>".to_vec())
                    .unwrap(),
            ),
            &["not a zip"],
        ),
    ];
    for (spec, words) in cases {
        check_refused(&world, spec, "ConfigurationError", words);
    }
    let gone = rehearsal::codepipeline::Artifact {
        key: "orders/Build/gone".into(),
        ..spec().input_artifacts.remove(0)
    };
    let (kind, message) = failed(&world.run(world.job_from(gone)));
    // Without s3:ListBucket, S3 says 403 for what is not there; the emulator says 404.
    assert!(
        matches!(kind.as_str(), "RevisionUnavailable" | "PermissionError"),
        "{kind}"
    );
    assert!(message.contains("input artifact Build"), "{message}");
}

#[test]
fn a_token_of_another_execution_or_of_other_targets_is_refused() {
    let world = world();
    let case = world.case("foreign-token");
    let state = shared::rollout::State {
        binding: shared::rollout::binding("another execution", &["another target".into()]),
        attempt: "11111111-2222-3333-4444-555555555555".into(),
        started: 1_790_000_000,
        targets: Vec::new(),
        turned: None,
    };
    let token = shared::job::token::encode(&state);
    let spec = edited(world.job(&case), move |event| {
        data(event)["continuationToken"] = json!(token)
    });
    check_refused(
        &world,
        spec,
        "ConfigurationError",
        &["belongs to another execution"],
    );
}

// rules: 3.1.5
#[test]
fn what_is_no_job_or_cannot_be_answered_is_no_crash() {
    let world = world();
    let tooling = world.rehearsal.tooling();
    for (event, words) in [
        (json!({}), "not a CodePipeline job"),
        (json!({"Records": []}), "not a CodePipeline job"),
        (
            json!({"CodePipeline.job": {"id": "../../etc", "data": {}}}),
            "none that CodePipeline lets us answer",
        ),
    ] {
        let answer = tooling.invoke(UPDATER, &event).unwrap();
        assert!(!answer.failed, "{:#?}", answer.payload);
        assert_eq!(answer.payload["answered"], false);
        assert!(
            answer.payload["reason"].as_str().unwrap().contains(words),
            "{:#?}",
            answer.payload
        );
    }
    assert_eq!(world.count("codepipeline", "PutJobFailureResult"), 0);
}

// rules: 3.2.1 3.3.1 3.5.6
#[test]
fn duplicates_at_the_same_time_and_later_deploy_once() {
    let world = world();
    let case = world.case("duplicates");
    let spec = JobSpec {
        deliveries: 3,
        ..world.job(&case)
    };
    let job = world.rehearsal.pipeline().start_job(spec).unwrap();
    succeeded(&world.end_of(&job));
    world.rehearsal.settle(PATIENCE).unwrap();
    world.rehearsal.pipeline().redeliver(&job).unwrap();
    world.rehearsal.settle(PATIENCE).unwrap();
    let answers = world.rehearsal.pipeline().answers();
    let accepted = answers
        .iter()
        .filter(|answer| answer.job == job.as_str() && answer.refused.is_none());
    assert_eq!(accepted.count(), 1);
    assert_eq!(case.service.deployments().unwrap().len(), 1);
    assert_eq!(
        world.deployments_begun(),
        1,
        "{:#?}",
        world.rehearsal.proxy().calls()
    );
}

// rules: 3.2.8 3.2.10
#[test]
fn an_abandoned_job_ends_quietly() {
    let world = world();
    let case = world.case("abandoned");
    // The deployment is held in progress until the job is abandoned.
    world.hold(usize::MAX);
    let job = world
        .rehearsal
        .pipeline()
        .start_job(world.job(&case))
        .unwrap();
    world
        .rehearsal
        .proxy()
        .wait_until(PATIENCE, |calls| {
            calls.iter().any(|call| call.operation == "UpdateService")
        })
        .unwrap();
    world.rehearsal.pipeline().abandon(&job).unwrap();
    world.rehearsal.proxy().clear_faults();
    world.rehearsal.settle(PATIENCE).unwrap();
    let refused = world
        .rehearsal
        .pipeline()
        .answers()
        .into_iter()
        .filter(|answer| answer.job == job.as_str());
    let codes: Vec<_> = refused.map(|answer| answer.refused).collect();
    assert_eq!(
        codes,
        [Some("InvalidJobStateException".to_owned())],
        "one try, no retry"
    );
}

// rules: 3.2.2 3.2.5 3.3.4
#[test]
fn a_long_rollout_goes_on_from_job_to_job() {
    let world = world();
    let case = world.case("long");
    // The handler yields 60 s before the timeout.
    world.set_timeout(63);
    world.hold(6);
    let finished = world.run(world.job(&case));
    world.set_timeout(300);
    succeeded(&finished);
    assert!(finished.rounds >= 2, "{} rounds", finished.rounds);
    assert_eq!(world.deployments_begun(), 1);
    for answer in finished.accepted().take(finished.rounds - 1) {
        let token = answer.request["continuationToken"].as_str().unwrap();
        assert!(
            (1..=2048).contains(&token.len()) && answer.request.get("outputVariables").is_none()
        );
        let summary = answer.request["executionDetails"]["summary"]
            .as_str()
            .unwrap();
        assert!(summary.contains("long"), "{summary}");
    }
}

// rules: 3.2.13 3.2.14
#[test]
fn codepipelines_own_record_binds_the_job() {
    let world = world();
    let case = world.case("bound");
    let with_pipeline = |pipeline: &str| {
        PARAMETERS
            .replace('{', &format!("{{\"pipeline\": \"{pipeline}\", "))
            .replace("#{\"pipeline\": \"orders\", ", "#{")
            .replace("#{\"pipeline\": \"payments\", ", "#{")
    };
    let spec = |pipeline: &str| JobSpec {
        user_parameters: Some(with_pipeline(pipeline)),
        ..world.job(&case)
    };
    check_refused(
        &world,
        spec("payments"),
        "ConfigurationError",
        &["payments", "nothing was changed"],
    );
    world.rehearsal.proxy().reset();
    succeeded(&world.run(spec("orders")));
    assert_eq!(world.count("codepipeline", "ListActionExecutions"), 1);
}
