//! Carries a rollout out: reads what decisions need, does what they say, and returns an outcome.
//!
//! In reading order: [`prepare`] checks everything and registers, [`sight`] looks, [`act`] does
//! what the engine asks for, [`publish`] writes down what serves.

mod act;
mod artifacts;
mod begin;
mod findings;
mod pin;
mod prepare;
mod publish;
mod register;
mod sight;
mod stacks;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws::clients::{Clients, Target as Reached};
use aws::cloudformation::resources::Resources;
use aws::error::{CallError, Kind};
use aws::job::{Round, now};
use futures_util::future::join_all;
use shared::error::{Failure, FailureKind};
use shared::job::answer::Outcome;
use shared::job::{Job, token};
use shared::rollout::report::{self, Placed};
use shared::rollout::seen::Seen;
use shared::rollout::seen::stack::Event;
use shared::rollout::{State, Step, advance, binding};
use shared::rollout_file::target::{Kind as TargetKind, Target};
use shared::rollout_file::{RolloutSource, UserParameters};

use crate::decide;
use crate::request::Request;
use artifacts::Artifacts;
use prepare::Readiness;

/// How a function is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The pause between two looks.
    pub look_every: Duration,
    /// The bucket, in the function's region and account, that keeps what stacks were before; none
    /// when the stack of the functions is older than stack targets.
    pub state_bucket: Option<String>,
}

/// Everything that a round works with.
struct Work<'a> {
    clients: &'a Clients,
    job: &'a Job,
    request: &'a Request,
    /// One per target.
    ends: Vec<End<'a>>,
    setup: &'a Setup,
    /// Task definitions of service revisions, which never change.
    revisions: Mutex<HashMap<String, String>>,
    /// What is in the stacks, by target, and the newest event that it was read after.
    insides: Mutex<HashMap<usize, (Event, Resources)>>,
}

/// A target and how it is reached.
struct End<'a> {
    target: &'a Target,
    account: String,
    operation: String,
    reached: Result<Arc<Reached>, Failure>,
}

impl End<'_> {
    fn placed(&self) -> Placed<'_> {
        (self.target, &self.account)
    }

    fn reached(&self) -> Result<&Reached, Failure> {
        self.reached.as_deref().map_err(Clone::clone)
    }

    /// The failure of a call about the target.
    fn failed(&self, error: CallError) -> Failure {
        let (target, account) = self.placed();
        let kind = match target.kind {
            TargetKind::Service(_) => "service",
            TargetKind::Task(_) => "task",
            TargetKind::Stack(_) => "stack",
        };
        let region = target.region.as_str();
        let resource = match target.stack() {
            Some(stack) => {
                format!(
                    "arn:aws:cloudformation:{region}:{account}:stack/{}/*",
                    stack.stack
                )
            }
            None => {
                let (cluster, service) = (&target.cluster, target.service());
                format!("arn:aws:ecs:{region}:{account}:{kind}/{cluster}/{service}")
            }
        };
        let what = report::place(self.placed());
        match &self.reached {
            Ok(reached) => error.into_failure(&what, &reached.caller, &resource, account),
            Err(failure) => failure.clone(),
        }
    }
}

/// Whether a failed call says nothing about the rollout: it is repeated.
fn passing(error: &CallError) -> bool {
    matches!(error.kind, Kind::Throttled | Kind::Unanswered)
}

/// One invocation. A rollout under way is not given up because its file cannot be read just now:
/// the token goes back as it came.
pub async fn handle(
    clients: Arc<Clients>,
    job: Arc<Job>,
    round: Round,
    setup: Setup,
) -> Result<Outcome, Failure> {
    match go_on(&clients, &job, round, &setup).await {
        Err(failure) if failure.kind == FailureKind::SystemUnavailable => match &job.token {
            Some(token) => Ok(Outcome::InProgress {
                token: token.clone(),
                summary: failure.message,
                percent: None,
            }),
            None => Err(failure),
        },
        outcome => outcome,
    }
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
    let (place, bytes) = match &parameters.rollout {
        RolloutSource::Inline(value) => ("rollout".to_owned(), value.to_string().into_bytes()),
        RolloutSource::File(place) => (place.to_string(), artifacts.required(place).await?),
    };
    let request = Request::new(parameters, &place, &bytes)?;
    let ends = join_all(request.file.targets.iter().map(|target| {
        let account = target.account().unwrap_or(&job.account).to_owned();
        reach(clients, job, &request, target, account)
    }))
    .await;
    let operations: Vec<String> = ends.iter().map(|end| end.operation.clone()).collect();
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

    let work = Work {
        clients,
        job,
        request: &request,
        ends,
        setup,
        revisions: Mutex::default(),
        insides: Mutex::default(),
    };
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

async fn reach<'a>(
    clients: &Clients,
    job: &Job,
    request: &Request,
    target: &'a Target,
    account: String,
) -> End<'a> {
    End {
        operation: decide::operation(&request.execution, target, &account),
        reached: clients.target(job, &request.execution, target).await,
        target,
        account,
    }
}

/// Looks and advances until there is an outcome. What was seen when the attempt was prepared is the
/// first sight.
async fn roll_out(
    work: &Work<'_>,
    state: &mut State,
    mut prepared: Option<prepare::Prepared>,
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
        let step = look(work, state, seen, &fresh, round).await;
        let placed: Vec<Placed<'_>> = work.ends.iter().map(End::placed).collect();
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

/// Ten stacks of ten services, each with tasks, platforms, deployments and logs to be read.
const MOST_READS: usize = 500;

fn wait(text: String) -> Step {
    Step::Wait { text, percent: 0 }
}

/// Advances as far as one look goes: what is read is taken in at once, what is written shows in
/// the next look.
async fn look(
    work: &Work<'_>,
    state: &mut State,
    mut seen: Vec<Seen>,
    fresh: &[usize],
    round: &Round,
) -> Step {
    // As many reads as the longest look can need; a look that asks for the same thing for ever would
    // hold up everything.
    for _ in 0..MOST_READS {
        let actions = match advance(state, &seen, &work.request.file, now()) {
            Step::Do(actions) => actions,
            step => return step,
        };
        let each = actions
            .iter()
            .map(|(n, action)| act::act(work, state, &seen, *n, action, fresh.contains(n)));
        let brought = join_all(each).await;
        let mut paused = None;
        for ((n, _), brought) in actions.iter().zip(brought) {
            match brought {
                act::Brought::Seen(fill) => {
                    if let Some(seen) = seen.get_mut(*n) {
                        fill(seen);
                    }
                }
                act::Brought::Carried(carried) => {
                    state.carried_out(*n, carried, &work.request.file, now());
                    paused.get_or_insert_with(|| "just begun".to_owned());
                }
                act::Brought::NotNow(error) => {
                    tracing::warn!(%error, "could not do what is to be done; trying again");
                    paused = Some(format!("not carried out yet: {error}"));
                }
            }
        }
        if let Some(text) = paused {
            round.checkpoint(token::encode(state));
            return wait(text);
        }
    }
    tracing::error!("a look did not come to an end");
    wait("this look did not come to an end; looking again".to_owned())
}
