//! Emulators for all tests, each for one test at a time: faults and recorded calls belong to one
//! test.

pub(crate) mod place;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rehearsal::codepipeline::{Artifact, Finished, JobId, JobSpec, Outcome};
use rehearsal::package::Profile;
use rehearsal::proxy::{Call, Fault, What, When};
use rehearsal::suite::{self, Suite};
use rehearsal::world::{self, Service, ServiceSpec};
use rehearsal::{Account, Options, Rehearsal};
use serde_json::{Value, json};

use place::Place;

/// How long anything may take before it counts as hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The emulator with the suite in it.
pub(crate) struct World {
    pub(crate) rehearsal: Rehearsal,
    pub(crate) suite: Suite,
    /// Whether what `cargo xtask local` has is in it.
    pub(crate) seeded: bool,
}

/// A world in the hands of one test.
pub(crate) type Turn = place::Turn<'static, World>;

/// Five emulators: tests wait more than they work (for looks, deadlines, descriptions that lag), so
/// five at a time take little more than a fifth of the time.
static WORLDS: [Place<World>; 5] = [const { Place::new() }; 5];

fn start() -> World {
    // Deploying keeps every core busy: worlds that start one after the other are of use sooner.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let progress: rehearsal::Progress = Arc::new(|_: &str| {});
    let options = Options {
        log: Some(Arc::clone(&progress)),
        // As loud as it gets: what no log may hold must not be in this one.
        environment: vec![("AWS_LAMBDA_LOG_LEVEL".into(), "TRACE".into())],
        ..Options::default()
    };
    let rehearsal = Rehearsal::start(options).expect("the rehearsal starts");
    let suite = suite::install(&rehearsal, Profile::Dev, "1", "ignore", &progress)
        .expect("the suite deploys");
    World {
        rehearsal,
        suite,
        seeded: false,
    }
}

/// A world of its own for one test: no fault armed, no call recorded, no function at work.
pub(crate) fn world() -> Turn {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let turn = TURN.fetch_add(1, Ordering::Relaxed) % WORLDS.len();
    let free = WORLDS.iter().find_map(|place| place.enter_if_free(start));
    let world = free.unwrap_or_else(|| WORLDS[turn].enter(start));
    world.rehearsal.proxy().clear_faults();
    world
        .rehearsal
        .settle(PATIENCE)
        .expect("functions come to rest");
    world.rehearsal.proxy().reset();
    world
}

/// A service to roll out to, its images and how the pipeline names them.
pub(crate) struct Case {
    pub(crate) service: Service,
    pub(crate) repository: String,
    pub(crate) digest: String,
}

impl World {
    /// A service of its own name in the other account, running v1, with v2 in ECR.
    pub(crate) fn case(&self, name: &str) -> Case {
        self.case_with(name, |_| {})
    }

    /// As [`World::case`], with a service that differs.
    pub(crate) fn case_with(&self, name: &str, change: impl FnOnce(&mut ServiceSpec)) -> Case {
        self.case_in(&self.suite.other, name, change)
    }

    /// As [`World::case_with`], in an account of choice.
    pub(crate) fn case_in(
        &self,
        account: &Account,
        name: &str,
        change: impl FnOnce(&mut ServiceSpec),
    ) -> Case {
        let first =
            world::put_image(account, name, "v1", &world::manifest(&format!("{name} v1"))).unwrap();
        let digest =
            world::put_image(account, name, "v2", &world::manifest(&format!("{name} v2"))).unwrap();
        let repository = world::repository_uri(account, name);
        let mut spec = ServiceSpec::new("test", name, &format!("{repository}@{first}"));
        change(&mut spec);
        let service = world::create_service(account, &spec).unwrap();
        Case {
            service,
            repository,
            digest,
        }
    }

    /// A job that rolls `v2` out, with the rollout file and the image file in one artifact.
    pub(crate) fn job(&self, case: &Case) -> JobSpec {
        self.job_with(case, |_| {}, &[])
    }

    /// As [`World::job`], with a rollout file that differs and more files in the artifact.
    pub(crate) fn job_with(
        &self,
        case: &Case,
        change: impl FnOnce(&mut Value),
        files: &[(&str, &[u8])],
    ) -> JobSpec {
        let (mut rollout, images) = self.files(case);
        change(&mut rollout);
        let (rollout, images) = (rollout.to_string(), images.to_string());
        let mut all: BTreeMap<&str, &[u8]> = BTreeMap::from([
            ("rollout.json", rollout.as_bytes()),
            ("imagedefinitions.json", images.as_bytes()),
        ]);
        all.extend(files.iter().copied());
        let all: Vec<(&str, &[u8])> = all.into_iter().collect();
        self.job_from(self.suite.store.put_artifact("Build", &all).unwrap())
    }

    /// The rollout file and the image file of a rollout of `v2`.
    pub(crate) fn files(&self, case: &Case) -> (Value, Value) {
        let rollout = json!({
            "targets": [{"service": case.service.name, "cluster": "test"}],
            "region": suite::TARGET_REGION,
            "role": suite::TARGET_ROLE,
            "externalId": suite::EXTERNAL_ID,
        });
        let image = format!("{}:v2", case.repository);
        (
            rollout,
            json!([{"name": case.service.name, "imageUri": image}]),
        )
    }

