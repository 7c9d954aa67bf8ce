//! The rollout engine: [`State`] and [`advance`]. Pure; the functions carry out what it asks.
//!
//! Every target is looked at on its own: `service` and `traffic` on its way forward, `undo`
//! on its way back, `task` for one-off tasks, `stack` for CloudFormation. Here they become one rollout: `after` orders
//! them, the first failure turns all of them round, and success is one moment in which everything
//! serves. In reading order: what AWS shows ([`seen`]), what is remembered ([`watch`]), how an
//! attempt begins ([`start`]), how it goes on, why it fails ([`cause`]), what shows that it
//! succeeded ([`proof`]), and how it is told ([`report`]).

mod backward;
pub mod cause;
mod forward;
pub mod proof;
pub mod report;
pub mod seen;
mod service;
pub mod stack;
pub mod start;
mod task;
mod traffic;
mod undo;
pub mod watch;

pub use backward::give_up;

use crate::error::{Failure, FailureKind};
use crate::rollout_file::RolloutFile;
use crate::rollout_file::images::Image;
use crate::rollout_file::target::Target;
use proof::Proof;
use seen::Seen;
use watch::{Phase, Progress, Watch};

/// A rollout under way: all that the next invocation needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Binds the state to an execution and its targets, see [`binding`].
    pub binding: String,
    /// The id of the job that began the attempt.
    pub attempt: String,
    /// When the attempt began, seconds since the epoch; all deadlines count from here.
    pub started: u64,
    /// One per target, in the rollout file's order; none before everything was checked.
    pub targets: Vec<Watch>,
    /// Once a target has failed: everything goes back.
    pub turned: Option<Turn>,
}

/// The failure that turned a rollout round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Seconds since the epoch.
    pub since: u64,
    /// The place of the target that failed first.
    pub target: usize,
    /// What the person who reads it has to do next.
    pub kind: FailureKind,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Carry these out, each for the target at its place, and advance again with what they bring.
    Do(Vec<(usize, Action)>),
    /// Pause, look again.
    Wait {
        /// What moved, for people.
        text: String,
        /// 0 to 100.
        percent: u8,
    },
    /// Everything serves, and this is what shows it: one per target.
    Done(Vec<Proof>),
    /// It does not, and nothing more will be done.
    Failed(Ending),
}

/// What is to be carried out for a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Bring the service to its new revision, start the task, or execute the stack's change set;
    /// once in an attempt.
    Begin,
    /// Read the service's stopped tasks.
    ReadStopped,
    /// Read the service's tasks that should run.
    ReadServing,
    /// Read the platform manifests of these images.
    ReadPlatforms(Vec<Image>),
    /// Read the newest service deployments.
    ReadRecent,
    /// Read the service deployment that is watched, by the last part of its ARN.
    ReadDeployment(String),
    /// Read the one-off task; while its id is unknown, the one that this attempt started.
    ReadTask,
    /// Read the last lines that a container wrote.
    ReadLog(cause::Where),
    /// Bring the service back to this task definition.
    GoBack(String),
    /// Stop the one-off task.
    StopTask,
    /// Read what is in the stack, and its services.
    ReadInside,
    /// Read the stack's parameters that receive images.
    ReadGiven,
    /// Read this of the service at this place in the stack.
    Within(usize, Box<Action>),
    /// Read the events of this nested stack, by its ARN.
    ReadNested(String),
    /// Give the stack's update up while it is under way.
    GiveUp,
    /// Bring the stack back to what it was, by a second change set.
    Restore,
    /// Delete the change set, which was never executed.
    Discard,
}

/// How a rollout failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The failure that turned it round.
    pub turn: Turn,
    /// What each target is now, in words.
    pub now: Vec<String>,
}

/// What one look at one target comes to.
#[derive(Debug, Clone, PartialEq)]
enum Look {
    /// It goes on by itself: what moved, and how far it is (0 to 99).
    Wait(String, u8),
    /// This is needed first.
    Do(Action),
    /// It serves, or ended well.
    Served,
    /// It failed; the cause is in its watch.
    Turn(FailureKind),
    /// On the way back: nothing more will be done, and this is what it is now.
    Over(String),
}

