//! An audience that writes down what it hears and decides as it was told, or when it is told.

use std::sync::{Arc, Condvar, Mutex};

use rehearsal::pipeline::{Approval, Audience, Decision, Event};

/// What is said to approvals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    Approve,
    Reject,
    /// Nothing, until [`Watcher::release`].
    Wait,
}

pub(super) struct Watcher {
    say: Mutex<Say>,
    changed: Condvar,
    events: Mutex<Vec<Event>>,
    asked: Mutex<Vec<Approval>>,
}

impl Watcher {
    pub(super) fn new(say: Say) -> Arc<Self> {
        Arc::new(Self {
            say: Mutex::new(say),
            changed: Condvar::new(),
            events: Mutex::default(),
            asked: Mutex::default(),
        })
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }
}

impl Audience for Watcher {
    fn hear(&self, event: &Event) {
        self.events.lock().unwrap().push(event.clone());
        self.changed.notify_all();
    }

    fn decide(&self, approval: &Approval) -> Decision {
        self.asked.lock().unwrap().push(approval.clone());
        self.changed.notify_all();
        let mut say = self.say.lock().unwrap();
        while *say == Say::Wait {
            say = self.changed.wait(say).unwrap();
        }
        Decision {
            approved: *say == Say::Approve,
            by: "jane".into(),
            summary: "looks right".into(),
        }
    }
}
