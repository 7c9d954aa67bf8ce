//! A look: one `DescribeServices` per cluster, whatever the number of targets in it, and the newest
//! events of each stack.

use aws::cloudformation::events;
use aws::ecs::service;
use aws::error::{CallError, Kind};
use futures_util::future::join_all;
use shared::error::FailureKind;
use shared::rollout::seen::stack::{Event, StackSeen};
use shared::rollout::seen::{Blind, Seen, Service};
use shared::rollout::watch::{Phase, Watch};
use shared::rollout::{State, token};

use crate::{End, Work, passing};

/// Looks at all targets. What cannot be seen says why, and holds up nothing else.
pub async fn look(work: &Work<'_>, state: &State) -> Vec<Seen> {
    let wanted: Vec<usize> = (0..work.ends.len())
        .filter(|n| needs_service(work, state, *n))
        .collect();
    let (mut seen, stacks) = futures_util::join!(services(work, &wanted), stacks(work, state));
    for (n, sight) in stacks {
        if let Some(place) = seen.get_mut(n) {
            *place = sight;
        }
    }
    seen
}

/// The stacks that were begun, each by its newest events (CONTRACTS 3.6.19). One that waits for its
/// turn is not looked at: its change set says what was seen.
async fn stacks(work: &Work<'_>, state: &State) -> Vec<(usize, Seen)> {
    let begun = |watch: &Watch| {
        watch.phase != Phase::Waiting || watch.progress.at > 0 || state.turned.is_some()
    };
    let each = state.targets.iter().enumerate();
    let each = each.filter_map(|(n, watch)| {
        let end = work.ends.get(n).filter(|_| begun(watch))?;
        Some((n, end, end.target.stack()?))
    });
    let each = each.map(|(n, end, stack)| async move {
        let reached = match end.reached() {
            Ok(reached) => reached,
            Err(failure) if failure.kind == FailureKind::SystemUnavailable => {
                return (n, blinded(Blind::NotNow(failure.message)));
            }
            Err(failure) => return (n, blinded(Blind::Refused(failure))),
        };
        let token = token(&state.attempt, n);
        // What is older than the attempt says nothing about it, however far clocks are apart.
        let since = state.started.saturating_sub(CLOCKS_SECONDS);
        let begin = |event: &Event| {
            let ours = event.token == token && event.is_of_the_stack();
            event.at < since || ours && BEGINNINGS.contains(&event.status.as_str())
        };
        let client = reached.cloudformation();
        let seen = match events::back_to(&client, &stack.stack, begin).await {
            Ok(events) => Seen {
                stack: Some(StackSeen {
                    events,
                    ..StackSeen::default()
                }),
                ..Seen::default()
            },
            Err(error) => blinded(why(end, error)),
        };
        (n, seen)
    });
    join_all(each).await
}

/// How a stack's operation begins.
const BEGINNINGS: [&str; 2] = ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"];
/// What this machine's clock and AWS's may differ by.
const CLOCKS_SECONDS: u64 = 300;

/// A task needs the service that it is like until it has begun, and not when all goes back.
fn needs_service(work: &Work<'_>, state: &State, n: usize) -> bool {
    let waits = |watch: &Watch| watch.phase == Phase::Waiting && state.turned.is_none();
    let Some(end) = work.ends.get(n) else {
        return false;
    };
    end.target.is_service() || end.target.task().is_some() && state.targets.get(n).is_none_or(waits)
}

/// The sights of all targets, with the services of those that are wanted.
pub(crate) async fn services(work: &Work<'_>, wanted: &[usize]) -> Vec<Seen> {
    let mut clusters: Vec<Vec<(usize, &End<'_>)>> = Vec::new();
    let ends = work.ends.iter().enumerate();
    for (n, end) in ends.filter(|(n, _)| wanted.contains(n)) {
        let same = |one: &End<'_>| {
            one.target.cluster == end.target.cluster && one.target.same_place(end.target)
        };
        let known = clusters
            .iter_mut()
            .find(|ends| ends.first().is_some_and(|(_, first)| same(first)));
        match known {
            Some(ends) => ends.push((n, end)),
            None => clusters.push(vec![(n, end)]),
        }
    }
    let looks = join_all(clusters.iter().map(|ends| cluster(ends))).await;
    let mut seen = vec![Seen::default(); work.ends.len()];
    for (n, sight) in looks.into_iter().flatten() {
        if let Some(place) = seen.get_mut(n) {
            *place = sight;
        }
    }
    seen
}

async fn cluster(ends: &[(usize, &End<'_>)]) -> Vec<(usize, Seen)> {
    let Some((_, first)) = ends.first() else {
        return Vec::new();
    };
    let all_blind = |blind: Blind| {
        let each = ends.iter().map(|(n, _)| (*n, blinded(blind.clone())));
        each.collect()
    };
    let reached = match first.reached() {
        Ok(reached) => reached,
        // The session could not be had just now: that is no reason to give the targets up.
        Err(failure) if failure.kind == FailureKind::SystemUnavailable => {
            return all_blind(Blind::NotNow(failure.message));
        }
        Err(failure) => return all_blind(Blind::Refused(failure)),
    };
    let names: Vec<&str> = ends.iter().map(|(_, end)| end.target.service()).collect();
    let described = match service::describe(&reached.ecs, &first.target.cluster, &names).await {
        Ok(described) => described,
        Err(error) => return all_blind(why(first, error)),
    };
    let each = ends.iter().zip(described).map(|((n, end), described)| {
        let seen = match described {
            Ok(service) => Seen {
                service,
                ..Seen::default()
            },
            Err(error) if error.kind == Kind::Missing => Seen {
                service: Service {
                    name: end.target.service().to_owned(),
                    status: MISSING.to_owned(),
                    ..Service::default()
                },
                ..Seen::default()
            },
            Err(error) => blinded(why(end, error)),
        };
        (*n, seen)
    });
    each.collect()
}

fn blinded(blind: Blind) -> Seen {
    Seen {
        blind: Some(blind),
        ..Seen::default()
    }
}

/// Why a call about a target did not show what it should.
pub(crate) fn why(end: &End<'_>, error: CallError) -> Blind {
    if passing(&error) {
        tracing::warn!(%error, target.name = end.target.name, "could not look; the rollout goes on");
        return Blind::NotNow(format!("{} is not answered", error.operation));
    }
    Blind::Refused(end.failed(error))
}

/// The status of a service that does not exist, as ECS's failures have it.
pub(crate) const MISSING: &str = "MISSING";

/// Whether there is a service, with something that serves.
pub(crate) fn is_there(service: &Service) -> bool {
    service.status != MISSING && service.primary().is_some()
}
