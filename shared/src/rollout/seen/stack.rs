//! What CloudFormation says about a stack while it is rolled out.

use super::{Seen, Task};

/// A stack, as its events show it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StackSeen {
    /// Newest first, as far back as the beginning of our operation.
    pub events: Vec<Event>,
    /// Once they were asked for: what the stack has inside.
    pub inside: Option<Inside>,
    /// Once they were asked for: its parameters that receive images, and what they are now.
    pub given: Option<Vec<(String, String)>>,
    /// Once they were asked for: the events of the nested stack that failed first, newest first.
    pub nested: Option<Vec<Event>>,
}

/// A stack event (CONTRACTS 3.6.15).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// The ARN of the stack that it is about.
    pub stack: String,
    /// Seconds since the epoch.
    pub at: u64,
    /// The resource's logical id; the stack's name for the stack itself.
    pub logical: String,
    /// The resource's physical id; the stack's ARN for the stack itself.
    pub physical: String,
    /// The resource's type.
    pub kind: String,
    /// Such as `UPDATE_FAILED`.
    pub status: String,
    /// CloudFormation's words.
    pub reason: String,
    /// The `ClientRequestToken` of the operation; empty without one.
    pub token: String,
}

impl Event {
    /// Whether it is about the stack itself, not about something in it.
    pub fn is_of_the_stack(&self) -> bool {
        self.physical == self.stack
    }
}

/// What is in a stack and in all that is nested in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inside {
    /// ARNs of its task definitions.
    pub definitions: Vec<String>,
    /// Its services.
    pub services: Vec<InService>,
}

/// An ECS service of a stack.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InService {
    /// The cluster's name.
    pub cluster: String,
    /// The service's name.
    pub name: String,
    /// What ECS says about it.
    pub seen: Seen,
}

impl InService {
    /// Its tasks that were stopped, as far as they were read.
    pub fn stopped(&self) -> &[Task] {
        self.seen.stopped.as_deref().unwrap_or_default()
    }
}
