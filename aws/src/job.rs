//! The wrapper around every CodePipeline action: exactly one answer per job, whatever happens
//! (CONTRACTS 3.2, 3.3).
//!
//! Handlers return an [`Outcome`]. An error, a panic and a nearly spent timeout become answers
//! here. After an answer the Lambda returns Ok, so that nothing runs again; when the answer itself
//! cannot be given, it returns an error, and Lambda's retries deliver the job again.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt as _;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::{Value, json};
use shared::error::{Failure, FailureKind};
use shared::job::answer::{Answer, Outcome, answer};
use shared::job::credentials::Credentials;
use shared::job::{Job, JobId};

use crate::clients::Clients;
use crate::codepipeline::{self, Answered};

/// A handler stops looking this long before Lambda's timeout and yields with a token.
const YIELD_BEFORE: Duration = Duration::from_secs(60);
/// A handler that does not stop is left behind this long before the timeout.
const GUARD_BEFORE: Duration = Duration::from_secs(20);

/// What a handler knows about its invocation.
#[derive(Clone)]
pub struct Round {
    yield_at: SystemTime,
    token: Arc<Mutex<Option<String>>>,
}

impl Round {
    /// A round of this length, for work that is no job: there is nobody to hand a token to.
    pub fn of(length: Duration) -> Self {
        Self {
            yield_at: SystemTime::now() + length,
            token: Arc::default(),
        }
    }

    /// Whether it is time to yield with a token.
    pub fn is_over(&self) -> bool {
        SystemTime::now() >= self.yield_at
    }

    /// How long until then.
    pub fn left(&self) -> Duration {
        let left = self.yield_at.duration_since(SystemTime::now());
        left.unwrap_or_default()
    }

    /// The token to go on with, should this invocation be cut short.
    pub fn checkpoint(&self, token: String) {
        if let Ok(mut kept) = self.token.lock() {
            *kept = Some(token);
        }
    }
}

/// What a job that is under way answers when AWS does not answer just now: its token as it came, for the
/// next invocation. It is not given up for that.
pub fn or_later(job: &Job, result: Result<Outcome, Failure>) -> Result<Outcome, Failure> {
    match (result, &job.token) {
        (Err(failure), Some(token)) if failure.kind == FailureKind::SystemUnavailable => {
            Ok(Outcome::InProgress {
                token: token.clone(),
                summary: failure.message,
                percent: None,
            })
        }
        (result, _) => result,
    }
}

/// Seconds since the epoch.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|since| since.as_secs())
        .unwrap_or_default()
}

/// Takes an event, runs `handler` on the job in it, and answers.
pub async fn run<H, F>(
    clients: Arc<Clients>,
    event: LambdaEvent<Value>,
    handler: H,
) -> Result<Value, Error>
where
    H: FnOnce(Arc<Clients>, Arc<Job>, Round) -> F,
    F: Future<Output = Result<Outcome, Failure>>,
{
    let (event, context) = event.into_parts();
    let deadline = context.deadline();
    let job = match Job::parse(&event) {
        Ok(job) => Arc::new(job),
        Err(rejected) => {
            let Some(id) = rejected.id else {
                // Nobody waits for an answer: a person tries the function, or CodePipeline sent
                // an id that it would not take back. An error would only run it again.
                tracing::error!(reason = %rejected.failure.message, "not a job that can be answered");
                return Ok(json!({"answered": false, "reason": rejected.failure.message}));
            };
            return give(&clients, &id, Outcome::Failure(rejected.failure), None).await;
        }
    };
    drop(event);
    tracing::info!(
        job = job.id.as_str(),
        continued = job.token.is_some(),
        "took a job"
    );
    let round = Round {
        yield_at: deadline.checked_sub(YIELD_BEFORE).unwrap_or(UNIX_EPOCH),
        token: Arc::new(Mutex::new(job.token.clone())),
    };
    let left = deadline
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    let work = AssertUnwindSafe(handler(
        Arc::clone(&clients),
        Arc::clone(&job),
        round.clone(),
    ))
    .catch_unwind();
    let outcome = match tokio::time::timeout(left.saturating_sub(GUARD_BEFORE), work).await {
        Ok(Ok(Ok(outcome))) => outcome,
        Ok(Ok(Err(failure))) => Outcome::Failure(failure),
        Ok(Err(panic)) => Outcome::Failure(panicked(panic.as_ref())),
        Err(_) => out_of_time(&round),
    };
    give(&clients, &job.id, outcome, Some(&job.credentials)).await
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Failure {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into());
    Failure::new(
        FailureKind::JobFailed,
        format!(
            "redbutton itself failed ({text}); please report it. What had begun goes on in AWS: look \
             at it there. A retry of the stage takes up what is there"
        ),
    )
}

