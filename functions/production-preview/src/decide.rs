//! What was read → what is told. Pure.

mod images;
mod settings;
mod stack;

pub use images::nameless;
pub use settings::watched_alarms;

use aws::error::CallError;
use driver::check::{Checked, Known};
use driver::request::Request;
use driver::stacks::Proposal;
use shared::error::FailureKind;
use shared::job::revision::Revision;
use shared::preflight;
use shared::preview::fingerprint::{Live, fingerprint};
use shared::preview::{Finding, Plan, Preview, TargetPreview, drift};
use shared::rollout::report::{self, Placed};
use shared::rollout::seen::settings::Alarm;
use shared::rollout::seen::stack::Event;
use shared::rollout::start::{self, Keys, Start};
use shared::rollout_file::RolloutFile;
use shared::rollout_file::images::Image;
use shared::rollout_file::target::{Kind, OneOff};
use shared::stack::Stack;
use shared::task_definition::TaskDefinition;
use shared::task_definition::diff::diff;

use crate::request::exceptions;

/// Everything that was read. Lists have one entry per target, unless they say otherwise.
pub struct Facts<'a> {
    /// Targets and their accounts.
    pub placed: Vec<Placed<'a>>,
    /// What is asked for.
    pub request: &'a Request,
    /// What the checks came to.
    pub checked: &'a Checked,
    /// What the stacks' change sets would do; one per planned stack.
    pub proposals: &'a [Proposal],
    /// The live state.
    pub live: &'a [Live],
    /// Events of the stacks, back to the beginning of their last change.
    pub last_changes: &'a [Result<Vec<Event>, CallError>],
    /// Deployment alarms.
    pub alarms: &'a [Result<Vec<Alarm>, CallError>],
    /// What the preflight found, each with its target's place.
    pub preflight: Vec<(usize, Finding)>,
    /// That production is frozen, in a sentence; none where it is not, or where nobody says so.
    pub freeze: Option<String>,
    /// Where the sources stand.
    pub sources: Result<Vec<Revision>, CallError>,
    /// What ECR calls images that are known by their digest.
    pub tags: &'a [(Image, String)],
    /// Seconds since the epoch.
    pub now: u64,
    /// Seconds since the epoch → a time for people.
    pub shown: &'a dyn Fn(u64) -> String,
    /// Whether values of environment variables are shown.
    pub show_values: bool,
}

/// What is told.
pub fn preview(facts: &Facts<'_>) -> Preview {
    let file = &facts.request.file;
    let mut findings = general(facts);
    let sources = facts.sources.as_ref().cloned().unwrap_or_else(|error| {
        let text = format!("the commits of this execution could not be read: {error}");
        findings.push(Finding::NotProvable(text));
        Vec::new()
    });
    Preview {
        pipeline: facts.request.pipeline.clone(),
        execution: facts.request.execution.clone(),
        at: facts.now,
        targets: (0..file.targets.len())
            .filter_map(|n| target(facts, n))
            .collect(),
        findings,
        exceptions: exceptions(file),
        freeze: facts.freeze.clone(),
        sources,
        fingerprint: fingerprint(facts.live),
        show_values: facts.show_values,
    }
}

/// What speaks against the rollout as a whole.
fn general(facts: &Facts<'_>) -> Vec<Finding> {
    of_place(facts.checked, None)
}

/// What the checks found about one target, or about none. Of a call that only looks, and that the
/// preview's role may not make, what it would have shown may be well (CONTRACTS 3.10.3).
fn of_place(checked: &Checked, n: Option<usize>) -> Vec<Finding> {
    let found = checked.findings.all().iter().filter(|found| found.n == n);
    let unseen = checked.findings.all_unseen().iter();
    let unseen = unseen.filter(|(place, _)| Some(*place) == n);
    found
        .map(|found| match (found.looks, found.failed) {
            (true, Some(FailureKind::PermissionError)) => Finding::NotProvable(found.text.clone()),
            _ => Finding::Refused(found.text.clone()),
        })
        .chain(unseen.map(|(_, text)| Finding::NotProvable(text.clone())))
        .collect()
}

/// The kind of a refusal whose reasons are calls that failed, and nothing else.
pub fn kind(checked: &Checked, reasons: usize) -> Option<FailureKind> {
    let found = checked.findings.all();
    let kinds: Option<Vec<FailureKind>> = found.iter().map(|found| found.failed).collect();
    kinds
        .filter(|kinds| kinds.len() == reasons)?
        .first()
        .copied()
}

