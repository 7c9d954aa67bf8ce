//! One process of a function, as Lambda would start it, and what it costs.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::runtime::Handle;

use super::runtime_api::RuntimeApi;
use crate::{command, interrupt};

/// Longer than any job takes here.
const PATIENCE: Duration = Duration::from_secs(120);
/// How soon Ctrl-C, or a process that ended by itself, is noticed.
const BREATH: Duration = Duration::from_millis(200);

/// How a function is started.
pub(super) struct Function {
    /// The program and its arguments.
    pub(super) command: Vec<OsString>,
    /// All that it finds in its environment, but for the Runtime API's address.
    pub(super) environment: Vec<(String, OsString)>,
    /// Takes what it writes.
    pub(super) log: PathBuf,
}

/// A process of a function; dropping it ends it.
pub(super) struct Process {
    api: RuntimeApi,
    child: Child,
    began: Instant,
    log: PathBuf,
}

impl Function {
    /// Starts a process, to which `event` is laid ready.
    pub(super) fn start(&self, handle: &Handle, event: &Value) -> Result<Process> {
        let api = RuntimeApi::start(handle)?;
        api.offer(event)?;
        let log = File::create(&self.log).context("create a function's log")?;
        let (program, arguments) = self.command.split_first().context("a command has a name")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share a function's log")?)
            .stderr(log);
        let began = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        Ok(Process {
            api,
            child,
            began,
            log: self.log.clone(),
        })
    }
}

impl Process {
    /// When the process was started.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Gives the process one more event.
    pub(super) fn offer(&self, event: &Value) -> Result<Instant> {
        let now = Instant::now();
        self.api.offer(event)?;
        Ok(now)
    }

    /// Waits until the function returned, and says when that was.
    pub(super) fn returned(&mut self) -> Result<Instant> {
        self.await_that(|process| process.api.returned(BREATH))
    }

    /// Waits for what `look` finds, as long as the process lives. A look takes a breath at most.
    pub(super) fn await_that<T>(
        &mut self,
        mut look: impl FnMut(&mut Self) -> Result<Option<T>>,
    ) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        let found = loop {
            match look(self) {
                Ok(Some(found)) => return Ok(found),
                Err(error) => break error,
                Ok(None) => interrupt::check()?,
            }
            if let Some(status) = self.child.try_wait().context("look after a function")? {
                break anyhow::anyhow!("it ended by itself ({status})");
            }
            if Instant::now() > deadline {
                break anyhow::anyhow!("it took longer than {PATIENCE:?}");
            }
        };
        let said = fs::read(&self.log).unwrap_or_default();
        let said = command::tail(&String::from_utf8_lossy(&said));
        bail!("{found:#}\n{said}")
    }

    /// The most memory that the process ever had, in bytes: its resident set, shared pages included.
    pub(super) fn peak_memory(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let peak = peak(&status).with_context(|| format!("{path} has no VmHWM"))?;
        ensure!(peak > 0, "the process ended before it was looked at");
        Ok(peak)
    }

    /// How long the process has had a processor until now, in all of its threads: what is left of a
    /// time when others keep the machine busy.
    pub(super) fn processor_time(&self) -> Result<Duration> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let entries = fs::read_dir(&tasks).with_context(|| format!("read {tasks}"))?;
        // A thread may end while we look.
        let spent = entries
            .flatten()
            .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
            .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok());
        Ok(Duration::from_nanos(spent.sum()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `VmHWM: 5396 kB` in a process's status, in bytes.
fn peak(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_peak_is_read_from_a_status() {
        let status = "VmPeak:\t   9999 kB\nVmHWM:\t    5396 kB\nVmRSS:\t    5300 kB\n";
        assert_eq!(super::peak(status), Some(5396 * 1024));
        assert_eq!(super::peak("State: Z (zombie)"), None);
    }
}
