//! The job's credentials appear nowhere in what a run leaves behind, at the loudest log level.

use std::fs;
use std::path::Path;

use rehearsal::codepipeline::Outcome;
use serde_json::{Value, json};

use crate::fixture::world;

/// All files below a folder.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found)
        } else {
            found.push(path)
        }
    }
}

// rules: 3.1.7 3.2.7
#[test]
fn secret_and_token_are_in_no_log_error_token_or_file() {
    let world = world();
    let case = world.case("canary");
    let pipeline = world.rehearsal.pipeline();
    // A success that went through a token: the deployment is held in progress for some looks.
    world.set_timeout(62);
    world.hold(4);
    let mut specs = vec![world.job(&case)];
    // Failures of many kinds, each with credentials in its event.
    let mut denied = world.job(&case);
    denied.input_artifacts[0].bucket = "canary-no-such-bucket".into();
    specs.push(denied);
    specs.push(world.job_with(&case, |file| file["externalId"] = json!("wrong"), &[]));
    specs.push(world.job_with(&case, |_| {}, &[("rollout.json", b"{")]));
    let mut shapeless = world.job(&case);
    shapeless.edit = Some(std::sync::Arc::new(|event: &mut Value| {
        event["CodePipeline.job"]["data"]["inputArtifacts"] = json!("not a list");
    }));
    specs.push(shapeless);

    let (mut canaries, mut outcomes, mut rounds) = (Vec::new(), Vec::new(), 0);
    for spec in specs {
        let job = pipeline.start_job(spec).unwrap();
        let event = pipeline.event_of(&job).unwrap();
        let credentials = &event["CodePipeline.job"]["data"]["artifactCredentials"];
        canaries.push(credentials["secretAccessKey"].as_str().unwrap().to_owned());
        canaries.push(credentials["sessionToken"].as_str().unwrap().to_owned());
        let finished = world.end_of(&job);
        outcomes.push(matches!(finished.outcome, Outcome::Succeeded { .. }));
        rounds += finished.rounds;
    }
    world.rehearsal.settle(crate::fixture::PATIENCE).unwrap();
    world.set_timeout(300);
    assert_eq!(outcomes, [true, false, false, false, false]);
    assert!(rounds > 5, "one of the jobs went through a token");
    // The sessions in the target account are secrets, too.
    for call in world.rehearsal.proxy().calls() {
        if call.operation == "AssumeRole" && call.status == Some(200) {
            let answer = String::from_utf8_lossy(&call.response).into_owned();
            canaries.extend(rehearsal::xml_text(&answer, "SecretAccessKey"));
            canaries.extend(rehearsal::xml_text(&answer, "SessionToken"));
        }
    }
    assert!(canaries.len() >= 12 && canaries.iter().all(|canary| canary.len() >= 16));

    let mut left = Vec::new();
    files(world.rehearsal.dir(), &mut left);
    let log = world.rehearsal.log().unwrap();
    assert!(
        log.contains("took a job"),
        "the functions' log lines are in the log that is searched"
    );
    for path in left {
        let Ok(bytes) = fs::read(&path) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        for canary in &canaries {
            assert!(
                !text.contains(canary.as_str()),
                "{} holds a credential",
                path.display()
            );
        }
    }
    let answers = format!("{:#?}", pipeline.answers());
    assert!(
        canaries
            .iter()
            .all(|canary| !answers.contains(canary.as_str())),
        "an answer holds a credential"
    );
}
