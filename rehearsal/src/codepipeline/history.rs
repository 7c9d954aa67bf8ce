//! What CodePipeline remembers: pipelines, their executions, and what each action did.

mod stages;

use serde_json::{Value, json};

use super::answer::Refusal;
use super::job::Outcome;
use super::known::{Known, KnownExecution};
use super::record::{ActionRecord, seconds};
use super::state::{Action, Ended, State};
use crate::emulator::HOME_ACCOUNT;

/// As many as the real one lists at most, and by default.
const PAGE: u64 = 100;

/// The mode of a definition that names none.
static SUPERSEDED: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| "SUPERSEDED".into());

/// What a looking operation answers.
pub(super) fn answer(state: &State, operation: &str, request: &Value) -> Result<Value, Refusal> {
    match operation {
        "ListActionExecutions" => list(state, request),
        "GetPipelineExecution" => execution(state, request),
        "ListPipelineExecutions" => executions(state, request),
        "GetPipelineState" => {
            let name = known_pipeline(state, &request["name"])?;
            let known = whole(state, name)?;
            Ok(stages::states(known, name, &details(state, name)))
        }
        _ => {
            let name = known_pipeline(state, &request["name"])?;
            let known = whole(state, name)?;
            if request["version"]
                .as_u64()
                .is_some_and(|version| version != 1)
            {
                let message = "The pipeline has no such version";
                return Err(Refusal::new("PipelineVersionNotFoundException", message));
            }
            let region = &known.region;
            let arn = format!("arn:aws:codepipeline:{region}:{HOME_ACCOUNT}:{name}");
            let (created, updated) = (seconds(known.created), seconds(known.created));
            Ok(json!({
                "pipeline": known.declaration,
                "metadata": { "pipelineArn": arn, "created": created, "updated": updated },
            }))
        }
    }
}

/// All that the actions of a pipeline did, newest first.
fn details(state: &State, pipeline: &str) -> Vec<Value> {
    let ours = state
        .actions
        .iter()
        .filter(|action| action.spec.pipeline == pipeline)
        .map(|action| ActionRecord::of(action).detail());
    let others = state
        .recorded
        .iter()
        .filter(|(of, _)| of == pipeline)
        .map(|(_, detail)| detail.clone());
    let mut details: Vec<Value> = ours.chain(others).collect();
    details.sort_by(|a, b| started(b).total_cmp(&started(a)));
    details
}

/// `ListActionExecutions`, newest first.
fn list(state: &State, request: &Value) -> Result<Value, Refusal> {
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
    let details = details(state, pipeline)
        .into_iter()
        .filter(|detail| execution.is_none_or(|id| detail["pipelineExecutionId"] == id));
    page(request, "actionExecutionDetails", details.collect())
}

/// `ListPipelineExecutions`, newest first.
fn executions(state: &State, request: &Value) -> Result<Value, Refusal> {
    let name = known_pipeline(state, &request["pipelineName"])?;
    let known = whole(state, name)?;
    let summary = |execution: &KnownExecution| {
        json!({
            "pipelineExecutionId": execution.id,
            "status": execution.status,
            "startTime": seconds(execution.started),
            "lastUpdateTime": seconds(execution.updated),
            "sourceRevisions": [],
            "trigger": trigger(),
            "executionMode": mode(known),
            "executionType": "STANDARD",
        })
    };
    let summaries = known.executions.iter().rev().map(summary);
    page(request, "pipelineExecutionSummaries", summaries.collect())
}

/// A page of a list; the token is where the next one begins.
fn page(request: &Value, name: &str, all: Vec<Value>) -> Result<Value, Refusal> {
    let start: usize = match request["nextToken"].as_str() {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| Refusal::new("InvalidNextTokenException", "The token is invalid"))?,
    };
    let size = request["maxResults"].as_u64().unwrap_or(PAGE);
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let mut answer = json!({});
    if all.len() > start.saturating_add(size) {
        answer["nextToken"] = (start + size).to_string().into();
    }
    answer[name] = all.into_iter().skip(start).take(size).collect();
    Ok(answer)
}