/// What a look works with besides the target's own watch and sight.
struct Scene<'a> {
    file: &'a RolloutFile,
    target: &'a Target,
    started: u64,
    now: u64,
    /// Whether another target waits for this one.
    awaited: bool,
    /// What makes the target's beginning idempotent, see [`token`].
    token: String,
}

impl Scene<'_> {
    fn is_late(&self) -> bool {
        self.now >= self.started + minutes(self.file.timeout_minutes)
    }

    fn too_late(&self) -> String {
        let minutes = self.file.timeout_minutes;
        format!("it was not finished within timeoutMinutes ({minutes})")
    }

    fn has_stalled(&self, watch: &Watch) -> bool {
        self.now >= watch.progress.at + minutes(self.file.stall_minutes)
    }

    fn stalled(&self) -> String {
        let minutes = self.file.stall_minutes;
        format!("it made no progress for stallMinutes ({minutes})")
    }
}

/// The next step. `seen` has one sight per target; `now` is seconds since the epoch. Nothing that
/// is to be carried out is taken for done: [`State::carried_out`] says so afterwards.
pub fn advance(state: &mut State, seen: &[Seen], file: &RolloutFile, now: u64) -> Step {
    if state.turned.is_none() {
        match forward::forward(state, seen, file, now) {
            Ok(step) => return step,
            Err(turn) => backward::turn_round(state, file, turn),
        }
    }
    match state.turned {
        Some(turn) => backward::backward(state, seen, file, turn, now),
        None => Step::Wait {
            text: String::new(),
            percent: 0,
        },
    }
}

/// What makes beginning target `n` idempotent, and says whose it is: 38 of 64 characters (CONTRACTS
/// 3.5.21, 3.6.4).
pub fn token(attempt: &str, n: usize) -> String {
    format!("{attempt}-{n}")
}

/// What all looks of one round have in common.
struct Round<'a> {
    file: &'a RolloutFile,
    attempt: String,
    started: u64,
    now: u64,
}

impl<'a> Round<'a> {
    fn of(state: &State, file: &'a RolloutFile, now: u64) -> Self {
        Self {
            file,
            attempt: state.attempt.clone(),
            started: state.started,
            now,
        }
    }

    fn scene(&self, n: usize, target: &'a Target) -> Scene<'a> {
        let mut others = self.file.targets.iter();
        Scene {
            file: self.file,
            target,
            started: self.started,
            now: self.now,
            awaited: others.any(|other| other.after.contains(&n)),
            token: token(&self.attempt, n),
        }
    }
}

/// Whether ECS shows a deployment of what is released.
fn shows(watch: &Watch, seen: &Seen) -> bool {
    let deployments = &seen.service.deployments;
    deployments
        .iter()
        .any(|deployment| deployment.task_definition == watch.became)
}

fn waits_for(file: &RolloutFile, target: &Target) -> String {
    let names: Vec<&str> = target
        .after
        .iter()
        .filter_map(|n| file.targets.get(*n))
        .map(|before| before.name.as_str())
        .collect();
    format!("waits for {}", names.join(", "))
}

fn actions(looks: &[Look]) -> Vec<(usize, Action)> {
    let each = looks.iter().enumerate();
    each.filter_map(|(n, look)| match look {
        Look::Do(action) => Some((n, action.clone())),
        _ => None,
    })
    .collect()
}

fn waiting(file: &RolloutFile, looks: &[Look]) -> Step {
    let mut texts = Vec::new();
    let mut percents = 0_u32;
    for (look, target) in looks.iter().zip(&file.targets) {
        match look {
            Look::Wait(text, percent) => {
                texts.push(format!("{}: {text}", target.name));
                percents += u32::from(*percent);
            }
            _ => percents += 100,
        }
    }
    let done = looks.len() - texts.len();
    if done > 0 {
        texts.push(format!("{done} of {} are done", looks.len()));
    }
    let percent = percents / u32::try_from(looks.len().max(1)).unwrap_or(1);
    Step::Wait {
        text: texts.join("; "),
        percent: u8::try_from(percent.min(99)).unwrap_or(99),
    }
}

fn minutes(minutes: u32) -> u64 {
    u64::from(minutes) * 60
}

/// What carrying out an action that changes something came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Carried {
    /// A deployment or a task was begun; its id, as far as AWS told it.
    Begun(String),
    /// The attempt was begun by an earlier delivery of the job, and its deployment does not show.
    BegunBefore,
    /// AWS did not answer: it may have been carried out.
    Unanswered,
    /// There is no room for the task now, in ECS's words: it is asked for again.
    NoRoom(String),
    /// It was not carried out, and never will be.
    Refused(Failure),
    /// The way back was asked for; the ARN of what it leads to.
    GoingBack(String),
    /// The task is being stopped, or the stack's way back was asked for.
    Stopping,
    /// The change set is gone.
    Discarded,
}

