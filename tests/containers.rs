//! The same rollouts with real containers, where a Docker engine is present: pages change, broken
//! images fail, digests are those that run. Without an engine the cases are left out, and said.

#![expect(
    clippy::print_stderr,
    reason = "a left-out case has to be said where the tests are read"
)]

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rehearsal::codepipeline::{Finished, JobSpec};
use rehearsal::docker::Engine;
use rehearsal::package::Profile;
use rehearsal::suite::{self, Suite};
use rehearsal::world::{self, Service, ServiceSpec};
use rehearsal::{Containers, Options, Rehearsal};
use serde_json::{Value, json};

use crate::fixture::{PARAMETERS, PATIENCE, failed, succeeded};

struct World {
    rehearsal: Rehearsal,
    suite: Suite,
    /// Digests of v1 and v2.
    images: [String; 2],
}

const REPOSITORY: &str = "web";

/// The engine's world, or why there is none.
static WORLD: LazyLock<Result<Mutex<World>, String>> = LazyLock::new(|| {
    let engine = Engine::available().map_err(|reason| format!("{reason:#}"))?;
    let options = Options {
        containers: Containers::Docker(engine),
        ..Options::default()
    };
    let rehearsal = Rehearsal::start(options).expect("the rehearsal starts");
    let progress: rehearsal::Progress = Arc::new(|_: &str| {});
    let suite =
        suite::install(&rehearsal, Profile::Dev, "1", &progress).expect("the suite deploys");
    let docker = rehearsal.docker().expect("started with an engine");
    let images = ["v1", "v2"].map(|version| {
        let image = docker.run().build_web(version).expect("the image builds");
        let other = &suite.other;
        // Creates the repository; the push that follows brings the real image.
        world::put_image(other, REPOSITORY, "seed", &world::manifest("seed")).unwrap();
        docker
            .push(&image, other.id(), other.region(), REPOSITORY, version)
            .expect("the image is pushed")
    });
    Ok(Mutex::new(World {
        rehearsal,
        suite,
        images,
    }))
});

/// The world for one test, or none, with the reason printed.
fn world(case: &str) -> Option<MutexGuard<'static, World>> {
    match &*WORLD {
        Ok(world) => {
            let world = world.lock().unwrap_or_else(PoisonError::into_inner);
            world.rehearsal.proxy().clear_faults();
            world.rehearsal.settle(PATIENCE).unwrap();
            world.rehearsal.proxy().reset();
            Some(world)
        }
        Err(reason) => {
            eprintln!("left out: {case}: no Docker engine ({reason})");
            None
        }
    }
}

impl World {
    fn repository(&self) -> String {
        world::repository_uri(&self.suite.other, REPOSITORY)
    }

    /// A service that serves v1, with its page seen.
    fn service(&self, name: &str, breaker: bool) -> Service {
        let [v1, ..] = &self.images;
        let mut spec = ServiceSpec::new("test", name, &format!("{}@{v1}", self.repository()));
        spec.breaker = breaker;
        let service = world::create_service(&self.suite.other, &spec).unwrap();
        self.await_page(&service, "v1");
        service
    }

    /// A job that rolls an image out by `reference` (`:tag` or `@digest`), with a command or none.
    fn roll_out(&self, service: &Service, reference: &str, command: Option<Value>) -> Finished {
        let rollout = json!({
            "targets": [{"service": service.name, "cluster": "test"}],
            "region": suite::TARGET_REGION, "role": suite::TARGET_ROLE, "externalId": suite::EXTERNAL_ID,
            "taskDefinition": "Build::taskdef.json", "timeoutMinutes": 1,
        });
        let mut container = json!({"name": service.name, "image": "x", "essential": true});
        if let Some(command) = command {
            container["command"] = command;
        }
        let definition = json!({
            "family": service.family, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
            "cpu": "256", "memory": "512", "containerDefinitions": [container],
        });
        let images = json!([{"name": service.name, "imageUri": format!("{}{reference}", self.repository())}]);
        let files = [
            ("rollout.json", rollout),
            ("taskdef.json", definition),
            ("imagedefinitions.json", images),
        ]
        .map(|(name, content)| (name, content.to_string()));
        let files: Vec<(&str, &[u8])> = files
            .iter()
            .map(|(name, content)| (*name, content.as_bytes()))
            .collect();
        let spec = JobSpec {
            user_parameters: Some(PARAMETERS.into()),
            input_artifacts: vec![self.suite.store.put_artifact("Build", &files).unwrap()],
            ..self.suite.store.job(suite::UPDATER)
        };
        let job = self.rehearsal.pipeline().start_job(spec).unwrap();
        self.rehearsal
            .pipeline()
            .wait(&job, Duration::from_secs(240))
            .unwrap()
    }

