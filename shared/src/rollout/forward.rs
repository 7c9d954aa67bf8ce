//! One look at all targets on their way forward: who begins, who waits, and the one moment in which
//! everything serves.

use super::proof::{self, Proof, Verdict};
use super::seen::{Blind, Seen};
use super::watch::{Phase, Progress, Watch};
use super::{
    Action, Look, Round, Scene, State, Step, Turn, actions, service, shows, stack, task, undo,
    waiting, waits_for,
};
use crate::error::FailureKind;
use crate::rollout_file::RolloutFile;
use crate::rollout_file::target::Kind;

pub(super) fn forward(
    state: &mut State,
    seen: &[Seen],
    file: &RolloutFile,
    now: u64,
) -> Result<Step, Turn> {
    let round = Round::of(state, file, now);
    let turn = |target, kind| Turn {
        since: now,
        target,
        kind,
    };
    let mut looks = Vec::new();
    for (n, (target, seen)) in file.targets.iter().zip(seen).enumerate() {
        let Some(watch) = state.targets.get_mut(n) else {
            continue;
        };
        let scene = round.scene(n, target);
        let explains = target.stack().is_some() && stack::has_failed(seen, &scene.token);
        if let Some(blind) = seen.blind.as_ref().filter(|_| !explains) {
            looks.push(blinded(watch, blind, &scene).map_err(|kind| turn(n, kind))?);
            continue;
        }
        let look = match (&target.kind, watch.phase) {
            (Kind::Service(_), Phase::Waiting) if shows(watch, seen) => {
                watch.phase = Phase::Forward;
                // Another delivery may have begun it just now, long after this one asked for it: the
                // next look may be older than this one.
                watch.progress = Progress::begun(now);
                service::forward(watch, seen, &scene)
            }
            (Kind::Stack(_), Phase::Waiting) if stack::shows(seen, &scene.token) => {
                watch.phase = Phase::Forward;
                stack::forward(watch, seen, &scene)
            }
            // Whether it may begin shows when all others were looked at.
            (_, Phase::Waiting) => Look::Wait(waits_for(file, target), 0),
            (Kind::Service(_), _) => service::forward(watch, seen, &scene),
            (Kind::Task(_), _) => task::forward(watch, seen, &scene),
            (Kind::Stack(_), _) => stack::forward(watch, seen, &scene),
        };
        if let Look::Turn(kind) = look {
            return Err(turn(n, kind));
        }
        looks.push(look);
    }
    begin_what_may(state, seen, file, &mut looks, now)?;
    let actions = actions(&looks);
    if !actions.is_empty() {
        return Ok(Step::Do(actions));
    }
    // Less than everything is not success, however little was asked for.
    let all = looks.len() == file.targets.len();
    if all && looks.iter().all(|look| *look == Look::Served) {
        return prove(state, seen, file, now);
    }
    Ok(waiting(file, &looks))
}

/// A target that cannot be seen: silence is waited for, within the deadline, a refusal is not.
fn blinded(watch: &mut Watch, blind: &Blind, scene: &Scene<'_>) -> Result<Look, FailureKind> {
    let (why, kind) = match blind {
        Blind::NotNow(text) if !scene.is_late() => return Ok(Look::Wait(text.clone(), 1)),
        Blind::NotNow(text) => (
            format!("{}: {text}", scene.too_late()),
            FailureKind::SystemUnavailable,
        ),
        Blind::Refused(failure) => (failure.message.clone(), failure.kind),
    };
    // What was read before explains more than the silence after it.
    let first = watch.cause.take().map(|cause| format!("; {cause}"));
    watch.cause = Some(why + &first.unwrap_or_default());
    Err(kind)
}

