//! The programs that a build finds besides the machine's own: `docker`, which knows the ECR of the AWS
//! on this machine, and behind all others `aws`, for a machine that has none.
//!
//! | tasks are | `docker` is |
//! | --- | --- |
//! | containers | the machine's own, with the socket at which names in ECR become names of the rehearsal's registry |
//! | records | a program that makes records of images (`docker.py`) and asks no engine |

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::shell::quoted;
use crate::Rehearsal;

/// What `docker` is where images are records.
const DOCKER: &str = include_str!("programs/docker.py");

/// Where programs and engines are.
pub struct Programs {
    /// The rehearsal's own tools, `aws` among them.
    tools: PathBuf,
    python: PathBuf,
    /// Where the emulator answers, its registry too.
    emulator: String,
    /// The socket that knows ECR, where tasks are containers.
    docker_host: Option<String>,
}

impl Programs {
    /// Of a rehearsal.
    pub fn of(rehearsal: &Rehearsal) -> Self {
        let tools = rehearsal.tools();
        Self {
            tools: tools.bin_dir(),
            python: tools.python(),
            emulator: rehearsal.tooling().endpoint(),
            docker_host: rehearsal.docker().map(|docker| docker.docker_host()),
        }
    }

    /// Whether `docker` only makes records.
    pub(super) fn makes_records(&self) -> bool {
        self.docker_host.is_none()
    }

    /// What finds them, for a build that works in `place` and whose machine has this `PATH`.
    pub fn environment(&self, place: &Path, path: &str) -> Result<BTreeMap<String, String>> {
        let own = self.tools.display();
        let Some(host) = &self.docker_host else {
            let folder = place.join("programs");
            self.write_docker(&folder)?;
            let path = format!("{}:{path}:{own}", folder.display());
            return Ok([("PATH".to_owned(), path)].into());
        };
        Ok([
            ("PATH".to_owned(), format!("{path}:{own}")),
            ("DOCKER_HOST".to_owned(), host.clone()),
            // BuildKit speaks with the engine past the socket's requests, and would name images as
            // only AWS knows them.
            ("DOCKER_BUILDKIT".to_owned(), "0".to_owned()),
        ]
        .into())
    }

    fn write_docker(&self, folder: &Path) -> Result<()> {
        let images = folder.join("images");
        fs::create_dir_all(&images).context("create a folder for a build's images")?;
        let (script, docker) = (folder.join("docker.py"), folder.join("docker"));
        fs::write(&script, DOCKER).context("write docker for a build")?;
        let word = |text: &Path| quoted(&text.to_string_lossy());
        let text = format!(
            "#!/bin/sh\nREDBUTTON_REGISTRY={} REDBUTTON_IMAGES={} exec {} {} \"$@\"\n",
            quoted(&self.emulator),
            word(&images),
            word(&self.python),
            word(&script),
        );
        fs::write(&docker, text).context("write docker for a build")?;
        let may_run = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&docker, may_run).context("let a build run docker")
    }
}
