//! Rollouts of stacks, by CloudFormation's change sets (CONTRACTS 3.6).

mod case;
mod hand;
mod job;
mod script;
mod services;

mod back;
mod emulator;
mod failing;
mod faults;
mod given;
mod guard;
mod played;
mod states;
mod together;
mod updates;

pub(crate) use case::StackCase;
