//! Local AWS behind TLS, and the two functions on it: one start, one process with two jobs.

use std::ffi::OsString;
use std::path::Path;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rehearsal::codepipeline::{JobId, JobSpec, Outcome};
use rehearsal::package::Profile;
use rehearsal::proxy::{Fault, What, When};
use rehearsal::suite::{self, Suite};
use rehearsal::world::{self, ServiceSpec};
use rehearsal::{Progress, Rehearsal, local};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::FUNCTION;
use super::process::Function;
use super::tls::Front;
use crate::bench::job::{self, CLUSTER, REPOSITORY};
use crate::interrupt;

/// How soon Ctrl-C is heard while a process starts.
const BREATH: Duration = Duration::from_millis(200);

/// Local AWS, and the way to it; dropping it stops all that runs there.
pub(super) struct Stage {
    front: Front,
    runtime: Runtime,
    suite: Suite,
    rehearsal: Rehearsal,
}

/// One of the two: the function, and the service that it releases to.
pub(super) struct Side {
    function: Function,
    service: String,
}

/// What one process did until its first answer.
pub(super) struct Start {
    pub(super) time: Duration,
    /// How much of it the process had a processor.
    pub(super) processor: Duration,
}

/// What one process did: two jobs.
pub(super) struct Job {
    /// The first, from the process's start.
    pub(super) cold: Duration,
    /// The second.
    pub(super) warm: Duration,
    /// Of AWS, by the second.
    pub(super) calls: usize,
    /// The most until the first was done, in bytes.
    pub(super) memory: u64,
}

impl Stage {
    /// Starts it, with the release build deployed, and with the images that are released.
    pub(super) fn set(progress: &Progress) -> Result<Self> {
        let rehearsal = Rehearsal::start(rehearsal::Options::default())?;
        let suite = suite::install(&rehearsal, Profile::Release, "5", "ignore", progress)?;
        for tag in ["v1", "v2"] {
            world::put_image(&suite.other, REPOSITORY, tag, &world::manifest(tag))?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("start a runtime")?;
        let proxy = rehearsal.proxy().address();
        let front = Front::start(runtime.handle(), proxy, rehearsal.dir())?;
        Ok(Self {
            front,
            runtime,
            suite,
            rehearsal,
        })
    }

    /// What clients here are to trust.
    pub(super) fn ca_bundle(&self) -> &Path {
        self.front.bundle()
    }

    /// A function, with a service of its own that runs v1.
    pub(super) fn side(
        &self,
        name: &str,
        command: Vec<OsString>,
        more: &[(&str, OsString)],
    ) -> Result<Side> {
        let credentials = local::function_credentials(&self.rehearsal, FUNCTION)?;
        let endpoint = self.front.endpoint();
        let set: [(&str, OsString); 12] = [
            ("AWS_ENDPOINT_URL", endpoint.into()),
            ("SSL_CERT_FILE", self.front.bundle().into()),
            ("AWS_REGION", self.rehearsal.tooling().region().into()),
            (
                "AWS_DEFAULT_REGION",
                self.rehearsal.tooling().region().into(),
            ),
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id().into()),
            (
                "AWS_SECRET_ACCESS_KEY",
                credentials.secret_access_key().into(),
            ),
            (
                "AWS_SESSION_TOKEN",
                credentials.session_token().unwrap_or_default().into(),
            ),
            ("AWS_LAMBDA_FUNCTION_NAME", suite::UPDATER.into()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".into()),
            ("AWS_LAMBDA_FUNCTION_TIMEOUT", "300".into()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".into()),
            // What is measured is work: neither side pauses between two looks.
            ("LOOK_EVERY_SECONDS", "0".into()),
        ];
        let environment = set.iter().chain(more);
        let environment = environment.map(|(name, value)| ((*name).to_owned(), value.clone()));
        let image = job::image(&self.suite, "v1");
        world::create_service(&self.suite.other, &ServiceSpec::new(CLUSTER, name, &image))?;
        Ok(Side {
            function: Function {
                command,
                environment: environment.collect(),
                log: self.rehearsal.dir().join(format!("{name}.log")),
            },
            service: name.to_owned(),
        })
    }

    /// From the process's start to its first answer, which comes at once and does not matter: the
    /// emulator's own time is left out.
    pub(super) fn start(&self, side: &Side) -> Result<Start> {
        interrupt::check()?;
        let proxy = self.rehearsal.proxy();
        proxy.inject(Fault {
            when: When::Matches(Arc::new(|_| true)),
            what: What::error(403, "AccessDeniedException", "not now"),
        });
        let answered = self.front.next_answer();
        let (_, event) = self.event(side, "v1", &[])?;
        let mut process = side.function.start(self.runtime.handle(), &event)?;
        let at = process.await_that(|_| Ok(answered.recv_timeout(BREATH).ok()))?;
        let start = Start {
            time: at - process.began(),
            processor: process.processor_time()?,
        };
        drop(process);
        proxy.clear_faults();
        Ok(start)
    }

    /// Two jobs of one process: there to v2, and back to v1.
    pub(super) fn job(&self, side: &Side, ballast: &[u8]) -> Result<Job> {
        interrupt::check()?;
        let (id, event) = self.event(side, "v2", ballast)?;
        let mut process = side.function.start(self.runtime.handle(), &event)?;
        let cold = process.returned()? - process.began();
        self.succeeded(side, &id)?;
        let memory = process.peak_memory()?;

        let (id, event) = self.event(side, "v1", &[])?;
        self.rehearsal.proxy().reset();
        let offered = process.offer(&event)?;
        let warm = process.returned()?;
        self.succeeded(side, &id)?;
        Ok(Job {
            cold,
            warm: warm - offered,
            calls: self.rehearsal.proxy().calls().len(),
            memory,
        })
    }

    /// A job that nobody delivers, and its event.
    fn event(&self, side: &Side, tag: &str, ballast: &[u8]) -> Result<(JobId, Value)> {
        let image = job::image(&self.suite, tag);
        let services = slice::from_ref(&side.service);
        let spec = JobSpec {
            deliveries: 0,
            ..job::job(&self.suite, services, &image, ballast)?
        };
        let id = self.rehearsal.pipeline().start_job(spec)?;
        let event = self.rehearsal.pipeline().event_of(&id);
        Ok((id, event.context("a new job has an event")?))
    }

    fn succeeded(&self, side: &Side, id: &JobId) -> Result<()> {
        match job::end(&self.rehearsal, id)?.outcome {
            Outcome::Succeeded { .. } => Ok(()),
            other => bail!("the job of {} did not succeed: {other:?}", side.service),
        }
    }
}
