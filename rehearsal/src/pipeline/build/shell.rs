//! Runs the commands of a build, each in a shell of its own, and learns what each leaves: its
//! environment and folder go on into the next one, as in CodeBuild; functions and the like do not.
//!
//! ```text
//!  Shells ── group leader (ends everything when this process ends, or Shells is dropped)
//!     │        ├─ sh commands.sh ──┐
//!     │        ├─ sh commands.sh ──┼──► one pipe ──► reader ──► Listener::line
//!     │        └─ left behind ─────┘      ▲
//!     └── a waiter a command: a mark ─────┘ after the command's last line
//! ```
//!
//! What a command left behind may hold the pipe open for ever, even when it left the group: so
//! nobody waits for the pipe's end, only for the mark.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::lifeline::{self, Lifeline};

/// Variables that each shell sets itself.
const OWN: [&str; 5] = ["_", "SHLVL", "PWD", "OLDPWD", "redbutton_status"];
/// Lines that were read and not yet told.
const AHEAD: usize = 1024;
/// How long what was killed may take to end.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a shell starts with and leaves.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) environment: BTreeMap<String, String>,
    pub(super) folder: PathBuf,
}

/// Who hears of a command.
pub(super) struct Listener<'a> {
    /// Each line that it writes.
    pub(super) line: &'a dyn Fn(&str),
    /// It has been started.
    pub(super) started: &'a dyn Fn(),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Well,
    Failed,
    /// It was killed at the deadline.
    Late,
}

/// The shells of a build; dropping it ends them and what they left in the background.
pub(super) struct Shells {
    shell: PathBuf,
    group: Pid,
    life: Lifeline,
    left: Left,
    script: PathBuf,
    command: PathBuf,
    writer: PipeWriter,
    lines: Receiver<String>,
    mark: String,
}

impl Shells {
    /// Prepares to run commands with `shell`, by way of files in `scratch`.
    pub(super) fn start(shell: &str, scratch: &Path) -> Result<Self> {
        fs::create_dir_all(scratch).with_context(|| format!("create {}", scratch.display()))?;
        let left = Left {
            environment: scratch.join("environment"),
            folder: scratch.join("folder"),
        };
        let (script, command) = (scratch.join("commands.sh"), scratch.join("script.sh"));
        let text = text(&command, &left, &lifeline::program("env"));
        fs::write(&script, text).context("write the script of a build")?;
        let life = lifeline::group(&scratch.join("log"))?;
        let group = life.group().context("find the group of a build")?;
        let (reader, writer) = std::io::pipe().context("make a pipe")?;
        let (sender, lines) = sync_channel(AHEAD);
        std::thread::spawn(move || read(reader, &sender));
        Ok(Self {
            shell: lifeline::program(shell),
            group,
            life,
            left,
            script,
            command,
            writer,
            lines,
            mark: uuid::Uuid::new_v4().to_string(),
        })
    }

    /// The process group of all commands, there as long as this is; whoever wants their end kills it.
    pub(super) fn group(&self) -> Pid {
        self.group
    }

    /// Runs a command; answers how it ended, and what is left.
    pub(super) fn run(
        &mut self,
        command: &str,
        state: &State,
        deadline: Instant,
        listener: &Listener<'_>,
    ) -> Result<(End, State)> {
        for line in command.trim_end().lines().enumerate() {
            match line {
                (0, line) => (listener.line)(&format!("$ {line}")),
                (_, line) => (listener.line)(line),
            }
        }
        if self.life.has_ended() {
            bail!("a command of the build ended the process group of the build itself");
        }
        self.left.clear();
        fs::write(&self.command, command).context("write a command of a build")?;
        let mut shell = Command::new(&self.shell);
        shell
            .arg(&self.script)
            .current_dir(&state.folder)
            .env_clear()
            .envs(&state.environment)
            .stdin(Stdio::null())
            .stdout(self.writer.try_clone().context("share a pipe")?)
            .stderr(self.writer.try_clone().context("share a pipe")?)
            .process_group(self.group.as_raw_nonzero().get());
        let spawned = shell.spawn();
        let mut child = spawned.with_context(|| format!("start {}", self.shell.display()))?;
        (listener.started)();
        let mut writer = self.writer.try_clone().context("share a pipe")?;
        let mark = format!("{}\n", self.mark);
        let waiter = std::thread::spawn(move || {
            let status = child.wait();
            let written = writer.write_all(mark.as_bytes());
            written.and(status)
        });
        let end = self.listen(waiter, deadline, listener.line)?;
        Ok((end, self.left.read(state)))
    }

