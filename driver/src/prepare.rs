//! What an attempt begins with: once everything is checked, change sets are made, and each definition
//! is registered once. Nothing is deployed here.

use shared::error::{Failure, FailureKind};
use shared::job::token;
use shared::rollout::State;
use shared::rollout::seen::Seen;
use shared::rollout::stack::change_set_name;

use crate::artifacts::Artifacts;
use crate::begin::begin;
use crate::check::{Checked, Checking, check};
use crate::decide::Plan;
use crate::{Work, decide, stacks};

/// Whether everything may begin.
pub enum Readiness {
    /// It may.
    Ready(Box<Prepared>),
    /// Somebody else is at work on a stack; nothing was changed.
    Busy(String),
}

/// What preparing came to, besides the state.
pub struct Prepared {
    /// The first sight of all targets.
    pub seen: Vec<Seen>,
    /// Targets whose revision was registered just now: no earlier delivery can have deployed it.
    pub fresh: Vec<usize>,
}

/// How long silence of AWS is waited for before anything is prepared, in seconds.
const PATIENCE_SECONDS: u64 = 300;

/// Whether preparing failed for a reason that may pass: it is tried again in another invocation. Once
/// the attempt waited for somebody else, an earlier delivery may have begun it: then until the deadline.
pub fn may_pass(work: &Work<'_>, failure: &Failure, state: &State) -> bool {
    let now = aws::job::now();
    let waits = work.job.token.is_some() && !decide::is_late(&work.request.file, state, now);
    failure.kind == FailureKind::SystemUnavailable
        && (waits || now < state.started + PATIENCE_SECONDS)
}

/// Checks everything and begins the attempt: its targets are in `state` then.
pub async fn prepare(
    work: &Work<'_>,
    state: &mut State,
    artifacts: &mut Artifacts<'_>,
) -> Result<Readiness, Failure> {
    match check(work, state, artifacts).await? {
        Checking::Busy(text) => Ok(Readiness::Busy(text)),
        Checking::Checked(checked) => {
            let prepared = prepare_checked(work, state, *checked).await?;
            Ok(Readiness::Ready(Box::new(prepared)))
        }
    }
}

/// As [`prepare`], once everything is checked.
pub async fn prepare_checked(
    work: &Work<'_>,
    state: &mut State,
    checked: Checked,
) -> Result<Prepared, Failure> {
    let Checked {
        seen,
        known,
        plan,
        stacks: planned,
        begun,
        mut findings,
        ..
    } = checked;
    findings.general(too_long(work, state, &plan));
    findings.done()?;
    let mut made = stacks::create(work, state, &planned).await?;
    made.extend(begun);
    let begun = begin(work, state, seen, &known, &plan, &made).await;
    if let Err(failure) = &begun
        && failure.kind != FailureKind::SystemUnavailable
    {
        let places: Vec<usize> = made.iter().map(|made| made.n).collect();
        stacks::discard(work, state, &places).await;
    }
    begun
}

/// What speaks against a state that has to travel in a token: that of the attempt as it begins.
pub fn too_long(work: &Work<'_>, state: &State, plan: &Plan) -> Vec<String> {
    let families = (0..work.ends.len()).map(|n| match plan.definition(n) {
        Some(definition) => definition.family().to_owned(),
        None => change_set_name(&state.attempt, n),
    });
    let families: Vec<String> = families.collect();
    let places = work
        .ends
        .iter()
        .map(|end| (end.target.region.as_str(), end.account.as_str()));
    if token::will_fit(state, places.zip(families.iter().map(String::as_str))) {
        return Vec::new();
    }
    vec![
        "the state of this rollout would not fit CodePipeline's continuation token: put fewer \
         targets into one action"
            .to_owned(),
    ]
}
