//! Local AWS with the world, the template and, where the pipeline asks for them, redbutton's own
//! functions in it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use http::Method;
use rehearsal::docker::Engine;
use rehearsal::pipeline::{Choice, Deployed, Kind};
use rehearsal::world_file::{self, World};
use rehearsal::{AwsError, Containers, Progress, Rehearsal, interrupt, say};

use super::Order;
use super::options::Options;
use crate::wrong_use::WrongUse;

/// Names of redbutton's own functions begin with it.
const OURS: &str = "redbutton-";

/// What a run needs.
pub(super) struct Stage {
    pub(super) rehearsal: Rehearsal,
    pub(super) deployed: Deployed,
}

impl Stage {
    /// Starts local AWS, makes the world and deploys the template.
    pub(super) fn set(options: &Options, order: &Order) -> Result<Self> {
        let containers = containers(options)?;
        let rehearsal = phase(options, "Starting local AWS", |progress| {
            Rehearsal::start(rehearsal::Options {
                containers,
                log: Some(Progress::clone(progress)),
                region: Some(options.region.clone()),
                tasks_end: true,
                ..Default::default()
            })
        })?;
        if let (Some(file), false) = (&options.world, order.world.steps.is_empty()) {
            let what = format!("Making what {} says", file.display());
            phase(options, &what, |progress| {
                world_file::build(&rehearsal, &order.world, progress)
            })?;
        }
        let what = format!("Deploying {}", options.template.display());
        let deployed = phase(options, &what, |progress| {
            let choice = Choice {
                stack: &stack_name(&options.template),
                pipeline: &order.pipeline,
                parameters: &order.parameters,
                leave_out: &options.leave_out,
            };
            order.template.deploy(&rehearsal, &choice, progress)
        })?;
        Ok(Self {
            rehearsal,
            deployed,
        })
    }

    /// Deploys redbutton's own functions when the pipeline invokes one that the template does not
    /// make.
    pub(super) fn with_suite(&mut self, options: &Options, world: &World) -> Result<()> {
        let missing = self.missing()?;
        if missing.is_empty() {
            return self.with_production(options, world);
        }
        let what = "Building and deploying redbutton's own functions";
        phase(options, what, |progress| {
            world_file::functions(&self.rehearsal, world, progress)
        })?;
        self.with_production(options, world)
    }

    fn with_production(&self, options: &Options, world: &World) -> Result<()> {
        if !world.has_production() {
            return Ok(());
        }
        let what = "Building and deploying redbutton's production side";
        phase(options, what, |progress| {
            world_file::production(&self.rehearsal, world, progress)
        })
    }

    /// redbutton's own functions that the pipeline invokes and nobody has deployed.
    fn missing(&self) -> Result<Vec<String>> {
        let tooling = self.rehearsal.tooling();
        let mut missing = Vec::new();
        for (_, action) in self.deployed.definition.actions() {
            let name = action.configuration.get("FunctionName");
            let Some(name) = name.filter(|_| action.kind() == Kind::Invoke) else {
                continue;
            };
            if !name.starts_with(OURS) || missing.contains(name) {
                continue;
            }
            let path = format!("/2015-03-31/functions/{name}");
            let found = tooling.request("lambda", Method::GET, &path, &[], Default::default());
            match found {
                Ok(_) => {}
                Err(error) if error.is::<AwsError>() => missing.push(name.clone()),
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    /// How to look at what is left running.
    pub(super) fn guide(&self) -> String {
        let tooling = self.rehearsal.tooling();
        let (endpoint, region) = (tooling.endpoint(), tooling.region());
        format!(
            "
AWS answers at {endpoint} until Ctrl-C.
An access key of twelve digits is that account's root, with any secret; the pipeline's account is
111111111111, in {region}:
  AWS_ACCESS_KEY_ID=111111111111 AWS_SECRET_ACCESS_KEY=any \\
  aws --endpoint-url {endpoint} --region {region} cloudformation list-stacks
{}",
            self.logs()
        )
    }

    /// Where to look for more.
    pub(super) fn logs(&self) -> String {
        let dir = self.rehearsal.dir();
        let dir = std::env::current_dir().map_or(dir, |here| dir.strip_prefix(here).unwrap_or(dir));
        format!("Logs of AWS and of the functions: {}/", dir.display())
    }
}

/// What ECS tasks are.
fn containers(options: &Options) -> Result<Containers> {
    if !options.docker {
        return Ok(Containers::Records);
    }
    let engine = Engine::available().map_err(|error| {
        WrongUse(vec![format!(
            "--docker: {error:#}; leave it out, and ECS tasks are records"
        )])
    })?;
    Ok(Containers::Docker(engine))
}

/// A piece of the preparations, with its time on the screen.
fn phase<T>(options: &Options, what: &str, work: impl FnOnce(&Progress) -> Result<T>) -> Result<T> {
    interrupt::check()?;
    if options.json {
        let quiet: Progress = Arc::new(|_| {});
        return work(&quiet);
    }
    say::phase(what, work)
}

/// A stack is called as its template is.
fn stack_name(template: &Path) -> String {
    let stem = template.file_stem().unwrap_or_default().to_string_lossy();
    let name: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name
    } else {
        format!("pipeline-{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_has_a_name_that_cloudformation_takes() {
        assert_eq!(stack_name(Path::new("a/orders.v2.yaml")), "orders-v2");
        assert_eq!(stack_name(Path::new("1.json")), "pipeline-1");
    }
}