    /// A job with an artifact of any kind.
    pub(crate) fn job_from(&self, artifact: Artifact) -> JobSpec {
        JobSpec {
            user_parameters: Some(PARAMETERS.into()),
            input_artifacts: vec![artifact],
            ..self.suite.store.job(suite::UPDATER)
        }
    }

    /// Runs a job to its end.
    pub(crate) fn run(&self, spec: JobSpec) -> Finished {
        let job = self.rehearsal.pipeline().start_job(spec).unwrap();
        self.end_of(&job)
    }

    /// A job's end; one that does not come is told with all that is known.
    pub(crate) fn end_of(&self, job: &JobId) -> Finished {
        self.rehearsal
            .pipeline()
            .wait(job, PATIENCE)
            .unwrap_or_else(|error| {
                let log = self.rehearsal.log().unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(60).collect();
                let calls = self.rehearsal.proxy().calls();
                // What it looks at, again and again.
                let seen = calls.iter().rfind(|call| call.status.is_some());
                panic!(
                    "{error:#}\n{calls:#?}\nthe last answer: {:#}\n{}",
                    seen.map(Call::response_json).unwrap_or_default(),
                    last.join("\n")
                )
            })
    }

    /// How many calls of an operation the functions made.
    pub(crate) fn count(&self, service: &str, operation: &str) -> usize {
        self.rehearsal.proxy().count(service, operation)
    }

    /// All calls of the functions, as `service:Operation`, without the one at a cold start.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = self.rehearsal.proxy().calls();
        calls
            .iter()
            .map(|call| format!("{}:{}", call.service, call.operation))
            .filter(|call| call != "sts:GetCallerIdentity")
            .collect()
    }
}

/// The usual UserParameters.
pub(crate) const PARAMETERS: &str =
    r##"{"rollout": "Build::rollout.json", "execution": "#{codepipeline.PipelineExecutionId}"}"##;

/// The variables of a success; a failure fails the test.
pub(crate) fn succeeded(finished: &Finished) -> BTreeMap<String, String> {
    match &finished.outcome {
        Outcome::Succeeded { variables, .. } => variables.clone(),
        other => panic!("not a success: {other:#?}"),
    }
}

/// Type and message of a failure; a success fails the test.
pub(crate) fn failed(finished: &Finished) -> (String, String) {
    match &finished.outcome {
        Outcome::Failed { kind, message, .. } => (kind.clone(), message.clone()),
        other => panic!("not a failure: {other:#?}"),
    }
}

impl World {
    /// How many different deployments the functions began: PRIMARY ids in the answers of
    /// `UpdateService`.
    pub(crate) fn deployments_begun(&self) -> usize {
        let calls = self.rehearsal.proxy().calls();
        let updates = calls
            .iter()
            .filter(|call| call.operation == "UpdateService");
        let ids: std::collections::BTreeSet<String> = updates
            .filter_map(|call| {
                let answer = call.response_json();
                let deployments = answer["service"]["deployments"].as_array()?.clone();
                let primary = deployments
                    .into_iter()
                    .find(|deployment| deployment["status"] == "PRIMARY")?;
                Some(primary["id"].as_str()?.to_owned())
            })
            .collect();
        ids.len()
    }

    /// Holds the next deployment in progress for this many looks.
    pub(crate) fn hold(&self, looks: usize) {
        let what = What::edit_json(|answer| {
            answer["services"][0]["deployments"][0]["rolloutState"] = json!("IN_PROGRESS");
        });
        let when = When::nth("ecs", "DescribeServices", 2);
        self.rehearsal
            .proxy()
            .inject_times(Fault { when, what }, looks);
    }

    /// Sets the updater's timeout in seconds.
    pub(crate) fn set_timeout(&self, seconds: u32) {
        self.set_timeout_of(suite::UPDATER, seconds);
    }

    /// Sets a function's timeout in seconds.
    pub(crate) fn set_timeout_of(&self, function: &str, seconds: u32) {
        let path = format!("/2015-03-31/functions/{function}/configuration");
        let body = json!({"Timeout": seconds}).to_string();
        let headers = [("content-type", "application/json")];
        let tooling = self.rehearsal.tooling();
        tooling
            .request("lambda", http::Method::PUT, &path, &headers, body.into())
            .unwrap();
    }
}

impl World {
    /// What was sent to `RegisterTaskDefinition` last.
    pub(crate) fn registered(&self) -> Value {
        let calls = self.rehearsal.proxy().calls();
        let call = calls
            .iter()
            .rev()
            .find(|call| call.operation == "RegisterTaskDefinition");
        call.expect("something was registered").request_json()
    }

    /// How many calls changed something in ECS.
    pub(crate) fn writes(&self) -> usize {
        [
            "RegisterTaskDefinition",
            "UpdateService",
            "StopServiceDeployment",
        ]
        .iter()
        .map(|operation| self.count("ecs", operation))
        .sum()
    }
}
