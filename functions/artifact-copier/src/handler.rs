//! A round of a job: makes and delivers the release, then follows it until production has come to an
//! end or the round has.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws::clients::Clients;
use aws::codepipeline;
use aws::error::{CallError, Kind};
use aws::job::{Round, now, or_later};
use driver::artifacts::Artifacts;
use serde_json::Value;
use shared::error::{Failure, FailureKind};
use shared::job::Job;
use shared::job::answer::Outcome;
use shared::release::record::{self, Action, Tested};
use shared::release::token::{self, State};
use shared::rollout_file::{RolloutFile, RolloutSource, UserParameters};

use crate::decide::{self, Recorded, Rollout};
use crate::deliver::{self, Ended, There};
use crate::follow::{self, Followed};
use crate::request::Request;

/// How a function is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The pause between two looks.
    pub look_every: Duration,
    /// ARN of the key that signs releases.
    pub signing_key: Option<String>,
}

/// One invocation. A copy under way is not given up because AWS does not answer just now: the token
/// goes back.
pub async fn handle(
    clients: Arc<Clients>,
    job: Arc<Job>,
    round: Round,
    setup: Setup,
) -> Result<Outcome, Failure> {
    or_later(&job, go_on(&clients, &job, &round, &setup).await)
}

async fn go_on(
    clients: &Clients,
    job: &Job,
    round: &Round,
    setup: &Setup,
) -> Result<Outcome, Failure> {
    let request = Request::new(job, setup.signing_key.as_deref())?;
    let binding = request.binding();
    let mut state = match &job.token {
        Some(token) => token::decode(token, &binding)?,
        None => State {
            binding,
            started: now(),
            copied: Vec::new(),
            released: None,
            delivered: None,
        },
    };
    if state.released.is_none() && now() >= state.started + follow::LONGEST_SECONDS {
        return Err(Failure::new(
            FailureKind::JobFailed,
            format!(
                "release {} could not be delivered within {} hours; look into the function's log. What \
                 is there already is found by a retry of this action",
                request.release,
                follow::LONGEST_SECONDS / 3600
            ),
        ));
    }
    let there = reach(clients, job, &request);
    let released = match state.released.clone() {
        Some(released) => released,
        None => {
            let release = match release(clients, job, &request, round, &mut state).await {
                Ok(released) => released,
                Err(Ended::Failed(failure)) => return Err(failure),
                Err(Ended::OutOfTime) => return out_of_time(job, &request, &state),
            };
            state.released = Some(release.clone());
            state.delivered = Some(now());
            round.checkpoint(token::encode(&state));
            release
        }
    };
    let there = there.await?;
    if !request.parameters.follow {
        let text = "delivered; what production makes of it is not waited for";
        return Ok(success(&request, &released, text, state.started));
    }
    let since = follow::Since {
        started: state.started,
        delivered: state.delivered.unwrap_or(state.started),
    };
    let followed = follow::follow(&there, &released, since, round, setup.look_every);
    Ok(match followed.await {
        Ok(Followed::Served(text)) => success(&request, &released, &text, state.started),
        Ok(Followed::Failed(failure)) => Outcome::Failure(failure),
        Ok(Followed::Going(summary)) => Outcome::InProgress {
            token: token::encode(&state),
            summary,
            percent: Some(50),
        },
        // Nobody takes the release back because it could not be looked after for a moment.
        Err(failure)
            if failure.kind == FailureKind::SystemUnavailable
                && now() < state.started + follow::LONGEST_SECONDS =>
        {
            Outcome::InProgress {
                token: token::encode(&state),
                summary: failure.message,
                percent: Some(50),
            }
        }
        Err(failure) => Outcome::Failure(failure),
    })
}

/// What was copied in this round is kept; a round that got nothing whole says what is too slow.
fn out_of_time(job: &Job, request: &Request, state: &State) -> Result<Outcome, Failure> {
    let token = token::encode(state);
    if job.token.as_ref() == Some(&token) {
        return Err(Failure::new(
            FailureKind::JobFailed,
            format!(
                "an artifact of release {} could not be copied within one invocation of the function; \
                 nothing of it was left behind. Raise the function's memory, with which its share of \
                 the network grows",
                request.release
            ),
        ));
    }
    let (done, all) = (state.copied.len(), request.deliveries.len());
    Ok(Outcome::InProgress {
        token,
        summary: format!("{done} of {all} objects are copied"),
        percent: u8::try_from(done * 40 / all.max(1)).ok(),
    })
}

/// The role in the production account.
async fn reach<'a>(
    clients: &'a Clients,
    job: &'a Job,
    request: &'a Request,
) -> Result<There<'a>, Failure> {
    let of = &request.parameters;
    let external_id = of.external_id.as_deref();
    let what = format!("bucket {} of releases", of.bucket);
    let reached = clients.assumed(job, &of.execution, &what, &of.role, external_id, &of.region);
    let reached = reached.await?;
    Ok(There {
        clients,
        job,
        request,
        s3: reached.s3(),
        caller: reached.caller.clone(),
        written_until: BTreeMap::new(),
    })
}

