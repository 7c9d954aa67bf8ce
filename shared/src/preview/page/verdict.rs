//! What the first screen answers: may it be approved, and what has to be looked at before.

use maud::{Markup, html};

use super::anchor;
use crate::preflight::{DESIRED_COUNT_ZERO, EXIT_AT_START, FLOATING_TAG, STACK_OWNED};
use crate::preview::words::{all, count, to_look_at};
use crate::preview::{Finding, Plan, Preview, TargetPreview};
use crate::rollout::seen::settings::Alarm;
use crate::stack::{Change, guard};

/// The page in one sentence.
pub(super) fn headline(preview: &Preview) -> String {
    let (targets, changing) = (preview.targets.len(), changing(preview));
    match (preview.refusals().next(), changing, targets) {
        (Some(_), _, _) => "This release would be refused".to_owned(),
        (None, 0, _) => "Nothing would change".to_owned(),
        (None, 1, 1) => "One target would change".to_owned(),
        (None, _, _) if changing == targets => format!("All {targets} targets would change"),
        (None, 1, _) => format!("1 of {targets} targets would change"),
        (None, _, _) => format!("{changing} of {targets} targets would change"),
    }
}

fn changing(preview: &Preview) -> usize {
    let targets = preview.targets.iter();
    targets.filter(|target| target.changes()).count()
}

/// The headline, what follows from it, and all reasons for a refusal.
pub(super) fn verdict(preview: &Preview) -> Markup {
    let refusals: Vec<_> = preview.refusals().collect();
    let concerns = to_look_at(preview);
    let (class, sign) = match (refusals.as_slice(), concerns.as_slice()) {
        ([_, ..], _) => ("refused", "✕"),
        ([], [_, ..]) => ("attention", "!"),
        ([], []) => ("clear", "✓"),
    };
    html! {
        section.verdict.(class) aria-labelledby="verdict" {
            span.sign aria-hidden="true" { (sign) }
            h1 #verdict { (headline(preview)) }
            p { (lead(preview, refusals.len(), &concerns)) }
            @if !refusals.is_empty() {
                ol.refusals {
                    @for (name, text) in &refusals {
                        li { (about(preview, *name)) (text) }
                    }
                }
            }
        }
    }
}

/// That nothing is deployed for now, whoever approves.
pub(super) fn freeze(says: &str) -> Markup {
    html! {
        section.verdict.attention aria-label="Freeze" {
            span.sign aria-hidden="true" { "!" }
            p { b { "Frozen. " } (says) ". What is approved now is deployed when that ends, if at all." }
        }
    }
}

fn lead(preview: &Preview, refusals: usize, concerns: &[String]) -> String {
    if refusals > 0 {
        let reasons = match refusals {
            1 => "this reason".to_owned(),
            _ => format!("these {refusals} reasons"),
        };
        return format!("Approved as it is, it would be refused, or would fail, for {reasons}:");
    }
    let served = match (changing(preview), preview.targets.len()) {
        (0, 0) => "The rollout names no target. ",
        (0, 1) => "The target serves already what would be released. ",
        (0, _) => "Every target serves already what would be released. ",
        _ => "",
    };
    if concerns.is_empty() {
        return format!("{served}Nothing was found that speaks against it.");
    }
    let before = "Nothing was found that would refuse it. Before you approve, look at";
    format!("{served}{before} {}.", all(concerns))
}

/// What has to be looked at, the heaviest first.
pub(super) fn concerns(preview: &Preview) -> Markup {
    let not_provable: Vec<_> = preview.not_provable().collect();
    let replaced = of_targets(preview, replaced);
    let alarms = of_targets(preview, |target| target.alarms.iter().map(alarm).collect());
    let drift = of_targets(preview, |target| {
        let drift = target.drift.iter();
        drift.map(|text| html! { (text) }).collect()
    });
    let exceptions = preview.exceptions.iter();
    let exceptions = exceptions.map(|(key, value)| {
        html! {
            code { (key) } ": " code { (value) }
            @if let Some(meaning) = meaning(key, value) { ", " (meaning) }
        }
    });
    let not_provable = not_provable.into_iter();
    let not_provable = not_provable.map(|(name, text)| html! { (about(preview, name)) (text) });
    html! {
        (concern("replaced", "Resources that would be replaced or removed", None, replaced))
        (concern(
            "exceptions",
            "Exceptions that the rollout file asks for",
            Some("Each lets something pass that is refused otherwise."),
            exceptions.collect(),
        ))
        (concern(
            "alarms",
            "Alarms that are in ALARM now",
            Some("ECS ignores an alarm that is in ALARM when a deployment begins: it would not stop this release."),
            alarms,
        ))
        (concern("drift", "Not as the last release left it", None, drift))
        (concern(
            "not-proven",
            "What could not be proven",
            Some("It may be fine, and it could not be checked."),
            not_provable.collect(),
        ))
    }
}

