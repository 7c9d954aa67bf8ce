//! The programs that redbutton is measured beside, installed once into `target/peers/`: a function
//! of boto3, and fabfuel's ecs-deploy.

use std::path::PathBuf;

use anyhow::{Context, Result};
use rehearsal::{Progress, tools, workspace};

use crate::command::{program, succeed};

/// Apart from the rehearsal's tools: nothing but the benchmark needs them.
const REQUIREMENTS: &str = include_str!("../../../tests/peers/requirements.txt");

/// An environment with the peers in it.
pub(super) struct Peers {
    bin: PathBuf,
    /// Such as `Python 3.13.1`.
    pub(super) python_version: String,
}

impl Peers {
    /// Installs them if need be (half a minute).
    pub(super) fn install(progress: &Progress) -> Result<Self> {
        let dir = workspace::target().join("peers");
        tools::environment(&dir, REQUIREMENTS, &**progress)?;
        let bin = dir.join("bin");
        let version = succeed(&mut program(bin.join("python"), &["--version"]), progress)?;
        Ok(Self {
            bin,
            python_version: version.trim().to_owned(),
        })
    }

    /// What Lambda runs a Python function with, on `tests/peers/boto3_updater/handler.py`.
    pub(super) fn python(&self) -> PathBuf {
        self.bin.join("python")
    }

    /// Where that handler is.
    pub(super) fn handler_dir() -> PathBuf {
        workspace::root().join("tests/peers/boto3_updater")
    }

    /// The command `ecs`.
    pub(super) fn ecs(&self) -> PathBuf {
        self.bin.join("ecs")
    }
}

/// A peer's version.
pub(super) fn version(package: &str) -> Result<&'static str> {
    let pinned = |line: &'static str| line.strip_prefix(package)?.strip_prefix("==");
    let found = REQUIREMENTS.lines().find_map(pinned);
    found.with_context(|| format!("tests/peers/requirements.txt does not pin {package}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_is_pinned() {
        let mut packages = REQUIREMENTS
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        assert!(packages.all(|line| line.contains("==")));
        for peer in ["boto3", "awslambdaric", "ecs-deploy"] {
            assert!(
                version(peer)
                    .unwrap()
                    .starts_with(|c: char| c.is_ascii_digit())
            );
        }
        assert!(version("boto").is_err());
    }
}
