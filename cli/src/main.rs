//! `redbutton`: what people who have a pipeline do on their own machine.

mod paint;
mod production;
mod rehearse;
mod verify;
mod wrong_use;

use std::process::ExitCode;

use clap::Parser;

/// redbutton, on your own machine.
#[derive(Parser)]
#[command(name = "redbutton", bin_name = "redbutton", max_term_width = 100)]
enum Redbutton {
    Rehearse(rehearse::Options),
    Verify(verify::Options),
    Deploy(production::deploy::Deploy),
    Rollback(production::deploy::Rollback),
    Ledger(production::ledger::Options),
    Why(production::why::Options),
}

fn main() -> ExitCode {
    match Redbutton::parse() {
        Redbutton::Rehearse(options) => rehearse::run(&options),
        Redbutton::Verify(options) => verify::run(&options),
        Redbutton::Deploy(options) => production::deploy::deploy(&options),
        Redbutton::Rollback(options) => production::deploy::rollback(&options),
        Redbutton::Ledger(options) => production::ledger::run(&options),
        Redbutton::Why(options) => production::why::run(&options),
    }
}
