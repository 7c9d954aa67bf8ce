//! The live state of all targets, as far as a rollout starts from it: what a preview's fingerprint is
//! taken of.

use aws::cloudformation::{events, resources, stack, template};
use aws::error::{CallError, Kind};
use futures_util::future::join_all;
use shared::error::Failure;
use shared::preview::drift::is_beginning;
use shared::preview::fingerprint::Live;
use shared::rollout::seen::Seen;
use shared::rollout::seen::stack::Event;

use crate::{End, Work, act, check};

/// Reads it now.
pub async fn now(work: &Work<'_>) -> Result<Vec<Live>, Failure> {
    let seen = check::first_sight(work).await?;
    live(work, &seen).await
}

/// Reads it; `seen` is the first sight of all targets, which services and tasks are taken from.
pub async fn live(work: &Work<'_>, seen: &[Seen]) -> Result<Vec<Live>, Failure> {
    let each = work.ends.iter().zip(seen).map(|(end, seen)| one(end, seen));
    join_all(each).await.into_iter().collect()
}

async fn one(end: &End<'_>, seen: &Seen) -> Result<Live, Failure> {
    let target = end.target;
    let mut live = Live {
        account: end.account.clone(),
        region: target.region.as_str().to_owned(),
        kind: target.kind.word(),
        name: target.name.clone(),
        ..Live::default()
    };
    let Some(wanted) = target.stack() else {
        live.services = vec![(target.cluster.clone(), seen.service.clone())];
        return Ok(live);
    };
    let reached = end.reached()?;
    let client = reached.cloudformation();
    let failed = |error| end.failed(error);
    let found = stack::describe(&client, &wanted.stack)
        .await
        .map_err(failed)?;
    // In review there is a name and nothing else.
    let Some(found) = found.filter(|stack| stack.status != "REVIEW_IN_PROGRESS") else {
        return Ok(live);
    };
    let template = template::original(&client, &wanted.stack).await;
    let inside = resources::inside(&client, &wanted.stack)
        .await
        .map_err(failed)?;
    let inside = act::inside(reached, inside).await.map_err(failed)?;
    live.stack = Some((found, template.map_err(failed)?));
    let each = inside.services.into_iter();
    live.services = each.map(|one| (one.cluster, one.seen.service)).collect();
    Ok(live)
}

/// The newest events of each stack, back to the beginning of what was done to it last; none for what
/// is no stack, or has none.
pub async fn last_changes(work: &Work<'_>) -> Vec<Result<Vec<Event>, CallError>> {
    let each = work.ends.iter().map(|end| async move {
        let (Some(wanted), Ok(reached)) = (end.target.stack(), end.reached()) else {
            return Ok(Vec::new());
        };
        match events::back_to(&reached.cloudformation(), &wanted.stack, is_beginning).await {
            Err(error) if error.kind == Kind::Missing => Ok(Vec::new()),
            events => events,
        }
    });
    join_all(each).await
}
