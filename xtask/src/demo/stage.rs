//! What the story needs: two accounts with the service `web` at v1, made of the templates that a user
//! starts from (`examples/web/world.json`), `templates/pipeline.yaml` in a third account, and redbutton on
//! both sides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rehearsal::docker::Engine;
use rehearsal::package::{Profile, package, tool};
use rehearsal::pipeline::{Choice, Execution, Inputs, Pages, Pipeline, PipelineTemplate};
use rehearsal::suite::{PRODUCTION_ACCOUNT, RELEASES_BUCKET, TARGET_ACCOUNT, TARGET_REGION};
use rehearsal::tools::Tools;
use rehearsal::world::{self, Service};
use rehearsal::world_file;
use rehearsal::{Account, Containers, Options, Progress, Rehearsal, workspace};
use serde_json::{Value, json};

use super::cast::Cast;
use super::screen::Screen;
use super::source::Source;
use crate::interrupt;

/// The service, its container, its stack, its pipeline and its repository.
pub(super) const WEB: &str = "web";

/// Longer than an execution takes, with a build and a rollout that goes back.
const PATIENCE: Duration = Duration::from_secs(900);
/// Longer than a person thinks, who can end it by Ctrl-C.
const DAYS: Duration = Duration::from_secs(7 * 24 * 3600);
/// How soon Ctrl-C is heard.
const BREATH: Duration = Duration::from_millis(250);

/// What `templates/pipeline.yaml` is told.
const PARAMETERS: [(&str, &str); 7] = [
    ("PipelineName", WEB),
    (
        "ConnectionArn",
        "arn:aws:codeconnections:us-east-1:111111111111:connection/00000000-1111-2222-3333-444444444444",
    ),
    ("Repository", "example/web"),
    (
        "ImageRepository",
        "333333333333.dkr.ecr.ap-southeast-2.amazonaws.com/web",
    ),
    ("ProductionAccountId", PRODUCTION_ACCOUNT),
    ("ProductionRegion", TARGET_REGION),
    ("ReleasesBucketName", RELEASES_BUCKET),
];

/// All that runs; dropping it cleans up.
pub(super) struct Stage {
    // First, so that nothing runs any more when the rest goes.
    pipeline: Pipeline,
    /// How long an execution may take.
    patience: Duration,
    pub(super) cast: Arc<Cast>,
    pub(super) source: Source,
    pub(super) test: Place,
    pub(super) production: Place,
    pub(super) rehearsal: Rehearsal,
}

/// A service of a stack, in an account.
pub(super) struct Place {
    /// What people call it.
    pub(super) name: &'static str,
    pub(super) account: Account,
    pub(super) service: Service,
}

impl Stage {
    /// Builds, starts and deploys everything; `asks` says whether a person presses the buttons.
    pub(super) fn set(screen: &Screen, engine: Option<Engine>, asks: bool) -> Result<Self> {
        screen.phase("installing the emulator and SAM", |progress| {
            Tools::install(&**progress)
        })?;
        screen.phase("building redbutton", |progress| {
            package(Profile::Dev, None, &**progress)?;
            tool("redbutton", &**progress)
        })?;
        let world = workspace::root().join("examples/web/world.json");
        let world = world_file::read(&world).map_err(|wrong| anyhow::anyhow!(wrong.join("\n")))?;
        let options = Options {
            containers: engine.map_or(Containers::Records, Containers::Docker),
            tasks_end: true,
            ..Options::default()
        };
        let rehearsal = screen.phase("starting local AWS", |progress| {
            let log = Some(Progress::clone(progress));
            let rehearsal = Rehearsal::start(Options { log, ..options })?;
            // The emulator's first answer about events takes seconds, which are no step's own.
            rehearsal.settle(PATIENCE)?;
            Ok(rehearsal)
        })?;
        screen.phase("making clusters, roles and services at v1", |progress| {
            world_file::build(&rehearsal, &world, &milestones(progress))
        })?;
        let source = Source::create(&rehearsal.dir().join("web"))?;
        let cast = Cast::new(screen.clone(), Pages::new(&rehearsal), asks);
        let cast = Arc::new(cast);
        let pipeline = screen.phase("deploying templates/pipeline.yaml", |progress| {
            pipeline(&rehearsal, &source, &cast, progress)
        })?;
        screen.phase("deploying redbutton for the pipeline", |progress| {
            world_file::functions(&rehearsal, &world, &milestones(progress))
        })?;
        screen.phase("deploying redbutton in production", |progress| {
            world_file::production(&rehearsal, &world, &milestones(progress))
        })?;
        Ok(Self {
            pipeline,
            patience: if asks { DAYS } else { PATIENCE },
            cast,
            source,
            test: Place::find(&rehearsal, "test", TARGET_ACCOUNT)?,
            production: Place::find(&rehearsal, "production", PRODUCTION_ACCOUNT)?,
            rehearsal,
        })
    }

