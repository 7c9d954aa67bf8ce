//! Change sets made and held against the guard: they change nothing before they are executed.

use std::time::Duration;

use aws::cloudformation::Client;
use aws::cloudformation::change_set::{self, Wanted};
use aws::error::CallError;
use futures_util::future::join_all;
use shared::error::{Failure, FailureKind};
use shared::rollout::State;
use shared::rollout::stack::change_set_name;
use shared::rollout::watch::{Phase, Watch};
use shared::rollout_file::stack::StackTarget;
use shared::stack::before::Before;
use shared::stack::{ChangeSet, Status, guard};

use super::begun::begun;
use super::kept::keep;
use super::template::Template;
use super::{Made, Planned};
use crate::Work;
use crate::decide;
use crate::findings::Findings;

/// The pause between two looks at a change set that is being created: they take seconds.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After as many looks without a trace, a change set is made again.
const UNSEEN: u32 = 5;
/// After as many looks it is for the next invocation.
const LOOKS: u32 = 120;

/// Makes all change sets and holds them against the guard. If one may not be executed, none stays.
pub(crate) async fn create(
    work: &Work<'_>,
    state: &State,
    planned: &[Planned],
) -> Result<Vec<Made>, Failure> {
    let each = planned
        .iter()
        .map(|planned| create_one(work, state, planned));
    let mut findings = Findings::new(work);
    let mut failure: Option<Failure> = None;
    let mut all = Vec::new();
    for (planned, made) in planned.iter().zip(join_all(each).await) {
        match made {
            Ok(Ok(made)) => all.push(made),
            Ok(Err(wrongs)) => findings.add(planned.n, wrongs),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    let refused = findings.done().err().or(failure);
    let Some(refused) = refused else {
        return Ok(all);
    };
    // What another delivery will take up stays.
    if refused.kind != FailureKind::SystemUnavailable {
        let places: Vec<usize> = planned.iter().map(|planned| planned.n).collect();
        discard(work, state, &places).await;
    }
    Err(refused)
}

/// Deletes change sets that were never executed; what cannot be deleted harms nobody.
pub(crate) async fn discard(work: &Work<'_>, state: &State, places: &[usize]) {
    let each = places.iter().map(|n| async move {
        let end = work.ends.get(*n)?;
        let (target, reached) = (end.target.stack()?, end.reached().ok()?);
        let client = reached.cloudformation();
        let name = change_set_name(&state.attempt, *n);
        // One that is executed, by an earlier delivery, tells how that goes.
        let found = change_set::describe(&client, &target.stack, &name).await;
        if !matches!(&found, Ok(Some(one)) if one.execution.starts_with("EXECUTE_"))
            && let Err(error) = change_set::delete(&client, &target.stack, &name).await
        {
            tracing::warn!(%error, name, "could not delete a change set that is not used");
        }
        Some(())
    });
    join_all(each).await;
}

async fn create_one(
    work: &Work<'_>,
    state: &State,
    planned: &Planned,
) -> Result<Result<Made, Vec<String>>, Failure> {
    let n = planned.n;
    let (Some(end), Some(target)) = (
        work.ends.get(n),
        work.ends.get(n).and_then(|end| end.target.stack()),
    ) else {
        return Ok(Err(Vec::new()));
    };
    let failed = |error| end.failed(error);
    let client = end.reached()?.cloudformation();
    let name = change_set_name(&state.attempt, n);
    let parameters = match planned.parameters(work.request.file.on_failure) {
        Ok(parameters) => parameters,
        Err(wrongs) => return Ok(Err(wrongs)),
    };
    let wanted = wanted(planned, target, &name, &parameters);
    let made = made(&client, &wanted).await;
    let not_now = |text| Failure::new(FailureKind::SystemUnavailable, text);
    let change_set = match made {
        Ok(Ok(change_set)) => change_set,
        Ok(Err(text)) => return Err(not_now(text)),
        // Another delivery has begun it, or somebody else is at work: looked at again.
        Err(error) if change_set::is_busy(&error) => return Err(not_now(error.message)),
        Err(error) => return Err(failed(error)),
    };
    let stack = planned.stack.as_ref();
    let watch = Watch {
        was: stack.map(|stack| aws::time::shown(stack.changed)),
        became: name.clone(),
        deployment: decide::id(&change_set.id).to_owned(),
        phase: Phase::Waiting,
        ..Watch::default()
    };
    if change_set.changes_nothing() {
        delete(&client, &wanted).await;
        // Not even now: another delivery may have changed it since this one has looked.
        if let Some(stack) = stack
            && let Some(watch) = begun(&client, &target.stack, stack, state, n)
                .await
                .map_err(failed)?
        {
            return Ok(Ok(Made { n, watch }));
        }
        let watch = Watch {
            deployment: String::new(),
            unchanged: true,
            phase: Phase::Forward,
            ..watch
        };
        return Ok(Ok(Made { n, watch }));
    }
    match (&change_set.status, change_set.execution.as_str()) {
        // An earlier delivery has checked it and begun.
        (_, executed) if executed.starts_with("EXECUTE_") => return Ok(Ok(Made { n, watch })),
        (Status::Complete, "AVAILABLE") => {}
        (status, execution) => {
            return Ok(Err(vec![decide::unusable(
                status,
                execution,
                &change_set.reason,
            )]));
        }
    }
    let refused = guard::refused(&change_set.changes, &target.allow_replacement);
    if !refused.is_empty() {
        return Ok(Err(refused));
    }
    if let Some(stack) = stack {
        let before = Before::of(
            stack,
            planned.before.clone(),
            &change_set.changes,
            &target.allow_replacement,
        );
        let first = keep(work, state, n, &before).await?;
        // Another delivery was here since this one has looked.
        if !first
            && let Some(watch) = begun(&client, &target.stack, stack, state, n)
                .await
                .map_err(failed)?
        {
            delete(&client, &wanted).await;
            return Ok(Ok(Made { n, watch }));
        }
    }
    Ok(Ok(Made { n, watch }))
}

/// The change set of what is planned.
pub(crate) fn wanted<'a>(
    planned: &'a Planned,
    target: &'a StackTarget,
    name: &'a str,
    parameters: &'a [(String, Option<String>)],
) -> Wanted<'a> {
    Wanted {
        stack: &target.stack,
        name,
        new: planned.stack.is_none(),
        template: planned.template.as_ref().map(Template::source),
        parameters,
        capabilities: &target.capabilities,
        role: target
            .cloudformation_role
            .as_ref()
            .map(|role| role.as_str()),
        tags: planned.given.tags.as_deref(),
    }
}

pub(crate) async fn delete(client: &Client, wanted: &Wanted<'_>) {
    if let Err(error) = change_set::delete(client, wanted.stack, wanted.name).await {
        tracing::warn!(%error, "could not delete a change set that changes nothing");
    }
}

/// Creates a change set and waits until it can be looked at; the inner error says that it takes too
/// long.
pub(crate) async fn made(
    client: &Client,
    wanted: &Wanted<'_>,
) -> Result<Result<ChangeSet, String>, CallError> {
    change_set::create(client, wanted).await?;
    let mut unseen = 0;
    for _ in 0..LOOKS {
        match change_set::describe(client, wanted.stack, wanted.name).await? {
            Some(found) if found.status != Status::Creating => return Ok(Ok(found)),
            Some(_) => unseen = 0,
            None => unseen += 1,
        }
        // Not there yet; or not any more, since another delivery of the job was done with it.
        if unseen == UNSEEN {
            change_set::create(client, wanted).await?;
            unseen = 0;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(Err(format!(
        "CloudFormation is still creating the change set {} of stack {}",
        wanted.name, wanted.stack
    )))
}
