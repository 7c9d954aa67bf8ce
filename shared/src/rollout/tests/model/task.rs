//! A one-off task of the model.

use super::super::super::seen::{Container, Task};

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Fate {
    /// It ends with this exit code after so many seconds.
    Exits(i32, u16),
    NeverStarts,
    Hangs,
    /// ECS forgets it while it runs.
    Vanishes,
}

#[derive(Debug, Clone)]
pub(in super::super) struct OneOff {
    fate: Fate,
    begun: Option<u64>,
    stop: Option<u64>,
    /// STOPPED: when, and its exit code.
    ended: Option<(u64, Option<i32>)>,
    vanished: bool,
}

impl OneOff {
    pub(in super::super) fn new(fate: Fate) -> Self {
        Self {
            fate,
            begun: None,
            stop: None,
            ended: None,
            vanished: false,
        }
    }

    pub(in super::super) fn was_begun(&self) -> bool {
        self.begun.is_some()
    }

    pub(in super::super) fn exit_code(&self) -> Option<i32> {
        self.ended.and_then(|(_, code)| code)
    }

    pub(in super::super) fn runs(&self) -> bool {
        self.begun.is_some() && self.ended.is_none() && !self.vanished
    }

    pub(super) fn run(&mut self, now: u64) {
        self.begun.get_or_insert(now);
    }

    pub(super) fn stop(&mut self, now: u64) {
        self.stop.get_or_insert(now);
    }

    pub(super) fn tick(&mut self, now: u64) {
        let Some(begun) = self.begun.filter(|_| self.ended.is_none()) else {
            return;
        };
        let lives = now - begun;
        self.ended = match self.fate {
            _ if self.stop.is_some_and(|stop| now >= stop + 30) => Some((now, Some(143))),
            Fate::NeverStarts if lives >= 20 => Some((now, None)),
            Fate::Exits(code, after) if lives >= 20 + u64::from(after) => Some((now, Some(code))),
            _ => None,
        };
        self.vanished |= self.fate == Fate::Vanishes && lives >= 60;
    }

    pub(super) fn described(&self, task_definition: &str) -> Option<Task> {
        self.begun.filter(|_| !self.vanished)?;
        let status = if self.ended.is_some() {
            "STOPPED"
        } else {
            "RUNNING"
        };
        let (stopped_at, exit_code) = self.ended.unwrap_or_default();
        let never = self.ended.is_some() && exit_code.is_none();
        Some(Task {
            arn: "1".into(),
            task_definition: task_definition.into(),
            last_status: status.into(),
            stop_code: if never {
                "TaskFailedToStart"
            } else {
                "EssentialContainerExited"
            }
            .into(),
            stopped_at,
            containers: vec![Container {
                name: "web".into(),
                exit_code,
                ..Default::default()
            }],
            ..Default::default()
        })
    }
}
