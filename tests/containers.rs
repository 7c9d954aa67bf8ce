//! The same rollouts with real containers, where a Docker engine is present: pages change, broken
//! images fail, digests are those that run. Without an engine the cases are left out, and said.

#![expect(
    clippy::print_stderr,
    reason = "a left-out case has to be said where the tests are read"
)]

mod stacks;

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rehearsal::codepipeline::{Finished, JobSpec};
use rehearsal::docker::Engine;
use rehearsal::package::Profile;
use rehearsal::suite::{self, Suite};
use rehearsal::world::{self, Service, ServiceSpec};
use rehearsal::{Containers, Options, Rehearsal};
use serde_json::{Value, json};

use crate::fixture::place::{Place, Turn};
use crate::fixture::{PARAMETERS, PATIENCE, failed, succeeded};

struct World {
    rehearsal: Rehearsal,
    suite: Suite,
    /// Digests of v1 and v2.
    images: [String; 2],
}

const REPOSITORY: &str = "web";

/// The engine, or why there is none.
static ENGINE: LazyLock<Result<Engine, String>> =
    LazyLock::new(|| Engine::available().map_err(|reason| format!("{reason:#}")));

static WORLD: Place<World> = Place::new();

fn start(engine: &Engine) -> World {
    let options = Options {
        containers: Containers::Docker(engine.clone()),
        environment: vec![("REHEARSAL_HEALTH_SCALE".into(), "0.05".into())],
        ..Options::default()
    };
    let rehearsal = Rehearsal::start(options).expect("the rehearsal starts");
    let progress: rehearsal::Progress = Arc::new(|_: &str| {});
    let suite = suite::install(&rehearsal, Profile::Dev, "1", "ignore", &progress)
        .expect("the suite deploys");
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
    World {
        rehearsal,
        suite,
        images,
    }
}

