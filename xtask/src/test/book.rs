//! The book: mdBook makes pages of docs/, and has nothing to warn of. Where links lead it does not ask;
//! `xtask/src/links.rs` does.

use anyhow::{Result, ensure};
use rehearsal::{Progress, tools, workspace};

use super::step::Tally;
use crate::command::{program, succeed};

const REQUIREMENTS: &str = include_str!("book/requirements.txt");

/// Builds it into `target/book`.
pub(super) fn check(progress: &Progress) -> Result<Tally> {
    let dir = workspace::target().join("mdbook");
    tools::environment(&dir, REQUIREMENTS, &**progress)?;
    let mut mdbook = program(dir.join("bin/mdbook"), &["build", "docs", "--dest-dir"]);
    mdbook.arg(workspace::target().join("book"));
    // It succeeds whatever it warns of.
    let said = succeed(mdbook.env("MDBOOK_LOG", "warn"), progress)?;
    ensure!(said.is_empty(), "mdbook build docs\n{said}");
    Ok(Tally::one())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_package_of_somebody_else_is_pinned_by_its_hashes() {
        let lines = || {
            super::REQUIREMENTS
                .lines()
                .filter(|line| !line.starts_with('#'))
        };
        assert_eq!(lines().filter(|line| line.contains("==")).count(), 1);
        assert_eq!(
            lines()
                .filter(|line| line.contains("--hash=sha256:"))
                .count(),
            2
        );
    }
}
