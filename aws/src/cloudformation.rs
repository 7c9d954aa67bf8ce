//! CloudFormation (CONTRACTS 3.6): stacks, their templates, change sets, events and resources.
//!
//! What is not here on purpose: a call that updates a stack without a change set, and one that
//! deletes a stack or lets CloudFormation delete it.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

pub use aws_sdk_cloudformation::Client;

pub mod change_set;
pub mod events;
pub mod resources;
pub mod stack;
pub mod template;

use crate::error::{CallError, Kind};

/// Stacks within stacks within stacks: deeper ones than these are refused, since what cannot be
/// read to its end cannot be judged.
const DEEPEST: usize = 10;
/// As [`DEEPEST`]: pages of one answer. A page is up to 1 MB.
const PAGES: usize = 100;

/// Reads the SDK's error. For a missing stack CloudFormation has words only, no code (CONTRACTS
/// 3.6.9), so this is for calls whose one subject is the stack.
fn failed<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> CallError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let error = CallError::new(operation, error);
    match error.code == "ValidationError" && error.message.contains("does not exist") {
        true => CallError {
            kind: Kind::Missing,
            ..error
        },
        false => error,
    }
}

/// A list that has no end within the bounds above.
fn endless(operation: &'static str) -> CallError {
    let message = format!(
        "the answer goes on after {PAGES} pages, or nested stacks are deeper than {DEEPEST}"
    );
    CallError::unusable(operation, message)
}
