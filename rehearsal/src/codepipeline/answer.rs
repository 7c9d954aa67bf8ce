//! What CodePipeline makes of an answer to a job: takes it, or refuses it as the real one does
//! (CONTRACTS 3.2).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::job::{Answer, Outcome};
use super::state::{Ended, JobStatus, State};

/// All output variables of an action together, keys and values (CONTRACTS 3.2.5).
const VARIABLES_BYTES: usize = 122_880;

/// An error of the real API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) status: u16,
}

impl Refusal {
    pub(super) fn new(code: &'static str, message: &str) -> Self {
        Self {
            code,
            message: message.to_owned(),
            status: 400,
        }
    }

    /// The stand-in's own fault.
    pub(super) fn internal(message: &str) -> Self {
        Self {
            status: 500,
            ..Self::new("InternalFailure", message)
        }
    }

    /// As AWS JSON 1.1 has it.
    pub(super) fn body(&self) -> Value {
        json!({ "__type": self.code, "message": self.message })
    }
}

/// What is to be done about an answer that was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The action has ended.
    Nothing,
    /// A new job with this token.
    Continue { action: usize, token: String },
}

/// Takes an answer whose form is right, by a caller of the job's account, and records it either
/// way.
pub(super) fn take(
    state: &mut State,
    operation: &str,
    request: &Value,
    principal: &str,
) -> Result<Next, Refusal> {
    let taken = decide(state, operation, request);
    record(state, operation, request, principal, taken.as_ref().err());
    taken
}

/// Notes an answer among those that were sent.
pub(super) fn record(
    state: &mut State,
    operation: &str,
    request: &Value,
    principal: &str,
    refusal: Option<&Refusal>,
) {
    state.answers.push(Answer {
        job: text(&request["jobId"]).unwrap_or_default(),
        operation: operation.to_owned(),
        request: request.clone(),
        principal: principal.to_owned(),
        refused: refusal.map(|refusal| refusal.code.to_owned()),
    });
}

fn decide(state: &mut State, operation: &str, request: &Value) -> Result<Next, Refusal> {
    let token = text(&request["continuationToken"]);
    let variables = variables(&request["outputVariables"]);
    if token.is_some() && request["outputVariables"].is_object() {
        let message = "Output variables cannot be set together with a continuation token";
        return Err(Refusal::new("ValidationException", message));
    }
    let bytes: usize = variables
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if bytes > VARIABLES_BYTES {
        let message = format!("Output variables have {bytes} bytes, more than {VARIABLES_BYTES}");
        return Err(Refusal::new(
            "OutputVariablesSizeExceededException",
            &message,
        ));
    }
    let id = text(&request["jobId"]).unwrap_or_default();
    let unknown = || Refusal::new("JobNotFoundException", "The job could not be found");
    let job = state.jobs.get_mut(&id).ok_or_else(unknown)?;
    match job.status {
        JobStatus::Waiting => job.status = JobStatus::Answered,
        // Nobody waits for it, and the next run starts at the same place.
        JobStatus::Sample => return Ok(Next::Nothing),
        JobStatus::Answered | JobStatus::Abandoned => {
            let message = "The job is in a state in which it takes no result";
            return Err(Refusal::new("InvalidJobStateException", message));
        }
    }
    let index = job.action;
    if let Some(token) = token {
        return Ok(Next::Continue {
            action: index,
            token,
        });
    }
    let details = &request["executionDetails"];
    let failure = &request["failureDetails"];
    let outcome = if operation == "PutJobSuccessResult" {
        Outcome::Succeeded {
            variables,
            summary: text(&details["summary"]),
            external_id: text(&details["externalExecutionId"]),
        }
    } else {
        Outcome::Failed {
            kind: text(&failure["type"]).unwrap_or_default(),
            message: text(&failure["message"]).unwrap_or_default(),
            external_id: text(&failure["externalExecutionId"]),
        }
    };
    if let Some(action) = state.actions.get_mut(index) {
        action.end(Ended::Outcome(outcome));
    }
    Ok(Next::Nothing)
}

fn variables(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries
        .filter_map(|(key, value)| Some((key.clone(), text(value)?)))
        .collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codepipeline::job::JobSpec;

    const ID: &str = "11111111-abcd-1111-abcd-111111abcdef";

    fn state() -> State {
        state_with(JobStatus::Waiting)
    }

    fn state_with(status: JobStatus) -> State {
        let mut state = State::default();
        let action = state.begin(JobSpec::new("f"));
        state.add_job(action, ID, Value::Null, status);
        state
    }

    fn success(state: &mut State, more: Value) -> Result<Next, &'static str> {
        let mut request = json!({ "jobId": ID });
        request
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        take(state, "PutJobSuccessResult", &request, "arn").map_err(|refusal| refusal.code)
    }

    // rules: 3.2.1 3.2.8
    #[test]
    fn a_job_takes_one_answer() {
        let mut state = state();
        assert_eq!(
            success(&mut state, json!({"outputVariables": {"A": "1"}})),
            Ok(Next::Nothing)
        );
        assert_eq!(
            success(&mut state, json!({})),
            Err("InvalidJobStateException")
        );
        let refused: Vec<bool> = state.answers.iter().map(|a| a.refused.is_some()).collect();
        assert_eq!(refused, [false, true]);
        let Some(Ended::Outcome(outcome)) = &state.actions[0].ended else {
            panic!()
        };
        assert_eq!(outcome.variables()["A"], "1");
    }

    #[test]
    fn a_sample_takes_any_number_of_answers() {
        let mut state = state_with(JobStatus::Sample);
        for more in [json!({"continuationToken": "t"}), json!({}), json!({})] {
            assert_eq!(success(&mut state, more), Ok(Next::Nothing));
        }
        assert!(state.actions[0].ended.is_none());
    }

    // rules: 3.2.2
    #[test]
    fn a_token_continues() {
        let mut state = state();
        let next = Next::Continue {
            action: 0,
            token: "t".to_owned(),
        };
        assert_eq!(
            success(&mut state, json!({"continuationToken": "t"})),
            Ok(next)
        );
        assert!(state.actions[0].ended.is_none());
    }

    // rules: 3.2.5 3.2.8 3.2.10
    #[test]
    fn refusals() {
        let both = json!({"continuationToken": "t", "outputVariables": {}});
        assert_eq!(success(&mut state(), both), Err("ValidationException"));
        let most = json!({"outputVariables": {"k": "v".repeat(VARIABLES_BYTES - 1)}});
        assert_eq!(success(&mut state(), most), Ok(Next::Nothing));
        let more = json!({"outputVariables": {"k": "v".repeat(VARIABLES_BYTES)}});
        assert_eq!(
            success(&mut state(), more),
            Err("OutputVariablesSizeExceededException")
        );
        assert_eq!(
            success(&mut State::default(), json!({})),
            Err("JobNotFoundException")
        );
        let mut abandoned = state();
        abandoned.abandon(0);
        assert_eq!(
            success(&mut abandoned, json!({})),
            Err("InvalidJobStateException")
        );
    }

    #[test]
    fn a_failure_keeps_its_kind_and_message() {
        let mut state = state();
        let details = json!({"type": "ConfigurationError", "message": "m"});
        let request = json!({"jobId": ID, "failureDetails": details});
        assert_eq!(
            take(&mut state, "PutJobFailureResult", &request, "arn"),
            Ok(Next::Nothing)
        );
        let failed = Outcome::Failed {
            kind: "ConfigurationError".to_owned(),
            message: "m".to_owned(),
            external_id: None,
        };
        assert_eq!(state.actions[0].ended, Some(Ended::Outcome(failed)));
    }
}
