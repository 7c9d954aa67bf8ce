//! Local AWS for rollouts: three releases in ECR, and services to bring them to.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rehearsal::docker::Engine;
use rehearsal::package::Profile;
use rehearsal::suite::{self, Suite};
use rehearsal::world::{self, Service, ServiceSpec};
use rehearsal::{Containers, Options, Progress, Rehearsal};
use serde_json::{Value, json};

use crate::bench::job::{self, CLUSTER, REPOSITORY};
use crate::{broken, interrupt};

/// What services run at first.
pub(super) const FIRST: &str = "v1";
/// A release that runs.
pub(super) const GOOD: &str = "v2";
/// A release that cannot start; only containers can fail.
pub(super) const BROKEN: &str = "v3";

/// Longer than it takes containers to start.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks at services that start.
const BREATH: Duration = Duration::from_millis(200);

/// Local AWS; dropping it stops all that runs there.
pub(super) struct Stage {
    pub(super) suite: Suite,
    pub(super) rehearsal: Rehearsal,
}

impl Stage {
    /// Starts it, with the release build deployed, and with the images that are released.
    pub(super) fn set(engine: Option<Engine>, progress: &Progress) -> Result<Self> {
        let rehearsal = Rehearsal::start(Options {
            containers: engine.map_or(Containers::Records, Containers::Docker),
            ..Options::default()
        })?;
        // As often as it looks by default.
        let suite = suite::install(&rehearsal, Profile::Release, "5", "ignore", progress)?;
        images(&rehearsal, &suite)?;
        Ok(Self { suite, rehearsal })
    }

    /// Services of one container each, called like its service.
    pub(super) fn services(&self, tool: &str, count: usize) -> Result<Vec<Service>> {
        let image = job::image(&self.suite, FIRST);
        let create = |number| {
            interrupt::check()?;
            let name = format!("{tool}-{count}-{number}");
            world::create_service(&self.suite.other, &ServiceSpec::new(CLUSTER, &name, &image))
        };
        (1..=count).map(create).collect()
    }

    /// Waits until every service runs all that it is to run.
    pub(super) fn settle(&self, services: &[Service]) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        for service in services {
            while !rests(&service.deployments()?) {
                interrupt::check()?;
                let name = &service.name;
                ensure!(
                    Instant::now() < deadline,
                    "service {name} does not come to rest"
                );
                thread::sleep(BREATH);
            }
        }
        Ok(())
    }

    /// Deletes a service: what cannot start would be started for ever.
    pub(super) fn delete(&self, service: &Service) -> Result<()> {
        let target = "AmazonEC2ContainerServiceV20141113.DeleteService";
        let request = json!({ "cluster": CLUSTER, "service": service.name, "force": true });
        self.suite.other.json("ecs", target, request).map(drop)
    }
}

/// Puts the releases into ECR: `examples/web` where tasks are containers.
fn images(rehearsal: &Rehearsal, suite: &Suite) -> Result<()> {
    let account = &suite.other;
    let Some(docker) = rehearsal.docker() else {
        for tag in [FIRST, GOOD] {
            world::put_image(account, REPOSITORY, tag, &world::manifest(tag))?;
        }
        return Ok(());
    };
    world::create_repository(account, REPOSITORY)?;
    let (first, good) = (
        docker.run().build_web(FIRST)?,
        docker.run().build_web(GOOD)?,
    );
    let broken = broken::build(docker.engine(), &good, BROKEN)?;
    for (tag, image) in [(FIRST, first), (GOOD, good), (BROKEN, broken)] {
        docker.push(&image, account.id(), account.region(), REPOSITORY, tag)?;
    }
    Ok(())
}

/// Whether the PRIMARY deployment, the first one, is complete. ECS may show a failed one beside it.
fn rests(deployments: &[Value]) -> bool {
    let Some(primary) = deployments.first() else {
        return false;
    };
    let (running, desired) = ("/runningCount", "/desiredCount");
    primary.pointer("/rolloutState") == Some(&"COMPLETED".into())
        && primary.pointer(running) == primary.pointer(desired)
}
