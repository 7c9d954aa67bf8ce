//! Rollouts of stacks, by CloudFormation's change sets (CONTRACTS 3.6).

mod case;
mod hand;
mod job;
mod script;

mod emulator;
mod given;
mod guard;
mod played;
mod updates;
