//! What was measured, in words: two tables, how they came about, and what each tool told.

use std::fs;
use std::thread;

use anyhow::{Context, Result};
use rehearsal::workspace;

mod sheet;

use super::figures::{ratio, ratio_of_times, time};
use super::functions::{Figures, Sizes};
use super::peers::{self, Peers};
use super::rollouts::{Rollout, Run};
use crate::say::{self, megabytes};
use crate::schemas::part;
use sheet::{COLUMNS, Sheet};

/// The budgets, in bytes and milliseconds.
const BINARY: u64 = 7_500_000;
const ZIP: u64 = 3_000_000;
const MEMORY: u64 = 25_000_000;
const START_MS: f64 = 10.0;

/// A table and the sentences below it.
pub(super) struct Part {
    /// The name of its place in the README.
    name: &'static str,
    sheet: Sheet,
    notes: String,
    /// What each tool told, by a heading.
    quotes: Vec<(String, String)>,
}

/// The function beside the boto3 function.
pub(super) fn functions(
    peers: &Peers,
    sizes: &Sizes,
    [ours, theirs]: &[Figures; 2],
    rounds: usize,
) -> Result<Part> {
    let boto3 = format!(
        "{} + boto3 {}",
        peers.python_version,
        peers::version("boto3")?
    );
    let mut sheet = Sheet::new(&["one function", "redbutton", &boto3, "ratio", "budget"]);
    for (what, size, budget) in [("binary", sizes.binary, BINARY), ("zip", sizes.zip, ZIP)] {
        sheet.row([
            what.to_owned(),
            megabytes(size),
            none(),
            none(),
            bytes_within(size, budget),
        ]);
    }
    for (what, ours, theirs) in [
        ("start to first answered AWS call", ours.start, theirs.start),
        (
            "the fastest such start",
            ours.fastest_start,
            theirs.fastest_start,
        ),
    ] {
        sheet.row([
            what.to_owned(),
            time(ours),
            time(theirs),
            ratio_of_times(ours, theirs),
            within("10 ms", ours.as_secs_f64() * 1e3 <= START_MS),
        ]);
    }
    for (what, ours, theirs) in [
        (
            "processor time of a start",
            ours.start_processor,
            theirs.start_processor,
        ),
        ("one job, from the process's start", ours.cold, theirs.cold),
        ("one job, in a warm process", ours.warm, theirs.warm),
    ] {
        sheet.row([
            what.to_owned(),
            time(ours),
            time(theirs),
            ratio_of_times(ours, theirs),
            none(),
        ]);
    }
    let calls = ratio(ours.calls as f64, theirs.calls as f64);
    sheet.row([
        "AWS calls of that job".to_owned(),
        ours.calls.to_string(),
        theirs.calls.to_string(),
        calls,
        none(),
    ]);
    for (what, ours, theirs) in [
        ("peak memory of one job", ours.memory, theirs.memory),
        (
            "peak memory, artifact of 50 MB",
            ours.memory_large,
            theirs.memory_large,
        ),
    ] {
        sheet.row([
            what.to_owned(),
            megabytes(ours),
            megabytes(theirs),
            ratio(ours as f64, theirs as f64),
            bytes_within(ours, MEMORY),
        ]);
    }
    let notes = format!(
        "Medians of {rounds} rounds, one after the other on {}. Both run as processes under Lambda's \
         Runtime API (Python with awslambdaric {}, which Lambda uses), reach local AWS through TLS, and \
         do the same job: read the artifact, assume the role, register, update, look until it is done, \
         answer. Neither pauses between looks, so a job's time is its work and, for the larger part, \
         the emulator's. The first answer of a start comes at once; what else the machine does makes \
         starts longer, which is why the fastest is there, too. Memory is the resident set at its \
         highest. The calls of redbutton include those that make sure: tags to digests, what the tasks \
         run in the end. A ratio is the other's figure over redbutton's.",
        machine(),
        peers::version("awslambdaric")?,
    );
    Ok(Part {
        name: "bench-functions",
        sheet,
        notes,
        quotes: Vec::new(),
    })
}

