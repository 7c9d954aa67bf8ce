//! `cargo xtask package`: what `sam deploy` takes on a machine without a Rust toolchain.

use std::fs;

use anyhow::{Context, Result};
use rehearsal::package::{Profile, package};
use rehearsal::workspace;

use crate::say;
use crate::test::release;

/// Build the functions for release, as zips with a template that deploys them.
///
/// Fails when a function has grown beyond its limits, or needs a newer libc than Lambda has. The folder
/// target/package/release/ can be copied to a machine that has nothing but SAM.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {}

/// Builds, and says what is there.
pub(crate) fn run(_: &Options) -> Result<()> {
    let template = say::phase("building the functions for release (minutes)", |progress| {
        package(Profile::Release, None, &**progress)
    })?;
    let folder = template.parent().context("a template lies in a folder")?;
    let mut files: Vec<_> = fs::read_dir(folder)
        .with_context(|| format!("read {}", folder.display()))?
        .flatten()
        .filter(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|end| end == "zip" || end == "yaml")
        })
        .collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    let shown = folder
        .strip_prefix(workspace::root())
        .unwrap_or(folder)
        .display();
    say::line(format!("\n{shown}/"));
    for file in files {
        let size = file.metadata().context("read a size")?.len();
        say::line(format!(
            "  {:<32} {:>8}",
            file.file_name().display(),
            say::megabytes(size)
        ));
    }
    let looked = say::phase("sizes and libc", |progress| release::look(folder, progress))?;
    for note in looked.notes {
        say::line(format!("  {note}"));
    }
    say::line(format!(
        "\nDeploy it, here or wherever you copy that folder to:\n  sam deploy \
         --template-file {shown}/template.yaml --stack-name redbutton --resolve-s3 \
         --capabilities CAPABILITY_NAMED_IAM"
    ));
    Ok(())
}
