//! `cargo xtask demo`: releases on local AWS, told as a story that is checked as it is told.
//!
//! In reading order: `stage` builds and starts what the story needs, `story` tells, `scene` does and
//! checks each step, `carry` brings a release to the production account, `page` looks at what a service
//! really serves, `screen` is what a person sees.

use std::time::Instant;

use anyhow::{Result, ensure};
use rehearsal::docker::Engine;
use rehearsal::workspace;

mod carry;
mod page;
mod scene;
mod screen;
mod stage;
mod story;

use screen::Screen;
use stage::Stage;

use crate::{interrupt, say};

/// How the demo is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Run tasks as records, even where a Docker engine could run them as containers.
    #[arg(long)]
    pub(crate) no_docker: bool,
}

/// Tells the story; an error when any step did not do what it says.
pub(crate) fn run(options: &Options) -> Result<()> {
    interrupt::listen()?;
    // When it is told, all that was started is stopped: what Ctrl-C broke on the way says nothing.
    tell(options).or_else(|error| {
        interrupt::check()?;
        Err(error)
    })
}

fn tell(options: &Options) -> Result<()> {
    let began = Instant::now();
    let screen = Screen::new();
    let engine = engine(options);
    screen.title("redbutton demo: container releases, on an AWS that runs on this machine");
    screen.say("No AWS account is used. All that is built and written goes to target/.");
    screen.say(&match &engine {
        Ok(_) => "A Docker engine answers: services run in real containers, and the pages that \
                  they serve are fetched."
            .to_owned(),
        Err(reason) => format!(
            "Without Docker ({reason}): tasks are records only. Every call of AWS, its \
             permissions and its answer are real; no page can be fetched, and a broken image \
             cannot fail. That step is left out."
        ),
    });
    screen.blank();

    let stage = Stage::set(&screen, engine.ok())?;
    let rows = story::tell(&screen, &stage)?;
    screen.title("What happened");
    screen.table(&rows);
    let failed = rows.iter().filter(|row| row.failed).count();
    let dir = stage.rehearsal.dir();
    let dir = dir.strip_prefix(workspace::root()).unwrap_or(dir);
    screen.say(&format!(
        "AWS calls: all that the function made, from reading the artifact to answering the job. \
         Logs of emulator and function: {}/",
        dir.display()
    ));

    screen.waiting("cleaning up", || {
        drop(stage);
        Ok(())
    })?;
    ensure!(
        failed == 0,
        "{failed} of {} steps did not do what the story says; see above",
        rows.len()
    );
    screen.say(&format!(
        "All as told, in {} altogether.",
        say::seconds(began.elapsed())
    ));
    Ok(())
}

/// The Docker engine, or why there is none.
fn engine(options: &Options) -> Result<Engine, String> {
    if options.no_docker {
        return Err("as --no-docker asks".to_owned());
    }
    Engine::available().map_err(|error| format!("{error:#}"))
}
