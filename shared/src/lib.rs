//! The domain of redbutton: what a job asks for, what is decided, and what is answered.
//!
//! Nothing here does input or output, knows the time or waits: time and everything that AWS says
//! come in as values, decisions go out as values, and Cargo enforces it (no AWS SDK and no tokio
//! in this crate's dependencies). In reading order:
//!
//! - [`job`]: the job event, the answer and the token that CodePipeline hands back
//! - [`artifact`]: files out of an input artifact, within bounds
//! - [`rollout_file`]: what people write: parameters, targets, images
//! - [`task_definition`]: raw JSON: edit, hash, what points elsewhere
//! - [`preflight`]: findings before a write
//! - [`stack`]: CloudFormation: what is sent, what would change, and whether it may
//! - [`rollout`]: the engine: what to do next, why it failed, what shows that it succeeded
//! - [`preview`]: what a rollout would change, as a page and in a few words, for who approves it
//! - [`production`]: what a gate asks of a release, and where its deployment stands; [`ledger`]: what
//!   was done, and who owns a target
//! - [`release`]: what was tested and approved, signed, and what production says of it
//! - [`denied`]: AccessDenied, explained
//! - [`error`]: failures with two texts; [`names`]: regions, accounts, roles, digests;
//!   [`moment`]: times, written down
//!
//! Invariants that this crate keeps: credentials cannot be printed; a task definition loses
//! nothing on its way; success means that what was released serves; every deadline counts from the
//! attempt's start and travels in the token.

pub mod artifact;
pub mod denied;
pub mod error;
pub mod job;
pub mod ledger;
pub mod moment;
pub mod names;
pub mod preflight;
pub mod preview;
pub mod production;
pub mod release;
pub mod rollout;
pub mod rollout_file;
pub mod stack;
pub mod task_definition;

// The preview's samples are an example's, too, which sees this crate from outside.
#[cfg(test)]
extern crate self as shared;