fn out_of_time(round: &Round) -> Outcome {
    match round.token.lock().ok().and_then(|token| token.clone()) {
        Some(token) => Outcome::InProgress {
            token,
            summary: "AWS answers slowly; going on in the next invocation".into(),
            percent: None,
        },
        None => Outcome::Failure(Failure::new(
            FailureKind::SystemUnavailable,
            "the function's timeout came before it could begin; nothing was changed. Retry the \
             stage, or raise the function's timeout (at least 90 s)",
        )),
    }
}

async fn give(
    clients: &Clients,
    id: &JobId,
    outcome: Outcome,
    credentials: Option<&Credentials>,
) -> Result<Value, Error> {
    // Scrubbed before anything is logged or cut: half a secret would not be recognised.
    let given = answer(logged(id, scrubbed(outcome, credentials)));
    let shown = show(id, &given);
    match codepipeline::answer(&clients.codepipeline, id, given).await {
        Ok(Answered::Now) => Ok(shown),
        Ok(Answered::Before) => {
            tracing::info!(
                job = id.as_str(),
                "the job was answered before, or is abandoned"
            );
            Ok(json!({"job": id.as_str(), "answered": "before"}))
        }
        Err(error) => {
            tracing::error!(job = id.as_str(), %error, "could not answer the job");
            Err(Error::from(error))
        }
    }
}

/// Logs an outcome once, with its facts as fields.
fn logged(id: &JobId, outcome: Outcome) -> Outcome {
    let job = id.as_str();
    match &outcome {
        Outcome::Success { summary, .. } => tracing::info!(job, summary, "the job succeeded"),
        Outcome::InProgress { summary, .. } => tracing::info!(job, summary, "the job goes on"),
        Outcome::Failure(failure) => tracing::warn!(
            job,
            kind = failure.kind.as_str(),
            reason = failure.message,
            detail = failure.detail,
            "the job failed"
        ),
    }
    outcome
}

/// Texts that quote AWS cannot carry the job's credentials away.
fn scrubbed(outcome: Outcome, credentials: Option<&Credentials>) -> Outcome {
    let Some(credentials) = credentials else {
        return outcome;
    };
    let scrub = |text: String| credentials.scrub(&text);
    match outcome {
        Outcome::Failure(failure) => Outcome::Failure(Failure {
            kind: failure.kind,
            message: scrub(failure.message),
            detail: scrub(failure.detail),
        }),
        Outcome::InProgress {
            token,
            summary,
            percent,
        } => Outcome::InProgress {
            token: scrub(token),
            summary: scrub(summary),
            percent,
        },
        Outcome::Success {
            variables,
            summary,
            external_id,
        } => Outcome::Success {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name, scrub(value)))
                .collect(),
            summary: scrub(summary),
            external_id,
        },
    }
}