/// Says so when a stack was changed while it was looked at: its change set and the live state are of
/// two moments.
pub fn moved(placed: &[Placed<'_>], proposals: &[Proposal], live: &[Live]) -> Option<String> {
    let mut each = proposals.iter();
    let state = |stack: &Stack| (stack.id.clone(), stack.changed, stack.status.clone());
    let moved = each.find(|proposal| {
        let now = live.get(proposal.n).and_then(|live| live.stack.as_ref());
        proposal.stack.as_ref().map(state) != now.map(|(stack, _)| state(stack))
    })?;
    let place = report::place(*placed.get(moved.n)?);
    Some(format!("{place} was changed while it was looked at"))
}

fn target(facts: &Facts<'_>, n: usize) -> Option<TargetPreview> {
    let (file, checked) = (&facts.request.file, facts.checked);
    let (placed, live) = (facts.placed.get(n)?, facts.live.get(n)?);
    let (target, account) = *placed;
    let mut findings = of_place(checked, Some(n));
    let found = facts.preflight.iter().filter(|(place, _)| *place == n);
    findings.extend(found.map(|(_, finding)| finding.clone()));
    let proposal = facts.proposals.iter().find(|proposal| proposal.n == n);
    if let Some(proposal) = proposal {
        findings.extend(proposal.refused.iter().cloned().map(Finding::Refused));
        findings.extend(proposal.unseen.iter().cloned().map(Finding::NotProvable));
    }
    let mut alarms = Vec::new();
    match facts.alarms.get(n) {
        Some(Ok(all)) => alarms.extend(all.iter().filter(|alarm| alarm.state == "ALARM").cloned()),
        Some(Err(error)) => findings.push(Finding::NotProvable(format!(
            "whether its deployment alarms are in ALARM could not be read: {error}"
        ))),
        None => {}
    }
    let known = checked.known.get(n)?;
    let (wanted, stack) = (checked.plan.definition(n), target.stack());
    let mut drift = match (facts.last_changes.get(n), live.services.first()) {
        (Some(Ok(events)), _) if stack.is_some() => drift::of_stack(events, facts.shown),
        (_, Some((_, service))) if target.is_service() => {
            let operation = driver::decide::operation("", target, account);
            let (running, latest) = (known.running.as_ref(), known.latest.as_ref());
            drift::of_service(service, running, latest, operation.trim())
        }
        _ => Vec::new(),
    };
    if let Some(Err(error)) = facts.last_changes.get(n) {
        findings.push(Finding::NotProvable(format!(
            "who changed the stack last could not be read: {error}"
        )));
    }
    drift.extend(settings::unhealthy(live));
    let plan = match (&target.kind, wanted, proposal) {
        (Kind::Service(_), Some(wanted), _) => deploy(facts, n, known, wanted),
        (Kind::Task(task), Some(wanted), _) => run(task, like(file, checked, n), wanted),
        (Kind::Stack(stack), _, Some(proposal)) => stack::plan(proposal, stack),
        _ => Plan::Unknown,
    };
    if let (Plan::Deploy { .. }, Some(seen)) = (&plan, checked.seen.get(n)) {
        let delayed = preflight::delayed(target, &seen.service).into_iter();
        findings.extend(delayed.map(Finding::Refused));
    }
    let images = match (wanted, proposal) {
        (Some(wanted), _) => images::of_definitions(
            like(file, checked, n).map(|running| &running.definition),
            wanted,
            &facts.checked.images,
            facts.tags,
        ),
        (_, Some(proposal)) => images::of_stack(proposal, &facts.checked.images, facts.tags),
        _ => Vec::new(),
    };
    let after = target.after.iter();
    let published = checked
        .published
        .iter()
        .filter(|published| published.n == n);
    Some(TargetPreview {
        name: target.name.clone(),
        place: report::place(*placed),
        kind: target.kind.word(),
        account: account.to_owned(),
        region: target.region.as_str().to_owned(),
        after: after
            .filter_map(|n| Some(file.targets.get(*n)?.name.clone()))
            .collect(),
        images,
        plan,
        published: published
            .filter_map(|published| images::published(published, wanted, stack, proposal))
            .collect(),
        settings: settings::of(live, stack, proposal),
        alarms,
        drift,
        findings,
    })
}

/// The running definition that a target's own is held against: of a task, that of the service that it
/// is like, which may be read as another target's.
fn like<'a>(
    file: &RolloutFile,
    checked: &'a Checked,
    n: usize,
) -> Option<&'a shared::task_definition::Described> {
    let own = checked.known.get(n)?.running.as_ref();
    own.or_else(|| {
        let other = driver::decide::shares_with(file, n)?;
        checked.known.get(other)?.running.as_ref()
    })
}

/// As the rollout would begin: by the very decision that it takes.
fn deploy(facts: &Facts<'_>, n: usize, known: &Known, wanted: &TaskDefinition) -> Plan {
    let Some(seen) = facts.checked.seen.get(n) else {
        return Plan::Unknown;
    };
    let keys = Keys {
        operation: "",
        attempt: "",
    };
    let (running, latest) = (known.running.as_ref(), known.latest.as_ref());
    if let Start::Watch(_) = start::start(&seen.service, running, latest, wanted, keys) {
        return Plan::Unchanged;
    }
    Plan::Deploy {
        from: running.map(|running| shared::names::short(&running.arn).to_owned()),
        family: wanted.family().to_owned(),
        differences: running.map_or_else(Vec::new, |running| diff(&running.definition, wanted)),
    }
}

fn run(
    task: &OneOff,
    like: Option<&shared::task_definition::Described>,
    wanted: &TaskDefinition,
) -> Plan {
    let environment = task.environment.iter();
    Plan::Run {
        family: wanted.family().to_owned(),
        container: task.container.clone().unwrap_or_default(),
        command: task.command.clone(),
        environment: environment.map(|(name, _)| name.clone()).collect(),
        differences: like.map_or_else(Vec::new, |like| diff(&like.definition, wanted)),
    }
}