/// Targets whose predecessors are all done in this very look begin.
fn begin_what_may(
    state: &mut State,
    seen: &[Seen],
    file: &RolloutFile,
    looks: &mut [Look],
    now: u64,
) -> Result<(), Turn> {
    let round = Round::of(state, file, now);
    // What an earlier delivery of the job began may have been brought back by it: nothing more begins
    // before that shows.
    let mut sights = file.targets.iter().zip(seen).zip(&state.targets);
    let unclear = sights.any(|((target, seen), watch)| {
        target.is_service() && watch.phase == Phase::Forward && !shows(watch, seen)
    });
    let served: Vec<bool> = looks.iter().map(|look| *look == Look::Served).collect();
    for (n, (target, seen)) in file.targets.iter().zip(seen).enumerate() {
        let done = |before: &usize| served.get(*before).copied().unwrap_or_default();
        let Some(watch) = state.targets.get_mut(n) else {
            continue;
        };
        let waits = watch.phase != Phase::Waiting || !target.after.iter().all(done);
        if waits || seen.blind.is_some() {
            continue;
        }
        let turn = |kind| Turn {
            since: now,
            target: n,
            kind,
        };
        // What was checked long ago may have been changed since.
        let changed = seen.service.primary().is_none_or(|primary| {
            Some(&primary.task_definition) != watch.was.as_ref()
                && primary.task_definition != watch.became
        });
        if target.is_service() && !target.after.is_empty() && changed {
            watch.cause = Some(undo::overtaken_by(&seen.service));
            return Err(turn(FailureKind::RevisionOutOfSync));
        }
        let scene = round.scene(n, target);
        if scene.is_late() {
            let why = watch.cause.take().map(|cause| format!(": {cause}"));
            let why = why.unwrap_or_default();
            watch.cause = Some(format!("it could not be begun: {}{why}", scene.too_late()));
            return Err(turn(FailureKind::JobFailed));
        }
        // Asked for without an answer, it may show yet. The token of a task or a stack makes asking
        // again harmless.
        let may_show = target.is_service() && watch.progress.may_be_unseen(now);
        if let Some(look) = looks.get_mut(n) {
            *look = if may_show {
                Look::Wait("it may have been begun, and not show yet".into(), 1)
            } else if unclear && !target.after.is_empty() {
                Look::Wait("waits for what was begun beside it to show".into(), 1)
            } else {
                Look::Do(Action::Begin)
            };
        }
    }
    Ok(())
}

/// Everything serves, as far as counts tell: the tasks have to say so, all in one look.
fn prove(state: &mut State, seen: &[Seen], file: &RolloutFile, now: u64) -> Result<Step, Turn> {
    let round = Round::of(state, file, now);
    let mut looks = Vec::new();
    let mut proofs = Vec::new();
    for (n, (target, seen)) in file.targets.iter().zip(seen).enumerate() {
        let Some(watch) = state.targets.get_mut(n) else {
            continue;
        };
        if target.task().is_some() {
            proofs.push(Proof::of_task(watch));
            continue;
        }
        let scene = round.scene(n, target);
        let verdict = match (&seen.stack, &seen.serving) {
            (Some(stack), _) => stack::prove(watch, stack, &scene),
            (None, Some(tasks)) => Ok(proof::verdict(watch, seen, tasks)),
            (None, None) => Err(Action::ReadServing),
        };
        let verdict = match verdict {
            Ok(verdict) => verdict,
            Err(action) => {
                looks.push((n, Look::Do(action)));
                continue;
            }
        };
        match verdict {
            Verdict::Proven(proof) => proofs.push(proof),
            Verdict::ReadPlatforms(images) => {
                looks.push((n, Look::Do(Action::ReadPlatforms(images))));
            }
            Verdict::NotYet(text) => {
                if scene.is_late() {
                    watch.cause = Some(format!("{text} ({})", scene.too_late()));
                    return Err(Turn {
                        since: now,
                        target: n,
                        kind: FailureKind::JobFailed,
                    });
                }
                looks.push((n, Look::Wait(format!("{}: {text}", target.name), 99)));
            }
            Verdict::Otherwise(text) => {
                watch.cause = Some(text);
                return Err(Turn {
                    since: now,
                    target: n,
                    kind: FailureKind::JobFailed,
                });
            }
        }
    }
    let mut texts = Vec::new();
    let mut actions = Vec::new();
    for (n, look) in looks {
        match look {
            Look::Do(action) => actions.push((n, action)),
            Look::Wait(text, _) => texts.push(text),
            _ => {}
        }
    }
    Ok(if !actions.is_empty() {
        Step::Do(actions)
    } else if !texts.is_empty() {
        Step::Wait {
            text: texts.join("; "),
            percent: 99,
        }
    } else {
        Step::Done(proofs)
    })
}
