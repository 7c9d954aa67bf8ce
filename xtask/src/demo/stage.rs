//! What the story needs: the suite on local AWS, a service `web` that runs v1 in two accounts, and a
//! service `shop` that belongs to a CloudFormation stack. Clusters and repositories are made of
//! `templates/cluster.yaml`, the stack of `templates/service.yaml`.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rehearsal::codepipeline::{Finished, JobSpec};
use rehearsal::docker::Engine;
use rehearsal::package::{Profile, package};
use rehearsal::suite::{
    self, BOUNDARY, CLOUDFORMATION_ROLE, EXTERNAL_ID, Suite, TARGET_REGION, TARGET_ROLE, UPDATER,
};
use rehearsal::tools::Tools;
use rehearsal::world::{self, Service, ServiceSpec, Stack, StackSpec};
use rehearsal::{Account, Containers, Options, Progress, Rehearsal, workspace};
use serde_json::{Value, json};

use super::screen::Screen;
use crate::{broken, interrupt};

/// The cluster of both accounts.
pub(super) const CLUSTER: &str = "test";
/// The service, its container and its repository.
pub(super) const WEB: &str = "web";
/// The service that belongs to a stack of this name, its container too; it runs images of `web`.
pub(super) const SHOP: &str = "shop";
/// The release that cannot start.
pub(super) const BROKEN: &str = "v3";

/// Longer than it takes ECS to give a deployment up and to go back.
const PATIENCE: Duration = Duration::from_secs(300);
/// How soon Ctrl-C is heard while a job runs.
const BREATH: Duration = Duration::from_millis(250);

/// All that runs; dropping it cleans up.
pub(super) struct Stage {
    /// In the account that the pipeline is in.
    pub(super) own: Place,
    /// In the other account.
    pub(super) other: Place,
    /// There, too, in a stack.
    pub(super) shop: Place,
    /// In the production account, into which no rollout of the tooling account leads.
    pub(super) production: Place,
    pub(super) rehearsal: Rehearsal,
    suite: Suite,
}

/// A service, and how the function gets there.
pub(super) struct Place {
    pub(super) account: Account,
    pub(super) service: Service,
    /// The stack that it belongs to.
    pub(super) stack: Option<Stack>,
    /// The role that the function assumes, and its external id; none in the function's account.
    pub(super) role: Option<(&'static str, &'static str)>,
    /// The digest that ECR has for each tag.
    digests: BTreeMap<&'static str, String>,
}

