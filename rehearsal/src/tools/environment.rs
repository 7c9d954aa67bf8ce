//! A Python environment with exactly the packages of a requirements file, installed once.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::run;

/// Makes `dir` a virtual environment with these packages, each pinned by `==` and listed, unless it
/// is one already.
///
/// Several processes may call it at once: one installs, the others wait.
pub fn environment(dir: &Path, requirements: &str, progress: &dyn Fn(&str)) -> Result<()> {
    let parent = dir.parent().context("an environment lies in a folder")?;
    fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
    let lock = dir.with_extension("lock");
    let lock = File::create(&lock).with_context(|| format!("create {}", lock.display()))?;
    lock.lock()
        .context("wait for another process that installs the same")?;

    let stamp = dir.join("stamp");
    let wanted = hex::encode(Sha256::digest(requirements));
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("remove the former {}", dir.display()))?;
    }
    progress(&format!(
        "Installing Python packages into {}, once (a minute or two)",
        dir.display()
    ));
    run(
        Command::new("python3").args(["-m", "venv"]).arg(dir),
        progress,
    )
    .context("make a virtual environment: python3 with its venv module is needed")?;
    let file = dir.join("requirements.txt");
    fs::write(&file, requirements).context("write the requirements")?;
    let mut pip = Command::new(dir.join("bin/python"));
    // Every package is listed, so nothing is to be resolved.
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        // What is used is compiled when it is used; the most part never is.
        "--no-compile",
    ]);
    run(pip.arg("-r").arg(&file), progress)
        .context("install the packages: is the Python package index reachable?")?;
    fs::write(&stamp, wanted).context("write the stamp")
}
