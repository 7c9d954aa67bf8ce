//! Whose operation a stack's events show. `ClientRequestToken` names it: a duplicate of the job, a
//! later round, and the way back find their own again (CONTRACTS 3.6.4, 3.6.19).

use super::super::seen::Seen;
use super::super::seen::stack::{Event, StackSeen};
use super::{token_back, token_cancel};

/// What the stack's newest event about itself belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Doing<'a> {
    /// Nothing of ours shows.
    Unseen,
    /// The update of this attempt.
    Ours(&'a Event),
    /// The way back of this attempt.
    Back(&'a Event),
    /// Ours was, and somebody else's came after it.
    Others(&'a Event),
}

/// Reads the events. `token` is the update's; giving it up belongs to it.
pub(super) fn doing<'a>(stack: &'a StackSeen, token: &str) -> Doing<'a> {
    let (cancel, back) = (token_cancel(token), token_back(token));
    let forward = |event: &Event| event.token == token || event.token == cancel;
    if !stack
        .events
        .iter()
        .any(|event| forward(event) || event.token == back)
    {
        return Doing::Unseen;
    }
    match newest(stack) {
        Some(event) if forward(event) => Doing::Ours(event),
        Some(event) if event.token == back => Doing::Back(event),
        Some(event) => Doing::Others(event),
        None => Doing::Unseen,
    }
}

/// The newest event about the stack itself.
pub(super) fn newest(stack: &StackSeen) -> Option<&Event> {
    stack.events.iter().find(|event| event.is_of_the_stack())
}

/// Whether the events show an operation of this attempt.
pub(in super::super) fn shows(seen: &Seen, token: &str) -> bool {
    let stack = seen.stack.as_ref();
    stack.is_some_and(|stack| !matches!(doing(stack, token), Doing::Unseen))
}

/// Whether our update has failed: what else cannot be read takes nothing from that.
pub(in super::super) fn has_failed(seen: &Seen, token: &str) -> bool {
    seen.stack.as_ref().is_some_and(|stack| {
        matches!(doing(stack, token), Doing::Ours(event)
            if matches!(Stage::of(&event.status), Stage::GoingBack | Stage::Failed))
    })
}

/// Where an operation is, by the stack's status (CONTRACTS 3.6.7, 3.6.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// On its way forward, cleaning up included.
    UnderWay,
    /// It did what was asked for.
    Complete,
    /// CloudFormation undoes it.
    GoingBack,
    /// It did not do what was asked for, and nothing moves any more.
    Failed,
}

impl Stage {
    pub(super) fn of(status: &str) -> Self {
        match status {
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => Self::Complete,
            going if going.contains("ROLLBACK") && going.ends_with("_IN_PROGRESS") => {
                Self::GoingBack
            }
            going if going.ends_with("_IN_PROGRESS") => Self::UnderWay,
            _ => Self::Failed,
        }
    }
}

/// Logical ids of what CloudFormation works on in an operation, oldest first.
pub(super) fn at_work(stack: &StackSeen, token: &str) -> Vec<String> {
    let mut known: Vec<&str> = Vec::new();
    let mut at_work = Vec::new();
    for event in &stack.events {
        if event.token != token || event.is_of_the_stack() {
            continue;
        }
        // Newest first: the first event of a resource is where it is.
        if known.contains(&event.logical.as_str()) {
            continue;
        }
        known.push(&event.logical);
        if event.status.ends_with("_IN_PROGRESS") {
            at_work.push(event.logical.clone());
        }
    }
    at_work.reverse();
    at_work
}

/// Who changed the stack after us.
pub(super) fn overtaken_by(event: &Event) -> String {
    format!(
        "somebody else changed the stack while this rollout was under way; it is {}",
        event.status
    )
}
