//! From step to step. One invocation does what can be done without waiting, and writes the record after
//! each phase; what it answers is how the state machine goes on.

use std::time::{Duration, SystemTime};

use aws::error::CallError;
use aws::job::now;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::{Value, json};
use shared::error::Failure;
use shared::job::JobId;
use shared::job::answer::cut;
use shared::production::record::{self, Phase, Record, pace};
use shared::production::wish::{Wanted, Wish};
use shared::release::outcome::Kind;

use crate::begin::{self, Begun};
use crate::place::{Deployer, Held, Overtaken};

/// An invocation takes up no other phase after this long: each can take its time, and the function's
/// timeout is fifteen minutes.
const LONGEST: Duration = Duration::from_secs(60);

/// What is shown as an execution's cause; Step Functions takes 32,768 characters, and nobody reads them.
const LONGEST_CAUSE: usize = 4_000;

/// What a phase came to.
pub enum Next {
    /// The record says what comes next; it may be done at once.
    Go,
    /// There is something to wait for.
    Wait(String),
}

/// What stops a step.
pub enum Stop {
    /// A call failed: the state machine tries again.
    Failed(CallError),
    /// Another invocation wrote the record: the next step reads it.
    Overtaken,
    /// The lock is somebody else's: nothing more may be written.
    Lost(String),
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        Self::Failed(error)
    }
}

/// A failure that another try may mend is one of a call; of any other kind there is none here.
pub fn unavailable(failure: Failure) -> Stop {
    Stop::Failed(CallError {
        operation: "redbutton",
        kind: aws::error::Kind::Unanswered,
        code: failure.kind.as_str().to_owned(),
        message: failure.message,
    })
}

/// What the state machine hands over.
struct Asked {
    /// The execution's ARN.
    execution: String,
    /// When it began, seconds since the epoch.
    began: u64,
    /// Its input.
    input: Value,
    /// Whether the execution itself has failed, and cleans up after itself.
    failed: bool,
}

impl Asked {
    fn parse(event: &Value) -> Option<Self> {
        let text = |key: &str| event.get(key).and_then(Value::as_str);
        Some(Self {
            execution: text("execution")?.to_owned(),
            began: shared::moment::read_prefix(text("began")?)?,
            input: event.get("input")?.clone(),
            failed: event.get("failed").is_some_and(|failed| !failed.is_null()),
        })
    }
}

/// One step.
pub async fn handle(deployer: &Deployer, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let Some(asked) = Asked::parse(&event.payload) else {
        return Err(Error::from(
            "this is a step of the state machine redbutton-production, which hands over \"execution\", \
             \"began\" and \"input\"; start an execution of that with {\"release\": \
             \"<pipeline>/<execution>\"}",
        ));
    };
    let started = SystemTime::now();
    let mut held = match find(deployer, &asked).await {
        Ok(Found::Held(held)) => *held,
        Ok(Found::Over(answer)) => return Ok(answer),
        Ok(Found::Wait(text)) => return Ok(waits(deployer, &asked, &text)),
        Err(stop) => return stopped(deployer, &asked, stop),
    };
    loop {
        if held.record.phase == Phase::Over {
            return Ok(over(&held));
        }
        let next = match held.record.phase {
            Phase::Verify => begin::verify(deployer, &mut held).await,
            Phase::Wait => crate::lock::wait(deployer, &mut held).await,
            Phase::Prepare => crate::roll::prepare(deployer, &mut held).await,
            Phase::RollOut => crate::roll::roll_out(deployer, &mut held).await,
            Phase::Record => crate::tell::record(deployer, &mut held).await,
            Phase::Tell => crate::tell::tell(deployer, &mut held).await,
            Phase::Over => Ok(Next::Go),
        };
        let next = match next {
            Ok(next) => next,
            // Given up, and not to be brought back: it ends, and says so.
            Err(Stop::Lost(why)) if held.record.abandoned.is_some() => {
                lost(&mut held.record, why);
                Next::Go
            }
            Err(stop) => return stopped(deployer, &asked, stop),
        };
        match deployer.write(&mut held).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return stopped(deployer, &asked, Stop::Overtaken),
            Err(error) => return stopped(deployer, &asked, Stop::Failed(error)),
        }
        tracing::info!(release = held.record.release, phase = ?held.record.phase, "went on");
        let late = started.elapsed().is_ok_and(|since| since > LONGEST);
        match next {
            Next::Wait(text) => return Ok(waits(deployer, &asked, &text)),
            Next::Go if late => return Ok(waits(deployer, &asked, "going on")),
            Next::Go => {}
        }
    }
}

/// The end of a record that was given up, and of which nothing more can be carried out.
fn lost(record: &mut Record, why: String) {
    match &mut record.end {
        Some(end) => {
            end.reasons.push(why);
            record.phase = Phase::Tell;
        }
        None => {
            let summary = "it was given up, and could not be brought back; look at its targets";
            let reasons = record.abandoned.iter().cloned().chain([why]).collect();
            record.ends_untouched(Kind::Failed, now(), summary.to_owned(), reasons);
        }
    }
}

