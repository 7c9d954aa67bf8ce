//! A round of a job: begins a rollout or goes on with it, looks until its end or the round's.

use std::sync::Arc;
use std::time::Duration;

use aws::clients::Clients;
use aws::job::{Round, now, or_later};
use driver::artifacts::Artifacts;
use driver::prepare::{self, Prepared, Readiness};
use driver::request::Request;
use driver::{Purpose, Work, advance, decide, publish, sight};
use shared::error::Failure;
use shared::job::answer::Outcome;
use shared::job::{Job, token};
use shared::rollout::{State, Step, binding, report};
use shared::rollout_file::UserParameters;

/// How a function is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The pause between two looks.
    pub look_every: Duration,
    /// The bucket that keeps what stacks were before, see [`Purpose::RollOut`].
    pub state_bucket: Option<String>,
}

/// One invocation. A rollout under way is not given up because its file cannot be read just now:
/// the token goes back as it came.
pub async fn handle(
    clients: Arc<Clients>,
    job: Arc<Job>,
    round: Round,
    setup: Setup,
) -> Result<Outcome, Failure> {
    or_later(&job, go_on(&clients, &job, round, &setup).await)
}

/// Begins or goes on, looks until the rollout's end or the round's.
async fn go_on(
    clients: &Clients,
    job: &Job,
    round: Round,
    setup: &Setup,
) -> Result<Outcome, Failure> {
    let parameters = UserParameters::parse(job.user_parameters.as_deref())?;
    let mut artifacts = Artifacts::new(clients, job);
    let (place, bytes) = artifacts.rollout_file(&parameters.rollout).await?;
    let UserParameters {
        execution,
        pipeline,
        ..
    } = parameters;
    let request = Request::new(execution, pipeline, &place, &bytes)?;
    let state_bucket = setup.state_bucket.clone();
    let purpose = Purpose::RollOut { state_bucket };
    let work = Work::new(clients, job, &request, purpose).await;
    let operations: Vec<String> = work.ends.iter().map(|end| end.operation.clone()).collect();
    let binding = binding(&request.execution, &operations);
    let mut state = match &job.token {
        Some(token) => token::decode(token, &binding)?,
        None => State {
            binding,
            attempt: job.id.as_str().to_owned(),
            started: now(),
            targets: Vec::new(),
            turned: None,
        },
    };
    round.checkpoint(token::encode(&state));

    let prepared = loop {
        if !state.targets.is_empty() {
            break None;
        }
        let token = token::encode(&state);
        let in_progress = |summary| Outcome::InProgress {
            token,
            summary,
            percent: Some(0),
        };
        match prepare::prepare(&work, &mut state, &mut artifacts).await {
            Ok(Readiness::Ready(ready)) => {
                round.checkpoint(token::encode(&state));
                break Some(*ready);
            }
            // Somebody else is at work on a stack: until the deadline that is no failure.
            Ok(Readiness::Busy(text)) if decide::is_late(&request.file, &state, now()) => {
                return Ok(Outcome::Failure(decide::still_busy(&request.file, &text)));
            }
            Ok(Readiness::Busy(text)) if round.is_over() => return Ok(in_progress(text)),
            Ok(Readiness::Busy(_)) => tokio::time::sleep(setup.look_every).await,
            // An earlier delivery may have begun the attempt: nobody would watch it.
            Err(failure) if prepare::may_pass(&work, &failure, &state) => {
                return Ok(in_progress(failure.message));
            }
            Err(failure) => return Ok(Outcome::Failure(failure)),
        }
    };
    roll_out(&work, &mut state, prepared, &round, setup.look_every).await
}

/// Looks and advances until there is an outcome. What was seen when the attempt was prepared is the
/// first sight.
async fn roll_out(
    work: &Work<'_>,
    state: &mut State,
    mut prepared: Option<Prepared>,
    round: &Round,
    look_every: Duration,
) -> Result<Outcome, Failure> {
    loop {
        let fresh = prepared
            .as_ref()
            .map(|prepared| prepared.fresh.clone())
            .unwrap_or_default();
        let seen = match prepared.take() {
            Some(prepared) => prepared.seen,
            None => sight::look(work, state).await,
        };
        let step = advance::advance(work, state, seen, &fresh, round).await;
        let placed = work.placed();
        let (text, percent) = match step {
            Step::Done(proofs) => {
                let remarks = publish::publish(work, &proofs).await;
                return Ok(report::success(&placed, state, &proofs, &remarks, now()));
            }
            Step::Failed(ending) => {
                return Ok(Outcome::Failure(report::failure(&placed, state, &ending)));
            }
            Step::Wait { text, percent } => (text, percent),
            // Carried out by the look; what is left over is done in the next one.
            Step::Do(_) => (String::new(), 0),
        };
        let token = token::encode(state);
        round.checkpoint(token.clone());
        if round.is_over() {
            return Ok(Outcome::InProgress {
                token,
                summary: text,
                percent: Some(percent),
            });
        }
        tokio::time::sleep(look_every).await;
    }
}
