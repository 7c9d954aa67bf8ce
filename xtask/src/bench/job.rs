//! A pipeline's action that releases an image to any number of services, and its end.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rehearsal::codepipeline::{Finished, JobId, JobSpec};
use rehearsal::suite::{EXTERNAL_ID, Suite, TARGET_REGION, TARGET_ROLE, UPDATER};
use rehearsal::{Rehearsal, world};
use serde_json::{Value, json};

use crate::interrupt;

/// The cluster of all services.
pub(super) const CLUSTER: &str = "test";
/// The repository of all images.
pub(super) const REPOSITORY: &str = "web";

/// Longer than it takes ECS to give a deployment up and to go back.
const PATIENCE: Duration = Duration::from_secs(900);
/// How soon Ctrl-C is heard while a job runs.
const BREATH: Duration = Duration::from_millis(250);

/// An image of the services' account as a build names it: with its tag.
pub(super) fn image(suite: &Suite, tag: &str) -> String {
    format!("{}:{tag}", world::repository_uri(&suite.other, REPOSITORY))
}

/// An action that brings all `services` to an image: one rollout file, one image file. `ballast` is
/// whatever else the build wrote into its artifact.
pub(super) fn job(
    suite: &Suite,
    services: &[String],
    image: &str,
    ballast: &[u8],
) -> Result<JobSpec> {
    let targets = services
        .iter()
        .map(|service| json!({ "service": service, "cluster": CLUSTER }));
    let rollout = json!({
        "targets": targets.collect::<Vec<_>>(),
        "region": TARGET_REGION,
        "role": TARGET_ROLE,
        "externalId": EXTERNAL_ID,
    });
    let images = services
        .iter()
        .map(|service| json!({ "name": service, "imageUri": image }));
    let images = images.collect::<Value>();
    let parameters = json!({
        "rollout": "Build::rollout.json",
        "execution": "#{codepipeline.PipelineExecutionId}",
    });
    let artifact = suite.store.put_artifact(
        "Build",
        &[
            ("rollout.json", rollout.to_string().as_bytes()),
            ("imagedefinitions.json", images.to_string().as_bytes()),
            ("ballast", ballast),
        ],
    )?;
    Ok(JobSpec {
        user_parameters: Some(parameters.to_string()),
        input_artifacts: vec![artifact],
        ..suite.store.job(UPDATER)
    })
}

/// Waits for an action's end.
pub(super) fn end(rehearsal: &Rehearsal, job: &JobId) -> Result<Finished> {
    let began = Instant::now();
    loop {
        let asked = Instant::now();
        match rehearsal.pipeline().wait(job, BREATH) {
            Err(_) if asked.elapsed() >= BREATH && began.elapsed() < PATIENCE => {
                interrupt::check()?;
            }
            // An error that did not wait is final, such as a job that cannot be delivered.
            Err(error) => bail!(error),
            Ok(finished) => return Ok(finished),
        }
    }
}