/// The same rollouts by redbutton and by ecs-deploy.
pub(super) fn rollouts(rollouts: &[Rollout], mode: &str) -> Result<Part> {
    let mut sheet = Sheet::new(&[
        "services, image",
        "redbutton",
        "AWS calls",
        "time",
        "ecs-deploy",
        "AWS calls",
        "time",
        "ratio: calls",
        "time",
    ]);
    for Rollout {
        services,
        good,
        redbutton: ours,
        ecs_deploy: theirs,
    } in rollouts
    {
        sheet.row([
            format!("{services}, {}", image(*good)),
            said(ours),
            ours.calls.to_string(),
            time(ours.time),
            said(theirs),
            theirs.calls.to_string(),
            time(theirs.time),
            ratio(ours.calls as f64, theirs.calls as f64),
            ratio_of_times(ours.time, theirs.time),
        ]);
    }
    let notes = format!(
        "One rollout each, on {}; {mode}. The function is warm. redbutton takes all services in one action, ecs-deploy {} \
         (`ecs deploy`, one process a service, all started at once) is the root of the account. Both \
         look as often as they do by default: every 5 seconds, and every second. The calls of \
         redbutton include reading the artifact, assuming the role and answering the pipeline. A \
         ratio is ecs-deploy's figure over redbutton's. The emulator goes on listing a deployment that \
         failed, which ecs-deploy waits for; on AWS it may end sooner, and otherwise.",
        machine(),
        peers::version("ecs-deploy")?,
    );
    let quotes = [true, false].into_iter().flat_map(|kind| {
        let first = rollouts.iter().find(|rollout| rollout.good == kind);
        let quote = move |tool: &str, run: &Run| {
            let told = format!("{tool}, {} image, {}", image(kind), said(run));
            (told, run.said.message.clone())
        };
        first.into_iter().flat_map(move |first| {
            [
                quote("redbutton", &first.redbutton),
                quote("ecs-deploy", &first.ecs_deploy),
            ]
        })
    });
    Ok(Part {
        name: "bench-rollouts",
        sheet,
        notes,
        quotes: quotes.collect(),
    })
}

impl Part {
    /// For a terminal.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n{}\n", self.sheet.text(), lines(&self.notes, ""));
        for (heading, words) in &self.quotes {
            text.push_str(&format!("\n{heading}:\n{}\n", quoted(words, "  │ ")));
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text = format!("{}\n{}\n", self.sheet.markdown(), lines(&self.notes, ""));
        for (heading, words) in &self.quotes {
            let words = quoted(words, "");
            text.push_str(&format!("\n{heading}:\n\n```text\n{words}\n```\n"));
        }
        text
    }
}

/// Puts the parts into their places in the README.
pub(super) fn write(parts: &[Part]) -> Result<()> {
    let path = workspace::root().join("README.md");
    let mut text = fs::read_to_string(&path).context("read README.md")?;
    for part in parts {
        text = part::put(&text, part.name, &part.markdown())?;
    }
    fs::write(&path, text).context("write README.md")
}

/// A paragraph in lines of a readable length.
fn lines(text: &str, indent: &str) -> String {
    say::wrapped(text, indent, indent, COLUMNS)
}

/// Somebody's words, with their own lines.
fn quoted(words: &str, indent: &str) -> String {
    let all: Vec<String> = words.lines().map(|line| lines(line, indent)).collect();
    all.join("\n")
}

fn none() -> String {
    "–".to_owned()
}

fn bytes_within(bytes: u64, budget: u64) -> String {
    within(&megabytes(budget), bytes <= budget)
}

fn within(budget: &str, met: bool) -> String {
    let met = if met { "met" } else { "missed" };
    format!("{budget}, {met}")
}

fn image(good: bool) -> &'static str {
    if good { "good" } else { "broken" }
}

fn said(run: &Run) -> String {
    if run.said.success {
        "succeeded"
    } else {
        "failed"
    }
    .to_owned()
}

/// `x86_64 with 2 cores and a load average of 1.4`: whether its times can be trusted.
fn machine() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let processor = std::env::consts::ARCH;
    format!("{processor} with {cores} cores and a load average of {load}")
}
