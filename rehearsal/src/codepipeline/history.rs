//! What CodePipeline remembers: `ListActionExecutions` and `GetPipelineExecution`.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::job::{Artifact, Outcome};
use super::state::{Action, Ended, State};
use crate::emulator::HOME_REGION;

/// As many as the real one lists at most, and by default.
const PAGE: u64 = 100;

/// `ListActionExecutions`, newest first.
pub(super) fn list(state: &State, request: &Value) -> Result<Value, Refusal> {
    let pipeline = known_pipeline(state, &request["pipelineName"])?;
    let filter = &request["filter"];
    let execution = [
        &filter["pipelineExecutionId"],
        &filter["latestInPipelineExecution"]["pipelineExecutionId"],
    ]
    .into_iter()
    .find_map(Value::as_str);
    if let Some(execution) = execution {
        known_execution(state, pipeline, execution)?;
    }
    let start: usize = match request["nextToken"].as_str() {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| Refusal::new("InvalidNextTokenException", "The token is invalid"))?,
    };
    let size = request["maxResults"].as_u64().unwrap_or(PAGE);
    let size = usize::try_from(size).unwrap_or(usize::MAX);

    let ours = state
        .actions
        .iter()
        .filter(|action| action.spec.pipeline == pipeline)
        .map(detail);
    let others = state
        .recorded
        .iter()
        .filter(|(of, _)| of == pipeline)
        .map(|(_, detail)| detail.clone());
    let mut details: Vec<Value> = ours
        .chain(others)
        .filter(|detail| execution.is_none_or(|id| detail["pipelineExecutionId"] == id))
        .collect();
    details.sort_by(|a, b| started(b).total_cmp(&started(a)));

    let mut answer = json!({});
    if details.len() > start.saturating_add(size) {
        answer["nextToken"] = (start + size).to_string().into();
    }
    answer["actionExecutionDetails"] = details.into_iter().skip(start).take(size).collect();
    Ok(answer)
}

/// `GetPipelineExecution`, as far as a job's function needs it.
pub(super) fn execution(state: &State, request: &Value) -> Result<Value, Refusal> {
    let pipeline = known_pipeline(state, &request["pipelineName"])?;
    let execution = request["pipelineExecutionId"].as_str().unwrap_or_default();
    known_execution(state, pipeline, execution)?;
    let last = state
        .actions
        .iter()
        .rev()
        .find(|action| action.spec.execution == execution);
    let status = match last.and_then(|action| action.ended.as_ref()) {
        None => "InProgress",
        Some(Ended::Outcome(Outcome::Succeeded { .. })) => "Succeeded",
        Some(Ended::Outcome(Outcome::Abandoned)) => "Stopped",
        Some(Ended::Outcome(Outcome::Failed { .. }) | Ended::Broken(_)) => "Failed",
    };
    Ok(json!({ "pipelineExecution": {
        "pipelineName": pipeline,
        "pipelineVersion": 1,
        "pipelineExecutionId": execution,
        "status": status,
        "artifactRevisions": [],
        "executionMode": "SUPERSEDED",
        "executionType": "STANDARD",
    } }))
}

fn known_pipeline<'a>(state: &State, name: &'a Value) -> Result<&'a str, Refusal> {
    let name = name.as_str().unwrap_or_default();
    let known = state
        .actions
        .iter()
        .any(|action| action.spec.pipeline == name)
        || state.recorded.iter().any(|(pipeline, _)| pipeline == name);
    if known {
        return Ok(name);
    }
    let message = format!("Account '111111111111' does not have a pipeline with name '{name}'");
    Err(Refusal::new("PipelineNotFoundException", &message))
}

fn known_execution(state: &State, pipeline: &str, id: &str) -> Result<(), Refusal> {
    let ours = |action: &Action| action.spec.pipeline == pipeline && action.spec.execution == id;
    let known = state.actions.iter().any(ours)
        || state
            .recorded
            .iter()
            .any(|(of, detail)| of == pipeline && detail["pipelineExecutionId"] == id);
    if known {
        return Ok(());
    }
    let message = "The pipeline execution was not found";
    Err(Refusal::new("PipelineExecutionNotFoundException", message))
}

