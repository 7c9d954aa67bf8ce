//! The commit that a folder is at: where a work tree is clean, a source that is a folder is that commit.

use std::path::Path;
use std::process::{Command, Stdio};

/// A commit of git.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// Forty hexadecimal digits.
    pub(super) id: String,
    /// The first line of its message.
    pub(super) subject: String,
    /// Such as `2026-11-29T01:02:03Z`.
    pub(super) authored: String,
}

impl Commit {
    /// The commit of a folder that is the top of a work tree with nothing changed in it; none of any other
    /// folder, where only the content says what it is.
    pub(super) fn of(folder: &Path) -> Option<Self> {
        let top = git(folder, &["rev-parse", "--show-toplevel"])?;
        let changed = git(folder, &["status", "--porcelain"])?;
        if Path::new(&top).canonicalize().ok()? != folder.canonicalize().ok()?
            || !changed.is_empty()
        {
            return None;
        }
        let said = git(folder, &["log", "-1", "--format=%H%n%aI%n%s"])?;
        let mut lines = said.lines();
        Some(Self {
            id: lines.next()?.to_owned(),
            authored: lines.next()?.to_owned(),
            subject: lines.next().unwrap_or_default().to_owned(),
        })
    }
}

/// What git says about a folder, when all is well.
pub(super) fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn commit(folder: &Path, subject: &str) {
        for arguments in [
            &["init", "--quiet"][..],
            &["add", "--all"],
            &[
                "-c",
                "user.name=ada",
                "-c",
                "user.email=ada@example.com",
                "-c",
                "commit.gpgSign=false",
                "commit",
                "--quiet",
                "--message",
                subject,
            ],
        ] {
            assert!(git(folder, arguments).is_some(), "{arguments:?}");
        }
    }

    #[test]
    fn only_a_clean_work_tree_is_a_commit() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path();
        assert_eq!(Commit::of(folder), None);
        fs::create_dir(folder.join("below")).unwrap();
        fs::write(folder.join("below/page"), "one").unwrap();
        commit(folder, "A page");
        let found = Commit::of(folder).unwrap();
        assert_eq!((found.subject.as_str(), found.id.len()), ("A page", 40));
        assert_eq!(Commit::of(&folder.join("below")), None);
        fs::write(folder.join("below/page"), "two").unwrap();
        assert_eq!(Commit::of(folder), None);
    }
}
