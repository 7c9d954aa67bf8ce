//! The function beside a boto3 function that does the same job: as plain processes of this machine,
//! under a Runtime API of their own, with TLS between them and AWS.

//!
//! `stage` is where both do it, each in a `process` under a `runtime_api` and behind `tls`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rehearsal::package::{Profile, package};

mod process;
mod runtime_api;
mod stage;
mod tls;

use stage::{Job, Stage, Start};

use super::figures::median;
use super::peers::Peers;
use crate::say;

/// The function that is measured.
const FUNCTION: &str = "task-definition-updater";
/// Starts in a round: they take no time, and are the figure that other work on the machine blurs most.
const STARTS: usize = 3;
/// What the large artifact holds beside the two files, in bytes. It does not compress.
const BALLAST: usize = 50 * 1024 * 1024;

/// What was measured of the release build.
pub(super) struct Sizes {
    pub(super) binary: u64,
    pub(super) zip: u64,
}

/// What was measured of one function: medians.
pub(super) struct Figures {
    /// From the process's start to its first answered call of AWS.
    pub(super) start: Duration,
    /// The same, of the start that the machine's other work held up least.
    pub(super) fastest_start: Duration,
    /// How much of a start the process had a processor.
    pub(super) start_processor: Duration,
    /// A whole job, the process's start included.
    pub(super) cold: Duration,
    /// The next job of the same process.
    pub(super) warm: Duration,
    /// The calls of that job.
    pub(super) calls: usize,
    /// The most memory until the first job was done, in bytes.
    pub(super) memory: u64,
    /// The same, with a large artifact.
    pub(super) memory_large: u64,
}

/// The size of the release build.
pub(super) fn sizes() -> Result<Sizes> {
    let zip = folder()?.join(format!("{FUNCTION}.zip"));
    let size = |path: &Path| {
        let data = fs::metadata(path).with_context(|| format!("read {}", path.display()));
        data.map(|data| data.len())
    };
    Ok(Sizes {
        binary: size(&binary()?)?,
        zip: size(&zip)?,
    })
}

/// Measures redbutton and boto3, in this order.
pub(super) fn measure(peers: &Peers, rounds: usize) -> Result<[Figures; 2]> {
    let stage = say::phase(
        "functions: starting local AWS with the release build",
        Stage::set,
    )?;
    let sides = [
        stage.side("redbutton", vec![binary()?.into()], &[])?,
        stage.side(
            "boto3",
            vec![
                peers.python().into(),
                "-m".into(),
                "awslambdaric".into(),
                "handler.handler".into(),
            ],
            &[
                ("PYTHONPATH", Peers::handler_dir().into()),
                // What pip compiled is used; nothing is written beside the handler.
                ("PYTHONDONTWRITEBYTECODE", "1".into()),
                ("AWS_CA_BUNDLE", stage.ca_bundle().into()),
            ],
        )?,
    ];

    let mut starts: [Vec<Start>; 2] = Default::default();
    let mut jobs: [Vec<Job>; 2] = Default::default();
    // The first round of all brings both from disk to memory, and is not counted.
    for round in 0..=rounds {
        say::phase(&format!("functions: round {round} of {rounds}"), |_| {
            for ((side, starts), jobs) in sides.iter().zip(&mut starts).zip(&mut jobs) {
                for _ in 0..STARTS {
                    starts.push(stage.start(side)?);
                }
                jobs.push(stage.job(side, &[])?);
                if round == 0 {
                    starts.clear();
                    jobs.clear();
                }
            }
            Ok(())
        })?;
    }
    let ballast = noise(BALLAST);
    let large = say::phase("functions: a large artifact", |_| {
        let [redbutton, boto3] = &sides;
        Ok([stage.job(redbutton, &ballast)?, stage.job(boto3, &ballast)?])
    })?;
    let [redbutton, boto3] = &large;
    let [redbutton_starts, boto3_starts] = &starts;
    let [redbutton_jobs, boto3_jobs] = &jobs;
    Ok([
        figures(redbutton_starts, redbutton_jobs, redbutton)?,
        figures(boto3_starts, boto3_jobs, boto3)?,
    ])
}

fn figures(starts: &[Start], jobs: &[Job], large: &Job) -> Result<Figures> {
    let fastest = starts.iter().map(|start| start.time).min();
    let of = |figure: fn(&Job) -> Duration| median(jobs.iter().map(figure));
    Ok(Figures {
        start: median(starts.iter().map(|start| start.time))?,
        fastest_start: fastest.context("no start was measured")?,
        start_processor: median(starts.iter().map(|start| start.processor))?,
        cold: of(|job| job.cold)?,
        warm: of(|job| job.warm)?,
        calls: median(jobs.iter().map(|job| job.calls))?,
        memory: median(jobs.iter().map(|job| job.memory))?,
        memory_large: large.memory,
    })
}

fn folder() -> Result<PathBuf> {
    let template = package(Profile::Release, None, &|_| {})?;
    let folder = template.parent().context("a template lies in a folder")?;
    Ok(folder.to_owned())
}

fn binary() -> Result<PathBuf> {
    Ok(folder()?.join(FUNCTION).join("bootstrap"))
}

/// Bytes that do not compress, the same each time: a linear congruential generator, Knuth's numbers.
fn noise(length: usize) -> Vec<u8> {
    let mut state: u64 = 1;
    let mut byte = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| byte()).collect()
}