    /// The pages that the service's running containers serve now.
    fn pages(&self, service: &Service) -> Vec<String> {
        let engine = self.rehearsal.docker().unwrap().engine();
        let tasks = service.tasks().unwrap();
        let arns = tasks.iter().filter_map(|task| task["taskArn"].as_str());
        let containers = arns.flat_map(|arn| engine.task_containers(arn).unwrap_or_default());
        let addresses = containers.filter_map(|container| container.address);
        addresses
            .filter_map(|address| get(&format!("{address}:8080")))
            .collect()
    }

    fn await_page(&self, service: &Service, version: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let pages = self.pages(service);
            if !pages.is_empty() && pages.iter().all(|page| page.contains(version)) {
                return;
            }
            assert!(Instant::now() < deadline, "no page of {version}: {pages:?}");
            std::thread::yield_now();
        }
    }
}

/// `GET /`; none when nobody answers.
fn get(address: &str) -> Option<String> {
    use std::io::{Read as _, Write as _};
    let mut stream =
        std::net::TcpStream::connect_timeout(&address.parse().ok()?, Duration::from_secs(2))
            .ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}

#[test]
fn the_page_changes_and_the_digest_that_was_pushed_runs() {
    let Some(world) = world("the page changes") else {
        return;
    };
    let service = world.service("page", true);
    let variables = succeeded(&world.roll_out(&service, ":v2", None));
    world.await_page(&service, "v2");
    let [_, v2] = &world.images;
    assert_eq!(variables["ImageDigests"], json!({"page": v2}).to_string());
    let engine = world.rehearsal.docker().unwrap().engine();
    let task = service.tasks().unwrap().remove(0);
    let containers = engine
        .task_containers(task["taskArn"].as_str().unwrap())
        .unwrap();
    assert!(
        containers
            .iter()
            .all(|container| container.digests.contains(v2)),
        "{containers:?}"
    );
}

#[test]
fn a_container_that_exits_fails_the_job_with_that_cause_and_the_old_page_stays() {
    let Some(world) = world("a container that exits") else {
        return;
    };
    let service = world.service("exits", true);
    let (kind, message) = failed(&world.roll_out(&service, ":v2", Some(json!(["--nope"]))));
    assert_eq!(kind, "JobFailed");
    for word in [
        "Essential container",
        "exit code 1",
        "It was exits:1, became exits:2",
        "is now exits:1 (1 of 1",
    ] {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
    assert!(
        service
            .primary_task_definition()
            .unwrap()
            .ends_with("/exits:1")
    );
    world.await_page(&service, "v1");
    // ECS's breaker went back, not we.
    assert_eq!(world.rehearsal.proxy().count("ecs", "UpdateService"), 1);
}

#[test]
fn an_image_that_is_gone_fails_the_job_with_that_cause() {
    let Some(world) = world("an image that is gone") else {
        return;
    };
    let service = world.service("gone", true);
    let missing = format!("@sha256:{}", "0".repeat(64));
    let (kind, message) = failed(&world.roll_out(&service, &missing, None));
    assert_eq!(kind, "JobFailed");
    assert!(
        message.contains("CannotPullContainerError") && message.contains("is now gone:1"),
        "{message}"
    );
    world.await_page(&service, "v1");
}

#[test]
fn without_a_breaker_the_deadline_brings_the_old_page_back() {
    let Some(world) = world("without a breaker") else {
        return;
    };
    let service = world.service("unbroken", false);
    // ECS would start it for ever.
    let (kind, message) = failed(&world.roll_out(&service, ":v2", Some(json!(["--nope"]))));
    assert_eq!(kind, "JobFailed");
    for word in [
        "exit code 1",
        "it was not finished within timeoutMinutes (1)",
        "is now unbroken:1 (1 of 1",
    ] {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
    assert_eq!(world.rehearsal.proxy().count("ecs", "UpdateService"), 2);
    world.await_page(&service, "v1");
}
