//! Step Functions: executions of production's state machine (CONTRACTS 3.9).

pub use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::ExecutionStatus;

use crate::error::{CallError, Kind};
use crate::time::seconds;

/// What starting an execution came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// It runs; its ARN.
    Now(String),
    /// There has been one of this name, now or within the last ninety days (3.9.1).
    Before,
}

/// Starts an execution.
pub async fn start(
    client: &Client,
    machine: &str,
    name: Option<&str>,
    input: &str,
) -> Result<Started, CallError> {
    let answer = client
        .start_execution()
        .state_machine_arn(machine)
        .set_name(name.map(str::to_owned))
        .input(input)
        .send()
        .await
        .map_err(|error| CallError::new("states:StartExecution", error));
    match answer {
        Ok(answer) => Ok(Started::Now(answer.execution_arn().to_owned())),
        Err(error) if error.code == "ExecutionAlreadyExists" => Ok(Started::Before),
        Err(error) => Err(error),
    }
}

/// Where an execution stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED` or `PENDING_REDRIVE`.
    pub status: String,
    /// When it ended, seconds since the epoch; none while it runs.
    pub ended: Option<u64>,
    /// What it said at its end: of a failure the cause, of a success its output.
    pub said: String,
}

/// Where an execution stands; none when nobody knows it (any more). Eventually consistent (3.9.4).
pub async fn execution(client: &Client, arn: &str) -> Result<Option<Execution>, CallError> {
    let answer = client
        .describe_execution()
        .execution_arn(arn)
        .send()
        .await
        .map_err(|error| CallError::new("states:DescribeExecution", error));
    match answer {
        Ok(answer) => {
            let running = *answer.status() == ExecutionStatus::Running;
            let stopped = answer.stop_date().map(seconds).filter(|_| !running);
            Ok(Some(Execution {
                status: answer.status().as_str().to_owned(),
                ended: stopped,
                said: answer
                    .cause()
                    .or(answer.output())
                    .unwrap_or_default()
                    .to_owned(),
            }))
        }
        Err(error) if error.kind == Kind::Missing || error.code == "ExecutionDoesNotExist" => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::replay;
    use serde_json::json;

    const ARN: &str = "arn:aws:states:ap-southeast-2:222222222222:execution:redbutton:r-1";

    // rules: 3.9.1
    #[tokio::test]
    async fn a_name_that_was_used_is_no_error() {
        let answers = [
            (
                200,
                json!({"executionArn": ARN, "startDate": 1_795_882_800}),
            ),
            (
                400,
                json!({"__type": "ExecutionAlreadyExists", "message": "x"}),
            ),
            (
                400,
                json!({"__type": "StateMachineDoesNotExist", "message": "x"}),
            ),
        ];
        let (config, replay) = replay(answers);
        let client = Client::new(&config);
        let start = async || start(&client, "machine", Some("r-1"), "{}").await;
        assert_eq!(start().await.unwrap(), Started::Now(ARN.into()));
        assert_eq!(start().await.unwrap(), Started::Before);
        assert!(start().await.is_err());
        assert_eq!(replay.calls()[0].1["name"], "r-1");
    }

    // rules: 3.9.4
    #[tokio::test]
    async fn an_execution_runs_has_ended_or_is_unknown() {
        let of = |status: &str, stop: Option<u32>| {
            let mut answer = json!({"executionArn": ARN, "stateMachineArn": "m", "status": status,
                "startDate": 1_795_882_800, "name": "r-1"});
            if let Some(stop) = stop {
                answer["stopDate"] = json!(stop);
            }
            (200, answer)
        };
        let gone = json!({"__type": "ExecutionDoesNotExist", "message": "x"});
        let (config, _) = replay([
            of("RUNNING", None),
            of("ABORTED", Some(1_795_882_900)),
            (400, gone),
        ]);
        let client = Client::new(&config);
        let mut seen = Vec::new();
        for _ in 0..3 {
            let found = execution(&client, ARN).await.unwrap();
            seen.push(found.map(|found| (found.status, found.ended)));
        }
        let expected = [
            Some(("RUNNING".to_owned(), None)),
            Some(("ABORTED".to_owned(), Some(1_795_882_900))),
            None,
        ];
        assert_eq!(seen, expected);
    }
}
