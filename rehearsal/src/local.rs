//! The suite for hand work: what the events in `events/` name, and two ways to run one function on
//! them.
//!
//! [`seed`] puts the services, images and artifacts there. [`invoke`] runs a function under AWS's
//! runtime interface emulator, as a process of this machine; [`Sam`] lets `sam local invoke` run it
//! in a container. Either way it acts under its own role ([`function_credentials`]), every call goes
//! through the recording proxy, and the stand-in for CodePipeline takes its answer.

mod function;
mod sam;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

pub use function::{check_function, invoke};
pub use sam::{Sam, Words};

use crate::account::{Account, Credentials};
use crate::package::zip_of;
use crate::suite::{self, Suite};
use crate::world::{self, Service, ServiceSpec};
use crate::{Rehearsal, workspace};

/// The cluster in both accounts.
pub const CLUSTER: &str = "test";
/// The service there, its container and its repository: v1 runs, v2 is in ECR.
pub const SERVICE: &str = "web";

/// What `cargo xtask local` writes for `sam local invoke --env-vars`; not in git, and no event.
pub const ENV_VARS: &str = "events/env.json";

/// The artifact of events that release to the other account.
const OTHER_ARTIFACT: &str = "orders/Build/other00";
/// The artifact of events that preview a release to the production account.
const PRODUCTION_ARTIFACT: &str = "orders/Build/prod000";
/// The artifact of events that release to the pipeline's own account.
const OWN_ARTIFACT: &str = "orders/Build/own0000";

/// Makes all that `events/` names: in each account a service that runs v1, with v2 in ECR; the
/// artifacts; and the jobs, whose answers are taken from now on. Returns the services that are
/// released to, the other account's first.
pub fn seed(rehearsal: &Rehearsal, suite: &Suite) -> Result<[Service; 2]> {
    let other = service(rehearsal, &suite.other)?;
    let own = service(rehearsal, &suite.own)?;
    service(rehearsal, &suite.production)?;
    let over_there = json!({
        "targets": [{ "service": SERVICE, "cluster": CLUSTER }],
        "region": suite::TARGET_REGION,
        "role": suite::TARGET_ROLE,
        "externalId": suite::EXTERNAL_ID,
    });
    let here = json!({
        "targets": [{ "service": SERVICE, "cluster": CLUSTER }],
        "region": suite::TARGET_REGION,
    });
    for (key, account, rollout) in [
        (OTHER_ARTIFACT, &suite.other, over_there),
        // A preview brings the role to look with.
        (PRODUCTION_ARTIFACT, &suite.production, here.clone()),
        (OWN_ARTIFACT, &suite.own, here),
    ] {
        let uri = format!("{}:v2", world::repository_uri(account, SERVICE));
        let images = json!([{ "name": SERVICE, "imageUri": uri }]).to_string();
        let files = [
            ("rollout.json", rollout.to_string()),
            ("imagedefinitions.json", images),
        ];
        let files = files
            .each_ref()
            .map(|(name, text)| (*name, text.as_bytes()));
        let zip = zip_of(&files, 0o644)?;
        let encryption = [
            ("x-amz-server-side-encryption", "aws:kms"),
            (
                "x-amz-server-side-encryption-aws-kms-key-id",
                suite.store.key.as_str(),
            ),
        ];
        rehearsal
            .tooling()
            .put_object(&suite.store.bucket, key, &encryption, zip)?;
    }
    for path in events()? {
        rehearsal.pipeline().know(&read(&path)?)?;
    }
    Ok([other, own])
}

/// The sample events, by name.
pub fn events() -> Result<Vec<PathBuf>> {
    let dir = workspace::root().join("events");
    let entries = fs::read_dir(&dir).context("read events/")?;
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .filter(|path| !path.ends_with(ENV_VARS))
        .collect();
    paths.sort();
    Ok(paths)
}

/// An event: a name in `events/`, with or without `.json`, or a path.
pub fn event(name: &str) -> Result<Value> {
    let known = events()?;
    let stem = |path: &Path| {
        path.file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
    };
    let wanted = name.strip_suffix(".json").unwrap_or(name);
    if let Some(path) = known
        .iter()
        .find(|path| stem(path).as_deref() == Some(wanted))
    {
        return read(path);
    }
    if Path::new(name).is_file() {
        return read(Path::new(name));
    }
    let names: Vec<String> = known.iter().filter_map(|path| stem(path)).collect();
    bail!(
        "there is no event {name}: name a file, or one of events/: {}",
        names.join(", ")
    )
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// A session of a deployed function's own role, for an hour. On AWS nobody but Lambda gets one; here
/// the role is first made to trust the account's root as well.
pub fn function_credentials(rehearsal: &Rehearsal, function: &str) -> Result<Credentials> {
    credentials_of(&rehearsal.tooling(), function)
}

/// As [`function_credentials`], of a function in any account.
pub fn credentials_of(account: &Account, function: &str) -> Result<Credentials> {
    let name = format!("redbutton-{function}");
    let root = format!("arn:aws:iam::{}:root", account.id());
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Service": "lambda.amazonaws.com", "AWS": root },
        "Action": "sts:AssumeRole",
    }] });
    let trust = trust.to_string();
    let params = [
        ("RoleName", name.as_str()),
        ("PolicyDocument", trust.as_str()),
    ];
    account.query("iam", "UpdateAssumeRolePolicy", &params)?;
    let role = format!("arn:aws:iam::{}:role/{name}", account.id());
    account.assume_role(&role, "local", None, None)
}

fn service(rehearsal: &Rehearsal, account: &Account) -> Result<Service> {
    let first = image(rehearsal, account, "v1")?;
    image(rehearsal, account, "v2")?;
    let running = format!("{}@{first}", world::repository_uri(account, SERVICE));
    let mut spec = ServiceSpec::new(CLUSTER, SERVICE, &running);
    // A preview looks whether ECS may get the image. No other role may hand this one over.
    if account.id() == suite::PRODUCTION_ACCOUNT {
        let role = world::create_execution_role(account, "web-execution")?;
        spec.task_definition
            .insert("executionRoleArn".to_owned(), role.into());
    }
    world::create_service(account, &spec)
}

/// Puts an image into ECR: `examples/web` where tasks are containers. Returns its digest.
fn image(rehearsal: &Rehearsal, account: &Account, tag: &str) -> Result<String> {
    let Some(docker) = rehearsal.docker() else {
        let manifest = world::manifest(&format!("{SERVICE} {tag}"));
        return world::put_image(account, SERVICE, tag, &manifest);
    };
    world::create_repository(account, SERVICE)?;
    let image = docker.run().build_web(tag)?;
    docker.push(&image, account.id(), account.region(), SERVICE, tag)
}