    /// The Docker engine, when tasks are containers.
    pub(super) fn engine(&self) -> Option<&Engine> {
        self.rehearsal.docker().map(|docker| docker.engine())
    }

    /// Runs the pipeline with what the source has now, to its end.
    pub(super) fn run(&self) -> Result<Execution> {
        let id = self.pipeline.start(&BTreeMap::new())?;
        let began = Instant::now();
        loop {
            match self.pipeline.wait(&id, BREATH) {
                Err(_) if began.elapsed() < self.patience => interrupt::check()?,
                ended => return ended,
            }
        }
    }

    /// The digest that the repository has for a tag.
    pub(super) fn digest(&self, tag: &str) -> Result<String> {
        let asked = json!({ "repositoryName": WEB, "imageIds": [{ "imageTag": tag }] });
        let target = "AmazonEC2ContainerRegistry_V20150921.DescribeImages";
        let found = self.test.account.json("ecr", target, asked)?;
        let digest = found
            .pointer("/imageDetails/0/imageDigest")
            .and_then(Value::as_str);
        Ok(digest
            .with_context(|| format!("{tag} was not pushed"))?
            .to_owned())
    }
}

impl Place {
    fn find(rehearsal: &Rehearsal, name: &'static str, account: &str) -> Result<Self> {
        let account = rehearsal.account(account, TARGET_REGION);
        let service = world::stack(&account, WEB)?.service("Service")?;
        Ok(Self {
            name,
            account,
            service,
        })
    }

    /// The image that the service is to run, by digest.
    pub(super) fn image(&self) -> Result<String> {
        let arn = self.service.primary_task_definition()?;
        let described = world::task_definition(&self.account, &arn)?;
        let image = described.pointer("/taskDefinition/containerDefinitions/0/image");
        match image.and_then(Value::as_str) {
            Some(image) => Ok(image.to_owned()),
            None => bail!("{arn} has no image"),
        }
    }
}

/// Deploys the template, and makes a pipeline of it whose source is the repository.
fn pipeline(
    rehearsal: &Rehearsal,
    source: &Source,
    cast: &Arc<Cast>,
    progress: &Progress,
) -> Result<Pipeline> {
    let template = workspace::root().join("templates/pipeline.yaml");
    let template = PipelineTemplate::read(&template)?;
    let parameters = PARAMETERS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let choice = Choice {
        stack: "web-pipeline",
        pipeline: &template.pipeline(None)?,
        parameters: &parameters.into(),
        leave_out: &[],
    };
    let deployed = template.deploy(rehearsal, &choice, progress)?;
    let inputs = Inputs {
        sources: [("Source".to_owned(), source.folder().to_owned())].into(),
        builds: deployed.builds,
        ..Inputs::default()
    };
    let audience = Arc::clone(cast);
    Pipeline::new(rehearsal, deployed.definition, inputs, audience)
}

/// Hears of what is deployed, and nothing of what SAM writes meanwhile.
fn milestones(progress: &Progress) -> Progress {
    let progress = Progress::clone(progress);
    Arc::new(move |line: &str| {
        let known = ["stack ", "image ", "deploying ", "redbutton's "];
        if known.iter().any(|word| line.starts_with(word)) {
            progress(line);
        }
    })
}
