//! `cargo xtask test`: everything that has to hold before a change is merged; `.ci/run` is this.

mod beside;
mod book;
mod checkov;
mod dependencies;
pub(crate) mod release;
pub(crate) mod step;
mod templates;

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use rehearsal::docker::Engine;
use rehearsal::{Progress, workspace};

use crate::command::{cargo, program, succeed};
use crate::{say, schemas};
use beside::{Beside, Work};
use step::{Tally, tests};

/// Run every check: format, lints, docs, licences, schemas, the book, tests, templates, the suite.
///
/// A failed step stops nothing; the last line counts what passed and what failed. From a clean clone
/// it takes twenty minutes on two cores, half of them for builds.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Leave out what needs the emulator
    #[arg(long)]
    fast: bool,
    /// Build the functions for release, too (ten minutes more), and look at sizes and libc, as
    /// `cargo xtask package` does
    #[arg(long)]
    release: bool,
}

/// One step: what it is called, and what it does.
struct Step {
    name: &'static str,
    /// Whether `--fast` leaves it out.
    slow: bool,
    work: Work,
}

const fn quick(name: &'static str, work: Work) -> Step {
    let slow = false;
    Step { name, slow, work }
}

const fn slow(name: &'static str, work: Work) -> Step {
    let slow = true;
    Step { name, slow, work }
}

/// In the order that finds most soonest.
const STEPS: [Step; 9] = [
    quick("format", format),
    quick("clippy", clippy),
    quick("docs", docs),
    quick("schemas and the reference's tables", generated),
    quick("the book", book::check),
    quick("the emulator's Python", python),
    quick("unit and property tests", unit_tests),
    quick(
        "templates: sam validate, cfn-lint, translated too; checkov",
        templates::check,
    ),
    slow("the suite on local AWS", suite),
];

/// Builds, for the most part: they go on from the start, whenever the others leave the processor
/// idle, and are told of last.
const BESIDE: [Step; 2] = [
    quick("what templates and the rehearsal need", templates::install),
    quick(
        "licences, bans and sources of dependencies",
        dependencies::check,
    ),
];

/// Only when it is asked for.
const RELEASE: [Step; 1] = [quick("release build: sizes and libc", release::check)];

/// What all steps came to.
#[derive(Default)]
struct Sum {
    passed: usize,
    failed: usize,
    failures: Vec<&'static str>,
}

impl Sum {
    fn take(&mut self, step: &Step, done: Result<Tally>) {
        let tally = done.unwrap_or_else(|error| Tally {
            // A step that could not even count is one failure.
            failed: 1,
            said: format!("{error:#}"),
            ..Tally::default()
        });
        for note in &tally.notes {
            say::line(format!("      {note}"));
        }
        if tally.failed > 0 {
            say::line(format!("{} failed\n{}", tally.failed, tally.said));
            self.failures.push(step.name);
        }
        self.passed += tally.passed;
        self.failed += tally.failed;
    }
}

/// Runs all steps; fails when any did.
pub(crate) fn run(options: &Options) -> Result<()> {
    let began = Instant::now();
    let wanted = |step: &&Step| !(options.fast && step.slow);
    let release = RELEASE.iter().filter(|_| options.release);
    let beside: Vec<&Step> = BESIDE.iter().filter(wanted).chain(release).collect();
    let steps: Vec<&Step> = STEPS.iter().filter(wanted).collect();
    let lane = Beside::begin(beside.iter().map(|step| step.work).collect());
    let mut sum = Sum::default();
    let all = steps.len() + beside.len();
    for (number, step) in (1..).zip(&steps) {
        let head = format!("[{number}/{all}] {}", step.name);
        let mut told = None;
        // A failure is told with the others, so that the numbers come before the texts.
        let done = say::phase(&head, |progress| {
            let tally = (step.work)(progress)?;
            let failed = tally.failed;
            told = Some(tally);
            ensure!(failed == 0, "{failed} failed");
            Ok(())
        });
        sum.take(step, told.map_or_else(|| done.map(|()| Tally::one()), Ok));
    }
    let ended = say::phase("waiting for what goes on beside", |_| lane.end())?;
    for ((number, step), done) in (steps.len() + 1..).zip(&beside).zip(ended) {
        let took = say::seconds(done.took);
        say::line(format!("[{number}/{all}] {} … {took}", step.name));
        sum.take(step, done.tally);
    }
    say::line(format!("\nin {}", say::seconds(began.elapsed())));
    let left = STEPS.iter().chain(&BESIDE);
    for left in left.filter(|step| options.fast && step.slow) {
        say::line(format!("left out by --fast: {}", left.name));
    }
    if !options.fast
        && let Err(reason) = Engine::available()
    {
        say::line(format!(
            "left out, as noted above: what needs a Docker engine ({reason:#})"
        ));
    }
    for name in &sum.failures {
        say::line(format!("failed: {name}"));
    }
    say::line(format!("{} passed, {} failed", sum.passed, sum.failed));
    if sum.failed > 0 {
        bail!("not everything passed");
    }
    Ok(())
}

fn format(progress: &Progress) -> Result<Tally> {
    succeed(&mut cargo("fmt --all --check -- --color never"), progress)?;
    succeed(
        &mut cargo("fmt --check --manifest-path examples/web/Cargo.toml -- --color never"),
        progress,
    )?;
    Ok(Tally::one())
}

fn clippy(progress: &Progress) -> Result<Tally> {
    succeed(
        &mut cargo("clippy --quiet --workspace --all-targets -- -D warnings"),
        progress,
    )?;
    let mut example =
        cargo("clippy --quiet --all-targets --target-dir ../../target/examples -- -D warnings");
    succeed(
        example.current_dir(workspace::root().join("examples/web")),
        progress,
    )?;
    Ok(Tally::one())
}

fn docs(progress: &Progress) -> Result<Tally> {
    let mut doc = cargo("doc --quiet --workspace --no-deps --document-private-items");
    succeed(doc.env("RUSTDOCFLAGS", "-D warnings"), progress)?;
    Ok(Tally::one())
}

fn generated(_: &Progress) -> Result<Tally> {
    schemas::check()?;
    Ok(Tally::one())
}

fn python(progress: &Progress) -> Result<Tally> {
    let arguments = [
        "-m",
        "py_compile",
        "rehearsal/src/emulator/launch.py",
        "rehearsal/src/pipeline/build/programs/docker.py",
        "rehearsal/actions.py",
        "rehearsal/operations.py",
        "rehearsal/permissions.py",
        "rehearsal/translate.py",
        "tests/dsse/verify.py",
        "tests/environments/aws.py",
    ];
    let cache = workspace::target().join("pycache");
    succeed(
        program("python3", &arguments).env("PYTHONPYCACHEPREFIX", cache),
        progress,
    )?;
    Ok(Tally::one())
}

fn unit_tests(progress: &Progress) -> Result<Tally> {
    tests(
        &mut cargo("test --workspace --exclude tests --no-fail-fast"),
        progress,
    )
}

fn suite(progress: &Progress) -> Result<Tally> {
    // What a test that passed has printed says which cases it left out. Twelve tests at a time: there
    // are five emulators of records and one of containers, some tests have one of their own, some wait
    // for containers, and two thirds of the time all of them wait for something.
    let tally = tests(
        &mut cargo("test --package tests --no-fail-fast -- --show-output --test-threads=12"),
        progress,
    )?;
    let log = workspace::target().join("suite.log");
    fs::write(&log, &tally.all).with_context(|| format!("write {}", log.display()))?;
    Ok(tally)
}