/// What there is to go on with.
enum Found {
    Held(Box<Held>),
    Over(Value),
    Wait(String),
}

async fn find(deployer: &Deployer, asked: &Asked) -> Result<Found, Stop> {
    let (wish, wanted) = match Wish::parse(&asked.input) {
        Ok(parsed) => parsed,
        Err(why) => return Ok(Found::Over(refused(&why))),
    };
    if let Wanted::CleanUp(execution) = &wanted {
        return clean_up(deployer, asked, execution).await;
    }
    let id = record::id(&asked.execution);
    let held = match deployer.read(&id).await? {
        Some(held) => held,
        // It failed before it began: there is nothing to clean up, and nothing is begun.
        None if asked.failed => {
            return Ok(Found::Over(over_with(Kind::Failed, "nothing was begun")));
        }
        None => {
            match begin::begin(deployer, &asked.execution, asked.began, &wish, &wanted).await? {
                Begun::Held(held) => *held,
                Begun::Not(why) => return Ok(Found::Over(refused(&why))),
            }
        }
    };
    // Somebody cleans up after this execution, or has: it has nothing more to say.
    if held.record.execution != asked.execution {
        return Ok(Found::Over(over(&held)));
    }
    if asked.failed && held.record.abandoned.is_none() {
        return abandon(
            deployer,
            held,
            "its steps failed, also after retries; the function's log says why",
        )
        .await;
    }
    Ok(Found::Held(Box::new(held)))
}

/// Takes up what another execution left behind, once nothing of it can write any more.
async fn clean_up(deployer: &Deployer, asked: &Asked, execution: &str) -> Result<Found, Stop> {
    // A clean-up that died is cleaned up after by the record's own id, which stays.
    let id = match JobId::parse(execution) {
        Some(id) => id.as_str().to_owned(),
        None => record::id(execution),
    };
    let Some(mut held) = deployer.read(&id).await? else {
        return Ok(Found::Over(over_with(Kind::Failed, "nothing was begun")));
    };
    if held.record.phase == Phase::Over {
        return Ok(Found::Over(over(&held)));
    }
    if held.record.execution == asked.execution {
        return Ok(Found::Held(Box::new(held)));
    }
    let client = deployer.clients.states();
    let known = aws::states::execution(&client, &held.record.execution).await?;
    let status = match &known {
        Some(known) => match known.ended {
            None => return Ok(Found::Over(refused("that execution is still at work"))),
            Some(ended) if now() < ended + deployer.setup.outlives => {
                return Ok(Found::Wait(
                    "its last invocation may still be at work".to_owned(),
                ));
            }
            Some(_) => known.status.clone(),
        },
        None => "unknown".to_owned(),
    };
    held.record.execution = asked.execution.clone();
    abandon(
        deployer,
        held,
        &format!("the execution that deployed it ended ({status})"),
    )
    .await
}

/// Gives it up, for the first reason there is; and whoever takes it up is written down before anything else
/// is done.
async fn abandon(deployer: &Deployer, mut held: Held, why: &str) -> Result<Found, Stop> {
    held.record.abandoned.get_or_insert_with(|| why.to_owned());
    match deployer.write(&mut held).await? {
        Ok(()) => Ok(Found::Held(Box::new(held))),
        Err(Overtaken) => Err(Stop::Overtaken),
    }
}

fn waits(deployer: &Deployer, asked: &Asked, text: &str) -> Value {
    let elapsed = now().saturating_sub(asked.began);
    let seconds = deployer.setup.look_every.unwrap_or_else(|| pace(elapsed));
    json!({"next": "wait", "seconds": seconds, "now": text})
}

fn over(held: &Held) -> Value {
    match &held.record.end {
        Some(end) => {
            let mut text = end.summary.clone();
            for reason in &end.reasons {
                text.push_str("\n- ");
                text.push_str(reason);
            }
            over_with(end.result, &cut(&text, LONGEST_CAUSE))
        }
        None => over_with(Kind::Failed, "it is taken up by a clean-up"),
    }
}

fn over_with(result: Kind, summary: &str) -> Value {
    json!({"next": "over", "result": result, "now": summary})
}

fn refused(why: &str) -> Value {
    tracing::warn!(why, "refused");
    over_with(Kind::Refused, why)
}

fn stopped(deployer: &Deployer, asked: &Asked, stop: Stop) -> Result<Value, Error> {
    match stop {
        Stop::Overtaken => Ok(waits(deployer, asked, "another invocation was at work")),
        Stop::Failed(error) => {
            tracing::error!(%error, "the step failed");
            Err(Error::from(error))
        }
        Stop::Lost(why) => {
            tracing::error!(why, "the lock is lost");
            Err(Error::from(why))
        }
    }
}
