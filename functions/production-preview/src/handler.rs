//! Reads production, and tells what a rollout would change.

use std::sync::Arc;

use aws::clients::Clients;
use aws::job::Round;
use shared::error::Failure;
use shared::job::Job;
use shared::job::answer::Outcome;

/// One invocation.
pub async fn handle(
    _clients: Arc<Clients>,
    _job: Arc<Job>,
    _round: Round,
) -> Result<Outcome, Failure> {
    Err(Failure::configuration("the preview is being built"))
}
