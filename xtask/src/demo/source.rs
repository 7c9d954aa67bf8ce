//! The repository that the story releases: `examples/web`, as a user would have it, with commits of its
//! own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rehearsal::workspace;

/// What a repository of one's own has from here.
const EXAMPLE: &str = "examples/web";
const TEMPLATE: &str = "templates/service.yaml";

/// A work tree of git.
pub(super) struct Source {
    folder: PathBuf,
}

/// A commit of it.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub(super) id: String,
    pub(super) subject: String,
}

impl Source {
    /// Copies what git knows of the example, and the template of the service beside it.
    pub(super) fn create(folder: &Path) -> Result<Self> {
        let root = workspace::root();
        let listed = git(
            &root,
            &[
                "ls-files",
                "--cached",
                "--others",
                "--exclude-standard",
                EXAMPLE,
            ],
        )?;
        for name in listed.lines() {
            let below = Path::new(name)
                .strip_prefix(EXAMPLE)
                .context("a file of the example")?;
            copy(&root.join(name), &folder.join(below))?;
        }
        copy(&root.join(TEMPLATE), &folder.join("service.yaml"))?;
        git(folder, &["init", "--quiet"])?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts `new` into the place of `old` in a file, and commits that.
    pub(super) fn commit(&self, subject: &str, file: &str, old: &str, new: &str) -> Result<Commit> {
        let (path, text) = (self.folder.join(file), self.read(file)?);
        ensure!(text.contains(old), "{file} has no {old:?}");
        fs::write(&path, text.replacen(old, new, 1))
            .with_context(|| format!("write {}", path.display()))?;
        git(&self.folder, &["add", "--all"])?;
        let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
        let unsigned = [
            "-c",
            "commit.gpgSign=false",
            "-c",
            "core.hooksPath=/dev/null",
        ];
        let commit = ["commit", "--quiet", "--message", subject];
        git(&self.folder, &[&identity[..], &unsigned, &commit].concat())?;
        self.head()
    }

    /// The newest commit.
    pub(super) fn head(&self) -> Result<Commit> {
        let said = git(&self.folder, &["log", "-1", "--format=%H %s"])?;
        let (id, subject) = said.trim().split_once(' ').context("a commit")?;
        Ok(Commit {
            id: id.to_owned(),
            subject: subject.to_owned(),
        })
    }

    /// A file as it is.
    pub(super) fn read(&self, file: &str) -> Result<String> {
        let path = self.folder.join(file);
        fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    fs::copy(from, to).with_context(|| format!("copy {}", from.display()))?;
    Ok(())
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output();
    let output = output.context("run git")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "git {}: {said}",
        arguments.join(" ")
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
