//! `sam local invoke` against this machine's AWS: a function in a container, as SAM runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use super::function_credentials;
use crate::account::Credentials;
use crate::docker::{Engine, Gateway, Run};
use crate::emulator::HOME_REGION;
use crate::package::{Profile, package};
use crate::{Rehearsal, suite, workspace};

/// All that `sam local invoke` needs, until it is dropped.
pub struct Sam {
    /// What the template calls the function.
    logical: String,
    image: Option<Image>,
    _gateway: Option<Gateway>,
    _run: Option<Run>,
    /// What `--env-vars` names.
    variables: PathBuf,
    /// The function's own: SAM hands its caller's credentials to the function.
    credentials: PathBuf,
    home: PathBuf,
    program: PathBuf,
}

/// The base image of a function's container.
struct Image {
    name: String,
    /// Whether it only stands in for AWS's, which this machine does not have.
    stands_in: bool,
}

/// A run of `sam`, as a person types it.
pub struct Words {
    /// What is to be set before it.
    pub environment: Vec<(&'static str, String)>,
    /// What follows `sam`.
    pub arguments: Vec<String>,
}

impl Sam {
    /// Opens a way from containers to the proxy, and writes the file for `--env-vars` and one with
    /// the function's credentials. Without an engine the address is this machine's own.
    pub fn prepare(
        rehearsal: &Rehearsal,
        function: &str,
        engine: Option<Engine>,
        env_vars: &Path,
    ) -> Result<Self> {
        let proxy = rehearsal.proxy().address();
        let (mut address, mut image, mut gateway, mut run) = (proxy, None, None, None);
        if let Some(engine) = engine {
            let opened = Gateway::open(rehearsal.runtime.handle(), &engine, proxy)?;
            address = opened.address();
            gateway = Some(opened);
            let begun = Run::begin(engine)?;
            let name = begun.lambda_base_image()?;
            let stands_in = !name.starts_with("public.ecr.aws/");
            image = Some(Image { name, stands_in });
            run = Some(begun);
        }
        package(Profile::Dev, None, &|_| {})?;
        let mut set = json!({
            "AWS_ENDPOINT_URL": format!("http://{address}"),
            "LOOK_EVERY_SECONDS": "1",
        });
        if image.as_ref().is_none_or(|image| image.stands_in) {
            set["SSL_CERT_FILE"] = suite::ca_bundle()?.into();
        }
        // For every function of the template, as far as it declares them.
        let text = format!("{:#}\n", json!({ "Parameters": set }));
        fs::write(env_vars, text).with_context(|| format!("write {}", env_vars.display()))?;
        let credentials = rehearsal.dir().join("credentials");
        write_credentials(&credentials, &function_credentials(rehearsal, function)?)?;
        Ok(Self {
            logical: logical_id(function),
            image,
            _gateway: gateway,
            _run: run,
            variables: env_vars.to_owned(),
            credentials,
            home: rehearsal.dir().join("sam"),
            program: rehearsal.tools().sam(),
        })
    }

    /// How a person runs a function on an event, in the workspace's root; none without a Docker
    /// engine.
    pub fn words(&self, event: &str) -> Option<Words> {
        let image = self.image.as_ref()?;
        let environment = vec![
            ("AWS_SHARED_CREDENTIALS_FILE", from_root(&self.credentials)),
            ("AWS_DEFAULT_REGION", HOME_REGION.to_owned()),
        ];
        let variables = from_root(&self.variables);
        let mut arguments = vec!["local", "invoke", self.logical.as_str()];
        arguments.extend(["-t", "target/package/dev/template.yaml"]);
        arguments.extend(["--env-vars", &variables, "--event", event]);
        if image.stands_in {
            arguments.extend(["--skip-pull-image", "--invoke-image", &image.name]);
        }
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        Some(Words {
            environment,
            arguments,
        })
    }

    /// The command of [`Sam::words`], for a program to run.
    pub fn command(&self, event: &str) -> Option<Command> {
        let Words {
            environment,
            arguments,
        } = self.words(event)?;
        let mut sam = Command::new(&self.program);
        sam.current_dir(workspace::root())
            .env_clear()
            .args(arguments)
            .envs(environment)
            .envs([
                ("HOME", self.home.as_os_str()),
                ("SAM_CLI_TELEMETRY", "0".as_ref()),
                ("LANG", "C.UTF-8".as_ref()),
            ]);
        for name in ["PATH", "DOCKER_HOST"] {
            sam.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        Some(sam)
    }
}

impl Drop for Sam {
    fn drop(&mut self) {
        // They lead nowhere any more.
        for file in [&self.variables, &self.credentials] {
            let _ = fs::remove_file(file);
        }
    }
}

/// `task-definition-updater` → `TaskDefinitionUpdater`: every function is called after its folder.
fn logical_id(function: &str) -> String {
    let words = function.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    });
    words.collect()
}

/// A path as a person in the workspace's root writes it.
fn from_root(path: &Path) -> String {
    path.strip_prefix(workspace::root())
        .unwrap_or(path)
        .display()
        .to_string()
}

fn write_credentials(path: &Path, credentials: &Credentials) -> Result<()> {
    let text = format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}\n",
        credentials.access_key_id(),
        credentials.secret_access_key(),
        credentials.session_token().unwrap_or_default(),
    );
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
