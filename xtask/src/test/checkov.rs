//! `checkov`: what is known to be unsafe in a template. An exception stands with its reason in the
//! template itself, as `Metadata: checkov: skip:` of the resource.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use rehearsal::{Progress, tools, workspace};

use crate::command::{program, succeed};

const REQUIREMENTS: &str = include_str!("checkov/requirements.txt");

/// What its last line counts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    passed: usize,
    skipped: usize,
    unread: usize,
}

/// Installs checkov if need be (a minute); where it is.
pub(super) fn install(progress: &Progress) -> Result<PathBuf> {
    let dir = workspace::target().join("checkov");
    tools::environment(&dir, REQUIREMENTS, &**progress)?;
    Ok(dir)
}

/// Looks at these templates (some seconds). Returns what there is to say about it.
pub(super) fn check(templates: &[String], progress: &Progress) -> Result<String> {
    let dir = install(progress)?;
    // It asks nobody: its checks are in the package.
    let arguments = [
        "--framework",
        "cloudformation",
        "--skip-download",
        "--quiet",
        "--compact",
        "--file",
    ];
    let mut checkov = program(dir.join("bin/checkov"), &arguments);
    // Where it would send its results with, if somebody has it set.
    checkov.env_remove("BC_API_KEY");
    let said = succeed(checkov.args(templates), progress)?;
    let counted = counted(&said).context("checkov does not say what it counted")?;
    // It takes a template that it cannot read for one without faults.
    ensure!(
        counted.unread == 0 && counted.passed > 0,
        "checkov could not read every template:\n{said}"
    );
    let Counted {
        passed, skipped, ..
    } = counted;
    Ok(format!(
        "checkov: {passed} checks passed, {skipped} left out in the templates, each with its reason"
    ))
}

/// The numbers of a line such as `Passed checks: 59, Failed checks: 0, Skipped checks: 9`.
fn counted(said: &str) -> Option<Counted> {
    let line = said
        .lines()
        .find(|line| line.starts_with("Passed checks: "))?;
    let mut counted = Counted::default();
    for part in line.split(", ") {
        let (what, number) = part.split_once(": ")?;
        let number = number.trim().parse().ok()?;
        match what {
            "Passed checks" => counted.passed = number,
            "Skipped checks" => counted.skipped = number,
            "Parsing errors" => counted.unread = number,
            _ => {}
        }
    }
    Some(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_counted_is_read() {
        let said = "\
cloudformation scan results:

Passed checks: 4, Failed checks: 0, Skipped checks: 1, Parsing errors: 2

";
        let expected = Counted {
            passed: 4,
            skipped: 1,
            unread: 2,
        };
        assert_eq!(counted(said), Some(expected));
        let all = counted("Passed checks: 59, Failed checks: 0, Skipped checks: 9").unwrap();
        assert_eq!((all.passed, all.skipped, all.unread), (59, 9, 0));
        assert_eq!(counted("nothing"), None);
    }

    #[test]
    fn every_package_is_pinned() {
        let mut packages = REQUIREMENTS
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        assert!(packages.all(|line| line.contains("==")));
        assert!(REQUIREMENTS.contains("\ncheckov=="));
    }
}
