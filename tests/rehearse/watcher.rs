//! An audience that writes down what it hears and decides as it is told, at once or later.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use rehearsal::pipeline::{Approval, Audience, Decision, Event, What};

use crate::fixture::PATIENCE;

/// What is said to approvals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    Approve,
    Reject,
    /// Nothing for now.
    Wait,
}

/// Writes down and decides.
pub(super) struct Watcher {
    seen: Mutex<Seen>,
    changed: Condvar,
}

struct Seen {
    say: Say,
    events: Vec<Event>,
    asked: Vec<Approval>,
}

impl Watcher {
    pub(super) fn new(say: Say) -> Arc<Self> {
        let seen = Seen {
            say,
            events: Vec::new(),
            asked: Vec::new(),
        };
        Arc::new(Self {
            seen: Mutex::new(seen),
            changed: Condvar::new(),
        })
    }

    /// Decides otherwise from now on, what waits too.
    pub(super) fn say(&self, say: Say) {
        self.seen.lock().unwrap().say = say;
        self.changed.notify_all();
    }

    /// All that was heard.
    pub(super) fn events(&self) -> Vec<Event> {
        self.seen.lock().unwrap().events.clone()
    }

    /// All approvals that were asked for.
    pub(super) fn asked(&self) -> Vec<Approval> {
        self.seen.lock().unwrap().asked.clone()
    }

    /// Waits until so many approvals were asked for.
    pub(super) fn wait_asked(&self, count: usize) {
        self.wait(&format!("{count} approvals"), |seen| {
            seen.asked.len() >= count
        });
    }

    /// Waits for an event of an execution.
    pub(super) fn wait_heard(&self, execution: &str, wanted: impl Fn(&What) -> bool) {
        self.wait("the event", |seen| {
            let mut events = seen.events.iter();
            events.any(|event| event.execution == execution && wanted(&event.what))
        });
    }

    fn wait(&self, what: &str, done: impl Fn(&Seen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.seen.lock().unwrap();
        while !done(&seen) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} did not come: {:#?}", seen.events);
            seen = self.changed.wait_timeout(seen, left).unwrap().0;
        }
    }
}

impl Audience for Watcher {
    fn hear(&self, event: &Event) {
        self.seen.lock().unwrap().events.push(event.clone());
        self.changed.notify_all();
    }

    fn decide(&self, approval: &Approval) -> Decision {
        let mut seen = self.seen.lock().unwrap();
        seen.asked.push(approval.clone());
        self.changed.notify_all();
        while seen.say == Say::Wait {
            seen = self.changed.wait(seen).unwrap();
        }
        Decision {
            approved: seen.say == Say::Approve,
            by: "jane".into(),
            summary: "looked at it".into(),
        }
    }
}
