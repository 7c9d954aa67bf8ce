//! CodePipeline: answering a job, and its own record of an execution (CONTRACTS 3.2).

use aws_sdk_codepipeline::Client;
use aws_sdk_codepipeline::types::{
    ActionExecutionFilter, ActionExecutionStatus, ExecutionDetails, FailureDetails, FailureType,
};
use shared::job::JobId;
use shared::job::answer::Answer;

use crate::error::CallError;

/// Whether an answer was the one that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// CodePipeline took it.
    Now,
    /// The job was answered before, or nobody waits for it any more: nothing is left to do.
    Before,
}

/// Gives the job its answer.
pub async fn answer(client: &Client, job: &JobId, answer: Answer) -> Result<Answered, CallError> {
    let result = match answer {
        Answer::Success {
            token,
            summary,
            external_id,
            percent,
            variables,
        } => {
            let details = ExecutionDetails::builder()
                .set_summary(summary)
                .set_external_execution_id(external_id)
                .set_percent_complete(percent)
                .build();
            client
                .put_job_success_result()
                .job_id(job.as_str())
                .set_continuation_token(token)
                .execution_details(details)
                .set_output_variables(
                    (!variables.is_empty()).then(|| variables.into_iter().collect()),
                )
                .send()
                .await
                .map(drop)
                .map_err(|error| CallError::new("codepipeline:PutJobSuccessResult", error))
        }
        Answer::Failure { kind, message } => {
            let details = FailureDetails::builder()
                .r#type(FailureType::from(kind.as_str()))
                .message(message)
                .build()
                .map_err(|error| {
                    CallError::unusable("codepipeline:PutJobFailureResult", error.to_string())
                })?;
            client
                .put_job_failure_result()
                .job_id(job.as_str())
                .failure_details(details)
                .send()
                .await
                .map(drop)
                .map_err(|error| CallError::new("codepipeline:PutJobFailureResult", error))
        }
    };
    match result {
        Ok(()) => Ok(Answered::Now),
        Err(error)
            if matches!(
                error.code.as_str(),
                "InvalidJobStateException" | "JobNotFoundException"
            ) =>
        {
            Ok(Answered::Before)
        }
        Err(error) => Err(error),
    }
}

/// An action that CodePipeline says is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Underway {
    /// The function that the action names.
    pub function: String,
    /// Bucket and key of each input artifact.
    pub inputs: Vec<(String, String)>,
}

/// The actions of an execution that are in progress.
pub async fn actions_underway(
    client: &Client,
    pipeline: &str,
    execution: &str,
) -> Result<Vec<Underway>, CallError> {
    let filter = ActionExecutionFilter::builder()
        .pipeline_execution_id(execution)
        .build();
    let mut pages = client
        .list_action_executions()
        .pipeline_name(pipeline)
        .filter(filter)
        .into_paginator()
        .send();
    let mut underway = Vec::new();
    while let Some(page) = pages.next().await {
        let page =
            page.map_err(|error| CallError::new("codepipeline:ListActionExecutions", error))?;
        for action in page.action_execution_details() {
            if action.status() != Some(&ActionExecutionStatus::InProgress) {
                continue;
            }
            let Some(input) = action.input() else {
                continue;
            };
            let function = input
                .configuration()
                .and_then(|all| all.get("FunctionName"));
            let places = input.input_artifacts().iter().filter_map(|artifact| {
                let place = artifact.s3_location()?;
                Some((place.bucket()?.to_owned(), place.key()?.to_owned()))
            });
            underway.push(Underway {
                function: function.cloned().unwrap_or_default(),
                inputs: places.collect(),
            });
        }
    }
    Ok(underway)
}