    /// Tells the lines until the mark comes; what is late is killed.
    fn listen(
        &self,
        waiter: JoinHandle<std::io::Result<ExitStatus>>,
        deadline: Instant,
        tell: &dyn Fn(&str),
    ) -> Result<End> {
        let mut late = false;
        let mut until = deadline;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let heard = match left.is_zero() {
                true => Err(RecvTimeoutError::Timeout),
                false => self.lines.recv_timeout(left),
            };
            match heard {
                // The mark ends a line that the command has not ended.
                Ok(line) => match line.strip_suffix(&self.mark) {
                    None => tell(&line),
                    Some("") => break,
                    Some(rest) => {
                        tell(rest);
                        break;
                    }
                },
                Err(RecvTimeoutError::Timeout) if !late => {
                    late = true;
                    until = Instant::now() + FAREWELL;
                    let _ = kill_process_group(self.group, Signal::KILL);
                }
                // Its output does not end, or nobody reads it any more.
                Err(_) if late => return Ok(End::Late),
                Err(_) => bail!("the output of a command cannot be read"),
            }
        }
        if late {
            return Ok(End::Late);
        }
        let joined = waiter.join();
        let status = joined.map_err(|_| anyhow::anyhow!("the wait for a command broke off"))?;
        let status = status.context("wait for the end of a command")?;
        Ok(if status.success() {
            End::Well
        } else {
            End::Failed
        })
    }
}

/// Reads lines until there are no more, or nobody wants them.
fn read(reader: PipeReader, lines: &SyncSender<String>) {
    for bytes in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&bytes);
        if lines.send(line.trim_end_matches('\r').to_owned()).is_err() {
            return;
        }
    }
}

/// Where a shell leaves what it leaves.
struct Left {
    environment: PathBuf,
    folder: PathBuf,
}

impl Left {
    /// What an earlier command left is nothing that the next one did.
    fn clear(&self) {
        for file in [&self.environment, &self.folder] {
            let _ = fs::remove_file(file);
        }
    }

    /// A shell that was killed, or could not say, leaves nothing: all is as it was.
    fn read(&self, before: &State) -> State {
        let environment: Option<BTreeMap<String, String>> =
            fs::read(&self.environment).ok().map(|bytes| {
                let entries = bytes.split(|byte| *byte == 0).map(String::from_utf8_lossy);
                let pairs = entries.filter_map(|entry| {
                    let (name, value) = entry.split_once('=')?;
                    Some((name.to_owned(), value.to_owned()))
                });
                pairs
                    .filter(|(name, _)| !OWN.contains(&name.as_str()))
                    // A function that bash exported.
                    .filter(|(name, _)| !name.starts_with("BASH_FUNC_"))
                    .collect()
            });
        let environment = environment.filter(|found| !found.is_empty());
        let folder = fs::read_to_string(&self.folder)
            .ok()
            .map(|text| PathBuf::from(text.trim_end_matches('\n')));
        State {
            environment: environment.unwrap_or_else(|| before.environment.clone()),
            folder: folder
                .filter(|folder| folder.is_dir())
                .unwrap_or_else(|| before.folder.clone()),
        }
    }
}

/// The script: it reads the command from a file of its own, so that no end of it can swallow what
/// follows. Variables are exported without being told to, so that they can be carried over; what is
/// left is written however the command ends.
fn text(command: &Path, left: &Left, env: &Path) -> String {
    let place = |path: &Path| quoted(&OsString::from(path).to_string_lossy());
    format!(
        "redbutton_leave() {{\nredbutton_status=$?\npwd > {folder}\n{env} -0 > {environment}\n\
         return $redbutton_status\n}}\ntrap redbutton_leave EXIT\nset -a\n. {command}\n\
         redbutton_leave\nexit\n",
        folder = place(&left.folder),
        env = place(env),
        environment = place(&left.environment),
        command = place(command),
    )
}

/// A text as one word of a shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;
