//! What all threads of a pipeline share: the executions, the gates of the stages, and the ways to
//! tell what happens.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process_group};

use super::audience::{Audience, Event, What};
use super::build::Programs;
use super::definition::{Definition, Store};
use super::execution::{Execution, StageRun, Status};
use super::gates::Gates;
use super::inputs::Inputs;
use super::variables::Namespaces;
use crate::account::Account;
use crate::codepipeline::{Artifact, CodePipeline, JobId, Known};
use crate::wire::lock;

/// A pipeline at work.
pub(super) struct Engine {
    pub(super) definition: Definition,
    pub(super) inputs: Inputs,
    pub(super) audience: Arc<dyn Audience>,
    /// The root of the pipeline's account, in its region.
    pub(super) home: Account,
    pub(super) stand_in: CodePipeline,
    /// Where whoever is no function finds CodePipeline.
    pub(super) codepipeline: String,
    /// What builds find besides the machine's own.
    pub(super) programs: Programs,
    /// What the functions write.
    pub(super) log: PathBuf,
    /// Where builds work: outside of any repository, and gone with the pipeline.
    pub(super) scratch: PathBuf,
    pub(super) board: Mutex<Board>,
    pub(super) changed: Condvar,
}

/// Where everything is.
pub(super) struct Board {
    pub(super) gates: Gates,
    pub(super) runs: BTreeMap<String, Run>,
    /// How many builds there were.
    pub(super) builds: u32,
}

/// An execution at work.
pub(super) struct Run {
    /// As others see it.
    pub(super) seen: Execution,
    pub(super) variables: Namespaces,
    pub(super) artifacts: BTreeMap<String, Artifact>,
    pub(super) stop: Option<Stop>,
    /// The newer execution that took its place.
    pub(super) overtaken: Option<String>,
    /// Whether a thread still works on it.
    pub(super) busy: bool,
    /// What an abandoning ends.
    pub(super) jobs: Vec<JobId>,
    /// Process groups of builds.
    pub(super) builds: Vec<Pid>,
}

/// How an execution is to be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// After the actions in progress.
    Wait,
    /// At once.
    Abandon,
}

impl Engine {
    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        lock(&self.board)
    }

    /// Changes an execution and wakes whoever waits for a change.
    pub(super) fn change<T: Default>(&self, id: &str, change: impl FnOnce(&mut Run) -> T) -> T {
        let changed = self.board().runs.get_mut(id).map(change);
        self.changed.notify_all();
        changed.unwrap_or_default()
    }

    /// What is known of an execution; nothing of one that is not there.
    pub(super) fn look<T: Default>(&self, id: &str, look: impl FnOnce(&Run) -> T) -> T {
        self.board().runs.get(id).map(look).unwrap_or_default()
    }

    /// Waits until `done` finds what it looks for, at most to the deadline.
    pub(super) fn wait_for<T>(
        &self,
        deadline: Instant,
        mut done: impl FnMut(&mut Board) -> Option<T>,
    ) -> Option<T> {
        let mut board = self.board();
        loop {
            if let Some(found) = done(&mut board) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let woken = self.changed.wait_timeout(board, left);
            board = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Tells the audience; nobody may hold the board meanwhile.
    pub(super) fn hear(
        &self,
        execution: &str,
        stage: Option<&str>,
        action: Option<&str>,
        what: What,
    ) {
        self.audience.hear(&Event {
            execution: execution.to_owned(),
            stage: stage.map(str::to_owned),
            action: action.map(str::to_owned),
            what,
        });
    }

    /// Changes what CodePipeline tells of the pipeline.
    pub(super) fn note(&self, change: impl FnOnce(&mut Known)) {
        self.stand_in.note(&self.definition.name, change);
    }

    /// Changes what CodePipeline tells of an execution.
    pub(super) fn note_status(&self, id: &str, status: &'static str) {
        self.note(|known| {
            if let Some(run) = known.executions.iter_mut().find(|run| run.id == id) {
                (run.status, run.updated) = (status, SystemTime::now());
            }
        });
    }

    /// Tells CodePipeline who waits before a stage.
    pub(super) fn note_waiting(&self, stage: usize) {
        let waiting = self.board().gates.waiting(stage);
        self.note(|known| {
            if let Some(stage) = known.stages.get_mut(stage) {
                stage.inbound = waiting;
            }
        });
    }

    /// How an execution is to be stopped, if it is.
    pub(super) fn stop_of(&self, id: &str) -> Option<Stop> {
        self.look(id, |run| run.stop)
    }

    /// The store of a region.
    pub(super) fn store(&self, region: Option<&str>) -> Option<&Store> {
        let region = region.unwrap_or_else(|| self.home.region());
        self.definition.stores.get(region)
    }

    /// Stops an execution; what it abandons ends now.
    pub(super) fn stop(&self, id: &str, stop: Stop) {
        let jobs = self.change(id, |run| {
            if !run.busy {
                return Vec::new();
            }
            run.stop = Some(stop);
            if stop == Stop::Abandon {
                run.end_builds();
            }
            run.jobs.clone()
        });
        if stop == Stop::Abandon {
            for job in &jobs {
                // One that has ended meanwhile needs no abandoning.
                let _ = self.stand_in.abandon(job);
            }
        }
    }
}

impl Run {
    pub(super) fn new(id: &str, variables: Namespaces) -> Self {
        Self {
            seen: Execution {
                id: id.to_owned(),
                status: Status::InProgress,
                stages: Vec::new(),
            },
            variables,
            artifacts: BTreeMap::new(),
            stop: None,
            overtaken: None,
            busy: true,
            jobs: Vec::new(),
            builds: Vec::new(),
        }
    }

    /// Ends what builds run now; whoever holds the board knows that these groups are still theirs.
    pub(super) fn end_builds(&self) {
        for build in &self.builds {
            let _ = kill_process_group(*build, Signal::KILL);
        }
    }

    /// The run of a stage, begun if need be.
    pub(super) fn stage(&mut self, name: &str) -> &mut StageRun {
        let stages = &mut self.seen.stages;
        let at = stages.iter().position(|stage| stage.name == name);
        let at = at.unwrap_or_else(|| {
            stages.push(StageRun {
                name: name.to_owned(),
                status: Status::InProgress,
                attempts: 0,
                actions: Vec::new(),
            });
            stages.len() - 1
        });
        &mut stages[at]
    }
}
