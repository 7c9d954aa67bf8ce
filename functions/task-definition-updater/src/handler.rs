//! Carries a rollout out: reads what decisions need, does what they say, and returns an outcome.

mod artifacts;
mod begin;
mod look;

use std::sync::Arc;
use std::time::Duration;

use aws::clients::{Clients, Target};
use aws::error::CallError;
use aws::job::{Round, now};
use shared::error::{Failure, FailureKind};
use shared::job::answer::Outcome;
use shared::job::{Job, token};
use shared::rollout::watch::Step;
use shared::rollout::{State, binding, report};
use shared::rollout_file::target::ServiceTarget;
use shared::rollout_file::{RolloutSource, UserParameters};

use crate::decide;
use crate::request::Request;
use artifacts::Artifacts;

/// Everything that a round works with.
struct Work<'a> {
    clients: &'a Clients,
    job: &'a Job,
    request: &'a Request,
    target: Arc<Target>,
    operation: String,
}

impl Work<'_> {
    fn place(&self) -> &ServiceTarget {
        &self.request.file.target
    }

    /// The failure of a call about the target's service.
    fn failed(&self, error: CallError) -> Failure {
        let target = self.place();
        let account = self.target.account.as_str();
        let resource = format!(
            "arn:aws:ecs:{}:{account}:service/{}/{}",
            target.region.as_str(),
            target.cluster,
            target.service
        );
        error.into_failure(
            &report::place(target, account),
            &self.target.caller,
            &resource,
            account,
        )
    }
}

/// One invocation: begins or goes on, looks until the rollout's end or the round's.
pub async fn handle(
    clients: Arc<Clients>,
    job: Arc<Job>,
    round: Round,
    look_every: Duration,
) -> Result<Outcome, Failure> {
    let parameters = UserParameters::parse(job.user_parameters.as_deref())?;
    let mut artifacts = Artifacts::new(&clients, &job);
    let (place, bytes) = match &parameters.rollout {
        RolloutSource::Inline(value) => ("rollout".to_owned(), value.to_string().into_bytes()),
        RolloutSource::File(place) => (place.to_string(), artifacts.required(place).await?),
    };
    let request = Request::new(parameters, &place, &bytes)?;
    let place = &request.file.target;
    let account = place.account().unwrap_or(&job.account).to_owned();
    let operation = decide::operation(&request.execution, place, &account);
    let binding = binding(&request.execution, std::slice::from_ref(&operation));
    let mut state = match &job.token {
        Some(token) => token::decode(token, &binding)?,
        None => State {
            binding,
            attempt: job.id.as_str().to_owned(),
            started: now(),
            targets: Vec::new(),
        },
    };
    round.checkpoint(token::encode(&state));

    let target = clients.target(&job, &request.execution, place).await?;
    let work = Work {
        clients: &clients,
        job: &job,
        request: &request,
        target,
        operation,
    };
    if state.targets.is_empty() {
        let begun = begin::begin(&work, &state, &mut artifacts).await?;
        state.targets.push(begun.watch);
        round.checkpoint(token::encode(&state));
        if begun.deployed {
            tokio::time::sleep(look_every).await;
        }
    }
    watch(&work, &mut state, &round, look_every).await
}

/// Looks and advances until there is an outcome.
async fn watch(
    work: &Work<'_>,
    state: &mut State,
    round: &Round,
    look_every: Duration,
) -> Result<Outcome, Failure> {
    let (place, file) = (work.place(), &work.request.file);
    let account = work.target.account.as_str();
    // What AWS does not answer is waited for, but not beyond every deadline.
    let minutes = u64::from(file.timeout_minutes) + u64::from(file.rollback_minutes) + 10;
    let end = state.started + minutes * 60;
    let started = state.started;
    loop {
        let Some(watch) = state.targets.first_mut() else {
            return Err(Failure::configuration(
                "the continuation token has no target",
            ));
        };
        let step = match look::look(work, watch, started).await {
            Ok(step) => step,
            Err(error) if look::passing(&error) && now() < end => {
                tracing::warn!(%error, "could not look; the rollout goes on");
                Step::Wait(format!("{} is not answered at the moment", error.operation))
            }
            Err(error) => return Err(report::unwatched(watch, work.failed(error))),
        };
        let waiting = match step {
            Step::Done(proof) => {
                return Ok(report::success(
                    place,
                    account,
                    watch,
                    &proof,
                    started,
                    now(),
                ));
            }
            Step::Failed(ending) => return Err(report::failure(place, account, watch, &ending)),
            Step::Wait(text) => text,
            // The look carries out everything else.
            other => {
                return Err(Failure::new(
                    FailureKind::JobFailed,
                    format!("undone step {other:?}"),
                ));
            }
        };
        let summary = format!("{}: {waiting}", place.name);
        let token = token::encode(state);
        round.checkpoint(token.clone());
        if round.is_over() {
            return Ok(Outcome::InProgress {
                token,
                summary,
                percent: None,
            });
        }
        tokio::time::sleep(look_every).await;
    }
}
