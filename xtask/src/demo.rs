//! `cargo xtask demo`: a team's releases on local AWS, from a commit to production and back, told as a story
//! that is checked as it is told.
//!
//! In reading order: `stage` builds and starts what the story needs, `source` is the repository, `cast`
//! watches the pipeline and presses its buttons, `story` tells, `scene` does and checks each chapter, `page`
//! looks at what a service really serves, `screen` is what a person sees, and `report` what is left for
//! others.

use std::io::{IsTerminal, stdin, stdout};
use std::time::Instant;

use anyhow::{Result, ensure};
use rehearsal::docker::Engine;
use rehearsal::workspace;

mod cast;
mod page;
mod report;
mod scene;
mod screen;
mod source;
mod stage;
mod story;

use report::Told;
use screen::Screen;
use stage::Stage;

use crate::{interrupt, say};

/// Play the story: a commit of examples/web becomes a release in production, a broken one goes back, one
/// that the wrong person approved is refused, and production goes back by one line.
///
/// On a terminal you press the buttons of the approvals. All of it is checked, and written to
/// target/demo/report.html.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Approve without asking
    #[arg(long)]
    yes: bool,
    /// Run tasks as records, even where a Docker engine could run them as containers
    #[arg(long)]
    no_docker: bool,
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
    let there = stdin().is_terminal() && stdout().is_terminal();
    screen
        .title("redbutton demo: from a commit to production, on an AWS that runs on this machine");
    screen.say("No AWS account is used. All that is built and written goes to target/.");
    screen.say(&match &engine {
        Ok(_) => "A Docker engine answers: services run in real containers, and the pages that \
                  they serve are fetched."
            .to_owned(),
        Err(reason) => format!(
            "Without Docker ({reason}): images and tasks are records only. Every call of AWS, its \
             permissions and its answer are real; no page can be fetched, and a broken image \
             cannot fail. That step is left out."
        ),
    });
    screen.say(match (options.yes, there) {
        (true, _) => "Approvals are given without asking (--yes).",
        (false, true) => "You press the buttons; --yes presses them for you.",
        (false, false) => "Nobody is at a terminal: approvals are given without asking.",
    });
    screen.blank();

    let tasks = match &engine {
        Ok(_) => "containers",
        Err(_) => "records",
    };
    let stage = Stage::set(&screen, engine.ok(), there && !options.yes)?;
    let (chapters, ledger) = story::tell(&screen, &stage)?;
    screen.title("What happened");
    screen.table(chapters.iter().map(|chapter| &chapter.row));
    let failed = chapters.iter().filter(|chapter| chapter.row.failed).count();
    let dir = stage.rehearsal.dir();
    let dir = dir.strip_prefix(workspace::root()).unwrap_or(dir);
    screen.say(&format!(
        "AWS calls: all that the functions made. Logs of emulator and functions: {}/",
        dir.display()
    ));
    let written = report::write(&Told {
        chapters: &chapters,
        ledger: &ledger,
        tasks,
        took: began.elapsed(),
    })?;
    screen.say(&format!("The same as a page: {}", report::shown(&written)));
    drop(stage);
    ensure!(
        failed == 0,
        "{failed} of {} steps did not do what the story says; see above",
        chapters.len()
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
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|folder| folder.join("docker").is_file()) {
        return Err("the build calls the command docker, which is not in PATH".to_owned());
    }
    Engine::available().map_err(|error| format!("{error:#}"))
}
