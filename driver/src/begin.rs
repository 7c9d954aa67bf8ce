//! How each target of a new attempt begins: registered once per definition, taken up where an earlier
//! delivery left it, or only watched.

use futures_util::future::join_all;
use shared::error::Failure;
use shared::preflight;
use shared::rollout::State;
use shared::rollout::seen::Seen;
use shared::rollout::seen::stack::StackSeen;
use shared::rollout::start::{self, Keys, Start};

use crate::Work;
use crate::check::Known;
use crate::decide::Plan;
use crate::findings::Findings;
use crate::prepare::Prepared;
use crate::register;
use crate::stacks::Made;

/// Registers what is not there yet, and writes down how each target begins.
pub(crate) async fn begin(
    work: &Work<'_>,
    state: &mut State,
    mut seen: Vec<Seen>,
    known: &[Known],
    plan: &Plan,
    made: &[Made],
) -> Result<Prepared, Failure> {
    let mut starts: Vec<Option<Start>> = Vec::new();
    for (n, end) in work.ends.iter().enumerate() {
        let (Some(known), Some(wanted), Some(seen)) =
            (known.get(n), plan.definition(n), seen.get(n))
        else {
            starts.push(None);
            continue;
        };
        let keys = keys(work, state, plan.first_of_unit(n));
        let (running, latest) = (known.running.as_ref(), known.latest.as_ref());
        starts.push(Some(match end.target.task() {
            None => start::start(&seen.service, running, latest, wanted, keys),
            Some(_) => start::registered(latest, wanted, keys),
        }));
    }
    let mut delayed = Findings::new(work);
    for (n, ((end, seen), start)) in work.ends.iter().zip(&seen).zip(&starts).enumerate() {
        if end.target.is_service() && !matches!(start, Some(Start::Watch(_))) {
            delayed.add(n, preflight::delayed(end.target, &seen.service));
        }
    }
    delayed.done()?;
    let arns = join_all(plan.units().map(|unit| {
        let starts = &starts;
        let state = &*state;
        let was = common(unit.iter().filter_map(|n| {
            let end = work.ends.get(*n)?;
            end.target.is_service().then_some(())?;
            seen.get(*n).map(|seen| start::was(&seen.service))
        }));
        async move { revision(work, state, unit, starts, known, was, plan).await }
    }))
    .await;
    let mut fresh = Vec::new();
    let mut watches = Vec::new();
    let arns: Vec<(String, bool)> = arns.into_iter().collect::<Result<_, _>>()?;
    for (n, ((end, start), seen)) in work.ends.iter().zip(starts).zip(&mut seen).enumerate() {
        if let Some(made) = made.iter().find(|made| made.n == n) {
            watches.push(made.watch.clone());
            // What is not changed is proven in the first look.
            seen.stack = made.watch.unchanged.then(StackSeen::default);
            continue;
        }
        let Some((arn, own)) = arns.get(plan.unit_of(n)) else {
            continue;
        };
        watches.push(match start {
            Some(Start::Watch(watch)) => watch,
            _ if end.target.task().is_some() => start::waiting(None, arn.clone()),
            _ => start::waiting(start::was(&seen.service), arn.clone()),
        });
        if *own {
            fresh.push(n);
        }
    }
    state.targets = watches;
    Ok(Prepared { seen, fresh })
}

/// The keys under which a target's definition is registered: those of the first target that shares
/// it.
fn keys<'a>(work: &'a Work<'_>, state: &'a State, first: usize) -> Keys<'a> {
    Keys {
        operation: work
            .ends
            .get(first)
            .map_or("", |end| end.operation.as_str()),
        attempt: &state.attempt,
    }
}

/// The revision of a unit, for those of its targets that do not run it yet, and whether this
/// delivery registered it. What others of the unit run from an earlier release is not taken: of a
/// revision of our own it can be told whether this attempt deployed it.
async fn revision(
    work: &Work<'_>,
    state: &State,
    unit: &[usize],
    starts: &[Option<Start>],
    known: &[Known],
    was: Option<String>,
    plan: &Plan,
) -> Result<(String, bool), Failure> {
    let of_unit = || {
        unit.iter()
            .filter_map(|n| Some((*n, starts.get(*n)?.as_ref()?)))
    };
    let first = unit.first().copied().unwrap_or_default();
    let (Some(end), Some(wanted)) = (work.ends.get(first), plan.definition(first)) else {
        return Ok((String::new(), false));
    };
    let watched = |unchanged: bool| {
        of_unit().find_map(|(_, start)| match start {
            Start::Watch(watch) if watch.unchanged == unchanged => Some(watch.became.clone()),
            _ => None,
        })
    };
    if let Some(of_this_attempt) = watched(false) {
        return Ok((of_this_attempt, false));
    }
    let keys = keys(work, state, first);
    for (_, start) in of_unit() {
        if let Start::Resume(revision) = start {
            let revision = revision.as_ref().clone();
            let arn = register::lowest(end, wanted, 0, revision, keys).await?;
            return Ok((arn, false));
        }
    }
    let is_task = |n: usize| {
        work.ends
            .get(n)
            .is_some_and(|end| end.target.task().is_some())
    };
    let for_a_service = of_unit().any(|(n, start)| *start == Start::Register && !is_task(n));
    if let Some(unchanged) = watched(true).filter(|_| !for_a_service) {
        return Ok((unchanged, false));
    }
    let latest = unit.iter().filter_map(|n| known.get(*n)?.latest.as_ref());
    let newest = latest
        .map(|latest| latest.revision)
        .max()
        .unwrap_or_default();
    register::register(end, wanted, newest, was.as_deref(), keys).await
}

/// The one value of all, if they have one.
fn common(mut values: impl Iterator<Item = Option<String>>) -> Option<String> {
    let first = values.next()??;
    values
        .all(|value| value.as_ref() == Some(&first))
        .then_some(first)
}
