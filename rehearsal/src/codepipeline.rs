//! CodePipeline, as far as a Lambda action sees it: jobs go out as events, answers come in.
//!
//! No emulator has it. The stand-in's promises are the real ones: the event of CONTRACTS 3.1, the
//! validations of the API model, one answer a job, a new job with a new id for each continuation,
//! and duplicates on request. Whether the caller may answer is decided by the emulator's IAM.

mod answer;
mod delivery;
mod event;
mod history;
mod job;
mod known;
mod model;
mod record;
mod sample;
mod state;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http::{HeaderMap, HeaderValue};
use hyper::body::Bytes;
use serde_json::Value;
use tokio::runtime::Handle;

pub use job::{Answer, Artifact, Declared, Edit, Finished, JobId, JobSpec, Outcome};
pub(crate) use known::{Known, KnownExecution, KnownStage};
pub(crate) use record::{ActionRecord, Said};
pub use sample::raw_event;

use crate::emulator::HOME_ACCOUNT;
use crate::proxy;
use crate::signed::Aws;
use crate::tools::Tools;
use crate::wire::{Response, lock};
use answer::{Next, Refusal};
use model::Model;
use state::{Action, Ended, State};

/// The stand-in; cloning shares it.
#[derive(Clone)]
pub struct CodePipeline {
    shared: Arc<Shared>,
}

struct Shared {
    aws: Aws,
    runtime: Handle,
    model: Model,
    state: Mutex<State>,
    changed: Condvar,
}

impl CodePipeline {
    pub(crate) fn new(aws: Aws, runtime: Handle, tools: &Tools) -> Result<Self> {
        let model = Model::load(tools)?;
        let (state, changed) = (Mutex::default(), Condvar::new());
        Ok(Self {
            shared: Arc::new(Shared {
                aws,
                runtime,
                model,
                state,
                changed,
            }),
        })
    }

    /// Starts an action: makes its first job and delivers the event to the function.
    pub fn start_job(&self, spec: JobSpec) -> Result<JobId> {
        let action = self.state().begin(spec);
        self.shared
            .runtime
            .block_on(self.next_job(action, None))
            .inspect_err(|error| self.end(action, Ended::broken(error)))
    }

    /// Waits for the action's end, through all of its continuations.
    ///
    /// Fails after `timeout`, with what was answered until then.
    pub fn wait(&self, job: &JobId, timeout: Duration) -> Result<Finished> {
        self.wait_until(job, timeout, "end", |action| action.ended.is_some())?;
        let state = self.state();
        let action = state.action_of(job)?;
        let outcome = match &action.ended {
            Some(Ended::Outcome(outcome)) => outcome.clone(),
            Some(Ended::Broken { reason, .. }) => {
                bail!("job {job} could not be delivered: {reason}")
            }
            None => bail!("job {job} has not ended"),
        };
        let (answers, ids) = (state.answers_to(action), action.ids());
        Ok(Finished {
            outcome,
            answers,
            rounds: ids.len(),
            ids,
        })
    }

    /// Waits until the action has had `rounds` jobs, and returns their ids.
    pub fn wait_for_round(
        &self,
        job: &JobId,
        rounds: usize,
        timeout: Duration,
    ) -> Result<Vec<JobId>> {
        let what = format!("come to round {rounds}");
        self.wait_until(job, timeout, &what, |action| action.jobs.len() >= rounds)?;
        Ok(self.state().action_of(job)?.ids())
    }

    /// Delivers a job's event once more, as Lambda may at any time.
    pub fn redeliver(&self, job: &JobId) -> Result<()> {
        let state = self.state();
        let spec = state.action_of(job)?.spec.clone();
        let event = state
            .jobs
            .get(&job.0)
            .map(|job| job.event.clone())
            .unwrap_or_default();
        drop(state);
        self.shared.runtime.block_on(self.deliver(&spec, &event))
    }