/// The world for one test, or none, with the reason printed.
fn world(case: &str) -> Option<Turn<'static, World>> {
    match &*ENGINE {
        Ok(engine) => {
            let world = WORLD.enter(|| start(engine));
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

    /// A job that rolls an image out by `reference` (`:tag` or `@digest`).
    fn roll_out(&self, service: &Service, reference: &str) -> Finished {
        self.roll_out_with(service, reference, |_| {}, |_| {})
    }

    /// As [`World::roll_out`], with a container and a rollout file that differ.
    fn roll_out_with(
        &self,
        service: &Service,
        reference: &str,
        container: impl FnOnce(&mut Value),
        rollout: impl FnOnce(&mut Value),
    ) -> Finished {
        let mut file = json!({
            "targets": [{"service": service.name, "cluster": "test"}],
            "region": suite::TARGET_REGION, "role": suite::TARGET_ROLE, "externalId": suite::EXTERNAL_ID,
            "taskDefinition": "Build::taskdef.json", "timeoutMinutes": 1,
        });
        rollout(&mut file);
        let log = json!({"awslogs-group": "/ecs/web", "awslogs-region": suite::TARGET_REGION,
                         "awslogs-stream-prefix": "web", "awslogs-create-group": "true"});
        let mut only = json!({"name": service.name, "image": "x", "essential": true,
                              "logConfiguration": {"logDriver": "awslogs", "options": log}});
        container(&mut only);
        let definition = json!({
            "family": service.family, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
            "cpu": "256", "memory": "512", "containerDefinitions": [only],
        });
        let images = json!([{"name": service.name, "imageUri": format!("{}{reference}", self.repository())}]);
        let files = [
            ("rollout.json", file),
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
        self.run(spec)
    }

    /// Runs a job to its end.
    fn run(&self, spec: JobSpec) -> Finished {
        let pipeline = self.rehearsal.pipeline();
        let job = pipeline.start_job(spec).unwrap();
        pipeline.wait(&job, Duration::from_secs(240)).unwrap()
    }

    fn pages(&self, service: &Service) -> Vec<String> {
        pages(&self.rehearsal, service)
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

/// The pages that the service's running containers serve now.
pub(crate) fn pages(rehearsal: &Rehearsal, service: &Service) -> Vec<String> {
    let engine = rehearsal.docker().unwrap().engine();
    let tasks = service.tasks().unwrap();
    let arns = tasks.iter().filter_map(|task| task["taskArn"].as_str());
    let containers = arns.flat_map(|arn| engine.task_containers(arn).unwrap_or_default());
    let addresses = containers.filter_map(|container| container.address);
    addresses
        .filter_map(|address| get(&format!("{address}:8080")))
        .collect()
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
    let variables = succeeded(&world.roll_out(&service, ":v2"));
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

/// A command that the image does not know: it exits with 1.
fn nope(container: &mut Value) {
    container["command"] = json!(["--nope"]);
}

// rules: 3.5.11 3.5.27 3.5.28
#[test]
fn a_container_that_exits_fails_the_job_with_that_cause_and_the_old_page_stays() {
    let Some(world) = world("a container that exits") else {
        return;
    };
    // No breaker that could be faster on a slow machine: whoever goes back is redbutton.
    let service = world.service("exits", false);
    let (kind, message) = failed(&world.roll_out_with(&service, ":v2", nope, |_| {}));
    assert_eq!(kind, "JobFailed");
    for word in [
        "waiting cannot mend this",
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
    // The emulator knows no StopServiceDeployment, so it was by an update.
    assert_eq!(world.rehearsal.proxy().count("ecs", "UpdateService"), 2);
}

// rules: 3.5.28
#[test]
fn an_image_that_is_gone_fails_the_job_with_that_cause() {
    let Some(world) = world("an image that is gone") else {
        return;
    };
    let service = world.service("gone", true);
    let missing = format!("@sha256:{}", "0".repeat(64));
    let (kind, message) = failed(&world.roll_out(&service, &missing));
    assert_eq!(kind, "JobFailed");
    assert!(
        message.contains("CannotPullContainerError") && message.contains("is now gone:1"),
        "{message}"
    );
    world.await_page(&service, "v1");
}

// rules: 3.5.28
#[test]
fn without_a_breaker_the_deadline_brings_the_old_page_back() {
    let Some(world) = world("without a breaker") else {
        return;
    };
    let service = world.service("unbroken", false);
    // ECS would start it for ever.
    let (kind, message) = failed(&world.roll_out_with(&service, ":v2", nope, |file| {
        file["allow"] = json!(["exitAtStart"]);
    }));
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

// rules: 3.5.28
#[test]
fn a_secret_that_cannot_be_read_fails_the_job_with_that_cause() {
    let Some(world) = world("a secret that cannot be read") else {
        return;
    };
    let service = world.service("secretive", true);
    let secret = "arn:aws:secretsmanager:ap-southeast-2:333333333333:secret:none-AbCdEf";
    let finished = world.roll_out_with(
        &service,
        ":v2",
        |container| container["secrets"] = json!([{"name": "PASSWORD", "valueFrom": secret}]),
        |_| {},
    );
    let (kind, message) = failed(&finished);
    assert_eq!(kind, "JobFailed");
    for word in [
        "waiting cannot mend this",
        "unable to pull secrets",
        "none-AbCdEf",
        "is now secretive:1 (1 of 1",
    ] {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
    world.await_page(&service, "v1");
}

/// A task and the service, one after the other.
fn with_task(service: &Service, task: Value, first: &str) -> impl FnOnce(&mut Value) {
    let name = service.name.clone();
    let first = first.to_owned();
    move |file: &mut Value| {
        let mut task = task;
        task["like"] = json!(name);
        task["cluster"] = json!("test");
        let mut service = json!({"service": name, "cluster": "test"});
        let second = if first == name {
            &mut task
        } else {
            &mut service
        };
        second["after"] = json!(first);
        file["targets"] = json!([task, service]);
    }
}

#[test]
fn a_migration_runs_before_the_service_and_one_that_fails_stops_the_release() {
    let Some(world) = world("a migration") else {
        return;
    };
    let service = world.service("migrating", true);
    let task = |argument: &str| json!({"task": "migrate", "command": [argument]});
    world.rehearsal.proxy().reset();
    let broken = with_task(&service, task("--nope"), "migrate");
    let (kind, message) = failed(&world.roll_out_with(&service, ":v2", |_| {}, broken));
    assert_eq!(kind, "JobFailed");
    for word in [
        "task migrate (cluster test",
        "exit code 1",
        "web: --nope: the only arguments are --check and --version",
        "- migrating was not changed",
    ] {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
    assert_eq!(world.rehearsal.proxy().count("ecs", "UpdateService"), 0);
    world.await_page(&service, "v1");
    let whole = with_task(&service, task("--version"), "migrate");
    let variables = succeeded(&world.roll_out_with(&service, ":v2", |_| {}, whole));
    assert!(
        variables["Summary"].contains("migrate ended with exit code 0"),
        "{variables:?}"
    );
    world.await_page(&service, "v2");
}

// rules: 3.5.27
#[test]
fn an_acceptance_task_that_fails_brings_the_old_page_back() {
    let Some(world) = world("an acceptance task") else {
        return;
    };
    let service = world.service("accepting", true);
    // Nothing listens in the task itself.
    let task = json!({"task": "accept", "command": ["--check"]});
    let accept = with_task(&service, task, "accepting");
    let (_, message) = failed(&world.roll_out_with(&service, ":v2", |_| {}, accept));
    for word in [
        "task accept",
        "exit code 1",
        "and is now accepting:1 (1 of 1",
    ] {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
    world.await_page(&service, "v1");
}
