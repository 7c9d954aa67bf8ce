//! AWS: the only crate that names an `aws_sdk_*` crate.
//!
//! One file per service, one function per call; no trait over AWS for the tests' sake, since tests
//! swap the HTTP layer below the SDK, so that signing, retries, pagination and error decoding are
//! tested too. In reading order:
//!
//! - [`job`]: the wrapper that gives every CodePipeline job exactly one answer
//! - [`clients`]: one configuration, one client per target, kept across invocations
//! - [`error`]: what a failed call means for the caller
//! - [`codepipeline`], [`s3`], [`sts`], [`ecs`], [`ecr`], [`cloudformation`], [`ssm`], [`logs`],
//!   [`kms`]: the calls
//! - [`states`], [`events`]: production's state machine, and what it tells the world
//! - [`iam`], [`secrets`], [`cloudwatch`]: the calls that only look before the first write
//! - [`log`]: our own log, JSON lines, with the credentials' paths closed

pub mod clients;
pub mod cloudformation;
pub mod cloudwatch;
pub mod codepipeline;
pub mod ecr;
pub mod ecs;
pub mod error;
pub mod events;
pub mod iam;
pub mod job;
pub mod kms;
pub mod log;
pub mod logs;
#[cfg(test)]
mod replay;
pub mod s3;
pub mod secrets;
pub mod ssm;
pub mod states;
pub mod sts;
pub mod time;
