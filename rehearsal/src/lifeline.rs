//! A command that cannot outlive this process, nor can anything that the command starts.
//!
//! The command runs in a process group of its own under a shell that does nothing but read from a
//! pipe. Only this process holds the other end: when it ends, by whatever cause (return, panic,
//! Ctrl-C, SIGKILL), the kernel closes the pipe, the read ends and the shell ends the group. A
//! parent-death signal would need unsafe code, exists on Linux only, and is not inherited by
//! grandchildren such as the functions that the emulator starts.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

/// The arguments are the command. When the command ends by itself its whole group ends too, shell
/// included, so that the owner sees it.
const WATCH: &str = r#"
{ "$@" </dev/null; kill -KILL 0; } &
read -r _
kill -KILL 0
"#;

/// The same with no command of its own: others join the group.
const WATCH_GROUP: &str = "read -r _\nkill -KILL 0\n";

/// A running command; dropping it ends the command and all that it started.
pub(crate) struct Lifeline {
    shell: Child,
    held: Option<ChildStdin>,
}

/// Starts `command` with exactly `env`, its output appended to `log`.
pub(crate) fn spawn(
    command: &[OsString],
    env: &[(String, OsString)],
    log: &Path,
) -> Result<Lifeline> {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", WATCH, "lifeline"])
        .args(command)
        .env_clear()
        .envs(env.iter().map(|(name, value)| (name, value)));
    watched(shell, log)
}

/// Starts a process group that commands can join; all of them end with the lifeline.
pub(crate) fn group(log: &Path) -> Result<Lifeline> {
    let mut shell = Command::new(program("sh"));
    shell.args(["-c", WATCH_GROUP, "lifeline"]).env_clear();
    watched(shell, log)
}

/// Where a program is on this process's own `PATH`, whatever that of a command will be.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(name));
    let found = places.find(|place| place.is_absolute() && place.is_file());
    found.unwrap_or_else(|| PathBuf::from(name))
}

fn watched(mut shell: Command, log: &Path) -> Result<Lifeline> {
    let output = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("open {}", log.display()))?;
    let mut shell = shell
        .stdin(Stdio::piped())
        .stdout(output.try_clone().context("share the log file")?)
        .stderr(output)
        .process_group(0)
        .spawn()
        .context("start `sh`, which watches over a command")?;
    let held = shell.stdin.take();
    Ok(Lifeline { shell, held })
}

impl Lifeline {
    /// Whether the command has ended, by itself or by somebody else's hand.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.shell.try_wait(), Ok(None))
    }

    /// The process group; its id is nobody else's until the end is noticed, or the lifeline dropped.
    pub(crate) fn group(&self) -> Option<Pid> {
        i32::try_from(self.shell.id()).ok().and_then(Pid::from_raw)
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        drop(self.held.take());
        let deadline = Instant::now() + Duration::from_secs(2);
        while !self.has_ended() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        // The group's id stays taken while the shell is not reaped, so it can be nobody else's.
        if !self.has_ended()
            && let Some(group) = self.group()
        {
            let _ = kill_process_group(group, Signal::KILL);
            let _ = self.shell.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{kill_process, test_kill_process};
    use std::fs;

    const OWNED_DIR: &str = "REHEARSAL_LIFELINE_DIR";

    /// A command with a child of its own; both write their process ids, one a line.
    fn start(dir: &Path) -> Lifeline {
        let script = "echo $$ >>pids; sh -c 'echo $$ >>pids; echo ready >>pids; sleep 600' & wait";
        let script = format!("cd {}; {script}", dir.display());
        let command: Vec<OsString> = ["sh", "-c", &script].map(OsString::from).to_vec();
        let path = std::env::var_os("PATH").unwrap();
        let env = [("PATH".to_owned(), path)];
        spawn(&command, &env, &dir.join("log")).unwrap()
    }

    fn await_that(what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !condition() {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn pids(dir: &Path) -> Vec<Pid> {
        let await_ready =
            || fs::read_to_string(dir.join("pids")).is_ok_and(|s| s.contains("ready"));
        await_that("the command starts", await_ready);
        let text = fs::read_to_string(dir.join("pids")).unwrap();
        text.lines()
            .filter_map(|line| Pid::from_raw(line.parse().ok()?))
            .collect()
    }

    fn all_gone(pids: &[Pid]) {
        assert_eq!(pids.len(), 2);
        await_that("everything ends", || {
            pids.iter().all(|pid| test_kill_process(*pid).is_err())
        });
    }

    #[test]
    fn dropping_it_ends_everything() {
        let dir = tempfile::tempdir().unwrap();
        let lifeline = start(dir.path());
        let pids = pids(dir.path());
        drop(lifeline);
        all_gone(&pids);
    }

    /// Not a test of its own: the process that the next test kills.
    #[test]
    fn owner() {
        if let Some(dir) = std::env::var_os(OWNED_DIR) {
            let _lifeline = start(Path::new(&dir));
            std::thread::park();
        }
    }

    #[test]
    fn nothing_outlives_an_owner_that_is_killed() {
        let dir = tempfile::tempdir().unwrap();
        let mut owner = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "lifeline::tests::owner"])
            .env(OWNED_DIR, dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let pids = pids(dir.path());
        kill_process(Pid::from_raw(owner.id() as i32).unwrap(), Signal::KILL).unwrap();
        owner.wait().unwrap();
        all_gone(&pids);
    }

    #[test]
    fn who_joins_a_group_ends_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let lifeline = group(&dir.path().join("log")).unwrap();
        let id = lifeline.group().unwrap();
        let mut joined = Command::new("sleep")
            .arg("600")
            .process_group(id.as_raw_nonzero().get())
            .spawn()
            .unwrap();
        assert!(joined.try_wait().unwrap().is_none());
        drop(lifeline);
        assert!(!joined.wait().unwrap().success());
    }

    #[test]
    fn a_command_that_ends_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let command = ["true"].map(OsString::from);
        let env = [("PATH".to_owned(), path)];
        let mut lifeline = spawn(&command, &env, &dir.path().join("log")).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !lifeline.has_ended() {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
