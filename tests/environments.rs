//! Environments: the templates of `templates/` and `examples/` deployed one on another by outputs and
//! parameters alone, as docs/environments.md tells it, and what comes of them.
//!
//! All of it without containers is in one emulator, each test in accounts or regions of its own.

mod boundary;
mod examples;
mod words;

mod deployed;
mod two;

mod restart;
mod taken_down;

mod observe;

mod containers;

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use rehearsal::pipeline::{known_types, rewritten};
use rehearsal::world::{self, Stack, StackSpec};
use rehearsal::{Account, Options, Rehearsal, workspace};
use serde_json::Value;

use crate::fixture::PATIENCE;

/// Where all of them are.
const REGION: &str = "ap-southeast-2";

/// AWS where tasks are records.
struct Records {
    rehearsal: Rehearsal,
    /// Types that the emulator's CloudFormation has.
    known: BTreeSet<String>,
}

static RECORDS: LazyLock<Records> = LazyLock::new(|| {
    let rehearsal = Rehearsal::start(Options {
        environment: vec![("SFN_WAIT_SCALE".into(), "0.02".into())],
        ..Options::default()
    })
    .expect("the rehearsal starts");
    let known = known_types(rehearsal.tools()).expect("the emulator tells its types");
    Records { rehearsal, known }
});

/// A template's text.
fn text(template: &str) -> String {
    fs::read_to_string(workspace::root().join(template)).unwrap()
}

/// A stack of a template's text, its parameters changed.
fn spec(stack: &str, text: &str, parameters: &[(&str, &str)]) -> StackSpec {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let iam = if text.contains("ManagedPolicyName:") {
        "CAPABILITY_NAMED_IAM"
    } else {
        "CAPABILITY_IAM"
    };
    StackSpec {
        parameters: parameters.iter().map(owned).collect(),
        capabilities: [iam, "CAPABILITY_AUTO_EXPAND"].map(str::to_owned).into(),
        ..StackSpec::new(stack, text)
    }
}

/// Stacks of one account.
struct Environment {
    account: Account,
    /// The stacks' names, as they were made.
    stacks: Vec<&'static str>,
    /// What is not deployed: template and type.
    left_out: BTreeSet<(&'static str, String)>,
    /// Every template that was.
    templates: BTreeSet<&'static str>,
}

impl Environment {
    fn new(account: Account) -> Self {
        Self {
            account,
            stacks: Vec::new(),
            left_out: BTreeSet::new(),
            templates: BTreeSet::new(),
        }
    }

    /// Deploys a template as it is, or without what the emulator does not know.
    fn make(
        &mut self,
        template: &'static str,
        stack: &'static str,
        parameters: &[(&str, &str)],
    ) -> Stack {
        let path = workspace::root().join(template);
        let (rewritten, left_out) = rewritten(&path, &RECORDS.known).unwrap();
        let text = if left_out.is_empty() {
            text(template)
        } else {
            rewritten.to_string()
        };
        let left_out = left_out.into_iter().map(|(_, kind)| (template, kind));
        self.left_out.extend(left_out);
        self.templates.insert(template);
        self.stacks.push(stack);
        world::create_stack(&self.account, &spec(stack, &text, parameters))
            .unwrap_or_else(|error| panic!("{template} as {stack}: {error:#}"))
    }

    /// An output of a stack.
    fn out(&self, stack: &str, key: &str) -> String {
        let outputs = world::stack(&self.account, stack)
            .unwrap()
            .outputs()
            .unwrap();
        let found = outputs.get(key);
        found
            .unwrap_or_else(|| panic!("{stack} has no output {key}: {outputs:?}"))
            .clone()
    }
}

/// An operation of a JSON service.
fn call(account: &Account, service: &str, target: &str, body: Value) -> Value {
    account.json(service, target, body).unwrap()
}

/// Looks until there is something to see.
fn once<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(
            Instant::now() < deadline,
            "{what} does not come within {PATIENCE:?}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}