    /// Stops the action and abandons it: whatever its jobs answer now is refused.
    pub fn abandon(&self, job: &JobId) -> Result<()> {
        let mut state = self.state();
        let job = state
            .jobs
            .get(&job.0)
            .with_context(|| format!("there is no job {job}"))?;
        let action = job.action;
        state.abandon(action);
        drop(state);
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Every answer that was sent since the start, refused ones too.
    pub fn answers(&self) -> Vec<Answer> {
        self.state().answers.clone()
    }

    /// The event of a job, as it was delivered.
    pub fn event_of(&self, job: &JobId) -> Option<Value> {
        self.state().jobs.get(&job.0).map(|job| job.event.clone())
    }

    /// Puts an execution of an action that is not Lambda's into the history: an
    /// `ActionExecutionDetail` as `ListActionExecutions` is to return it, such as an approval. One
    /// with the id of an earlier one takes its place.
    pub fn record_action(&self, pipeline: &str, detail: Value) {
        self.state().record(pipeline, detail);
    }

    /// Answers that were not as the API model has them. The caller was told so with a status 500.
    pub fn invalid_answers(&self) -> Vec<String> {
        self.state().invalid.clone()
    }

    /// How often each looking operation was answered since the start.
    pub fn answered(&self) -> BTreeMap<String, usize> {
        self.state().answered.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }

    fn end(&self, action: usize, ended: Ended) {
        if let Some(action) = self.state().actions.get_mut(action) {
            action.end(ended);
        }
        self.shared.changed.notify_all();
    }

    fn wait_until(
        &self,
        job: &JobId,
        timeout: Duration,
        what: &str,
        done: impl Fn(&Action) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + timeout;
        let mut state = self.state();
        while !done(state.action_of(job)?) {
            let left = deadline.saturating_duration_since(Instant::now());
            let action = state.action_of(job)?;
            if left.is_zero() || action.ended.is_some() {
                let (answers, rounds) = (state.answers_to(action), action.jobs.len());
                let ended = &action.ended;
                bail!(
                    "job {job} did not {what} within {timeout:?}: {rounds} rounds, {ended:?}, answers: {answers:#?}"
                );
            }
            let woken = self.shared.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// Continuations that are on their way, and all jobs until now.
    pub(crate) fn on_the_way(&self) -> (usize, usize) {
        let state = self.state();
        (state.continuing, state.jobs.len())
    }

    /// Answers a call of a function whom IAM has let pass; `identity` is who it is. Whoever waits
    /// for the action's end finds `noted` done.
    pub(crate) fn answer(
        &self,
        call: &proxy::Call,
        identity: &Bytes,
        noted: impl FnOnce(&Response),
    ) -> Result<Response> {
        let identity: Value = serde_json::from_slice(identity).context("read who is calling")?;
        let mut state = self.state();
        let acted = self.act(&mut state, call, &identity);
        let response = response(&acted);
        noted(&response);
        if let Ok(Act::Taken(Next::Continue { action, token })) = acted {
            state.continuing += 1;
            let pause = state.actions.get(action).map(|action| action.spec.pause);
            self.continue_later(action, token, pause.unwrap_or_default());
        }
        drop(state);
        self.shared.changed.notify_all();
        Ok(response)
    }

    /// The answer, once it is as the API model has it; one that is not would teach a function to
    /// read what AWS never sends.
    fn valid(&self, state: &mut State, operation: &str, answer: Value) -> Result<Value, Refusal> {
        *state.answered.entry(operation.to_owned()).or_default() += 1;
        if let Err(wrong) = self.shared.model.check_answer(operation, &answer) {
            let message =
                format!("the stand-in's answer to {operation} is not as the API has it: {wrong}");
            state.invalid.push(message.clone());
            return Err(Refusal::internal(&message));
        }
        Ok(answer)
    }

    fn act(&self, state: &mut State, call: &proxy::Call, identity: &Value) -> Result<Act, Refusal> {
        let (operation, request) = (call.operation.as_str(), &call.request_json());
        let principal = identity["arn"].as_str().unwrap_or_default();
        // Another account or region has other jobs and pipelines, that is: none.
        let elsewhere =
            identity["account"] != HOME_ACCOUNT || call.region != self.shared.aws.region;
        let nobodys = State::default();
        let checked = self.shared.model.check(operation, request);
        match operation {
            "PutJobSuccessResult" | "PutJobFailureResult" => {
                let refused = if elsewhere {
                    let message = "The job could not be found";
                    checked.and(Err(Refusal::new("JobNotFoundException", message)))
                } else {
                    checked
                };
                if let Err(refusal) = refused {
                    answer::record(state, operation, request, principal, Some(&refusal));
                    return Err(refusal);
                }
                answer::take(state, operation, request, principal).map(Act::Taken)
            }
            "ListActionExecutions"
            | "GetPipelineExecution"
            | "GetPipelineState"
            | "GetPipeline"
            | "ListPipelineExecutions" => {
                checked?;
                let seen = if elsewhere { &nobodys } else { &*state };
                let found = history::answer(seen, operation, request)?;
                self.valid(state, operation, found).map(Act::Found)
            }
            _ => {
                checked?;
                let message = format!("the stand-in has no {operation}");
                Err(Refusal::new("UnknownOperationException", &message))
            }
        }
    }
}

/// What the stand-in did for a caller.
enum Act {
    /// Took an answer.
    Taken(Next),
    /// Looked something up.
    Found(Value),
}

fn response(acted: &Result<Act, Refusal>) -> Response {
    let (status, body) = match acted {
        Ok(Act::Found(body)) => (200, body.to_string()),
        // The real one answers these with an empty body.
        Ok(Act::Taken(_)) => (200, String::new()),
        Err(refusal) => (refusal.status, refusal.body().to_string()),
    };
    let json = HeaderValue::from_static("application/x-amz-json-1.1");
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, json)]);
    let body = body.into();
    Response {
        status,
        headers,
        body,
    }
}
