//! AWS and CodePipeline on this machine: the real functions, called by a real job event, against an
//! emulator that enforces IAM, with faults on request.
//!
//! ```text
//!  Account ───────────────────────────────► emulator (MiniStack: Lambda, ECS, S3, STS, …)
//!                                            ▲  │ runs the functions' binaries
//!  CodePipeline ── invokes, as an event ─────┘  ▼
//!       ▲                                      function
//!       └─── PutJob…Result ─── Proxy ◄───────── │  every call of it
//!                                └── the rest ─► emulator
//! ```
//!
//! In reading order: [`Rehearsal`] starts it all; [`tools`] installs what it runs; [`account`] calls
//! AWS as somebody; [`proxy`] records the functions' calls and makes them fail; [`codepipeline`]
//! gives jobs and takes answers; [`package`] and [`deploy`] bring the suite in; [`world`] is what
//! there is to deploy to, and [`world_file`] reads it from a file; [`local`] runs one function by hand; [`say`] and [`interrupt`] are how a
//! command talks and ends.
//!
//! Everything blocks: tests and commands call it from plain threads, while the proxy and the
//! stand-in live on a runtime of the rehearsal's own.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON is indexed: reading an absent key gives null, writing goes to objects made on the spot"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::runtime::Runtime;

pub mod account;
pub mod codepipeline;
pub mod deploy;
pub mod docker;
pub mod interrupt;
pub mod local;
pub mod package;
pub mod pipeline;
pub mod proxy;
pub mod say;
pub mod suite;
pub mod tools;
pub mod workspace;
pub mod world;
pub mod world_file;

mod emulator;
mod lifeline;
mod signed;
mod wire;

pub use account::{Account, Credentials};
pub use codepipeline::CodePipeline;
pub use proxy::Proxy;
pub use wire::{AwsError, Response, xml_escaped, xml_text, xml_texts};

use docker::DockerProxy;
use emulator::{Emulator, HOME_ACCOUNT, HOME_REGION, Settings};
use signed::Aws;
use tools::Tools;

/// Hears a line about what goes on.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// How a rehearsal is started; the default is what tests need.
#[derive(Clone, Default)]
pub struct Options {
    /// What an ECS task is.
    pub containers: Containers,
    /// Hears about installing and starting.
    pub log: Option<Progress>,
    /// More environment variables for every function.
    pub environment: Vec<(String, String)>,
    /// Where the pipelines are; us-east-1 when none.
    pub region: Option<String>,
    /// Whether a one-off task that is a record ends at once, with exit code 0; else it runs until somebody
    /// says how it ends.
    pub tasks_end: bool,
}

/// What an ECS task is.
#[derive(Clone, Debug, Default)]
pub enum Containers {
    /// A record; every rollout succeeds at once.
    #[default]
    Records,
    /// A container of this engine, see [`docker`].
    Docker(docker::Engine),
}

/// AWS and CodePipeline, until it is dropped.
pub struct Rehearsal {
    // Dropped in this order: the functions' processes end before those who answer them.
    emulator: Emulator,
    pipeline: CodePipeline,
    proxy: Proxy,
    aws: Aws,
    docker: Option<DockerProxy>,
    tools: Tools,
    dir: PathBuf,
    runtime: Runtime,
}

impl Rehearsal {
    /// Installs the tools if need be (a minute or two) and starts everything (a second or two).
    pub fn start(options: Options) -> Result<Self> {
        let quiet: Progress = Arc::new(|_| {});
        let progress = options.log.clone().unwrap_or(quiet);
        let tools = Tools::install(&*progress)?;
        let mut started = Self::start_once(&options, &tools);
        for _ in 0..2 {
            match &started {
                // The port was free a moment ago; other rehearsals start at the same time.
                Err(error) if format!("{error:#}").contains("already in use") => {
                    started = Self::start_once(&options, &tools);
                }
                _ => break,
            }
        }
        started.context("start the emulator")
    }

    fn start_once(options: &Options, tools: &Tools) -> Result<Self> {
        let dir = workspace::new_run()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .thread_name("rehearsal")
            .build()
            .context("start a runtime")?;
        let aws = Aws {
            http: wire::client(),
            endpoint: emulator::free_address()?,
            region: options.region.as_deref().unwrap_or(HOME_REGION).to_owned(),
        };
        let pipeline = CodePipeline::new(aws.clone(), runtime.handle().clone(), tools)?;
        let proxy = runtime.block_on(proxy::start(
            aws.clone(),
            pipeline.clone(),
            emulator::scratch(&dir),
        ))?;
        let docker = match &options.containers {
            Containers::Records => None,
            Containers::Docker(engine) => Some(DockerProxy::start(
                runtime.handle(),
                engine.clone(),
                &dir,
                aws.endpoint,
            )?),
        };
        let docker_host = docker.as_ref().map(DockerProxy::docker_host);
        let settings = Settings {
            tools,
            dir: &dir,
            address: aws.endpoint,
            region: &aws.region,
            functions_endpoint: proxy.address(),
            docker_host: docker_host.as_deref(),
            environment: &options.environment,
            tasks_end: options.tasks_end,
        };
        let emulator = runtime.block_on(emulator::start(&aws.http, settings))?;
        Ok(Self {
            emulator,
            pipeline,
            proxy,
            aws,
            docker,
            tools: tools.clone(),
            dir,
            runtime,
        })
    }

    /// The Docker engine's side, when tasks are containers.
    pub fn docker(&self) -> Option<&DockerProxy> {
        self.docker.as_ref()
    }

    /// What stands between the functions and AWS.
    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// The pipeline that invokes the functions.
    pub fn pipeline(&self) -> &CodePipeline {
        &self.pipeline
    }

    /// The root of an account (twelve digits) in a region. Accounts need not be created.
    pub fn account(&self, id: &str, region: &str) -> Account {
        Account::root(self.aws.clone(), self.runtime.handle().clone(), id, region)
    }

    /// Account 111111111111 in the region of the pipelines (us-east-1, if nothing else was asked
    /// for): pipeline, functions, artifacts.
    pub fn tooling(&self) -> Account {
        self.account(HOME_ACCOUNT, &self.aws.region)
    }

    /// Waits until no event is being handled by a function or waits for Lambda's retry, and no
    /// continuation is on its way: until then, a function may still call AWS.
    pub fn settle(&self, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        loop {
            // A function that answered with a token between the looks shows as one more job.
            let before = self.pipeline.on_the_way();
            let events = self
                .tooling()
                .json("codepipeline", "Rehearsal.Events", json!({}))?;
            if events["events"] == 0 && before.0 == 0 && self.pipeline.on_the_way() == before {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "functions are still at work after {timeout:?}: {events}, calls {:#?}",
                self.proxy.calls()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The installed tools.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// All that this run leaves: logs, and what commands wrote.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// All that the emulator and the functions wrote until now.
    pub fn log(&self) -> Result<String> {
        let log = self.emulator.log();
        let text = fs::read(log).with_context(|| format!("read {}", log.display()))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
