//! `cargo xtask invoke`: one function, one event, on local AWS, without Docker.

use anyhow::Result;
use rehearsal::local;
use rehearsal::package::Profile;
use rehearsal::{Rehearsal, suite};

use crate::say;

/// Run one function on one event against local AWS, without Docker, and print its answer.
///
/// The function's binary runs under AWS's runtime interface emulator, with a session of its own role.
/// The services, images and artifacts that the events name are made anew each time.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A folder of functions/, such as task-definition-updater
    function: String,
    /// A name in events/, such as start, or a file
    event: String,
}

/// Starts everything, runs the function once, prints, and stops everything.
pub(crate) fn run(options: &Options) -> Result<()> {
    local::check_function(&options.function)?;
    let event = local::event(&options.event)?;
    let rehearsal = say::phase("[1/4] starting local AWS", |progress| {
        Rehearsal::start(rehearsal::Options {
            log: Some(rehearsal::Progress::clone(progress)),
            ..Default::default()
        })
    })?;
    let suite = say::phase("[2/4] building and deploying the suite", |progress| {
        suite::install(&rehearsal, Profile::Dev, "1", "ignore", progress)
    })?;
    say::phase(
        "[3/4] making the services, images and artifacts that events/ names",
        |_| {
            local::seed(&rehearsal, &suite)?;
            rehearsal.pipeline().know(&event)
        },
    )?;
    rehearsal.proxy().reset();
    let what = format!("[4/4] running {} on {}", options.function, options.event);
    let answer = say::phase(&what, |_| {
        local::invoke(&rehearsal, &options.function, &event)
    });
    say::line("\nIts calls of AWS:");
    for call in rehearsal.proxy().calls() {
        say::line(format!("  {call:?}"));
    }
    say::line(format!("\nIt returned:\n{:#}", answer?));
    Ok(())
}
