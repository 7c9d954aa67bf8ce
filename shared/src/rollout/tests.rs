//! What [`advance`] promises, in cases: a rollout, what AWS shows of it, the step that follows.

mod driver;
mod histories;
mod model;
mod regressions;
mod rolling;
mod several;
mod stack;
mod task;
mod traffic;
mod traffic_undo;
mod undo;

use super::seen::{Blind, Container, Deployment, RolloutState, Service, Task};
use super::*;
use crate::rollout_file::OnFailure;
use crate::rollout_file::target::Kind;
use serde_json::{Value, json};

const WAS: &str = "arn:aws:ecs:ap-southeast-2:333333333333:task-definition/web:7";
const OURS: &str = "arn:aws:ecs:ap-southeast-2:333333333333:task-definition/web:8";
const THEIRS: &str = "arn:aws:ecs:ap-southeast-2:333333333333:task-definition/web:9";
const START: u64 = 1_000_000;

fn arn(family: &str, revision: u32) -> String {
    format!("arn:aws:ecs:ap-southeast-2:333333333333:task-definition/{family}:{revision}")
}

/// A rollout under way and its file.
struct Rollout {
    state: State,
    file: RolloutFile,
}

impl Rollout {
    /// Of these targets, none of which has begun.
    fn of(targets: Value, extra: Value) -> Self {
        let mut file = json!({"targets": targets, "region": "ap-southeast-2"});
        for (key, value) in extra.as_object().unwrap() {
            file[key] = value.clone();
        }
        let file = RolloutFile::from_value(&file).unwrap();
        let waiting = |target: &Target| {
            let was = target.task().is_none().then(|| WAS.to_owned());
            start::waiting(was, OURS.into())
        };
        let targets = file.targets.iter().map(waiting);
        let state = State {
            binding: "0123456789abcdef".into(),
            attempt: "11111111-abcd-1111-abcd-111111abcdef".into(),
            started: START,
            targets: targets.collect(),
            turned: None,
        };
        Self { state, file }
    }

    /// Of one service, begun in the first second.
    fn begun(extra: Value) -> Self {
        let mut rollout = Self::of(json!([{"service": "web", "cluster": "test"}]), extra);
        rollout.carried(0, Carried::Begun("ecs-svc/2".into()), 0);
        rollout
    }

    /// One look, `after` seconds since the start.
    fn step(&mut self, seen: &[Seen], after: u64) -> Step {
        advance(&mut self.state, seen, &self.file, START + after)
    }

    fn carried(&mut self, n: usize, carried: Carried, after: u64) {
        self.state
            .carried_out(n, carried, &self.file, START + after);
    }

    /// One look at one target, and what its end, its pause or its wish is.
    fn look(&mut self, seen: &Seen, after: u64) -> Next {
        match self.step(std::slice::from_ref(seen), after) {
            Step::Do(mut actions) => {
                assert_eq!(actions.len(), 1, "{actions:?}");
                Next::Do(actions.remove(0).1)
            }
            Step::Wait { text, .. } => Next::Wait(text),
            Step::Done(proofs) => Next::Done(proofs),
            Step::Failed(Ending { turn, mut now }) => Next::Failed {
                kind: turn.kind,
                cause: self.cause(turn.target),
                now: now.remove(0),
            },
        }
    }

    fn cause(&self, n: usize) -> String {
        self.state.targets[n].cause.clone().unwrap_or_default()
    }
}

/// A step of a rollout with one target.
#[derive(Debug, Clone, PartialEq)]
enum Next {
    Do(Action),
    Wait(String),
    Done(Vec<Proof>),
    Failed {
        kind: FailureKind,
        cause: String,
        now: String,
    },
}

/// What is expected of a step, with a part of its text.
#[derive(Debug, Clone, Copy)]
enum Is {
    Begin,
    ReadStopped,
    ReadServing,
    ReadRecent,
    ReadDeployment,
    ReadTask,
    ReadLog,
    GoBack(&'static str),
    StopTask,
    Wait(&'static str),
    Done,
    /// Kind, and parts of the cause and of what it is now.
    Failed(FailureKind, &'static str, &'static str),
}

impl Is {
    #[track_caller]
    fn check(self, next: &Next) {
        let fits = match (self, next) {
            (Self::Begin, Next::Do(Action::Begin))
            | (Self::ReadStopped, Next::Do(Action::ReadStopped))
            | (Self::ReadServing, Next::Do(Action::ReadServing))
            | (Self::ReadRecent, Next::Do(Action::ReadRecent))
            | (Self::ReadDeployment, Next::Do(Action::ReadDeployment(_)))
            | (Self::ReadTask, Next::Do(Action::ReadTask))
            | (Self::ReadLog, Next::Do(Action::ReadLog(_)))
            | (Self::StopTask, Next::Do(Action::StopTask))
            | (Self::Done, Next::Done(_)) => true,
            (Self::GoBack(was), Next::Do(Action::GoBack(to))) => was == to,
            (Self::Wait(part), Next::Wait(text)) => text.contains(part),
            (
                Self::Failed(kind, why, what),
                Next::Failed {
                    kind: is,
                    cause,
                    now,
                },
            ) => kind == *is && cause.contains(why) && now.contains(what),
            _ => false,
        };
        assert!(fits, "expected {self:?}, got {next:?}");
    }
}

fn deployment(primary: bool, definition: &str, running: u32, state: &str) -> Deployment {
    Deployment {
        id: if definition == OURS {
            "ecs-svc/2"
        } else {
            "ecs-svc/1"
        }
        .into(),
        primary,
        task_definition: definition.into(),
        running,
        state: RolloutState::parse(Some(state)),
        ..Default::default()
    }
}

fn seen(deployments: Vec<Deployment>) -> Seen {
    let service = Service {
        status: "ACTIVE".into(),
        desired: 2,
        rolls_back_itself: true,
        deployments,
        ..Default::default()
    };
    Seen {
        service,
        ..Default::default()
    }
}

fn stopped(reason: &str) -> Option<Vec<Task>> {
    Some(vec![Task {
        task_definition: OURS.into(),
        last_status: "STOPPED".into(),
        stop_code: "EssentialContainerExited".into(),
        stopped_reason: reason.into(),
        ..Default::default()
    }])
}

fn serving(digest: &str) -> Option<Vec<Task>> {
    let task = Task {
        task_definition: OURS.into(),
        last_status: "RUNNING".into(),
        containers: vec![Container {
            name: "web".into(),
            image: format!("r/web@sha256:{}", "a".repeat(64)),
            digest: Some(format!("sha256:{}", digest.repeat(64))),
            ..Default::default()
        }],
        ..Default::default()
    };
    Some(vec![task.clone(), task])
}
