//! CodePipeline: answering a job, and its own record of an execution (CONTRACTS 3.2): what it runs
//! with, and what is under way.

use aws_sdk_codepipeline::Client;
use aws_sdk_codepipeline::types::{
    ActionExecutionFilter, ActionExecutionStatus, ExecutionDetails, FailureDetails, FailureType,
};
use shared::job::JobId;
use shared::job::answer::Answer;
use shared::job::revision::{self, Revision};

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

/// What an execution runs with: a revision of each source, in CodePipeline's order.
pub async fn revisions(
    client: &Client,
    pipeline: &str,
    execution: &str,
) -> Result<Vec<Revision>, CallError> {
    const OPERATION: &str = "codepipeline:GetPipelineExecution";
    let answer = client
        .get_pipeline_execution()
        .pipeline_name(pipeline)
        .pipeline_execution_id(execution)
        .send()
        .await
        .map_err(|error| CallError::new(OPERATION, error))?;
    let execution = answer
        .pipeline_execution()
        .ok_or_else(|| CallError::unusable(OPERATION, "the answer has no execution"))?;
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let revisions = execution.artifact_revisions().iter();
    Ok(revisions
        .map(|revision| Revision {
            artifact: text(revision.name()),
            id: text(revision.revision_id()),
            summary: revision::message(revision.revision_summary().unwrap_or_default()),
            url: text(revision.revision_url()),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::replay::replay;
    use serde_json::json;

    const EXECUTION: &str = "22222222-abcd-1111-abcd-222222abcdef";

    #[tokio::test]
    async fn an_execution_says_which_commit_it_runs_with() {
        let summary = r#"{"ProviderType":"GitHub","CommitMessage":"Serve more"}"#;
        let revisions_there = json!([
            {"name": "Source", "revisionId": "0a1b2c", "revisionSummary": summary,
             "revisionUrl": "https://example.com/0a1b2c", "created": 1.7e9},
            {"name": "Image", "revisionId": "sha256:0f"},
        ]);
        let there = json!({"pipelineName": "web", "pipelineExecutionId": EXECUTION,
            "status": "InProgress", "artifactRevisions": revisions_there});
        let (config, replay) = replay([
            (200, json!({"pipelineExecution": there})),
            (400, json!({"__type": "PipelineExecutionNotFoundException"})),
            (200, json!({})),
        ]);
        let client = Client::new(&config);
        let expected = [
            (
                "Source",
                "0a1b2c",
                "Serve more",
                "https://example.com/0a1b2c",
            ),
            ("Image", "sha256:0f", "", ""),
        ]
        .map(|(artifact, id, summary, url)| Revision {
            artifact: artifact.into(),
            id: id.into(),
            summary: summary.into(),
            url: url.into(),
        });
        let read = async || revisions(&client, "web", EXECUTION).await;
        assert_eq!(read().await.unwrap(), expected);
        assert_eq!(read().await.unwrap_err().kind, Kind::Missing);
        assert_eq!(
            read().await.unwrap_err().message,
            "the answer has no execution"
        );
        let asked = json!({"pipelineName": "web", "pipelineExecutionId": EXECUTION});
        assert_eq!(replay.calls()[0], ("GetPipelineExecution".into(), asked));
    }
}
