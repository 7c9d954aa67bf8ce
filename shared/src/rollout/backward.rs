//! One look at all targets on their way back: the first failure turns all of them round.

use super::seen::Seen;
use super::watch::{Phase, Progress, Watch};
use super::{Ending, Look, Round, State, Step, Turn, actions, shows, stack, task, undo, waiting};
use crate::error::FailureKind;
use crate::rollout_file::target::Kind;
use crate::rollout_file::{OnFailure, RolloutFile};

/// From here on everything that was changed goes back.
pub(super) fn turn_round(state: &mut State, file: &RolloutFile, turn: Turn) {
    let phases: Vec<Phase> = state.targets.iter().map(|watch| watch.phase).collect();
    for (watch, target) in state.targets.iter_mut().zip(&file.targets) {
        let done = |before: &usize| phases.get(*before) == Some(&Phase::Served);
        // What could begin, another delivery of the job may have begun just now.
        let by_another = watch.phase == Phase::Waiting && target.after.iter().all(done);
        watch.phase = match watch.phase {
            // What was asked for without an answer may have been carried out.
            Phase::Waiting if watch.progress.at == 0 => Phase::Waiting,
            // What a task did cannot be undone.
            Phase::Served if target.task().is_some() => Phase::Served,
            _ => Phase::Back { asked: false },
        };
        if by_another {
            watch.progress = Progress::begun(turn.since);
        }
    }
    state.turned = Some(turn);
}

/// From here on everything goes back, because whoever was at work has ended; a rollout that goes back
/// already is left alone.
pub fn give_up(state: &mut State, file: &RolloutFile, why: &str, now: u64) {
    if state.turned.is_some() {
        return;
    }
    let unserved = |watch: &&mut Watch| watch.phase != Phase::Served;
    let place = state
        .targets
        .iter()
        .position(|watch| watch.phase != Phase::Served);
    if let Some(watch) = state.targets.iter_mut().find(unserved) {
        watch.cause = Some(why.to_owned());
    }
    let turn = Turn {
        since: now,
        target: place.unwrap_or(0),
        kind: FailureKind::JobFailed,
    };
    turn_round(state, file, turn);
}

pub(super) fn backward(
    state: &mut State,
    seen: &[Seen],
    file: &RolloutFile,
    turn: Turn,
    now: u64,
) -> Step {
    let round = Round::of(state, file, now);
    let done = may_be_done(state, seen, file, &round);
    let mut looks = Vec::new();
    for (n, (target, seen)) in file.targets.iter().zip(seen).enumerate() {
        let Some(watch) = state.targets.get_mut(n) else {
            continue;
        };
        let next = !target.after.is_empty() && target.after.iter().all(|n| done.contains(n));
        let never_asked_for = watch.progress.at == 0 && watch.cause.is_none();
        // What it waited for may have ended well since: another delivery, which has not turned
        // round, may begin it just now. A stack it cannot, once the change set is gone.
        let waits = watch.phase == Phase::Waiting && target.stack().is_none();
        if waits && next && never_asked_for {
            watch.progress = Progress::begun(now);
        }
        // A delivery that was lost, or one that lives, began it.
        let scene = round.scene(n, target);
        let began = match target.kind {
            Kind::Service(_) => shows(watch, seen),
            Kind::Stack(_) => stack::shows(seen, &scene.token),
            Kind::Task(_) => false,
        };
        if watch.phase == Phase::Waiting && began {
            watch.phase = Phase::Back { asked: false };
            // It may have done so just now, and the next look may be older than this one.
            watch.progress = Progress::begun(now);
        }
        let stop = file.on_failure == OnFailure::Stop;
        let unseen = seen.blind.is_some() && seen.service.status.is_empty();
        looks.push(match (&target.kind, watch.phase) {
            (Kind::Service(_), _) if unseen => undo::blinded(seen, &scene, turn.since),
            (Kind::Stack(_), _) if seen.stack.is_none() => undo::blinded(seen, &scene, turn.since),
            (Kind::Task(_), _) if seen.blind.is_some() => undo::blinded(seen, &scene, turn.since),
            (Kind::Service(_), Phase::Waiting) if watch.progress.may_be_unseen(now) => {
                Look::Wait("it may have been begun, and not show yet".into(), 50)
            }
            (Kind::Service(_), Phase::Waiting) => {
                Look::Over(format!("as before, {}", undo::now_serving(&seen.service)))
            }
            (Kind::Service(_), _) => undo::back(watch, seen, &scene, turn.since),
            (Kind::Task(_), _) => task::back(watch, seen, &scene, turn, n, stop),
            (Kind::Stack(_), _) => stack::back(watch, seen, &scene, turn.since),
        });
    }
    let actions = actions(&looks);
    if !actions.is_empty() {
        return Step::Do(actions);
    }
    let over: Option<Vec<String>> = looks
        .iter()
        .map(|look| match look {
            Look::Over(now) => Some(now.clone()),
            _ => None,
        })
        .collect();
    match over {
        Some(now) => Step::Failed(Ending { turn, now }),
        None => waiting(file, &looks),
    }
}

/// The targets that may have come to a good end, as far as this look shows: what comes after them can
/// begin for whoever has not turned round.
fn may_be_done(state: &State, seen: &[Seen], file: &RolloutFile, round: &Round<'_>) -> Vec<usize> {
    let targets = file.targets.iter().zip(seen).zip(&state.targets);
    let done = targets.enumerate().filter(|(n, ((target, seen), watch))| {
        let ended = match target.kind {
            Kind::Task(_) => task::ended_well(seen, &round.scene(*n, target)),
            // To another delivery, which saw it a moment before or after, it may have served.
            Kind::Service(_) => shows(watch, seen),
            Kind::Stack(_) => false,
        };
        watch.phase == Phase::Served || ended
    });
    done.map(|(n, _)| n).collect()
}
