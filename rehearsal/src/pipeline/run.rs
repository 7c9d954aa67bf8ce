//! One execution on its way through the stages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::act::act;
use super::audience::What;
use super::definition::{Action, Stage};
use super::engine::{Board, Engine, Stop};
use super::execution::Status;

/// Longer than any execution waits before a stage: an approval's longest time, twice.
const QUEUE: Duration = Duration::from_secs(120 * 24 * 3600);

/// How it goes on before a stage.
enum Turn {
    Enter,
    Give(Status),
}

/// Goes through the stages from `from` on, where the actions of `kept` are not repeated. The
/// execution stands before that stage already.
pub(super) fn run(engine: &Arc<Engine>, id: &str, from: usize, kept: &BTreeSet<String>) {
    let _busy = Busy { engine, id };
    let mut status = Status::Succeeded;
    let nothing = BTreeSet::new();
    for (index, stage) in engine.definition.stages.iter().enumerate().skip(from) {
        if let Turn::Give(ended) = wait_before(engine, id, index, stage) {
            status = ended;
            engine.board().gates.leave(index, id);
            engine.note_waiting(index);
            break;
        }
        let kept = if index == from { kept } else { &nothing };
        let ended = pass(engine, id, index, stage, kept);
        let stopped = engine.stop_of(id).is_some();
        let on = ended == Status::Succeeded && !stopped;
        let last = index + 1 == engine.definition.stages.len();
        let overtaken = {
            let mut board = engine.board();
            // At once, or another one could come in between.
            let overtaken = if on && !last {
                board.arrive(index + 1, id)
            } else {
                Vec::new()
            };
            board.gates.leave(index, id);
            overtaken
        };
        engine.changed.notify_all();
        tell_overtaken(engine, &overtaken, index + 1, id);
        if !on {
            status = if stopped { Status::Stopped } else { ended };
            break;
        }
    }
    engine.change(id, |run| run.seen.status = status);
    engine.note_status(id, status.name());
    engine.hear(id, None, None, What::ExecutionEnded { status });
}

/// A thread at work on an execution. Whatever ends it, nobody waits for it any longer.
struct Busy<'a> {
    engine: &'a Engine,
    id: &'a str,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let Self { engine, id } = *self;
        // An audience that panics has failed the execution wherever it was.
        if std::thread::panicking() {
            engine.note_status(id, Status::Failed.name());
            engine.change(id, |run| run.seen.status = Status::Failed);
            let mut board = engine.board();
            for stage in 0..engine.definition.stages.len() {
                board.gates.leave(stage, id);
            }
        }
        engine.change(id, |run| run.busy = false);
    }
}

impl Board {
    /// An execution comes to a stage; those whose place it takes learn of it.
    pub(super) fn arrive(&mut self, stage: usize, id: &str) -> Vec<String> {
        let overtaken = self.gates.arrive(stage, id);
        for other in &overtaken {
            if let Some(run) = self.runs.get_mut(other) {
                run.overtaken = Some(id.to_owned());
            }
        }
        overtaken
    }
}

/// Tells of executions whose place before a stage was taken.
pub(super) fn tell_overtaken(engine: &Engine, overtaken: &[String], stage: usize, by: &str) {
    let name = engine
        .definition
        .stages
        .get(stage)
        .map(|stage| stage.name.as_str());
    for other in overtaken {
        let by = by.to_owned();
        engine.hear(other, name, None, What::Superseded { by });
    }
}

fn wait_before(engine: &Engine, id: &str, index: usize, stage: &Stage) -> Turn {
    let look = |board: &mut Board| {
        let run = board.runs.get(id)?;
        if run.overtaken.is_some() {
            return Some(Turn::Give(Status::Superseded));
        }
        if run.stop.is_some() {
            return Some(Turn::Give(Status::Stopped));
        }
        board.gates.enter(index, id).then_some(Turn::Enter)
    };
    let at_once = engine.wait_for(Instant::now(), look);
    let turn = at_once.or_else(|| {
        let behind = engine.board().gates.inside(index).cloned();
        engine.note_waiting(index);
        engine.hear(id, Some(&stage.name), None, What::Waits { behind });
        engine.wait_for(Instant::now() + QUEUE, look)
    });
    engine.note_waiting(index);
    turn.unwrap_or(Turn::Give(Status::Stopped))
}

/// Runs a stage's actions, group by group.
fn pass(
    engine: &Arc<Engine>,
    id: &str,
    index: usize,
    stage: &Stage,
    kept: &BTreeSet<String>,
) -> Status {
    let attempt = engine.change(id, |run| {
        let stage = run.stage(&stage.name);
        stage.status = Status::InProgress;
        stage.attempts += 1;
        stage.attempts
    });
    engine.note(|known| {
        if let Some(stage) = known.stages.get_mut(index) {
            stage.latest = Some((id.to_owned(), Status::InProgress.name()));
            stage.retries = attempt.saturating_sub(1);
        }
    });
    engine.hear(id, Some(&stage.name), None, What::StageStarted { attempt });
    let mut groups: BTreeMap<u32, Vec<&Action>> = BTreeMap::new();
    for action in stage
        .actions
        .iter()
        .filter(|action| !kept.contains(&action.name))
    {
        groups.entry(action.run_order).or_default().push(action);
    }
    let mut status = Status::Succeeded;
    for group in groups.values() {
        if engine.stop_of(id).is_some() {
            status = Status::Stopped;
            break;
        }
        status = side_by_side(engine, id, stage, group);
        if status != Status::Succeeded {
            break;
        }
    }
    engine.change(id, |run| run.stage(&stage.name).status = status);
    engine.note(|known| {
        if let Some(stage) = known.stages.get_mut(index) {
            stage.latest = Some((id.to_owned(), status.name()));
        }
    });
    engine.hear(id, Some(&stage.name), None, What::StageEnded { status });
    status
}

/// Runs actions at the same time; the worst end is the group's.
fn side_by_side(engine: &Arc<Engine>, id: &str, stage: &Stage, group: &[&Action]) -> Status {
    let ends: Vec<Status> = std::thread::scope(|scope| {
        let threads: Vec<_> = group
            .iter()
            .map(|action| scope.spawn(|| act(engine, id, &stage.name, action)))
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|end| end.unwrap_or(Status::Failed)).collect()
    });
    let abandoned = engine.stop_of(id) == Some(Stop::Abandon);
    let any = |status: Status| ends.contains(&status);
    if any(Status::Stopped) || abandoned {
        Status::Stopped
    } else if any(Status::Failed) {
        Status::Failed
    } else {
        Status::Succeeded
    }
}
