//! Other programs, run to their end with all that they say.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use rehearsal::{Progress, workspace};

/// As many lines of a failed program's output say why, as a rule.
const TAIL: usize = 60;

/// The cargo that runs this, in the workspace's root.
pub(crate) fn cargo(arguments: &str) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(arguments.split(' '))
        .current_dir(workspace::root());
    command
}

/// A program of the workspace's root.
pub(crate) fn program(path: impl Into<PathBuf>, arguments: &[&str]) -> Command {
    let mut command = Command::new(path.into());
    command.args(arguments).current_dir(workspace::root());
    command
}

/// What a program said, both streams in their order, and whether it succeeded.
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) success: bool,
}

/// Runs a program; `progress` hears each line.
pub(crate) fn run(command: &mut Command, progress: &Progress) -> Result<Said> {
    let (reader, writer) = std::io::pipe().context("make a pipe")?;
    let second = writer.try_clone().context("share a pipe")?;
    // A report is read: no colours, and no backtraces beside a test's own words.
    command
        .env("CARGO_TERM_COLOR", "never")
        .env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::null()).stdout(second).stderr(writer);
    let spawned = command.spawn();
    // The command keeps the pipe's writing ends open; without this the reading would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = spawned.with_context(|| format!("start {command:?}"))?;
    let mut text = String::new();
    let mut lines = BufReader::new(reader);
    let mut line = Vec::new();
    while lines
        .by_ref()
        .read_until(b'\n', &mut line)
        .context("read a program's output")?
        > 0
    {
        let said = String::from_utf8_lossy(&line);
        progress(&said);
        text.push_str(&said);
        line.clear();
    }
    let success = child.wait().context("wait for a program's end")?.success();
    Ok(Said { text, success })
}

/// Runs a program that has to succeed; the error is the end of what it said.
pub(crate) fn succeed(command: &mut Command, progress: &Progress) -> Result<String> {
    let said = run(command, progress)?;
    if !said.success {
        bail!("{command:?}\n{}", tail(&said.text));
    }
    Ok(said.text)
}

/// The last lines of a text.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(TAIL)..)
        .unwrap_or_default()
        .join("\n")
}
