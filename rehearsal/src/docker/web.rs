//! The image of `examples/web`, made without a registry: a static binary and nothing else.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::context::BuildContext;
use super::run::Run;
use crate::workspace;

impl Run {
    /// Builds the image of `examples/web` that calls itself `version` and returns its local name.
    ///
    /// The first call in a target directory compiles for some seconds; another one takes one.
    pub fn build_web(&self, version: &str) -> Result<String> {
        let source = workspace::root().join("examples/web");
        let target = workspace::target().join("examples");
        let output = Command::new("cargo")
            .args(["build", "--release", "--quiet", "--target-dir"])
            .arg(&target)
            // Where its `.cargo/config.toml` is found, which flags from outside would replace.
            .current_dir(&source)
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .output()
            .context("start cargo")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "cargo build in {}:\n{said}",
            source.display()
        );

        let mut context = BuildContext::default();
        for (name, path) in [
            ("Dockerfile", source.join("Dockerfile")),
            ("web", target.join("release/web")),
        ] {
            let content = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            context.add(name, &content)?;
        }
        let name = format!("{}/web:{version}", self.name());
        context.build(
            &self.engine,
            &name,
            &[("BINARY", "web"), ("VERSION", version)],
        )?;
        Ok(name)
    }
}
