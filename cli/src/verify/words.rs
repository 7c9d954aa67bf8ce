//! A verdict for people: whether, why not, and what the release says.

use rehearsal::say::wrapped;
use serde_json::Value;
use shared::moment;
use shared::names::short;
use shared::release;
use shared::release::statement::{Predicate, Test};

use super::verdict::{Check, Compared, Signed, Verdict};
use crate::paint::{Paint, plain};

/// Every terminal has as many.
const COLUMNS: usize = 80;
/// What is said stands behind its heading.
const MARGIN: &str = "            ";

/// All of it.
pub(super) fn words(verdict: &Verdict, paint: Paint) -> String {
    let mut lines = Vec::new();
    match (&verdict.signed, verdict.reasons.is_empty()) {
        (Some(signed), true) => {
            let name = plain(&signed.statement.name());
            let verified = paint.good("Verified");
            lines.push(format!("{verified}: release {}", paint.bold(&name)));
        }
        _ => lines.push(format!(
            "{}: {}",
            paint.bad("NOT verified"),
            plain(&verdict.place)
        )),
    }
    for reason in &verdict.reasons {
        lines.push(wrapped(&plain(reason), "- ", "  ", COLUMNS));
    }
    lines.push(String::new());
    if let Some(signed) = &verdict.signed {
        lines.extend(says(signed, verdict, paint));
    } else {
        let text = "What it says is not told: nobody who is trusted here signed it.";
        lines.push(text.to_owned());
    }
    lines.join("\n")
}

/// Headings, each with the lines behind it.
struct Table {
    lines: Vec<String>,
    paint: Paint,
}

impl Table {
    fn row(&mut self, heading: &str, says: Vec<String>) {
        let nothing = vec!["none".to_owned()];
        let says = if says.is_empty() { nothing } else { says };
        for (place, text) in (0..).zip(says) {
            let heading = if place == 0 { heading } else { "" };
            let heading = format!("{heading:<width$}", width = MARGIN.len());
            let text = wrapped(&plain(&text), MARGIN, &format!("{MARGIN}  "), COLUMNS);
            let text = text.get(MARGIN.len()..).unwrap_or_default();
            let line = format!("{}{text}", self.paint.bold(&heading));
            self.lines.push(line.trim_end().to_owned());
        }
    }
}

/// What the statement says.
fn says(signed: &Signed, verdict: &Verdict, paint: Paint) -> Vec<String> {
    let of = &signed.statement.predicate;
    let mut table = Table {
        lines: Vec::new(),
        paint,
    };
    let there = &of.destination;
    let place = format!(
        "account {}, {}, bucket {}",
        there.account, there.region, there.bucket
    );
    table.row("For", vec![place]);
    let from = &of.source;
    let pipeline = format!(
        "pipeline {}, account {}, {}",
        from.pipeline, from.account, from.region
    );
    table.row("From", vec![pipeline]);
    table.row("Sources", sources(of));
    table.row("Images", images(of));
    table.row("Tested", of.tests.iter().flat_map(tested).collect());
    table.row("Approved", approved(of));
    table.row("Preview", previewed(of));
    table.row("Rollout", vec![of.rollout.place.clone()]);
    table.row("Artifacts", artifacts(signed, &verdict.compared));
    let by = format!("the key in {}", signed.file);
    table.row("Signed by", vec![by, format!("sha256:{}", signed.key)]);
    let sha256 = verdict.sha256.iter();
    let envelope = sha256.map(|sha256| format!("sha256:{sha256}"));
    let envelope = std::iter::once(verdict.place.clone()).chain(envelope);
    table.row("Envelope", envelope.collect());
    let text = |check: &Check| match check.option {
        Some(option) if !check.done => format!("{} ({option})", check.what),
        _ => check.what.to_owned(),
    };
    for (heading, done) in [("Checked", true), ("Not checked", false)] {
        let checks = verdict.checks.iter().filter(|check| check.done == done);
        let checks: Vec<String> = checks.map(text).collect();
        if !checks.is_empty() {
            table.row(heading, vec![checks.join(", ")]);
        }
    }
    table.lines
}