/// Makes the release and delivers it: everything is read and checked before the first write.
async fn release(
    clients: &Clients,
    job: &Job,
    request: &Request,
    round: &Round,
    state: &mut State,
) -> Result<String, Ended> {
    let of = &request.parameters;
    let client = &clients.codepipeline;
    let actions = codepipeline::actions(client, &of.pipeline, &of.execution).await;
    let actions = match actions {
        Ok(actions) => actions,
        Err(error) => return Err(unrecorded(clients, job, request, error).await.into()),
    };
    decide::belongs(job, request, &actions)?;
    let latest = record::latest(&actions);
    let recorded = decide::recorded(job, request, &latest);
    let mut artifacts = Artifacts::new(clients, job);
    if let Ok(recorded) = &recorded {
        artifacts.written_until(recorded.written_until.clone());
    }
    let source = RolloutSource::File(of.rollout.clone());
    let (value, production) = read(&mut artifacts, &source).await?;
    let mut wrongs = decide::production(&production, &request.deliveries);
    let mut recorded = match recorded {
        Ok(recorded) => recorded,
        Err(found) => {
            let all = [found, wrongs].concat();
            return Err(decide::refused(request, &all).into());
        }
    };
    let images = {
        let mut tests = Vec::new();
        for Tested { action, test } in &recorded.tested {
            artifacts.turn_to(&action.inputs);
            tests.push((
                action.place(),
                &test.proof,
                tested(&mut artifacts, action).await?,
            ));
        }
        decide::images(&production, &tests)
    };
    let images = images.unwrap_or_else(|found| {
        wrongs.extend(found);
        Vec::new()
    });
    if !wrongs.is_empty() {
        return Err(decide::refused(request, &wrongs).into());
    }
    approvers(clients, job, request, &mut recorded).await?;
    let revisions = codepipeline::revisions(client, &of.pipeline, &of.execution).await;
    let revisions = match revisions {
        Ok(revisions) => revisions,
        Err(error) => return Err(unrecorded(clients, job, request, error).await.into()),
    };
    let mut there = reach(clients, job, request).await?;
    there.written_until = std::mem::take(&mut recorded.written_until);
    round.checkpoint(token::encode(state));
    let copied = deliver::objects(&there, round, state).await?;
    let statement = decide::statement(
        request,
        decide::Whole {
            account: &job.account,
            region: clients.region(),
            revisions,
            recorded,
            images,
            rollout: value,
            copied,
        },
    );
    Ok(deliver::envelope(&there, &statement).await?)
}

/// Who approved, where only the pipeline's state tells it.
async fn approvers(
    clients: &Clients,
    job: &Job,
    request: &Request,
    recorded: &mut Recorded<'_>,
) -> Result<(), Failure> {
    if recorded
        .approvals
        .iter()
        .all(|approval| !approval.by.is_empty())
    {
        return Ok(());
    }
    let decided = codepipeline::decided(&clients.codepipeline, &request.parameters.pipeline).await;
    let decided = match decided {
        Ok(decided) => decided,
        Err(error) => return Err(unrecorded(clients, job, request, error).await),
    };
    let wrongs = record::approvers(&mut recorded.approvals, &decided);
    if wrongs.is_empty() {
        return Ok(());
    }
    Err(decide::refused(request, &wrongs))
}

/// A rollout file and the files that it names.
async fn read(
    artifacts: &mut Artifacts<'_>,
    source: &RolloutSource,
) -> Result<(Value, Rollout), Failure> {
    let (name, bytes) = artifacts.rollout_file(source).await?;
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Failure::configuration(format!("{name} is not JSON ({error})")))?;
    let file =
        RolloutFile::from_value(&value).map_err(|wrongs| Failure::findings(&name, &wrongs))?;
    let images = artifacts.image_files(&file).await?;
    let definitions = artifacts.definition_files(&file).await?;
    Ok((value, Rollout::new(file, images, definitions)))
}

/// What a rollout to test was given, by its own parameters and artifacts.
async fn tested(artifacts: &mut Artifacts<'_>, action: &Action) -> Result<Rollout, Failure> {
    let parameters = UserParameters::parse(action.parameters.as_deref());
    let read = match parameters {
        Ok(parameters) => read(artifacts, &parameters.rollout).await,
        Err(failure) => Err(failure),
    };
    let (_, rollout) = read.map_err(|failure| Failure {
        message: format!(
            "what {} tested cannot be read again: {}",
            action.place(),
            failure.message
        ),
        ..failure
    })?;
    Ok(rollout)
}

async fn unrecorded(clients: &Clients, job: &Job, request: &Request, error: CallError) -> Failure {
    let pipeline = &request.parameters.pipeline;
    if error.kind == Kind::Missing {
        return Failure::configuration(format!(
            "\"pipeline\" or \"execution\" in UserParameters: {}; nothing was delivered",
            error.message
        ));
    }
    let me = clients.me(job).await;
    error.into_failure(&format!("pipeline {pipeline}"), &me, pipeline, &job.account)
}

fn success(request: &Request, released: &str, text: &str, started: u64) -> Outcome {
    let uri = format!("s3://{}/{}", request.parameters.bucket, request.envelope());
    let digest = format!("sha256:{released}");
    let summary = format!("release {}: {text}", request.release);
    let seconds = now().saturating_sub(started);
    let variables = BTreeMap::from([
        ("Summary".to_owned(), summary.clone()),
        ("ReleaseUri".to_owned(), uri.clone()),
        ("ReleaseDigest".to_owned(), digest),
        ("DurationSeconds".to_owned(), seconds.to_string()),
    ]);
    Outcome::Success {
        variables,
        summary,
        external_id: Some(uri),
    }
}