impl State {
    /// Takes in what carrying out an action for target `n` came to.
    pub fn carried_out(&mut self, n: usize, carried: Carried, file: &RolloutFile, now: u64) {
        let turned = self.turned.is_some();
        // What is carried out side by side may be refused for one and begun for another.
        let begun = if turned {
            Phase::Back { asked: false }
        } else {
            Phase::Forward
        };
        let Some(watch) = self.targets.get_mut(n) else {
            return;
        };
        match carried {
            Carried::NoRoom(text) => watch.cause = Some(text),
            Carried::Begun(id) => {
                watch.cause = None;
                watch.phase = begun;
                watch.deployment = id;
                watch.progress = Progress::begun(now);
            }
            Carried::BegunBefore => {
                watch.phase = begun;
                watch.progress = Progress::begun(now);
            }
            Carried::Unanswered if watch.phase == Phase::Waiting => {
                watch.progress = Progress::begun(now);
                if turned {
                    watch.phase = begun;
                }
            }
            // The next look shows whether it goes back; if not, it is asked again.
            Carried::Unanswered => {}
            Carried::Refused(failure) => {
                let message = failure.message;
                if turned && watch.phase == Phase::Waiting {
                    watch.cause = Some(message);
                    watch.progress = Progress::default();
                    return;
                }
                if turned {
                    let first = watch.cause.take().map(|cause| format!("{cause}; "));
                    let first = first.unwrap_or_default();
                    watch.cause = Some(format!("{first}it could not be brought back: {message}"));
                    watch.phase = Phase::Stuck;
                    return;
                }
                watch.cause = Some(message);
                let turn = Turn {
                    since: now,
                    target: n,
                    kind: failure.kind,
                };
                let first = file.targets.get(n).is_some_and(|one| one.after.is_empty());
                let waited = (first && watch.phase == Phase::Waiting).then_some(watch.progress);
                backward::turn_round(self, file, turn);
                // What this delivery may not do from the first second on, no other one did. What came
                // later, one that had less to ask for may have begun.
                if let (Some(watch), Some(progress)) = (self.targets.get_mut(n), waited) {
                    watch.progress = progress;
                }
            }
            Carried::GoingBack(arn) => {
                watch.was = Some(arn);
                watch.phase = Phase::Back { asked: true };
            }
            Carried::Stopping => {
                watch.phase = Phase::Back { asked: true };
                watch.asked_stopped = now;
            }
            Carried::Discarded => watch.deployment.clear(),
        }
    }
}

/// Sixteen hexadecimal digits that stand for an execution and its targets.
pub fn binding(execution: &str, operations: &[String]) -> String {
    use sha2::Digest as _;
    let mut hash = sha2::Sha256::new();
    for part in std::iter::once(execution).chain(operations.iter().map(String::as_str)) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize()).chars().take(16).collect()
}

#[cfg(test)]
mod tests;