fn sources(of: &Predicate) -> Vec<String> {
    let each = of.source.revisions.iter().flat_map(|revision| {
        let first = revision.summary.lines().next().unwrap_or_default();
        let text = format!("{} {} {first}", revision.artifact, revision.id);
        let url = Some(revision.url.clone()).filter(|url| !url.is_empty());
        std::iter::once(text).chain(url)
    });
    each.collect()
}

fn images(of: &Predicate) -> Vec<String> {
    let each = of
        .images
        .iter()
        .flat_map(|one| [one.image.clone(), one.digest.clone()]);
    each.collect()
}

fn tested(test: &Test) -> Vec<String> {
    let targets = test.proof.get("targets").and_then(Value::as_array);
    let place = format!("{}/{}, {}", test.stage, test.action, utc(test.ended));
    std::iter::once(place)
        .chain(targets.into_iter().flatten().map(showed))
        .collect()
}

/// What a target showed, as its proof has it.
fn showed(target: &Value) -> String {
    let text = |of: &Value, key: &str| {
        let value = of.get(key).and_then(Value::as_str);
        value.unwrap_or("?").to_owned()
    };
    let serves = |of: &Value| {
        let running = of.get("running").and_then(Value::as_u64);
        let tasks = match running.unwrap_or_default() {
            1 => "1 task".to_owned(),
            several => format!("{several} tasks"),
        };
        let definition = text(of, "taskDefinition");
        format!(
            "service {} served {} ({tasks}), deployment {}",
            text(of, "service"),
            short(&definition),
            text(of, "deployment")
        )
    };
    let place = format!(
        "{}, account {}",
        text(target, "region"),
        text(target, "account")
    );
    if target.get("stack").is_some() {
        let services = target.get("services").and_then(Value::as_array);
        let services: Vec<String> = services.into_iter().flatten().map(serves).collect();
        let what = match services.as_slice() {
            [] => "no service".to_owned(),
            services => services.join("; "),
        };
        format!("stack {} ({place}): {what}", text(target, "stack"))
    } else if target.get("service").is_some() {
        let cluster = text(target, "cluster");
        format!("{}, in cluster {cluster}, {place}", serves(target))
    } else if target.get("exitCode").and_then(Value::as_i64) == Some(0) {
        let name = text(target, "name");
        format!("task {name} ended with exit code 0, in {place}")
    } else {
        target.to_string()
    }
}

fn approved(of: &Predicate) -> Vec<String> {
    if of.approvals.is_empty() {
        return vec!["by nobody: the release needed no approval".to_owned()];
    }
    let each = of.approvals.iter().flat_map(|approval| {
        let place = format!(
            "{}/{}, {}",
            approval.stage,
            approval.action,
            utc(approval.at)
        );
        let comment = approval
            .comment
            .lines()
            .map(|line| format!("│ {}", plain(line)));
        [place, approval.by.clone()].into_iter().chain(comment)
    });
    each.collect()
}

fn previewed(of: &Predicate) -> Vec<String> {
    let preview = of.preview.iter();
    let each = preview.flat_map(|preview| {
        [
            format!("fingerprint {}", preview.fingerprint),
            preview.page.clone(),
        ]
    });
    each.filter(|text| !text.is_empty()).collect()
}

fn artifacts(signed: &Signed, compared: &[Compared]) -> Vec<String> {
    let folder = release::folder(&signed.statement.name());
    let mut compared = compared.iter();
    let artifacts = signed.statement.predicate.artifacts.iter();
    let each = artifacts.flat_map(|artifact| {
        let name = artifact.key.strip_prefix(&folder);
        let name = name.unwrap_or(&artifact.key);
        let found = match compared.next() {
            None => "",
            Some(Compared::Same) => ", the same here",
            Some(Compared::Missing) => ", MISSING here",
            Some(Compared::Other) => ", ANOTHER here",
        };
        [
            format!("{name}, {} bytes{found}", artifact.size),
            format!("sha256:{}", artifact.sha256),
        ]
    });
    each.collect()
}

fn utc(at: u64) -> String {
    match moment::utc(at) {
        Some(utc) => format!("{utc} UTC"),
        None => format!("{at} s after the beginning of 1970"),
    }
}
