//! `cargo xtask bench`: what the function costs beside a boto3 function, and what a rollout costs
//! beside ecs-deploy, measured in the same run.
//!
//! In reading order: `peers` installs whom redbutton is measured beside; `job` is what a pipeline asks
//! for; `functions` measures processes; `rollouts` measures whole rollouts; `figures` and `report`
//! tell it.

use anyhow::{Result, ensure};
use rehearsal::docker::Engine;
use rehearsal::package::{Profile, package};

mod figures;
mod functions;
mod job;
mod peers;
mod report;
mod rollouts;

use peers::Peers;

use crate::{interrupt, say};

/// Measure the function beside boto3, and rollouts beside ecs-deploy, on local AWS.
///
/// Takes some minutes besides the release build, and five more for each number of services where
/// tasks are containers: as long ecs-deploy waits for a broken image. Without a Docker engine the
/// broken image is left out, since tasks that are records cannot fail.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often each function is measured; medians are told
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// To how many services a rollout goes, one after the other; an action takes ten at most
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = SERVICES,
          value_parser = clap::value_parser!(u16).range(1..=10))]
    services: Vec<u16>,
    /// Run tasks as records, even where a Docker engine could run them as containers
    #[arg(long)]
    no_docker: bool,
    /// Measure one of the two alone
    #[arg(long)]
    only: Option<Only>,
    /// Write the tables into README.md, too
    #[arg(long)]
    write: bool,
}

/// One of the two things that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    /// Size, start, time and memory beside a boto3 function
    Functions,
    /// AWS calls, time and message beside ecs-deploy
    Rollouts,
}

/// The numbers of services by default.
const SERVICES: &str = "1,2,5,10";

/// Measures, and tells.
pub(crate) fn run(options: &Options) -> Result<()> {
    interrupt::listen()?;
    // When it is told, all that was started is stopped: what Ctrl-C broke on the way says nothing.
    measure(options).or_else(|error| {
        interrupt::check()?;
        Err(error)
    })
}

fn measure(options: &Options) -> Result<()> {
    let wanted = |part| options.only.is_none_or(|only| only == part);
    let peers = say::phase("installing the peers", Peers::install)?;
    interrupt::check()?;
    say::phase("building the function for release (minutes)", |progress| {
        package(Profile::Release, None, &**progress)
    })?;
    interrupt::check()?;

    let (mut parts, mut left_out) = (Vec::new(), Vec::new());
    if wanted(Only::Functions) {
        let rounds = usize::from(options.rounds);
        let figures = functions::measure(&peers, rounds)?;
        parts.push(report::functions(
            &peers,
            &functions::sizes()?,
            &figures,
            rounds,
        )?);
        parts
            .iter()
            .for_each(|part| say::line(format!("\n{}", part.text())));
    }
    if wanted(Only::Rollouts) {
        let (engine, mode) = engine(options);
        say::line(format!("rollouts: {mode}"));
        let counts: Vec<usize> = options.services.iter().copied().map(usize::from).collect();
        let (rollouts, failures) = rollouts::measure(&peers, engine, &counts)?;
        let part = report::rollouts(&rollouts, &mode)?;
        say::line(format!("\n{}", part.text()));
        parts.push(part);
        left_out = failures;
    }
    // A table with holes would be taken for the whole.
    ensure!(left_out.is_empty(), "not measured: {}", left_out.join("\n"));
    if options.write {
        report::write(&parts)?;
        say::line("wrote README.md");
    }
    Ok(())
}

/// The Docker engine, if any, and what that means.
fn engine(options: &Options) -> (Option<Engine>, String) {
    let reason = if options.no_docker {
        "as --no-docker asks".to_owned()
    } else {
        match Engine::available() {
            Ok(engine) => return (Some(engine), "tasks are containers".to_owned()),
            Err(reason) => format!("{reason:#}"),
        }
    };
    let mode = format!(
        "tasks are records ({reason}), so that no image can fail and the broken one is left out"
    );
    (None, mode)
}
