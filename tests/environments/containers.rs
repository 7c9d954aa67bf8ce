//! The same with real containers, where a Docker engine is present: what is unwell does not replace what
//! serves, and a pushed image is what runs after the restart. Without an engine the cases are left out,
//! and said.

use std::sync::LazyLock;

use rehearsal::docker::Engine;
use rehearsal::world::{self, Service, Stack};
use rehearsal::{Account, Containers, Options, Rehearsal, suite};
use serde_json::Value;

use super::restart::{Restarts, deployment, output};
use super::{REGION, once, spec, text};
use crate::containers::pages;
use crate::fixture::place::{Place, Turn};

struct World {
    rehearsal: Rehearsal,
    account: Account,
    /// Digests of v1 and v2.
    images: [String; 2],
}

static WORLD: Place<World> = Place::new();

static ENGINE: LazyLock<Result<Engine, String>> =
    LazyLock::new(|| Engine::available().map_err(|reason| format!("{reason:#}")));

/// The world for one test, or none, with the reason printed.
fn world(case: &str) -> Option<Turn<'static, World>> {
    match &*ENGINE {
        Ok(engine) => Some(WORLD.enter(|| World::start(engine))),
        Err(reason) => {
            eprintln!("left out: {case}: no Docker engine ({reason})");
            None
        }
    }
}

impl World {
    fn start(engine: &Engine) -> Self {
        let rehearsal = Rehearsal::start(Options {
            containers: Containers::Docker(engine.clone()),
            environment: vec![
                ("SFN_WAIT_SCALE".into(), "0.05".into()),
                ("REHEARSAL_HEALTH_SCALE".into(), "0.05".into()),
            ],
            ..Options::default()
        })
        .expect("the rehearsal starts");
        let account = rehearsal.account(suite::TARGET_ACCOUNT, REGION);
        let cluster = [
            ("ClusterName", "test"),
            ("RepositoryName", "web"),
            ("MovingTag", "main"),
        ];
        let cluster = spec("test", &text("templates/cluster.yaml"), &cluster);
        world::create_stack(&account, &cluster).expect("the cluster is made");
        let images = ["v1", "v2"].map(|version| push(&rehearsal, &account, version, version));
        Self {
            rehearsal,
            account,
            images,
        }
    }

    fn push(&self, version: &str, tag: &str) -> String {
        push(&self.rehearsal, &self.account, version, tag)
    }

    /// A service of `templates/service.yaml` that serves v1.
    fn service(&self, name: &str, reference: &str) -> (Stack, Service) {
        let repository = world::repository_uri(&self.account, "web");
        let parameters = [
            ("ServiceName", name),
            ("ClusterName", "test"),
            ("Image", &format!("{repository}{reference}")),
            ("HealthCheckCommand", "CMD,/web,--check"),
            ("VpcId", "vpc-0a1b2c3d"),
            ("SubnetIds", "subnet-0a1b2c3d"),
        ];
        let stack = spec(name, &text("templates/service.yaml"), &parameters);
        let stack = world::create_stack(&self.account, &stack).unwrap();
        let service = stack.service("Service").unwrap();
        self.await_page(&service, "v1");
        (stack, service)
    }

    /// Looks until they serve this version and no other.
    fn await_page(&self, service: &Service, version: &str) {
        once(&format!("the page of {version}"), || {
            let pages = pages(&self.rehearsal, service);
            let serves = !pages.is_empty() && pages.iter().all(|page| page.contains(version));
            serves.then_some(())
        });
    }
}

/// Builds `examples/web` as this version, and pushes it as this tag.
fn push(rehearsal: &Rehearsal, account: &Account, version: &str, tag: &str) -> String {
    let docker = rehearsal.docker().expect("started with an engine");
    let image = docker.run().build_web(version).expect("the image builds");
    docker
        .push(&image, account.id(), account.region(), "web", tag)
        .expect("the image is pushed")
}

#[test]
fn the_old_version_stays_when_the_new_one_fails_its_health_check() {
    let Some(world) = world("a health check that fails") else {
        return;
    };
    let [v1, v2] = &world.images;
    let (stack, service) = world.service("checked", &format!("@{v1}"));
    let first = service.primary_task_definition().unwrap();
    let repository = world::repository_uri(&world.account, "web");
    // It starts and serves, and says of itself that it is unwell.
    let image = format!("{repository}@{v2}");
    let changes = [
        ("Image", &*image),
        ("HealthCheckCommand", "CMD,/web,--nope"),
    ];
    stack.update(&changes).unwrap();
    let failed = once("the end of the deployment", || {
        assert!(
            pages(&world.rehearsal, &service)
                .iter()
                .any(|page| page.contains("v1"))
        );
        let deployments = service.deployments().unwrap();
        let failed = |one: &&Value| one["rolloutState"] == "FAILED";
        let failed = deployments.iter().find(failed)?.clone();
        (deployments[0]["rolloutState"] == "COMPLETED").then_some(failed)
    });
    let reason = failed["rolloutStateReason"].as_str().unwrap();
    assert!(reason.contains("circuit breaker"), "{reason}");
    // The emulator's CloudFormation does not wait for ECS, and so does not take the stack back.
    assert_eq!(service.primary_task_definition().unwrap(), first);
    world.await_page(&service, "v1");
    let tasks = service.tasks().unwrap();
    assert_eq!(tasks[0]["healthStatus"], "HEALTHY", "{tasks:#?}");

    let check = ("HealthCheckCommand", "CMD,/web,--check");
    stack.update(&[("Image", &image), check]).unwrap();
    assert_eq!(stack.settled().unwrap(), "UPDATE_COMPLETE");
    world.await_page(&service, "v2");
}

#[test]
fn a_pushed_image_is_what_runs_after_the_restart() {
    let Some(world) = world("a restart on a pushed image") else {
        return;
    };
    world.push("v1", "main");
    let (_, service) = world.service("following", ":main");
    let restarts = Restarts::new(&world.account, &[&service.arn], "");
    let before = deployment(&service);
    let digest = world.push("v2", "main");
    assert_eq!(digest, world.images[1]);
    restarts.tell(&digest);
    let ended = restarts.ended("RestartService", 1);
    assert_eq!(ended[0]["status"], "SUCCEEDED", "{ended:#?}");
    let proof = format!("1 task: 1 container runs {digest}.");
    let summary = output(&ended[0], "/summary");
    assert!(summary.ends_with(&proof), "no {proof:?} in {summary}");
    world.await_page(&service, "v2");
    let after = deployment(&service);
    assert_ne!(after, before);

    restarts.tell(&digest);
    restarts.ended("Restart", 2);
    restarts.ended("RestartService", 1);
    assert_eq!(deployment(&service), after);
}
