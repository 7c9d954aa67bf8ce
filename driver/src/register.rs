//! Registers exactly one revision per definition, however often and at the same time a job is
//! delivered (CONTRACTS 3.5.6, 3.5.7).

use std::time::Duration;

use aws::clients::Target as Reached;
use aws::ecs::task_definition;
use aws::error::{CallError, Kind};
use shared::error::Failure;
use shared::rollout::start::{self, Keys};
use shared::task_definition::{Described, TaskDefinition};

use crate::End;

/// About half a minute in all: the quota is one registration a second, and others wait for theirs.
const ATTEMPTS: u32 = 10;

/// A revision, or the newest ACTIVE one of a family.
pub(crate) async fn describe(
    reached: &Reached,
    family_or_arn: &str,
) -> Result<Option<Described>, CallError> {
    task_definition::describe(&reached.ecs, family_or_arn).await
}

/// Registers exactly one revision and returns its ARN, and whether this very call made it: what may have been carried out is looked for
/// before it is tried again, and of two equal revisions the lower wins. `newest`: the family's
/// newest revision before; `was`: what serves before, where that is one.
pub(crate) async fn register(
    end: &End<'_>,
    wanted: &TaskDefinition,
    newest: u64,
    was: Option<&str>,
    keys: Keys<'_>,
) -> Result<(String, bool), Failure> {
    let reached = end.reached()?;
    let failed = |error| end.failed(error);
    let input = wanted
        .register_input(keys.operation, keys.attempt, was)
        .map_err(Failure::configuration)?;
    let mut attempt = 0;
    loop {
        let error = match task_definition::register(&reached.ecs, &input).await {
            Ok(ours) => {
                let made = ours.arn.clone();
                let arn = lowest(end, wanted, newest, ours, keys).await?;
                return Ok((arn.clone(), arn == made));
            }
            Err(error) => error,
        };
        attempt += 1;
        if attempt == ATTEMPTS || !crate::passing(&error) {
            return Err(failed(error));
        }
        tracing::warn!(%error, "could not register; trying again");
        back_off(attempt).await;
        if error.kind == Kind::Unanswered
            && let Some(latest) = describe(reached, wanted.family()).await.map_err(failed)?
            && latest.revision > newest
        {
            let ours = lowest(end, wanted, newest, latest.clone(), keys).await?;
            if ours != latest.arn || keys.made(&latest, wanted) {
                return Ok((ours, false));
            }
        }
    }
}

/// The lowest revision of this attempt between the newest one known before (0: unknown) and `ours`:
/// deliveries at the same time may each have registered one, and all have to deploy the same.
pub(crate) async fn lowest(
    end: &End<'_>,
    wanted: &TaskDefinition,
    newest: u64,
    ours: Described,
    keys: Keys<'_>,
) -> Result<String, Failure> {
    let reached = end.reached()?;
    for revision in start::between(newest, ours.revision) {
        let other = describe(reached, &format!("{}:{revision}", wanted.family())).await;
        let other = other.map_err(|error| end.failed(error))?;
        if let Some(other) = other.filter(|other| other.active && keys.made(other, wanted)) {
            return Ok(other.arn);
        }
    }
    Ok(ours.arn)
}

/// 0.2 s, doubled each time, with jitter, so that jobs side by side do not try again together.
pub(crate) async fn back_off(attempt: u32) {
    let ceiling = 200_u64 << attempt.min(5);
    tokio::time::sleep(Duration::from_millis(
        ceiling / 2 + fastrand::u64(0..=ceiling / 2),
    ))
    .await;
}
