//! `GetPipelineState`: where each stage and action of a pipeline is.

use serde_json::{Value, json};

use crate::codepipeline::known::{Known, KnownStage};
use crate::codepipeline::record::{cut, seconds};

/// The answer; `details` are those of all actions, newest first.
pub(super) fn states(known: &Known, name: &str, details: &[Value]) -> Value {
    let stages = known
        .stages
        .iter()
        .map(|stage| state(known, stage, details));
    json!({
        "pipelineName": name,
        "pipelineVersion": 1,
        "stageStates": stages.collect::<Vec<Value>>(),
        "created": seconds(known.created),
        "updated": seconds(known.created),
    })
}

fn state(known: &Known, stage: &KnownStage, details: &[Value]) -> Value {
    let run = |id: &str, status: &str| json!({ "pipelineExecutionId": id, "status": status, "type": "STANDARD" });
    let actions = stage.actions.iter().map(|name| {
        let latest = details
            .iter()
            .find(|detail| detail["stageName"] == stage.name && detail["actionName"] == *name);
        let mut action = json!({ "actionName": name });
        if let Some(detail) = latest {
            action["latestExecution"] = execution(known, detail);
        }
        action
    });
    let mut state = json!({
        "stageName": stage.name,
        "inboundExecutions":
            stage.inbound.iter().map(|id| run(id, "InProgress")).collect::<Vec<Value>>(),
        "inboundTransitionState": { "enabled": true },
        "actionStates": actions.collect::<Vec<Value>>(),
    });
    if let Some(first) = stage.inbound.first() {
        state["inboundExecution"] = run(first, "InProgress");
    }
    if let Some((id, status)) = &stage.latest {
        state["latestExecution"] = run(id, status);
    }
    if stage.retries > 0 {
        state["retryStageMetadata"] = json!({
            "manualStageRetryAttempt": stage.retries,
            "latestRetryTrigger": "ManualStageRetry",
        });
    }
    state
}

/// What `ListActionExecutions` tells of an action, in the words of this operation.
fn execution(known: &Known, detail: &Value) -> Value {
    let result = &detail["output"]["executionResult"];
    let mut execution = json!({
        "actionExecutionId": detail["actionExecutionId"],
        "status": detail["status"],
        "lastStatusChange": detail["lastUpdateTime"],
    });
    // This operation has limits that the other one has not.
    let told = [
        ("summary", &result["externalExecutionSummary"], 2048),
        ("externalExecutionId", &result["externalExecutionId"], 1500),
        ("lastUpdatedBy", &detail["updatedBy"], 2048),
    ];
    for (name, value, most) in told {
        if let Some(text) = value.as_str().filter(|text| !text.is_empty()) {
            execution[name] = cut(text, most).into();
        }
    }
    if !result["errorDetails"].is_null() {
        execution["errorDetails"] = result["errorDetails"].clone();
    }
    let id = detail["actionExecutionId"].as_str().unwrap_or_default();
    if let Some(token) = known.tokens.get(id) {
        execution["token"] = token.as_str().into();
    }
    execution
}