/// What an exception lets pass, where its name alone may not say it.
fn meaning(key: &str, value: &str) -> Option<&'static str> {
    let words = match (key, value) {
        ("allowReplacement", _) => "which may be replaced or removed",
        ("allow", STACK_OWNED) => {
            "a service that belongs to a CloudFormation stack, whose next update undoes this release"
        }
        ("allow", DESIRED_COUNT_ZERO) => {
            "a service that runs no task, whose rollout proves nothing"
        }
        ("allow", EXIT_AT_START) => {
            "containers that exit at their start, which are left to ECS's circuit breaker"
        }
        ("allow", FLOATING_TAG) => "an image by a tag, which may become another one at any time",
        _ => return None,
    };
    Some(words)
}

fn concern(id: &str, title: &str, why: Option<&str>, found: Vec<Markup>) -> Markup {
    html! {
        @if !found.is_empty() {
            section.concern aria-labelledby=(id) {
                h2 id=(id) {
                    (title) " " span.number { (found.len()) }
                }
                @if let Some(why) = why { p { (why) } }
                ul { @for one in &found { li { (one) } } }
            }
        }
    }
}

/// What `found` finds of each target, with the target's name before it.
fn of_targets(preview: &Preview, found: impl Fn(&TargetPreview) -> Vec<Markup>) -> Vec<Markup> {
    let targets = preview.targets.iter().enumerate();
    let each = targets.flat_map(|(n, target)| {
        let found = found(target).into_iter();
        found.map(move |one| html! { (link(n, target)) ": " (one) })
    });
    each.collect()
}

fn link(n: usize, target: &TargetPreview) -> Markup {
    html! { a href={ "#" (anchor(n)) } { (target.name) } }
}

/// The target that a finding is about, if it is about one.
fn about(preview: &Preview, name: Option<&str>) -> Markup {
    let mut targets = preview.targets.iter().enumerate();
    let target = name.and_then(|name| targets.find(|(_, target)| target.name == name));
    html! { @if let Some((n, target)) = target { (link(n, target)) ": " } }
}

fn alarm(alarm: &Alarm) -> Markup {
    html! {
        b { (alarm.name) }
        @if !alarm.reason.is_empty() { ": " (alarm.reason) }
    }
}

/// Each with what would become of it, and whether somebody wrote down that it may.
fn replaced(target: &TargetPreview) -> Vec<Markup> {
    let Plan::Stack {
        replaced, changes, ..
    } = &target.plan
    else {
        return Vec::new();
    };
    let told = replaced.iter().map(|(name, allowed)| {
        let change = changes.iter().find(|change| change.name() == *name);
        html! {
            b { (name) }
            @if let Some(change) = change { " " (fate(change)) }
            @if *allowed {
                ". Allowed by " code { "allowReplacement" } "."
            } @else {
                ". " b { "Not allowed" } ": " code { "allowReplacement" } " does not name it."
            }
        }
    });
    told.collect()
}

fn fate(change: &Change) -> Markup {
    html! {
        "(" (change.kind) ") " (guard::danger(change).unwrap_or("would be replaced"))
        @if let Some(becomes) = guard::becomes(&change.policy) { "; " (becomes) }
        @if !change.causes.is_empty() { "; because of " (change.causes.join(", ")) }
    }
}

/// Where in the lists above a target is told of.
pub(super) fn marks(target: &TargetPreview) -> Vec<(&'static str, String)> {
    let found = |of: fn(&Finding) -> bool| target.findings.iter().filter(|it| of(it)).count();
    let refused = found(|it| matches!(it, Finding::Refused(_)));
    let not_proven = found(|it| matches!(it, Finding::NotProvable(_)));
    let replaced = match &target.plan {
        Plan::Stack { replaced, .. } => replaced.len(),
        _ => 0,
    };
    let marks = [
        (refused, "verdict", "refusal"),
        (replaced, "replaced", "replacement"),
        (target.alarms.len(), "alarms", "alarm"),
        (target.drift.len(), "drift", "drift"),
        (not_proven, "not-proven", "not proven"),
    ];
    let marks = marks.into_iter().filter(|(number, _, _)| *number > 0);
    let told = marks.map(|(number, place, what)| match what {
        "drift" => (place, what.to_owned()),
        "not proven" => (place, format!("{number} {what}")),
        _ => (place, count(number, what)),
    });
    told.collect()
}
