//! `cargo xtask`: what a person or a CI machine does with this repository, one file a command.

mod bench;
mod broken;
mod command;
mod demo;
mod invoke;
#[cfg(test)]
mod links;
mod local;
#[cfg(test)]
mod messages;
mod package;
mod rules;
mod schemas;
mod test;

use std::process::ExitCode;

use clap::Parser;
use rehearsal::{interrupt, say};

/// What one does with redbutton's repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
enum Xtask {
    /// Watch releases on local AWS, each checked as it is told: the five-minute tour
    Demo(demo::Options),
    Test(test::Options),
    Rules(rules::Options),
    Bench(bench::Options),
    Local(local::Options),
    Invoke(invoke::Options),
    Package(package::Options),
    Schemas(schemas::Options),
}

fn main() -> ExitCode {
    let done = match Xtask::parse() {
        Xtask::Demo(options) => demo::run(&options),
        Xtask::Test(options) => test::run(&options),
        Xtask::Rules(options) => rules::run(&options),
        Xtask::Bench(options) => bench::run(&options),
        Xtask::Local(options) => local::run(&options),
        Xtask::Invoke(options) => invoke::run(&options),
        Xtask::Package(options) => package::run(&options),
        Xtask::Schemas(options) => schemas::run(&options),
    };
    done.map_or_else(|error| say::failure(&error), |()| ExitCode::SUCCESS)
}
