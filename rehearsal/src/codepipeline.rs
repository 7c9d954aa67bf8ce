//! CodePipeline, as far as a Lambda action sees it: jobs go out as events, answers come in.
//!
//! No emulator has it. The stand-in's promises are the real ones: the event of CONTRACTS 3.1, the
//! validations of the API model, one answer a job, a new job with a new id for each continuation,
//! and duplicates on request. Whether the caller may answer is decided by the emulator's IAM.

mod answer;
mod event;
mod history;
mod job;
mod model;
mod sample;
mod state;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use http::{HeaderMap, HeaderValue, Method};
use hyper::body::Bytes;
use serde_json::Value;
use tokio::runtime::Handle;
use uuid::Uuid;

pub use job::{Answer, Artifact, Edit, Finished, JobId, JobSpec, Outcome};
pub use sample::raw_event;

use crate::account::lambda::invocations;
use crate::emulator::{HOME_ACCOUNT, HOME_REGION};
use crate::proxy;
use crate::signed::{Aws, Call, Credentials};
use crate::tools::Tools;
use crate::wire::{Response, lock};
use answer::{Next, Refusal};
use model::Model;
use state::{Action, Ended, JobStatus, State};

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
            .inspect_err(|error| {
                self.end(action, Ended::Broken(format!("{error:#}")));
            })
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
            Some(Ended::Broken(reason)) => bail!("job {job} could not be delivered: {reason}"),
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
        let function = state.action_of(job)?.spec.function.clone();
        let event = state
            .jobs
            .get(&job.0)
            .map(|job| job.event.clone())
            .unwrap_or_default();
        drop(state);
        self.shared
            .runtime
            .block_on(self.deliver(&function, &event))
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
    /// `ActionExecutionDetail` as `ListActionExecutions` is to return it, such as an approval.
    pub fn record_action(&self, pipeline: &str, detail: Value) {
        self.state().recorded.push((pipeline.to_owned(), detail));
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

    /// A new job of an action, with a new id and new credentials, delivered.
    async fn next_job(&self, action: usize, token: Option<&str>) -> Result<JobId> {
        let spec = self
            .state()
            .actions
            .get(action)
            .map(|action| action.spec.clone());
        let spec = spec.context("there is no such action")?;
        let credentials = self.artifact_credentials(&spec).await?;
        let id = Uuid::new_v4().to_string();
        let event = event::event(&spec, &id, &credentials, token);
        {
            let mut state = self.state();
            // Abandoned while the pause went by.
            if state
                .actions
                .get(action)
                .is_some_and(|action| action.ended.is_some())
            {
                return Ok(JobId(id));
            }
            state.add_job(action, &id, event.clone(), JobStatus::Waiting);
        }
        self.shared.changed.notify_all();
        let deliveries = if token.is_none() { spec.deliveries } else { 1 };
        for _ in 0..deliveries {
            self.deliver(&spec.function, &event).await?;
        }
        Ok(JobId(id))
    }

    /// Sessions of the artifact role, an hour long; without a role they open nothing.
    async fn artifact_credentials(&self, spec: &JobSpec) -> Result<Credentials> {
        let Some(role) = &spec.artifact_role else {
            let soon = Some(SystemTime::now() + Duration::from_secs(3600));
            return Ok(Credentials::new(
                "ASIANOTHING",
                "none",
                Some("none".to_owned()),
                soon,
                "none",
            ));
        };
        let caller = self.shared.aws.root_of(HOME_ACCOUNT);
        let params = [
            ("RoleArn", role.as_str()),
            ("RoleSessionName", "codepipeline-artifacts"),
        ];
        let session = self.shared.aws.assume_role(&caller, HOME_REGION, &params);
        session
            .await
            .with_context(|| format!("get credentials for artifacts from {role}"))
    }

    /// Asynchronously, as CodePipeline does: Lambda retries on an error.
    async fn deliver(&self, function: &str, event: &Value) -> Result<()> {
        let aws = &self.shared.aws;
        aws.call(Call {
            credentials: &aws.root_of(HOME_ACCOUNT),
            region: HOME_REGION,
            service: "lambda",
            method: Method::POST,
            path_and_query: &invocations(function),
            headers: &[("x-amz-invocation-type", "Event")],
            body: event.to_string().into(),
        })
        .await
        .with_context(|| format!("invoke {function}"))?;
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

    fn act(&self, state: &mut State, call: &proxy::Call, identity: &Value) -> Result<Act, Refusal> {
        let (operation, request) = (call.operation.as_str(), &call.request_json());
        let principal = identity["arn"].as_str().unwrap_or_default();
        // Another account or region has other jobs and pipelines, that is: none.
        let elsewhere = identity["account"] != HOME_ACCOUNT || call.region != HOME_REGION;
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
            "ListActionExecutions" => {
                checked?;
                history::list(if elsewhere { &nobodys } else { state }, request).map(Act::Found)
            }
            "GetPipelineExecution" => {
                checked?;
                let state = if elsewhere { &nobodys } else { state };
                history::execution(state, request).map(Act::Found)
            }
            _ => {
                checked?;
                let message = format!("the stand-in has no {operation}");
                Err(Refusal::new("UnknownOperationException", &message))
            }
        }
    }

    fn continue_later(&self, action: usize, token: String, pause: Duration) {
        let pipeline = self.clone();
        self.shared.runtime.spawn(async move {
            tokio::time::sleep(pause).await;
            let next = pipeline.next_job(action, Some(&token)).await;
            pipeline.state().continuing -= 1;
            if let Err(error) = next {
                pipeline.end(action, Ended::Broken(format!("{error:#}")));
            }
        });
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
        Err(refusal) => (400, refusal.body().to_string()),
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
