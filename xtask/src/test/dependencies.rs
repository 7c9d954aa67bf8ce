//! `cargo deny`: what dependencies may be, as `deny.toml` says.

use anyhow::{Context, Result};
use rehearsal::{Progress, workspace};

use super::step::Tally;
use crate::command::{cargo, program, succeed};

/// Installed once, into a folder named after it.
const VERSION: &str = "0.20.2";

/// Installs cargo-deny if need be (a minute), and runs it.
pub(super) fn check(progress: &Progress) -> Result<Tally> {
    let dir = workspace::target().join("cargo-deny").join(VERSION);
    let deny = dir.join("bin/cargo-deny");
    if !deny.exists() {
        // Unoptimised: it builds in a third of the time, and runs for a second.
        let mut install = cargo("install cargo-deny --locked --no-default-features --debug");
        install.args(["--version", VERSION]).arg("--root").arg(&dir);
        // Nobody debugs it: without the information it builds in two thirds of the time.
        install.env("CARGO_PROFILE_DEV_DEBUG", "0");
        succeed(&mut install, progress)
            .context("install cargo-deny: is the crate registry reachable?")?;
    }
    let arguments = [
        "--workspace",
        "--all-features",
        "check",
        "licenses",
        "bans",
        "sources",
    ];
    succeed(&mut program(deny, &arguments), progress)?;
    Ok(Tally::one())
}
