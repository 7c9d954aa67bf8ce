//! `redbutton rehearse`: the pipeline of a template, run on this machine.
//!
//! In reading order: `options` is what it can be told; `stage` starts local AWS, makes the world and
//! deploys; `check` holds the options against the pipeline; `plan` says what will run; `watcher` shows
//! the run on the `screen` and asks, and `alive` knows what is silent; `run` runs it to its end.

mod alive;
mod check;
mod options;
mod plan;
mod run;
mod screen;
mod stage;
mod watcher;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Error, Result};
use rehearsal::pipeline::{Inputs, Pages, PipelineTemplate, WrongDefinition};
use rehearsal::world_file::{self, World};
use rehearsal::{interrupt, say};

pub(crate) use options::Options;
use screen::Screen;
use stage::Stage;
use watcher::{Answers, Voice, Watcher, json_line};

use crate::paint::Paint;
use crate::wrong_use::{WRONG_USE, WrongUse};

/// What is asked for, once it has been read.
struct Order {
    template: PipelineTemplate,
    /// The logical id of the pipeline.
    pipeline: String,
    parameters: BTreeMap<String, String>,
    world: World,
    inputs: Inputs,
}

/// Rehearses, and ends with 0 only when every execution came to a good end.
pub(crate) fn run(options: &Options) -> ExitCode {
    match rehearse(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(_) if interrupt::asked() => {
            say::failure(&anyhow::anyhow!(
                "stopped by Ctrl-C; nothing is left running"
            ));
            interrupt::EXIT_CODE.into()
        }
        Err(error) => {
            say::failure(&error);
            if error.is::<WrongUse>() || error.is::<WrongDefinition>() {
                WRONG_USE.into()
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn rehearse(options: &Options) -> Result<bool> {
    let order = read(options)?;
    interrupt::listen()?;
    let paint = Paint::of_stdout();
    let voice = if options.json {
        Voice::Json
    } else {
        Voice::Screen(Screen::new(paint, options.executions > 1))
    };
    let mut stage = Stage::set(options, &order)?;
    let pages = Pages::new(&stage.rehearsal);
    let watcher = Arc::new(Watcher::new(voice, Answers::read(&options.approve), pages));
    let definition = &stage.deployed.definition;
    WrongUse::check(check::check(definition, &order.inputs, options))?;
    if options.json {
        watcher.data(json_line(&plan::data(&stage.deployed, options)));
    } else {
        watcher.say(&plan::plan(&stage.deployed, options, paint));
    }
    if options.dry_run {
        return Ok(true);
    }
    stage.with_suite(options, &order.world)?;
    let ended = run::run(&stage, order.inputs, options, &watcher, paint)?;
    if options.keep {
        watcher.say(&stage.guide());
        interrupt::wait();
    }
    Ok(ended)
}

/// Reads all that is given, and finds what is wrong with it before anything is started.
fn read(options: &Options) -> Result<Order> {
    let mut wrong = options.check();
    let template = PipelineTemplate::read(&options.template).map_err(one)?;
    let pipeline = template.pipeline(options.pipeline.as_deref()).map_err(one);
    wrong.extend(pipeline.as_ref().err().map(ToString::to_string));
    let parameters: BTreeMap<String, String> = options.parameters.iter().cloned().collect();
    wrong.extend(template.check_parameters(&parameters));
    wrong.extend(template.check_left_out(&options.leave_out));
    let world = options
        .world
        .as_deref()
        .map_or(Ok(World::default()), world_file::read);
    wrong.extend(world.as_ref().err().into_iter().flatten().cloned());
    WrongUse::check(wrong)?;
    Ok(Order {
        template,
        pipeline: pipeline?,
        parameters,
        world: world.unwrap_or_default(),
        inputs: inputs(options),
    })
}

/// What is given in the place of what AWS would do.
fn inputs(options: &Options) -> Inputs {
    let mut variables = BTreeMap::new();
    let mut outputs = BTreeMap::<String, BTreeMap<String, String>>::new();
    for (name, value) in &options.variable {
        match name.split_once('.') {
            Some((namespace, key)) => {
                let of = outputs.entry(namespace.to_owned()).or_default();
                of.insert(key.to_owned(), value.clone());
            }
            None => {
                variables.insert(name.clone(), value.clone());
            }
        }
    }
    Inputs {
        sources: options.source.iter().cloned().collect(),
        artifacts: options.artifact.iter().cloned().collect(),
        variables,
        outputs,
        ..Inputs::default()
    }
}

fn one(error: Error) -> WrongUse {
    WrongUse(vec![format!("{error:#}")])
}
