//! An Invoke action: the stand-in gives the function a job, as the pipeline's role.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::act::{Done, Task, Undone};
use super::audience::{Problem, What};
use crate::AwsError;
use crate::codepipeline::{Answer, Declared, JobSpec, Outcome, Said};

/// How long CodePipeline waits for a word of a function (CONTRACTS 3.2.4).
const SILENCE: Duration = Duration::from_secs(20 * 60);
/// Between an answer with a token and the next job. AWS does not say how long it takes (CONTRACTS
/// 3.2.3); a person who watches should not wait.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) fn run(task: &Task<'_>) -> Result<Done, Undone> {
    let engine = task.engine;
    let function = task
        .configuration
        .get("FunctionName")
        .cloned()
        .unwrap_or_default();
    let spec = JobSpec {
        pipeline: engine.definition.name.clone(),
        execution: task.execution.to_owned(),
        stage: task.stage.to_owned(),
        action: task.action.name.clone(),
        user_parameters: task.configuration.get("UserParameters").cloned(),
        input_artifacts: task.inputs.clone(),
        output_artifacts: task.outputs.clone(),
        encryption_key: task.store.key.clone(),
        roles: task.roles(),
        pause: PAUSE,
        declared: Some(Declared {
            id: Some(task.id.clone()),
            namespace: task.action.namespace.clone(),
            role: task.action.role.clone(),
            region: Some(
                task.action
                    .region
                    .clone()
                    .unwrap_or_else(|| task.engine.home.region().to_owned()),
            ),
            configuration: task.action.configuration.clone(),
        }),
        ..JobSpec::new(&function)
    };
    if task.abandoned() {
        return Err(Undone::Abandoned);
    }
    let job = engine
        .stand_in
        .start_job(spec)
        .map_err(|error| not_invoked(task, &function, &error))?;
    engine.change(task.execution, |run| run.jobs.push(job.clone()));
    // Stopped between the look above and the job's start.
    if task.abandoned() {
        let _ = engine.stand_in.abandon(&job);
    }
    let silence = engine.inputs.silence.unwrap_or(SILENCE);
    let followed = engine.stand_in.follow(
        &job,
        silence,
        |answer| hear(task, answer),
        || rests(task),
        || task.hear(unanswered(&function, silence, &engine.log)),
    );
    engine.change(task.execution, |run| run.jobs.retain(|known| *known != job));
    let finished = followed.map_err(|error| not_invoked(task, &function, &error))?;
    match finished.outcome {
        Outcome::Succeeded {
            variables,
            summary,
            external_id,
        } => Ok(Done {
            said: Said {
                summary,
                external_id,
                error: None,
                variables,
            },
            ..Done::default()
        }),
        Outcome::Failed { kind, message, .. } => Err(Problem::new(&kind, &message).into()),
        Outcome::Abandoned => Err(Undone::Abandoned),
    }
}

/// What a function says while it goes on.
fn hear(task: &Task<'_>, answer: &Answer) {
    let details: &Value = &answer.request["executionDetails"];
    let summary = details["summary"].as_str().map(str::to_owned);
    let percent = details["percentComplete"].as_u64();
    task.engine.change(task.execution, |run| {
        let actions = &mut run.stage(task.stage).actions;
        let seen = actions
            .iter_mut()
            .rev()
            .find(|seen| seen.name == task.action.name);
        if let (Some(seen), Some(summary)) = (seen, &summary) {
            seen.summary = Some(summary.clone());
        }
    });
    task.hear(What::ActionSaid {
        summary,
        percent: percent.and_then(|percent| u8::try_from(percent).ok()),
    });
}

/// Whether no function handles an event, and no job is on its way to one.
fn rests(task: &Task<'_>) -> bool {
    let engine = task.engine;
    // A function that answered with a token between the looks shows as one more job.
    let before = engine.stand_in.on_the_way();
    let events = engine
        .home
        .json("codepipeline", "Rehearsal.Events", json!({}));
    // One that cannot be asked is not known to rest.
    events.is_ok_and(|events| events["events"] == 0)
        && before.0 == 0
        && engine.stand_in.on_the_way() == before
}

/// What is told of a function that is done and has not answered.
fn unanswered(function: &str, silence: Duration, log: &Path) -> What {
    let minutes = silence.as_secs() / 60;
    What::Unanswered {
        why: format!(
            "the function {function} has come to an end, or failed on every attempt, and its job has \
             no answer: CodePipeline waits for one for {minutes} minutes, and then fails the action. \
             So does this rehearsal; Ctrl-C ends it. What the function wrote: {}",
            log.display()
        ),
    }
}

/// Why no job came to the function.
fn not_invoked(task: &Task<'_>, function: &str, error: &anyhow::Error) -> Problem {
    let aws = error.downcast_ref::<AwsError>();
    let denied = aws.is_some_and(AwsError::is_denied);
    match (aws.map(|aws| aws.code.as_str()), task.roles().pop()) {
        (_, Some(role)) if denied => {
            let message = format!(
                "{role} could not give {function} its job: {error:#}. It needs \
                 lambda:InvokeFunction on the function, and its trust policy must let \
                 codepipeline.amazonaws.com (for an action's own role: the pipeline's role) assume it"
            );
            Problem::new("PermissionError", &message)
        }
        (Some("ResourceNotFoundException"), _) => {
            let message = format!(
                "there is no function {function} in account {} {}: {error:#}",
                task.engine.home.id(),
                task.action
                    .region
                    .as_deref()
                    .unwrap_or(task.engine.home.region()),
            );
            Problem::new("ConfigurationError", &message)
        }
        _ => Problem::new("JobFailed", &format!("{error:#}")),
    }
}
