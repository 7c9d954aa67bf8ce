//! The same rollout by redbutton and by ecs-deploy: to one service and to several, of an image that
//! runs and of one that cannot start.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rehearsal::codepipeline::Outcome;
use rehearsal::docker::Engine;
use rehearsal::world::Service;

mod ecs_deploy;
mod stage;

use stage::{BROKEN, FIRST, GOOD, Stage};

use super::job;
use super::peers::Peers;
use crate::{interrupt, say};

/// How long the function may take to come to rest after it answered.
const REST: Duration = Duration::from_secs(60);

/// One rollout, done by both.
pub(super) struct Rollout {
    pub(super) services: usize,
    pub(super) good: bool,
    pub(super) redbutton: Run,
    pub(super) ecs_deploy: Run,
}

/// What a tool did.
pub(super) struct Run {
    /// Of AWS.
    pub(super) calls: usize,
    pub(super) time: Duration,
    pub(super) said: Said,
}

/// What a tool told.
pub(super) struct Said {
    pub(super) success: bool,
    pub(super) message: String,
}

/// Who rolls out, and where.
struct Bench<'a> {
    peers: &'a Peers,
    stage: Stage,
}

/// Rolls out to each number of services; returns what was measured, and why the rest was not.
pub(super) fn measure(
    peers: &Peers,
    engine: Option<Engine>,
    counts: &[usize],
) -> Result<(Vec<Rollout>, Vec<String>)> {
    let stage = say::phase(
        "rollouts: starting local AWS with the release build",
        |progress| Stage::set(engine, progress),
    )?;
    let bench = Bench { peers, stage };
    say::phase("rollouts: one by each, which is not counted", |_| {
        bench.warm_up()
    })?;
    let (mut rollouts, mut failures) = (Vec::new(), Vec::new());
    for count in counts {
        if let Err(error) = bench.roll_out(*count, &mut rollouts) {
            interrupt::check()?;
            failures.push(format!("{error:#}"));
        }
    }
    Ok((rollouts, failures))
}

impl Bench<'_> {
    /// The emulator's first answers take seconds, which are no rollout's own.
    fn warm_up(&self) -> Result<()> {
        let services = self.stage.services("warm-up", 1)?;
        self.stage.settle(&services)?;
        self.redbutton(&services, GOOD)?;
        self.ecs_deploy(&services, FIRST)?;
        services
            .iter()
            .try_for_each(|service| self.stage.delete(service))
    }

    /// The good image, then the broken one where it can fail, by both tools, each to services of its
    /// own, which go when it is done.
    fn roll_out(&self, count: usize, rollouts: &mut Vec<Rollout>) -> Result<()> {
        let to = match count {
            1 => "1 service".to_owned(),
            _ => format!("{count} services"),
        };
        let [ours, theirs] = say::phase(&format!("rollouts: starting {to}, twice"), |_| {
            let sides = [
                self.stage.services("redbutton", count)?,
                self.stage.services("ecs-deploy", count)?,
            ];
            sides
                .iter()
                .try_for_each(|services| self.stage.settle(services))?;
            Ok(sides)
        })?;
        // Records cannot fail.
        let tags = match self.stage.rehearsal.docker() {
            Some(_) => &[GOOD, BROKEN][..],
            None => &[GOOD],
        };
        for tag in tags {
            let what = format!("rollouts: {tag} to {to}");
            let good = *tag == GOOD;
            let redbutton = say::phase(&format!("{what} by redbutton"), |_| {
                let run = self.redbutton(&ours, tag)?;
                self.stage.settle(&ours)?;
                Ok(run)
            })?;
            ensure!(
                redbutton.said.success == good,
                "redbutton brings {tag} to {to}: {}",
                redbutton.said.message
            );
            let ecs_deploy = say::phase(&format!("{what} by ecs-deploy"), |_| {
                self.ecs_deploy(&theirs, tag)
            })?;
            rollouts.push(Rollout {
                services: count,
                good,
                redbutton,
                ecs_deploy,
            });
        }
        ours.iter()
            .chain(&theirs)
            .try_for_each(|service| self.stage.delete(service))
    }

    fn redbutton(&self, services: &[Service], tag: &str) -> Result<Run> {
        let image = job::image(&self.stage.suite, tag);
        let spec = job::job(&self.stage.suite, &names(services), &image, &[])?;
        self.stage.rehearsal.proxy().reset();
        let began = Instant::now();
        let id = self.stage.rehearsal.pipeline().start_job(spec)?;
        let finished = job::end(&self.stage.rehearsal, &id)?;
        let time = began.elapsed();
        self.stage.rehearsal.settle(REST)?;
        let said = match finished.outcome {
            Outcome::Succeeded { variables, .. } => Said {
                success: true,
                message: variables.get("Summary").cloned().unwrap_or_default(),
            },
            Outcome::Failed { kind, message, .. } => Said {
                success: false,
                message: format!("{kind}: {message}"),
            },
            Outcome::Abandoned => Said {
                success: false,
                message: "abandoned".to_owned(),
            },
        };
        Ok(Run {
            calls: self.stage.rehearsal.proxy().calls().len(),
            time,
            said,
        })
    }

    fn ecs_deploy(&self, services: &[Service], tag: &str) -> Result<Run> {
        let (rehearsal, image) = (&self.stage.rehearsal, job::image(&self.stage.suite, tag));
        ecs_deploy::run(
            rehearsal,
            &self.stage.suite,
            self.peers,
            &names(services),
            &image,
        )
    }
}

fn names(services: &[Service]) -> Vec<String> {
    services
        .iter()
        .map(|service| service.name.clone())
        .collect()
}
