//! What drives a rollout: reads what decisions need, does what they say.
//!
//! One engine, [`shared::rollout`], and several functions that drive it: the updater in rounds of a
//! CodePipeline job, the preview up to the first write. What they have in common is here. In reading
//! order:
//!
//! - [`request`]: what is asked for, and the files that it takes; [`artifacts`]: where those are
//! - [`decide`]: the request and what AWS says → what to do next (pure)
//! - [`check`]: everything that is read and checked before the first write, for all targets
//! - [`mod@preflight`]: what is around the targets in their accounts, and whether it may be used
//! - [`prepare`]: what an attempt begins with: change sets made, each definition registered once
//! - [`sight`] looks, [`mod@advance`] goes as far as one look can, by what the engine asks for
//! - [`publish`]: writes down what serves
//! - [`release`]: a release in its bucket, verified, and the ledger of its targets
//! - [`preflight`]: what is around the targets, and who may use it
//! - [`freeze`]: whether production lets nothing in for now
//! - [`live`]: the live state that a preview's fingerprint is taken of

pub mod advance;
pub mod artifacts;
pub mod check;
pub mod decide;
pub mod findings;
pub mod freeze;
pub mod live;
pub mod preflight;
pub mod prepare;
pub mod publish;
pub mod release;
pub mod request;
pub mod sight;
pub mod stacks;

mod act;
mod begin;
mod pin;
mod register;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws::clients::{Clients, Target as Reached};
use aws::cloudformation::resources::Resources;
use aws::error::{CallError, Kind};
use futures_util::future::join_all;
use shared::error::Failure;
use shared::job::Job;
use shared::rollout::report::{self, Placed};
use shared::rollout::seen::stack::Event;
use shared::rollout_file::target::Target;

use request::Request;

/// What the work is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Rolling out.
    RollOut {
        /// The bucket, in the function's region and account, that keeps what stacks were before; none
        /// when the stack of the functions is older than stack targets.
        state_bucket: Option<String>,
    },
    /// Telling what a rollout would do: nothing is written but change sets, which go again.
    Preview,
}

/// Everything that a round works with.
pub struct Work<'a> {
    /// How AWS is called.
    pub clients: &'a Clients,
    /// The job.
    pub job: &'a Job,
    /// What it asks for.
    pub request: &'a Request,
    /// One per target.
    pub ends: Vec<End<'a>>,
    /// What the work is for.
    pub purpose: Purpose,
    /// Task definitions of service revisions, which never change.
    revisions: Mutex<HashMap<String, String>>,
    /// What is in the stacks, by target, and the newest event that it was read after.
    insides: Mutex<HashMap<usize, (Event, Resources)>>,
}

impl<'a> Work<'a> {
    /// Reaches all targets; one that cannot be reached says so when it is asked for.
    pub async fn new(
        clients: &'a Clients,
        job: &'a Job,
        request: &'a Request,
        purpose: Purpose,
    ) -> Self {
        let ends = join_all(request.file.targets.iter().map(|target| async move {
            let account = target.account().unwrap_or(&job.account).to_owned();
            End {
                operation: decide::operation(&request.execution, target, &account),
                reached: clients.target(job, &request.execution, target).await,
                target,
                account,
            }
        }))
        .await;
        Self {
            clients,
            job,
            request,
            ends,
            purpose,
            revisions: Mutex::default(),
            insides: Mutex::default(),
        }
    }

    /// Targets and their accounts.
    pub fn placed(&self) -> Vec<Placed<'_>> {
        self.ends.iter().map(End::placed).collect()
    }
}

/// A target and how it is reached.
pub struct End<'a> {
    /// The target.
    pub target: &'a Target,
    /// Its account.
    pub account: String,
    /// Execution and target.
    pub operation: String,
    reached: Result<Arc<Reached>, Failure>,
}

impl End<'_> {
    /// The target and its account.
    pub fn placed(&self) -> Placed<'_> {
        (self.target, &self.account)
    }

    /// Its clients.
    pub fn reached(&self) -> Result<&Reached, Failure> {
        self.reached.as_deref().map_err(Clone::clone)
    }

    /// The failure of a call about the target.
    pub fn failed(&self, error: CallError) -> Failure {
        let (target, account) = self.placed();
        let kind = target.kind.word();
        let region = target.region.as_str();
        let resource = match target.stack() {
            Some(stack) => {
                format!(
                    "arn:aws:cloudformation:{region}:{account}:stack/{}/*",
                    stack.stack
                )
            }
            None => {
                let (cluster, service) = (&target.cluster, target.service());
                format!("arn:aws:ecs:{region}:{account}:{kind}/{cluster}/{service}")
            }
        };
        let what = report::place(self.placed());
        match &self.reached {
            Ok(reached) => error.into_failure(&what, &reached.caller, &resource, account),
            Err(failure) => failure.clone(),
        }
    }
}

/// Whether a failed call says nothing about the rollout: it is repeated.
pub fn passing(error: &CallError) -> bool {
    matches!(error.kind, Kind::Throttled | Kind::Unanswered)
}
