//! What CloudFormation says where the emulator has nothing to say: change sets of nested stacks,
//! states in between, states that a stack is stuck in. A list of what each look finds is played
//! before the emulator; calls are made, signed and allowed for real (CONTRACTS 3.6).

mod stage;
mod waiting;
mod xml;

use rehearsal::proxy::{Call, Fault, Proxy, What, When};
use rehearsal::world::Stack;

use stage::Stage;
pub(super) use waiting::waits_for;

/// The type of a stack, nested or not.
pub(super) const STACK: &str = "AWS::CloudFormation::Stack";

/// What AWS says, look by look. What is left empty is as the emulator has it.
#[derive(Default)]
pub(super) struct Script {
    /// How the stack stands at each `DescribeStacks` until something is begun; the last one stays.
    pub(super) standing: Vec<Standing>,
    /// The first change set at each `DescribeChangeSet`; the last one stays.
    pub(super) change_sets: Vec<ChangeSet>,
    /// What becomes of `ExecuteChangeSet`.
    pub(super) execution: Execution,
    /// What is new at each look at the events, from `ExecuteChangeSet` on, oldest first.
    pub(super) forward: Vec<Vec<Event>>,
    /// ... from when redbutton asks for the way back: it cancels, or executes another change set.
    pub(super) back: Vec<Vec<Event>>,
    /// Events of nested stacks by logical id, oldest first.
    pub(super) nested: Vec<(&'static str, Vec<Event>)>,
}

/// How a stack stands.
#[derive(Clone, Default)]
pub(super) struct Standing {
    pub(super) status: &'static str,
    pub(super) reason: &'static str,
    /// The role that sticks to it.
    pub(super) role: &'static str,
}

/// What becomes of `ExecuteChangeSet`.
#[derive(Default)]
pub(super) enum Execution {
    /// The emulator executes it, whatever the events say.
    #[default]
    Carried,
    /// Nothing is executed; only the events tell of it.
    Played,
    /// It is refused: code and message.
    Refused(&'static str, &'static str),
}

/// A change set.
#[derive(Clone)]
pub(super) struct ChangeSet {
    pub(super) status: &'static str,
    pub(super) execution: &'static str,
    pub(super) reason: &'static str,
    pub(super) changes: Vec<Change>,
    /// How many changes a page has; none means all.
    pub(super) page: Option<usize>,
}

/// One that may be executed.
pub(super) fn available(changes: Vec<Change>) -> ChangeSet {
    ChangeSet {
        status: "CREATE_COMPLETE",
        execution: "AVAILABLE",
        reason: "",
        changes,
        page: None,
    }
}

/// A resource that would change.
#[derive(Clone)]
pub(super) struct Change {
    pub(super) action: &'static str,
    pub(super) logical: &'static str,
    pub(super) kind: &'static str,
    /// Left out when empty.
    pub(super) replacement: &'static str,
    /// Left out when empty.
    pub(super) policy: &'static str,
    /// The property that changes.
    pub(super) property: &'static str,
    /// A nested stack's own change set.
    pub(super) nested: Option<Box<ChangeSet>>,
}

/// A property changes; `replacement` is `True`, `False` or `Conditional`.
pub(super) fn modified(
    logical: &'static str,
    kind: &'static str,
    replacement: &'static str,
    property: &'static str,
) -> Change {
    Change {
        action: "Modify",
        logical,
        kind,
        replacement,
        policy: "",
        property,
        nested: None,
    }
}

/// A nested stack changes inside.
pub(super) fn nested(logical: &'static str, inside: ChangeSet) -> Change {
    Change {
        nested: Some(Box::new(inside)),
        ..modified(logical, STACK, "False", "Parameters")
    }
}

/// An event.
#[derive(Clone)]
pub(super) struct Event {
    /// Empty for the stack itself.
    pub(super) logical: &'static str,
    pub(super) kind: &'static str,
    pub(super) status: &'static str,
    pub(super) reason: &'static str,
    /// Whose operation it belongs to; none means redbutton's.
    pub(super) token: Option<&'static str>,
}

/// The stack itself gets into a status.
pub(super) fn stack_is(status: &'static str, reason: &'static str) -> Event {
    resource_is("", STACK, status, reason)
}

/// A resource gets into a status.
pub(super) fn resource_is(
    logical: &'static str,
    kind: &'static str,
    status: &'static str,
    reason: &'static str,
) -> Event {
    Event {
        logical,
        kind,
        status,
        reason,
        token: None,
    }
}

impl Script {
    /// Plays it for a stack from now on.
    pub(super) fn play(self, proxy: &Proxy, stack: &Stack) {
        let execution = match self.execution {
            Execution::Carried => None,
            Execution::Played => Some(What::query("ExecuteChangeSet", "")),
            Execution::Refused(code, message) => Some(What::error(400, code, message)),
        };
        let stage = Stage::new(self, proxy, stack);
        let answers: [(&'static str, Answer); 4] = [
            ("DescribeStacks", Stage::describe_stack),
            ("DescribeChangeSet", Stage::describe_change_set),
            ("DescribeStackEvents", Stage::describe_events),
            ("CancelUpdateStack", Stage::cancel),
        ];
        let concerns = |operation: &'static str| {
            let stage = stage.clone();
            When::Matches(std::sync::Arc::new(move |call: &Call| {
                call.operation == operation && stage.is_about(call)
            }))
        };
        for (operation, answer) in answers {
            let stage = stage.clone();
            let what = What::rewrite_query(move |call, xml| answer(&stage, call, xml));
            let when = concerns(operation);
            proxy.inject_for_good(Fault { when, what });
        }
        if let Some(what) = execution {
            let when = concerns("ExecuteChangeSet");
            proxy.inject_for_good(Fault { when, what });
        }
    }
}

/// What AWS answers in place of the emulator's XML: the inside of the result, or none where the
/// emulator's answer stays.
type Answer = fn(&Stage, &Call, &str) -> Option<String>;
