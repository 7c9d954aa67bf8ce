//! The Python tools of the rehearsal, installed once into `target/tools/` from pinned requirements.

mod environment;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

pub use environment::environment;

use crate::workspace;

/// Every package with its version; what is installed is exactly this.
const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// Names a virtual environment to use as it is instead of `target/tools/`.
const OVERRIDE: &str = "REDBUTTON_TOOLS";

/// An environment with `ministack`, `sam`, `cargo-lambda` and `cfn-lint` in it.
#[derive(Clone, Debug)]
pub struct Tools {
    dir: PathBuf,
}

impl Tools {
    /// Installs the tools when they are missing or other ones than this build's requirements say.
    ///
    /// Takes a minute or two the first time. Several processes may call it at once: one installs,
    /// the others wait.
    pub fn install(progress: &dyn Fn(&str)) -> Result<Self> {
        if let Some(dir) = std::env::var_os(OVERRIDE) {
            let tools = Self { dir: dir.into() };
            ensure!(
                tools.ministack().exists(),
                "{OVERRIDE} names {}, which has no bin/ministack: unset it or install there",
                tools.dir.display()
            );
            return Ok(tools);
        }
        let dir = workspace::target().join("tools");
        environment(&dir, REQUIREMENTS, progress)?;
        Ok(Self { dir })
    }

    /// The interpreter that sees the tools' packages.
    pub fn python(&self) -> PathBuf {
        self.bin("python")
    }

    /// The emulator.
    pub fn ministack(&self) -> PathBuf {
        self.bin("ministack")
    }

    /// The SAM command line.
    pub fn sam(&self) -> PathBuf {
        self.bin("sam")
    }

    /// The template linter.
    pub fn cfn_lint(&self) -> PathBuf {
        self.bin("cfn-lint")
    }

    /// The folder with all of the commands, to be put first in a `PATH`.
    pub fn bin_dir(&self) -> PathBuf {
        self.dir.join("bin")
    }

    /// AWS's runtime interface emulator for this machine's processor, which runs one function.
    pub fn runtime_interface_emulator(&self) -> Result<PathBuf> {
        let processor = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            other => other,
        };
        let name = format!("samcli/local/rapid/aws-lambda-rie-{processor}");
        let path = self.site_packages()?.join(name);
        ensure!(path.exists(), "aws-sam-cli has no {}", path.display());
        Ok(path)
    }

    /// Where the packages lie.
    pub(crate) fn site_packages(&self) -> Result<PathBuf> {
        let lib = self.dir.join("lib");
        let entries = fs::read_dir(&lib).with_context(|| format!("read {}", lib.display()))?;
        let mut found = entries
            .flatten()
            .map(|entry| entry.path().join("site-packages"));
        found
            .find(|path| path.exists())
            .with_context(|| format!("no Python packages in {}: remove it", lib.display()))
    }

    fn bin(&self, name: &str) -> PathBuf {
        self.bin_dir().join(name)
    }
}

/// Runs a command, hands on each line of its output, and fails with its last lines.
pub(crate) fn run(command: &mut Command, progress: &dyn Fn(&str)) -> Result<()> {
    let (reader, writer) = std::io::pipe().context("make a pipe")?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().context("share a pipe")?)
        .stderr(writer);
    let program = PathBuf::from(command.get_program());
    let spawned = command.spawn();
    // The command keeps the pipe's writing end open; without this the reading would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = spawned.with_context(|| format!("start {}", program.display()))?;
    let mut last = Vec::new();
    for line in BufReader::new(reader)
        .lines()
        .map_while(std::io::Result::ok)
    {
        progress(&line);
        last.push(line);
    }
    let status = child.wait().context("wait for the command's end")?;
    if !status.success() {
        let from = last.len().saturating_sub(30);
        let tail: Vec<String> = last.split_off(from);
        bail!("{} failed ({status}):\n{}", name(&program), tail.join("\n"));
    }
    Ok(())
}

fn name(program: &Path) -> String {
    program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn every_requirement_is_pinned() {
        let loose = REQUIREMENTS
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty() && !line.contains("=="))
            .collect::<Vec<_>>();
        assert!(loose.is_empty(), "{loose:?}");
    }

    #[test]
    fn a_command_tells_its_progress_and_why_it_failed() {
        let lines = RefCell::new(Vec::new());
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo one; echo two >&2; exit 3"]);
        let error = run(&mut shell, &|line| lines.borrow_mut().push(line.to_owned())).unwrap_err();
        assert_eq!(*lines.borrow(), ["one", "two"]);
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }
}
