//! Rollouts of services and one-off tasks: generated, and then made.

use proptest::collection::vec;
use proptest::prelude::*;
use rehearsal::codepipeline::JobSpec;
use rehearsal::suite;
use rehearsal::world::{Service, ServiceSpec, task_definition};
use serde_json::{Value, json};

use super::definition::{BESIDE, RELEASED};
use super::release::{Release, release};
use crate::fixture::{Case, World};
use crate::preview::generated::images::Tags;

/// What is rolled out together.
#[derive(Debug, Clone)]
pub(super) struct Rollout {
    pub(super) services: Vec<Released>,
    pub(super) show_values: bool,
}

/// A service that runs something, and what is released of it.
#[derive(Debug, Clone)]
pub(super) struct Released {
    running: Value,
    release: Release,
    /// Whether a file is of another family.
    moves: bool,
    company: Company,
}

/// What shares the service's task definition.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Company {
    Nobody,
    /// A service that runs the same.
    Service,
    /// A service that runs the new image already.
    ServiceAhead,
    /// A task before it, such as a migration.
    Task,
    /// A task in its place: the service itself is not released.
    TaskAlone,
}

/// Any rollout.
pub(super) fn rollout() -> impl Strategy<Value = Rollout> {
    let company = prop_oneof![
        4 => Just(Company::Nobody), 1 => Just(Company::Service), 1 => Just(Company::ServiceAhead),
        1 => Just(Company::Task), 2 => Just(Company::TaskAlone),
    ];
    let released = (release(), prop::bool::weighted(0.2), company);
    let released = released.prop_map(|((running, release), moves, company)| Released {
        running,
        release,
        moves,
        company,
    });
    (vec(released, 2..=4), any::<bool>()).prop_map(|(services, show_values)| Rollout {
        services,
        show_values,
    })
}

/// A target of a rollout.
pub(super) struct Target {
    pub(super) name: String,
    /// As the rollout file has it.
    pub(super) written: Value,
    /// The service, or the one that a task is like.
    pub(super) service: Service,
    pub(super) is_task: bool,
    /// What the service runs before.
    pub(super) before: Value,
}

/// A rollout that is made: its targets, its files, and what its images are called.
#[derive(Default)]
pub(super) struct Made {
    pub(super) targets: Vec<Target>,
    images: Vec<Value>,
    files: Vec<(String, String)>,
    pub(super) tags: Tags,
}

/// The description of what a service runs.
pub(super) fn serves(world: &World, service: &Service) -> Value {
    task_definition(
        &world.suite.other,
        &service.primary_task_definition().unwrap(),
    )
    .unwrap()
}

impl Made {
    /// Makes a service, and the files of its release.
    pub(super) fn add(&mut self, world: &World, name: &str, released: &Released) {
        let case = world.case_with(name, |spec| {
            let first = spec.containers[0].image.clone();
            runs(spec, finished(&released.running, name, &first));
        });
        let before = serves(world, &case.service);
        let images = before["taskDefinition"]["containerDefinitions"]
            .as_array()
            .unwrap();
        let first = images[0]["image"].as_str().unwrap().to_owned();
        let (_, digest) = first.split_once('@').unwrap();
        self.tags.push((digest.to_owned(), "v1".to_owned()));
        self.tags.push((case.digest.clone(), "v2".to_owned()));
        let version = match released.release {
            Release::Image | Release::File(_, true) => "v2",
            Release::Nothing | Release::File(_, false) => "v1",
        };
        let uri = format!("{}:{version}", case.repository);
        self.images.push(json!({"name": name, "imageUri": uri}));
        let file = self.file(name, &first, released);
        if matches!(released.company, Company::Task | Company::TaskAlone) {
            let file = file
                .clone()
                .filter(|_| released.company == Company::TaskAlone);
            self.targets.push(Target {
                name: format!("{name}-task"),
                written: task(name, file),
                service: case.service.clone(),
                is_task: true,
                before: before.clone(),
            });
        }
        if matches!(released.company, Company::Service | Company::ServiceAhead) {
            let ahead = format!("{}@{}", case.repository, case.digest);
            let image = if released.company == Company::ServiceAhead {
                &ahead
            } else {
                &first
            };
            let running = finished(&released.running, name, image);
            self.another(world, &format!("{name}-too"), running, file.clone());
        }
        if released.company == Company::TaskAlone {
            return;
        }
        let mut written = service(name, file);
        if released.company == Company::Task {
            written["after"] = json!(format!("{name}-task"));
        }
        self.push(written, case, before);
    }

    /// The place of the release's task definition file, if it has one.
    fn file(&mut self, name: &str, first: &str, released: &Released) -> Option<Value> {
        let Release::File(definition, _) = &released.release else {
            return None;
        };
        let mut written = finished(definition, name, first);
        for container in written["containerDefinitions"].as_array_mut().unwrap() {
            if container["name"] == name {
                container["image"] = json!("put in by the release");
            }
        }
        if released.moves {
            written["family"] = json!(format!("{name}-moved"));
        }
        self.files
            .push((format!("{name}.json"), written.to_string()));
        Some(json!(format!("Build::{name}.json")))
    }

    /// Another service with such a task definition.
    fn another(&mut self, world: &World, name: &str, running: Value, file: Option<Value>) {
        let case = world.case_with(name, |spec| runs(spec, running));
        let before = serves(world, &case.service);
        self.push(service(name, file), case, before);
    }

    fn push(&mut self, written: Value, case: Case, before: Value) {
        self.targets.push(Target {
            name: case.service.name.clone(),
            written,
            service: case.service,
            is_task: false,
            before,
        });
    }

    /// The job that rolls it out.
    pub(super) fn job(&self, world: &World) -> JobSpec {
        let targets: Vec<&Value> = self.targets.iter().map(|target| &target.written).collect();
        let rollout = json!({
            "targets": targets, "region": suite::TARGET_REGION,
            "role": suite::TARGET_ROLE, "externalId": suite::EXTERNAL_ID,
        });
        let (rollout, images) = (rollout.to_string(), json!(self.images).to_string());
        let mut files: Vec<(&str, &[u8])> = vec![
            ("rollout.json", rollout.as_bytes()),
            ("imagedefinitions.json", images.as_bytes()),
        ];
        files.extend(
            self.files
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_bytes())),
        );
        world.job_from(world.suite.store.put_artifact("Build", &files).unwrap())
    }
}

fn runs(spec: &mut ServiceSpec, running: Value) {
    spec.task_definition = running.as_object().unwrap().clone();
}

fn service(name: &str, file: Option<Value>) -> Value {
    let mut target = json!({"service": name, "cluster": "test"});
    if let Some(file) = file {
        target["taskDefinition"] = file;
    }
    target
}

fn task(like: &str, file: Option<Value>) -> Value {
    let mut target = json!({
        "task": format!("{like}-task"), "like": like, "cluster": "test", "container": like,
        "command": ["migrate"],
    });
    if let Some(file) = file {
        target["taskDefinition"] = file;
    }
    target
}

/// A task definition with its family's name, its released container with its own and an image, and
/// with images from the same repository beside it.
fn finished(definition: &Value, name: &str, image: &str) -> Value {
    let (repository, _) = image.split_once('@').unwrap();
    let mut definition = definition.clone();
    definition["family"] = json!(name);
    for container in definition["containerDefinitions"].as_array_mut().unwrap() {
        if container["name"] == RELEASED {
            container["name"] = json!(name);
            container["image"] = json!(image);
        }
        let beside = container["image"]
            .as_str()
            .unwrap()
            .replace(BESIDE, repository);
        container["image"] = json!(beside);
    }
    definition
}
