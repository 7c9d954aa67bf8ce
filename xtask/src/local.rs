//! `cargo xtask local`: local AWS with the suite in it, for as long as one works with it.

use anyhow::{Context, Result};
use rehearsal::docker::Engine;
use rehearsal::local::{self, CLUSTER, ENV_VARS, SERVICE, Sam};
use rehearsal::package::Profile;
use rehearsal::suite::{self, PRODUCTION_ACCOUNT, TARGET_ACCOUNT, TARGET_REGION};
use rehearsal::{Containers, Progress, Rehearsal, workspace};
use tokio::signal::unix::{SignalKind, signal};

use crate::say;

/// The function that most of events/ are for.
const FUNCTION: &str = "task-definition-updater";

/// Keep local AWS up with the suite deployed and services to release to, until Ctrl-C.
///
/// Writes events/env.json, so that `sam local invoke --env-vars events/env.json` talks to it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Run tasks as records, even where a Docker engine could run them as containers
    #[arg(long)]
    no_docker: bool,
}

/// Starts everything, says how to use it, waits, and stops everything.
pub(crate) fn run(options: &Options) -> Result<()> {
    let engine = Engine::available();
    let containers = match &engine {
        Ok(engine) if !options.no_docker => Containers::Docker(engine.clone()),
        _ => Containers::Records,
    };
    let tasks = match (&containers, &engine) {
        (Containers::Docker(_), _) => "containers".to_owned(),
        (_, Ok(_)) => "records (--no-docker)".to_owned(),
        (_, Err(reason)) => format!("records ({reason:#})"),
    };
    let rehearsal = say::phase("[1/4] starting local AWS", |progress| {
        Rehearsal::start(rehearsal::Options {
            containers,
            log: Some(Progress::clone(progress)),
            ..Default::default()
        })
    })?;
    let suite = say::phase("[2/4] building and deploying the suite", |progress| {
        suite::install(&rehearsal, Profile::Dev, "1", "ignore", progress)
    })?;
    say::phase(
        "[3/4] making the services, images and artifacts that events/ names",
        |_| local::seed(&rehearsal, &suite),
    )?;
    let sam = say::phase("[4/4] writing events/env.json", |_| {
        Sam::prepare(
            &rehearsal,
            FUNCTION,
            engine.ok(),
            &workspace::root().join(ENV_VARS),
        )
    })?;
    say::line(guide(&rehearsal, &tasks, &sam));
    wait()?;
    say::line("Stopping; nothing is left running.");
    Ok(())
}

/// How to use it.
fn guide(rehearsal: &Rehearsal, tasks: &str, sam: &Sam) -> String {
    let endpoint = rehearsal.tooling().endpoint();
    let invoke = sam.words("events/start.json").map_or_else(
        || "  (needs a Docker engine)".to_owned(),
        |words| {
            let environment = words.environment.iter();
            let set: Vec<String> = environment
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!(
                "  {} \\\n  sam {}",
                set.join(" "),
                words.arguments.join(" ")
            )
        },
    );
    format!(
        "
AWS answers at {endpoint}; tasks are {tasks}.
An access key of twelve digits is that account's root, with any secret:
  111111111111 us-east-1       the pipeline, its artifacts, the functions
  111111111111 {TARGET_REGION}  service {SERVICE} in cluster {CLUSTER}: v1 runs, v2 is in ECR
  {TARGET_ACCOUNT} {TARGET_REGION}  the same, behind a role that the updater assumes
  {PRODUCTION_ACCOUNT} {TARGET_REGION}  the same, behind a role that the preview looks with, and the
                               bucket that releases are brought to

Look at it:
  AWS_ACCESS_KEY_ID={TARGET_ACCOUNT} AWS_SECRET_ACCESS_KEY=any \\
  aws --endpoint-url {endpoint} --region {TARGET_REGION} \\
    ecs describe-services --cluster {CLUSTER} --services {SERVICE}

Run the function on an event of events/, in a container:
{invoke}

The same without Docker, on an AWS of its own:
  cargo xtask invoke {FUNCTION} start

Logs are in {}. Ctrl-C stops everything.",
        rehearsal
            .dir()
            .strip_prefix(workspace::root())
            .unwrap_or(rehearsal.dir())
            .display()
    )
}

/// Waits for Ctrl-C or SIGTERM.
fn wait() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start a runtime")?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("listen to SIGTERM")?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted.context("listen to Ctrl-C"),
            _ = terminate.recv() => Ok(()),
        }
    })
}
