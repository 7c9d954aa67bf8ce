//! `cargo xtask test`: everything that has to hold before a change is merged; `.ci/run` is this.

mod dependencies;
mod release;
mod step;
mod templates;

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use rehearsal::docker::Engine;
use rehearsal::{Progress, workspace};

use crate::command::{cargo, program, succeed};
use crate::{say, schemas};
use step::{Tally, tests};

/// Run every check: format, lints, docs, licences, schemas, tests, templates, the suite, release.
///
/// A failed step stops nothing; the last line counts what passed and what failed. From a clean clone
/// it takes some twenty minutes on two cores, most of them for builds.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Leave out what needs the emulator or a release build
    #[arg(long)]
    fast: bool,
}

/// One step: what it is called, whether `--fast` leaves it out, and what it does.
struct Step {
    name: &'static str,
    slow: bool,
    work: fn(&Progress) -> Result<Tally>,
}

const fn quick(name: &'static str, work: fn(&Progress) -> Result<Tally>) -> Step {
    Step {
        name,
        slow: false,
        work,
    }
}

const fn slow(name: &'static str, work: fn(&Progress) -> Result<Tally>) -> Step {
    Step {
        name,
        slow: true,
        work,
    }
}

/// In the order that finds most soonest.
const STEPS: [Step; 10] = [
    quick("format", format),
    quick("clippy", clippy),
    quick("docs", docs),
    quick(
        "licences, bans and sources of dependencies",
        dependencies::check,
    ),
    quick("schemas and the README's tables", generated),
    quick("the emulator's Python", python),
    quick("unit and property tests", unit_tests),
    quick(
        "templates: sam validate, cfn-lint, translated too",
        templates::check,
    ),
    slow("the suite on local AWS", suite),
    slow("release build: sizes and libc", release::check),
];

/// Runs all steps; fails when any did.
pub(crate) fn run(options: &Options) -> Result<()> {
    let began = Instant::now();
    let steps: Vec<&Step> = STEPS
        .iter()
        .filter(|step| !(options.fast && step.slow))
        .collect();
    let mut sum = Tally::default();
    let mut failures = Vec::new();
    for (number, step) in (1..).zip(&steps) {
        let head = format!("[{number}/{}] {}", steps.len(), step.name);
        let mut tally = Tally::default();
        let done = say::phase(&head, |progress| {
            tally = (step.work)(progress)?;
            ensure!(tally.failed == 0, "{} failed\n{}", tally.failed, tally.said);
            Ok(())
        });
        for note in &tally.notes {
            say::line(format!("      {note}"));
        }
        if let Err(error) = done {
            // A step that could not even count is one failure.
            tally.failed = tally.failed.max(1);
            say::line(format!("{error:#}"));
            failures.push(step.name);
        }
        sum.passed += tally.passed;
        sum.failed += tally.failed;
    }
    say::line(format!("\nin {}", say::seconds(began.elapsed())));
    for left in STEPS.iter().filter(|step| options.fast && step.slow) {
        say::line(format!("left out by --fast: {}", left.name));
    }
    if !options.fast
        && let Err(reason) = Engine::available()
    {
        say::line(format!(
            "left out, as noted above: what needs a Docker engine ({reason:#})"
        ));
    }
    for name in &failures {
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
        "rehearsal/translate.py",
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
    // What a test that passed has printed says which cases it left out.
    let tally = tests(
        &mut cargo("test --package tests --no-fail-fast -- --show-output"),
        progress,
    )?;
    let log = workspace::target().join("suite.log");
    fs::write(&log, &tally.all).with_context(|| format!("write {}", log.display()))?;
    Ok(tally)
}