/// What the invocation itself returns: CodePipeline ignores it, `sam local invoke` prints it.
fn show(id: &JobId, given: &Answer) -> Value {
    match given {
        Answer::Failure { kind, message } => {
            json!({"job": id.as_str(), "answered": "failure", "type": kind.as_str(), "message": message})
        }
        Answer::Success {
            token: Some(_),
            summary,
            ..
        } => {
            json!({"job": id.as_str(), "answered": "in progress", "summary": summary})
        }
        Answer::Success {
            summary, variables, ..
        } => {
            json!({"job": id.as_str(), "answered": "success", "summary": summary, "variables": variables})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::replay;
    use lambda_runtime::Context;

    const ID: &str = "11111111-abcd-1111-abcd-111111abcdef";

    fn event() -> Value {
        json!({"CodePipeline.job": {"id": ID, "accountId": "111111111111", "data": {
            "artifactCredentials": {"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "secret-canary", "sessionToken": "token-canary"},
        }}})
    }

    /// Runs a handler with this many seconds left and one prepared answer of CodePipeline, and
    /// returns the function's answer with the operation and body of each call.
    async fn check<H, F>(
        seconds: u64,
        given: (u16, Value),
        handler: H,
    ) -> (Result<Value, Error>, Vec<(String, Value)>)
    where
        H: FnOnce(Arc<Clients>, Arc<Job>, Round) -> F,
        F: Future<Output = Result<Outcome, Failure>>,
    {
        let (config, replay) = replay([given]);
        let mut context = Context::default();
        let deadline = SystemTime::now() + Duration::from_secs(seconds);
        context.deadline =
            u64::try_from(deadline.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        let event = LambdaEvent::new(event(), context);
        let result = run(Arc::new(Clients::new(config)), event, handler).await;
        (result, replay.calls())
    }

    fn taken() -> (u16, Value) {
        (200, json!({}))
    }

    // rules: 3.2.1 3.2.7 3.3.3
    #[tokio::test]
    async fn a_panic_is_a_failure_and_the_invocation_is_fine() {
        let (result, calls) = check(300, taken(), |_, _, _| async {
            panic!("boom with secret-canary")
        })
        .await;
        assert!(result.is_ok());
        let (operation, body) = &calls[0];
        assert_eq!(
            (calls.len(), operation.as_str(), &body["jobId"]),
            (1, "PutJobFailureResult", &json!(ID))
        );
        let message = body["failureDetails"]["message"].as_str().unwrap();
        assert!(message.contains("boom with [removed]"), "{message}");
    }

    // rules: 3.2.5 3.3.4
    #[tokio::test]
    async fn a_nearly_spent_timeout_goes_on_with_the_last_checkpoint() {
        // 20 s before the timeout the guard strikes; here it is past already.
        let (result, calls) = check(20, taken(), |_, _, round: Round| async move {
            assert!(round.is_over());
            round.checkpoint("kept".into());
            std::future::pending().await
        })
        .await;
        assert!(result.is_ok());
        let (operation, body) = &calls[0];
        assert_eq!(
            (operation.as_str(), &body["continuationToken"]),
            ("PutJobSuccessResult", &json!("kept"))
        );
        assert!(body.get("outputVariables").is_none());
    }

    // rules: 3.2.1 3.3.4
    #[tokio::test]
    async fn a_timeout_before_any_beginning_is_a_failure_that_says_so() {
        let (_, calls) = check(20, taken(), |_, _, _| std::future::pending()).await;
        let (operation, body) = &calls[0];
        assert_eq!(
            (operation.as_str(), &body["failureDetails"]["type"]),
            ("PutJobFailureResult", &json!("SystemUnavailable"))
        );
    }

    // rules: 3.2.8
    #[tokio::test]
    async fn an_answer_that_was_given_before_is_no_error() {
        let success = || Outcome::Success {
            variables: std::collections::BTreeMap::new(),
            summary: "done".into(),
            external_id: None,
        };
        for code in ["InvalidJobStateException", "JobNotFoundException"] {
            let body = json!({"__type": code, "message": "x"});
            let (result, calls) = check(300, (400, body), |_, _, _| async { Ok(success()) }).await;
            assert_eq!(
                (result.unwrap()["answered"].clone(), calls.len()),
                (json!("before"), 1)
            );
        }
    }

    // rules: 3.2.1 3.3.2
    #[tokio::test]
    async fn an_answer_that_cannot_be_given_makes_lambda_deliver_again() {
        let body = json!({"__type": "AccessDeniedException", "message": "no"});
        let failure = || Failure::configuration("wrong");
        let (result, _) = check(300, (400, body), |_, _, _| async { Err(failure()) }).await;
        assert!(result.is_err());
    }
}