/// A tag, and what is behind it: a name in the Docker engine, or nothing but a manifest.
type Image = (&'static str, String);

impl Stage {
    /// Builds, starts and deploys everything.
    pub(super) fn set(screen: &Screen, engine: Option<Engine>) -> Result<Self> {
        screen.phase("installing the emulator and SAM", |progress| {
            Tools::install(&**progress)
        })?;
        screen.phase("building the function", |progress| {
            package(Profile::Dev, None, &**progress)
        })?;
        let options = Options {
            containers: engine.map_or(Containers::Records, Containers::Docker),
            ..Options::default()
        };
        let rehearsal = screen.phase("starting local AWS", |progress| {
            let log = Some(Progress::clone(progress));
            let rehearsal = Rehearsal::start(Options { log, ..options })?;
            // The emulator's first answer about events takes seconds, which are no step's own.
            rehearsal.settle(PATIENCE)?;
            Ok(rehearsal)
        })?;
        let suite = screen.phase("deploying with SAM", |progress| {
            suite::install(
                &rehearsal,
                Profile::Dev,
                "1",
                "deploy",
                &milestones(progress),
            )
        })?;
        let images = screen.phase("making the images of examples/web", |progress| {
            images(&rehearsal, progress)
        })?;
        let services = screen.phase("creating services in three accounts", |_| {
            let own = Place::create(&rehearsal, &suite.own, None, &images)?;
            let role = Some((TARGET_ROLE, EXTERNAL_ID));
            let other = Place::create(&rehearsal, &suite.other, role, &images)?;
            let shop = other.with_a_stack()?;
            let production = Place::create(&rehearsal, &suite.production, None, &images)?;
            Ok((own, other, shop, production))
        })?;
        let (own, other, shop, production) = services;
        Ok(Self {
            own,
            other,
            shop,
            production,
            rehearsal,
            suite,
        })
    }

    /// The Docker engine, when tasks are containers.
    pub(super) fn engine(&self) -> Option<&Engine> {
        self.rehearsal.docker().map(|docker| docker.engine())
    }

    /// Runs a pipeline's action that releases `tag` to `place`, to its end.
    pub(super) fn release(&self, place: &Place, tag: &str, unusual: &Unusual) -> Result<Finished> {
        let mut target = json!({ "service": WEB, "cluster": CLUSTER });
        if place.stack.is_some() {
            target = json!({
                "stack": SHOP,
                "template": "Build::service.yaml",
                "parameters": "Build::shop.json",
                "imageParameters": { SHOP: "Image" },
                "capabilities": ["CAPABILITY_IAM"],
                "cloudFormationRole": CLOUDFORMATION_ROLE,
            });
        }
        let mut rollout = json!({ "targets": [target], "region": TARGET_REGION });
        if let (Some((role, own_id)), Value::Object(fields)) = (place.role, &mut rollout) {
            fields.insert("role".to_owned(), role.into());
            let id = unusual.external_id.unwrap_or(own_id);
            fields.insert("externalId".to_owned(), id.into());
        }
        let images = json!([{ "name": place.service.name, "imageUri": place.image(tag) }]);
        let (rollout, images) = (rollout.to_string(), images.to_string());
        let mut parameters = shop_parameters();
        parameters.extend(unusual.parameter);
        let parameters: BTreeMap<_, _> = parameters.into_iter().collect();
        let configuration = json!({ "Parameters": parameters }).to_string();
        let template = template("service.yaml")?;
        let mut files = vec![
            ("rollout.json", rollout.as_bytes()),
            ("imagedefinitions.json", images.as_bytes()),
        ];
        if place.stack.is_some() {
            files.push(("service.yaml", template.as_bytes()));
            files.push(("shop.json", configuration.as_bytes()));
        }
        let artifact = self.suite.store.put_artifact("Build", &files)?;
        let parameters = json!({
            "rollout": "Build::rollout.json",
            "execution": "#{codepipeline.PipelineExecutionId}",
        });
        self.run(JobSpec {
            pipeline: WEB.to_owned(),
            user_parameters: Some(parameters.to_string()),
            input_artifacts: vec![artifact],
            ..self.suite.store.job(UPDATER)
        })
    }

    fn run(&self, spec: JobSpec) -> Result<Finished> {
        let pipeline = self.rehearsal.pipeline();
        let job = pipeline.start_job(spec)?;
        let began = Instant::now();
        loop {
            let asked = Instant::now();
            match pipeline.wait(&job, BREATH) {
                Err(_) if asked.elapsed() >= BREATH && began.elapsed() < PATIENCE => {
                    interrupt::check()?;
                }
                // An error that did not wait is final, such as a job that cannot be delivered.
                ended => return ended,
            }
        }
    }
}

impl Place {
    /// Puts the images into the account's ECR, and creates the service with v1.
    fn create(
        rehearsal: &Rehearsal,
        account: &Account,
        role: Option<(&'static str, &'static str)>,
        images: &[Image],
    ) -> Result<Self> {
        let cluster = StackSpec::new(CLUSTER, &template("cluster.yaml")?)
            .with("ClusterName", CLUSTER)
            .with("RepositoryName", WEB);
        world::create_stack(account, &cluster)?;
        let mut digests = BTreeMap::new();
        for (tag, image) in images {
            let digest = match rehearsal.docker() {
                Some(docker) => docker.push(image, account.id(), account.region(), WEB, tag)?,
                None => world::put_image(account, WEB, tag, image)?,
            };
            digests.insert(*tag, digest);
        }
        let v1 = digests.get("v1").context("v1 was not pushed")?;
        let image = format!("{}@{v1}", world::repository_uri(account, WEB));
        let mut spec = ServiceSpec::new(CLUSTER, WEB, &image);
        let execution = world::create_execution_role(account, "web-execution")?;
        spec.task_definition
            .insert("executionRoleArn".to_owned(), execution.into());
        let service = world::create_service(account, &spec)?;
        Ok(Self {
            account: account.clone(),
            service,
            stack: None,
            role,
            digests,
        })
    }

    /// The service `shop` in the same account, of a stack, with v1 of the same images.
    fn with_a_stack(&self) -> Result<Self> {
        let image = format!(
            "{}@{}",
            world::repository_uri(&self.account, WEB),
            self.digest("v1")?
        );
        let mut spec = StackSpec::new(SHOP, &template("service.yaml")?).with("Image", &image);
        for (key, value) in shop_parameters() {
            spec = spec.with(key, value);
        }
        spec.capabilities = vec!["CAPABILITY_IAM".to_owned()];
        let stack = world::create_stack(&self.account, &spec)?;
        Ok(Self {
            account: self.account.clone(),
            service: stack.service("Service")?,
            stack: Some(stack),
            role: self.role,
            digests: self.digests.clone(),
        })
    }

    /// The digest that ECR has for a tag.
    pub(super) fn digest(&self, tag: &str) -> Result<&str> {
        let digest = self.digests.get(tag).map(String::as_str);
        digest.with_context(|| format!("{tag} was not pushed"))
    }

    /// An image as a build names it: with its tag.
    pub(super) fn image(&self, tag: &str) -> String {
        format!("{}:{tag}", world::repository_uri(&self.account, WEB))
    }
}

/// What is not as usual about a release.
#[derive(Default)]
pub(super) struct Unusual {
    /// Another external id than the place's.
    pub(super) external_id: Option<&'static str>,
    /// Another value for a parameter of the stack.
    pub(super) parameter: Option<(&'static str, &'static str)>,
}

/// A template that a user starts from.
fn template(name: &str) -> Result<String> {
    let path = workspace::root().join("templates").join(name);
    fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

/// What the parameters' file of the stack says; the image comes from the release.
fn shop_parameters() -> Vec<(&'static str, &'static str)> {
    vec![
        ("ServiceName", SHOP),
        ("ClusterName", CLUSTER),
        ("VpcId", "vpc-0a1b2c3d"),
        ("SubnetIds", "subnet-0a1b2c3d,subnet-1a2b3c4d"),
        ("PermissionsBoundaryArn", BOUNDARY),
    ]
}

/// v1, v2 and, where it can fail, the broken one.
fn images(rehearsal: &Rehearsal, progress: &Progress) -> Result<Vec<Image>> {
    let Some(docker) = rehearsal.docker() else {
        let record = |tag| (tag, world::manifest(&format!("{WEB} {tag}")));
        return Ok(["v1", "v2"].map(record).into());
    };
    let build = |tag| {
        progress(tag);
        docker.run().build_web(tag)
    };
    let (v1, v2) = (build("v1")?, build("v2")?);
    progress(BROKEN);
    let v3 = broken::build(docker.engine(), &v2, BROKEN)?;
    Ok(vec![("v1", v1), ("v2", v2), (BROKEN, v3)])
}

/// Hears of `deploying A, region` no more than `A`, and nothing of what SAM writes meanwhile.
fn milestones(progress: &Progress) -> Progress {
    let progress = Progress::clone(progress);
    Arc::new(move |line: &str| {
        if let Some(what) = line.strip_prefix("deploying ") {
            progress(what.split(',').next().unwrap_or(what));
        }
    })
}
