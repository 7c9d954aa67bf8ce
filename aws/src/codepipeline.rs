//! CodePipeline: answering a job, and its own record of an execution (CONTRACTS 3.2): what it runs
//! with, what its actions did, and who decided.

use aws_sdk_codepipeline::Client;
use aws_sdk_codepipeline::primitives::DateTime;
use aws_sdk_codepipeline::types::{
    ActionExecutionDetail, ActionExecutionFilter, ActionExecutionStatus, ActionOwner,
    ArtifactDetail, ExecutionDetails, FailureDetails, FailureType,
};
use shared::job::answer::Answer;
use shared::job::revision::{self, Revision};
use shared::job::{Artifact, JobId};
use shared::release::record::{Action, Decided};

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

/// Every run of an action in an execution, as far as CodePipeline remembers.
pub async fn actions(
    client: &Client,
    pipeline: &str,
    execution: &str,
) -> Result<Vec<Action>, CallError> {
    let filter = ActionExecutionFilter::builder()
        .pipeline_execution_id(execution)
        .build();
    let mut pages = client
        .list_action_executions()
        .pipeline_name(pipeline)
        .filter(filter)
        .into_paginator()
        .send();
    let mut actions = Vec::new();
    while let Some(page) = pages.next().await {
        let page =
            page.map_err(|error| CallError::new("codepipeline:ListActionExecutions", error))?;
        actions.extend(page.action_execution_details().iter().map(action));
    }
    Ok(actions)
}

fn action(detail: &ActionExecutionDetail) -> Action {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let millis = |time: Option<&DateTime>| {
        let millis = time.and_then(|time| time.to_millis().ok());
        millis
            .and_then(|millis| u64::try_from(millis).ok())
            .unwrap_or_default()
    };
    let input = detail.input();
    let configured = |key: &str| input?.configuration()?.get(key).cloned();
    let kind = input.and_then(|input| input.action_type_id());
    let is_lambdas =
        kind.is_some_and(|kind| *kind.owner() == ActionOwner::Aws && kind.provider() == "Lambda");
    let inputs = input
        .map(|input| input.input_artifacts())
        .unwrap_or_default();
    let output = detail.output();
    let result = output.and_then(|output| output.execution_result());
    Action {
        stage: text(detail.stage_name()),
        name: text(detail.action_name()),
        id: text(detail.action_execution_id()),
        category: kind
            .map(|kind| kind.category().as_str().to_owned())
            .unwrap_or_default(),
        // An action of a custom type may call a setting by any name.
        function: configured("FunctionName")
            .filter(|_| is_lambdas)
            .unwrap_or_default(),
        parameters: input.and_then(|input| {
            input
                .resolved_configuration()?
                .get("UserParameters")
                .cloned()
        }),
        status: text(detail.status().map(ActionExecutionStatus::as_str)),
        started: millis(detail.start_time()),
        updated: millis(detail.last_update_time()),
        by: detail.updated_by().map(str::to_owned),
        summary: text(result.and_then(|result| result.external_execution_summary())),
        inputs: inputs.iter().filter_map(input_artifact).collect(),
        variables: output
            .and_then(|output| output.output_variables())
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    }
}

fn input_artifact(artifact: &ArtifactDetail) -> Option<Artifact> {
    let place = artifact.s3_location()?;
    Some(Artifact {
        name: artifact.name().unwrap_or_default().to_owned(),
        bucket: place.bucket()?.to_owned(),
        key: place.key()?.to_owned(),
    })
}

/// Who decided each action that a person decides, as the pipeline's state has it: the latest of each.
pub async fn decided(client: &Client, pipeline: &str) -> Result<Vec<Decided>, CallError> {
    let answer = client
        .get_pipeline_state()
        .name(pipeline)
        .send()
        .await
        .map_err(|error| CallError::new("codepipeline:GetPipelineState", error))?;
    let actions = answer
        .stage_states()
        .iter()
        .flat_map(|stage| stage.action_states());
    let latest = actions.filter_map(|action| action.latest_execution());
    Ok(latest
        .filter_map(|latest| {
            Some(Decided {
                id: latest.action_execution_id()?.to_owned(),
                by: latest.last_updated_by()?.to_owned(),
            })
        })
        .collect())
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
