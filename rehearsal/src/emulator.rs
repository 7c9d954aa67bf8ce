//! The emulator's life: MiniStack with IAM enforced, on a free port, with a folder of its own.

use std::ffi::OsString;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http::{HeaderMap, Method};
use hyper::body::Bytes;

use crate::lifeline::{self, Lifeline};
use crate::tools::Tools;
use crate::wire::{self, Http};

/// Adds to MiniStack what the CodePipeline stand-in asks it for.
const LAUNCHER: &str = include_str!("emulator/launch.py");

/// A cold Python on a busy machine takes some seconds.
const START_PATIENCE: Duration = Duration::from_secs(90);

/// The emulator's own account, where the pipelines are.
pub(crate) const HOME_ACCOUNT: &str = "111111111111";
/// Where they are in it, if nothing else is asked for.
pub(crate) const HOME_REGION: &str = "us-east-1";

/// A running emulator; dropping it stops it and the functions that it started.
pub(crate) struct Emulator {
    _life: Lifeline,
    log: PathBuf,
    scratch: PathBuf,
}

/// What the emulator is started with.
pub(crate) struct Settings<'a> {
    pub(crate) tools: &'a Tools,
    pub(crate) dir: &'a Path,
    pub(crate) address: SocketAddr,
    /// Its own region.
    pub(crate) region: &'a str,
    /// Where functions send their calls.
    pub(crate) functions_endpoint: SocketAddr,
    /// Where the emulator finds Docker; without it tasks are records.
    pub(crate) docker_host: Option<&'a str>,
    /// Set for the emulator and so for every function.
    pub(crate) environment: &'a [(String, String)],
    /// Whether one-off tasks that are records end at once.
    pub(crate) tasks_end: bool,
}

/// A port that nobody listens on now. Another process may take it before the emulator does: then
/// the emulator ends at once, and the start is tried again.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("find a free port")?;
    listener.local_addr().context("find a free port")
}

/// The folder below a run's folder that functions are unpacked to.
pub(crate) fn scratch(dir: &Path) -> PathBuf {
    dir.join("tmp")
}

/// Starts MiniStack and returns when it answers.
pub(crate) async fn start(http: &Http, settings: Settings<'_>) -> Result<Emulator> {
    let dir = settings.dir;
    let scratch = scratch(dir);
    for folder in [&scratch, &dir.join("home")] {
        fs::create_dir_all(folder).context("create the emulator's folders")?;
    }
    let launcher = dir.join("launch.py");
    fs::write(&launcher, LAUNCHER).context("write the emulator's launcher")?;
    let log = dir.join("emulator.log");

    let command = [
        settings.tools.python().into_os_string(),
        launcher.into_os_string(),
    ];
    let mut life = lifeline::spawn(&command, &environment(&settings), &log)?;

    let health = || async {
        let path = "/_ministack/health";
        wire::send(
            http,
            settings.address,
            &Method::GET,
            path,
            &HeaderMap::new(),
            Bytes::new(),
        )
        .await
        .is_ok_and(|answer| answer.status == 200)
    };
    let deadline = Instant::now() + START_PATIENCE;
    while !health().await {
        if life.has_ended() {
            bail!("the emulator ended at once:\n{}", tail(&log));
        }
        if Instant::now() > deadline {
            bail!(
                "the emulator does not answer on {}:\n{}",
                settings.address,
                tail(&log)
            );
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    Ok(Emulator {
        _life: life,
        log,
        scratch,
    })
}

/// Nothing of the caller's environment but `PATH`: functions inherit it all, and on Lambda they would
/// see none of it, nor settings and credentials in the caller's home folder.
fn environment(settings: &Settings<'_>) -> Vec<(String, OsString)> {
    let path = |path: PathBuf| path.into_os_string();
    // Without a socket, tasks are records.
    let no_docker = || format!("unix://{}/no-docker", settings.dir.display());
    let docker: OsString = settings
        .docker_host
        .map_or_else(no_docker, str::to_owned)
        .into();
    let mut env: Vec<(String, OsString)> = [
        ("GATEWAY_PORT", settings.address.port().to_string().into()),
        ("BIND_HOST", "127.0.0.1".into()),
        ("MINISTACK_ACCOUNT_ID", HOME_ACCOUNT.into()),
        ("MINISTACK_REGION", settings.region.into()),
        ("AUTH", "true".into()),
        (
            "AWS_ENDPOINT_URL",
            format!("http://{}", settings.functions_endpoint).into(),
        ),
        ("LAMBDA_EXECUTOR", "local".into()),
        // Lambda waits one minute, then two; the second failure is as good after a moment.
        ("LAMBDA_ASYNC_RETRY_BASE_SECONDS", "0.2".into()),
        ("DOCKER_HOST", docker),
        ("TMPDIR", path(scratch(settings.dir))),
        ("HOME", path(settings.dir.join("home"))),
        ("S3_DATA_DIR", path(settings.dir.join("s3"))),
        ("STATE_DIR", path(settings.dir.join("state"))),
        ("SFTP_ENABLED", "0".into()),
        ("IOT_MTLS_ENABLED", "0".into()),
        ("PYTHONDONTWRITEBYTECODE", "1".into()),
        ("LANG", "C.UTF-8".into()),
    ]
    .map(|(name, value): (&str, OsString)| (name.to_owned(), value))
    .into();
    if settings.tasks_end {
        env.push(("REHEARSAL_TASKS_END".to_owned(), "1".into()));
    }
    env.extend(std::env::var_os("PATH").map(|value| ("PATH".to_owned(), value)));
    env.extend(
        settings
            .environment
            .iter()
            .map(|(name, value)| (name.clone(), value.into())),
    );
    env
}

impl Emulator {
    /// All that the emulator and the functions wrote.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Logs stay for reading; the functions' binaries would fill the disk.
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// The last lines of a log, for an error.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines
        .get(lines.len().saturating_sub(25)..)
        .unwrap_or_default();
    last.join("\n")
}