/// One `ActionExecutionDetail`.
fn detail(action: &Action) -> Value {
    let spec = &action.spec;
    let configuration = |parameters: Option<&String>| {
        let mut all = json!({ "FunctionName": spec.function });
        if let Some(parameters) = parameters {
            all["UserParameters"] = parameters.as_str().into();
        }
        all
    };
    let (status, result, variables) = match &action.ended {
        None => ("InProgress", json!({}), Map::new()),
        Some(Ended::Broken(reason)) => ("Failed", error("InternalError", reason), Map::new()),
        Some(Ended::Outcome(outcome)) => match outcome {
            Outcome::Succeeded {
                variables,
                summary,
                external_id,
            } => {
                let result = result(external_id.as_deref(), summary.as_deref());
                let variables = variables
                    .iter()
                    .map(|(k, v)| (k.clone(), v.as_str().into()));
                ("Succeeded", result, variables.collect())
            }
            Outcome::Failed {
                kind,
                message,
                external_id,
            } => {
                let mut result = result(external_id.as_deref(), None);
                result["errorDetails"] = error(kind, message)["errorDetails"].take();
                ("Failed", result, Map::new())
            }
            Outcome::Abandoned => ("Abandoned", json!({}), Map::new()),
        },
    };
    json!({
        "pipelineExecutionId": spec.execution,
        "actionExecutionId": action.id,
        "pipelineVersion": 1,
        "stageName": spec.stage,
        "actionName": spec.action,
        "startTime": seconds(action.started),
        "lastUpdateTime": seconds(action.updated),
        "status": status,
        "input": {
            "actionTypeId":
                { "category": "Invoke", "owner": "AWS", "provider": "Lambda", "version": "1" },
            "configuration": configuration(spec.user_parameters.as_ref()),
            "resolvedConfiguration": configuration(spec.resolved_parameters().as_ref()),
            "region": HOME_REGION,
            "inputArtifacts": locations(&spec.input_artifacts),
        },
        "output": {
            "outputArtifacts": locations(&spec.output_artifacts),
            "executionResult": result,
            "outputVariables": variables,
        },
    })
}

fn result(external_id: Option<&str>, summary: Option<&str>) -> Value {
    let mut result = json!({});
    if let Some(id) = external_id {
        result["externalExecutionId"] = id.into();
    }
    if let Some(summary) = summary {
        result["externalExecutionSummary"] = summary.into();
    }
    result
}

fn error(code: &str, message: &str) -> Value {
    json!({ "errorDetails": { "code": code, "message": message } })
}

/// Here, and only here, the API writes `s3location` with a small l.
fn locations(artifacts: &[Artifact]) -> Vec<Value> {
    let location = |artifact: &Artifact| json!({ "bucket": artifact.bucket, "key": artifact.key });
    artifacts
        .iter()
        .map(|artifact| json!({ "name": artifact.name, "s3location": location(artifact) }))
        .collect()
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

fn started(detail: &Value) -> f64 {
    detail["startTime"].as_f64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codepipeline::job::JobSpec;

    fn state() -> State {
        let mut state = State::default();
        for execution in ["e1", "e2"] {
            let execution = execution.to_owned();
            state.begin(JobSpec {
                execution,
                ..JobSpec::new("f")
            });
        }
        state
    }

    // rules: 3.2.13
    #[test]
    fn lists_by_execution() {
        let request = json!({"pipelineName": "orders", "filter": {"pipelineExecutionId": "e2"}});
        let answer = list(&state(), &request).unwrap();
        let details = answer["actionExecutionDetails"].as_array().unwrap();
        assert_eq!(details.len(), 1);
        assert_eq!(details[0]["status"], "InProgress");
        assert_eq!(details[0]["input"]["configuration"]["FunctionName"], "f");
    }

    #[test]
    fn pages() {
        let first = list(
            &state(),
            &json!({"pipelineName": "orders", "maxResults": 1}),
        )
        .unwrap();
        assert_eq!(
            first["actionExecutionDetails"][0]["pipelineExecutionId"],
            "e2"
        );
        let next =
            json!({"pipelineName": "orders", "maxResults": 1, "nextToken": first["nextToken"]});
        let second = list(&state(), &next).unwrap();
        assert_eq!(
            second["actionExecutionDetails"][0]["pipelineExecutionId"],
            "e1"
        );
        assert!(second.get("nextToken").is_none());
    }

    #[test]
    fn unknown_names() {
        let code = |request: Value| list(&state(), &request).unwrap_err().code;
        assert_eq!(
            code(json!({"pipelineName": "x"})),
            "PipelineNotFoundException"
        );
        let request = json!({"pipelineName": "orders", "filter": {"pipelineExecutionId": "e3"}});
        assert_eq!(code(request), "PipelineExecutionNotFoundException");
        let request = json!({"pipelineName": "orders", "nextToken": "x"});
        assert_eq!(code(request), "InvalidNextTokenException");
    }
}
