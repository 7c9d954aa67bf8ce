//! ECS tasks as real containers, of the very images that ECR has.
//!
//! ```text
//!  Account ── RunTask, UpdateService ─► emulator ── DOCKER_HOST ─► [socket] ─► Docker engine
//!  push ───────────────────────────────────────────────────────────────────►     │ pull, push
//!                                       emulator's ECR ◄───────── [registry] ◄────┘
//! ```
//!
//! A task definition names `<account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:…`, which
//! no engine finds on this machine. The emulator is therefore given a Docker socket of its own: there
//! such names become `127.0.0.1:<port>/<run>/<account>/<region>/<repository>@sha256:…`, and on that
//! port the registry hands each request to the emulator's ECR with the Host header that says which
//! account and region it is for. Nothing is faked in between: the engine pulls by digest and checks
//! it, so a digest that ECR does not have fails as on AWS.
//!
//! What each mode of the rehearsal proves:
//!
//! | | tasks as records | containers |
//! | --- | --- | --- |
//! | calls, their order and permissions | yes | yes |
//! | what runs is the image with that digest | no | yes, [`TaskContainer::digests`] |
//! | a missing image, a crash or a health check that fails ends the rollout, the breaker rolls back | no | yes |
//! | the new page is served, the old one until then | no | yes |
//! | the registry's permissions, VPC routes, load balancers, Fargate | no | no |
//!
//! In reading order: [`Engine`] finds Docker; [`Run`] owns what is left there; `web` and `lambda`
//! make images; [`Gateway`] lets a container call back; `names`, `socket` and `registry` are the
//! above; [`TaskContainer`] is what runs in the end. The engine has to run on this machine: one that
//! is rootless or in a virtual machine cannot reach 127.0.0.1. Everything here speaks the engine's HTTP
//! API; the `docker` command is needed only by builds that call it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

mod connection;
mod context;
mod engine;
mod gateway;
mod lambda;
mod names;
mod registry;
mod run;
mod socket;
mod task;
mod web;

pub use engine::Engine;
pub use gateway::Gateway;
pub use run::Run;
pub use task::TaskContainer;

use engine::{encode, text};
use names::Names;
use socket::Forwarder;

/// A Docker socket and a registry for one emulator, until it is dropped; then its containers and
/// images go too.
#[derive(Debug)]
pub struct DockerProxy {
    run: Run,
    names: Names,
    path: PathBuf,
    tasks: [JoinHandle<()>; 2],
}

impl DockerProxy {
    /// Starts both; `dir` takes the socket, `emulator` is where its registry will answer. It need
    /// not run yet, since it has to be started with [`DockerProxy::docker_host`].
    pub fn start(
        handle: &Handle,
        engine: Engine,
        dir: &Path,
        emulator: SocketAddr,
    ) -> Result<Self> {
        let run = Run::begin(engine)?;
        let path = dir.join("docker.sock");
        let _context = handle.enter();
        let socket = socket::listen(&path)?;
        let registry = handle
            .block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .context("find a port for the registry")?;
        let port = registry
            .local_addr()
            .context("find a port for the registry")?
            .port();
        let names = Names::new(port, run.name());
        let forwarder = Forwarder {
            engine: run.engine.clone(),
            names: names.clone(),
            run: run.name().to_owned(),
        };
        let tasks = [
            handle.spawn(socket::forward_all(socket, forwarder)),
            handle.spawn(registry::forward_all(
                registry,
                emulator,
                run.name().to_owned(),
            )),
        ];
        Ok(Self {
            run,
            names,
            path,
            tasks,
        })
    }

    /// The emulator's `DOCKER_HOST`.
    pub fn docker_host(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    /// The run that images are built in.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The engine behind it.
    pub fn engine(&self) -> &Engine {
        &self.run.engine
    }

    /// Pushes a local image to an ECR repository that exists, and returns its digest, `sha256:…`:
    /// the one that DescribeImages will give for the tag.
    pub fn push(
        &self,
        image: &str,
        account: &str,
        region: &str,
        repository: &str,
        tag: &str,
    ) -> Result<String> {
        let engine = self.engine();
        let name = self.names.repository(account, region, repository);
        let (to, tag) = (encode(&name), encode(tag));
        engine.post(&format!("/images/{image}/tag?repo={to}&tag={tag}"), "")?;
        let said = engine
            .post(&format!("/images/{name}/push?tag={tag}"), "")
            .with_context(|| {
                format!("push {image}: is there a repository {repository} in {account}, {region}?")
            })?;
        let digest = said.iter().find_map(|line| text(line, "/aux/Digest"));
        digest
            .map(str::to_owned)
            .context("the engine told no digest after its push")
    }
}

impl Drop for DockerProxy {
    fn drop(&mut self) {
        // Before the run cleans up, so that nothing new comes.
        for task in &self.tasks {
            task.abort();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}