/// `GetPipelineExecution`.
fn execution(state: &State, request: &Value) -> Result<Value, Refusal> {
    let pipeline = known_pipeline(state, &request["pipelineName"])?;
    let execution = request["pipelineExecutionId"].as_str().unwrap_or_default();
    known_execution(state, pipeline, execution)?;
    if let Some(known) = state.known.get(pipeline) {
        let run = known.executions.iter().find(|run| run.id == execution);
        return run
            .map(|run| of_whole(pipeline, known, run))
            .ok_or_else(not_found);
    }
    // A job that was started alone is all there is of its pipeline.
    let last = state
        .actions
        .iter()
        .rev()
        .find(|action| action.spec.execution == execution);
    let status = match last.and_then(|action| action.ended.as_ref()) {
        None => "InProgress",
        Some(Ended::Outcome(Outcome::Succeeded { .. })) => "Succeeded",
        Some(Ended::Outcome(Outcome::Abandoned)) => "Stopped",
        Some(Ended::Outcome(Outcome::Failed { .. }) | Ended::Broken { .. }) => "Failed",
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

fn of_whole(name: &str, known: &Known, run: &KnownExecution) -> Value {
    let variables = run.variables.iter();
    let variables: Vec<Value> = variables
        .map(|(name, value)| json!({ "name": name, "resolvedValue": value }))
        .collect();
    json!({ "pipelineExecution": {
        "pipelineName": name,
        "pipelineVersion": 1,
        "pipelineExecutionId": run.id,
        "status": run.status,
        "artifactRevisions": run.revisions,
        "variables": variables,
        "trigger": trigger(),
        "executionMode": mode(known),
        "executionType": "STANDARD",
    } })
}

/// Every execution of a rehearsal is started by its person.
fn trigger() -> Value {
    let detail = format!("arn:aws:iam::{HOME_ACCOUNT}:root");
    json!({ "triggerType": "StartPipelineExecution", "triggerDetail": detail })
}

fn mode(known: &Known) -> &Value {
    match &known.declaration["executionMode"] {
        Value::Null => &SUPERSEDED,
        mode => mode,
    }
}

/// What only a pipeline that runs as a whole can tell.
fn whole<'a>(state: &'a State, name: &str) -> Result<&'a Known, Refusal> {
    state.known.get(name).ok_or_else(|| no_pipeline(name))
}

fn known_pipeline<'a>(state: &State, name: &'a Value) -> Result<&'a str, Refusal> {
    let name = name.as_str().unwrap_or_default();
    let known = state
        .actions
        .iter()
        .any(|action| action.spec.pipeline == name)
        || state.recorded.iter().any(|(pipeline, _)| pipeline == name)
        || state.known.contains_key(name);
    if known {
        return Ok(name);
    }
    Err(no_pipeline(name))
}

fn no_pipeline(name: &str) -> Refusal {
    let message = format!("Account '{HOME_ACCOUNT}' does not have a pipeline with name '{name}'");
    Refusal::new("PipelineNotFoundException", &message)
}

fn known_execution(state: &State, pipeline: &str, id: &str) -> Result<(), Refusal> {
    let ours = |action: &Action| action.spec.pipeline == pipeline && action.spec.execution == id;
    let known = state.actions.iter().any(ours)
        || state
            .recorded
            .iter()
            .any(|(of, detail)| of == pipeline && detail["pipelineExecutionId"] == id)
        || state
            .known
            .get(pipeline)
            .is_some_and(|known| known.executions.iter().any(|run| run.id == id));
    if known {
        return Ok(());
    }
    Err(not_found())
}

fn not_found() -> Refusal {
    let message = "The pipeline execution was not found";
    Refusal::new("PipelineExecutionNotFoundException", message)
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
