//! Makes what a world file says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{Step, Thing, World};
use crate::deploy::{Stack, deploy};
use crate::package::Profile;
use crate::pipeline::zip_of_folder;
use crate::{Account, Progress, Rehearsal, suite, world as aws};

/// The value of `from` that stands for this repository's small service.
const EXAMPLE: &str = "examples/web";

/// Makes it all but redbutton's production side, step by step.
pub fn build(rehearsal: &Rehearsal, world: &World, progress: &Progress) -> Result<()> {
    let of_production = |step: &&Step| matches!(step.what, Thing::Production { .. });
    for step in world.steps.iter().filter(|step| !of_production(step)) {
        make(rehearsal, step, progress)?;
    }
    Ok(())
}

/// Deploys redbutton's functions for pipelines; they look every second, since nothing here takes as long
/// as on AWS, unless the file says otherwise.
pub fn functions(rehearsal: &Rehearsal, world: &World, progress: &Progress) -> Result<()> {
    let mut parameters = vec![("LookEverySeconds", "1")];
    parameters.retain(|(name, _)| !world.suite.contains_key(*name));
    parameters.extend(pairs(&world.suite));
    suite::functions(rehearsal, Profile::Dev, &parameters, progress)
}

/// Deploys redbutton's production side, once the tooling side is there, whose key it is to know.
pub fn production(rehearsal: &Rehearsal, world: &World, progress: &Progress) -> Result<()> {
    for step in &world.steps {
        if matches!(step.what, Thing::Production { .. }) {
            make(rehearsal, step, progress)?;
        }
    }
    Ok(())
}

fn make(rehearsal: &Rehearsal, step: &Step, progress: &Progress) -> Result<()> {
    let account = rehearsal.account(&step.account, &step.region);
    match &step.what {
        Thing::Stack {
            name,
            template,
            parameters,
        } => {
            progress(&format!("stack {name}"));
            let parameters = pairs(parameters);
            let template = template
                .canonicalize()
                .with_context(|| format!("find {}", template.display()))?;
            let stack = Stack {
                name,
                template: &template,
                parameters: &parameters,
            };
            deploy(rehearsal, &account, &stack, progress).map(|_| ())
        }
        Thing::Production { parameters } => {
            progress("redbutton's production side");
            let parameters = pairs(parameters);
            suite::production(rehearsal, Profile::Dev, &account, &parameters, progress)
        }
        Thing::Image {
            repository,
            tag,
            from,
        } => {
            progress(&format!("image {repository}:{tag}"));
            image(rehearsal, &account, repository, tag, from.as_deref())
                .with_context(|| format!("put the image {repository}:{tag} into ECR"))
        }
        Thing::Object { bucket, key, from } => {
            progress(&format!("object s3://{bucket}/{key}"));
            object(&account, bucket, key, from)
        }
    }
}

fn pairs(parameters: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    parameters.iter().map(|(k, v)| (&**k, &**v)).collect()
}

/// An image of the engine where tasks are containers, else a manifest like that of a small image.
fn image(
    rehearsal: &Rehearsal,
    account: &Account,
    repository: &str,
    tag: &str,
    from: Option<&str>,
) -> Result<()> {
    let (Some(docker), Some(from)) = (rehearsal.docker(), from) else {
        let seed = format!("{repository} {tag}");
        return aws::put_image(account, repository, tag, &aws::manifest(&seed)).map(|_| ());
    };
    aws::create_repository(account, repository)?;
    let local = match from {
        EXAMPLE => docker.run().build_web(tag)?,
        local => local.to_owned(),
    };
    docker
        .push(&local, account.id(), account.region(), repository, tag)
        .map(|_| ())
}

fn object(account: &Account, bucket: &str, key: &str, from: &Path) -> Result<()> {
    let content = if from.is_dir() {
        zip_of_folder(from)?
    } else {
        fs::read(from).with_context(|| format!("read {}", from.display()))?
    };
    account.ensure_bucket(bucket)?;
    account.put_object(bucket, key, &[], content).map(|_| ())
}
