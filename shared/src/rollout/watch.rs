//! What is remembered of one target between looks; it fits the token.

/// A target under way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watch {
    /// ARN of what served before; none when there is nothing to go back to.
    pub was: Option<String>,
    /// ARN of the task definition that we release.
    pub became: String,
    /// What we watch: the deployment's id (`ecs-svc/…`), or the last part of the ARN of the service
    /// deployment (traffic strategies) or of the task (tasks). Empty until it is known.
    pub deployment: String,
    /// Nothing had to be changed.
    pub unchanged: bool,
    /// Where it is.
    pub phase: Phase,
    /// The first cause, once one was seen.
    pub cause: Option<String>,
    /// The most progress seen, and when.
    pub progress: Progress,
    /// When stopped tasks were last asked for, seconds since the epoch.
    pub asked_stopped: u64,
}

/// Where a target is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// Its task definition is registered; it begins when what it comes after is done.
    Waiting,
    /// On its way to the new version.
    #[default]
    Forward,
    /// It was proven to serve, or the task ended well; others may not be that far.
    Served,
    /// On its way back; `asked` when redbutton asked for it, not ECS's breaker.
    Back {
        /// Whether redbutton asked for it.
        asked: bool,
    },
    /// It should go back, and AWS refuses it.
    Stuck,
}

/// A number that grows while a target goes well, and when it last grew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// The best so far. Rolling: running tasks of ours minus those of others.
    pub balance: i64,
    /// When it was reached, seconds since the epoch; 0 before anything was seen.
    pub at: u64,
}

impl Progress {
    /// Less than any balance that will be seen: the first look is progress.
    const UNSEEN: i64 = -1_000_000;

    /// Something was begun, and nothing of it was seen yet.
    pub fn begun(now: u64) -> Self {
        Self {
            balance: Self::UNSEEN,
            at: now,
        }
    }

    /// Whether what was begun may just not show yet, or not any more: one look may be older than
    /// the one before it.
    pub fn may_be_unseen(&self, now: u64) -> bool {
        self.at > 0 && now < self.at + CONSISTENCY_SECONDS
    }

    /// Takes a balance in; only a better one counts.
    pub fn take(&mut self, balance: i64, now: u64) {
        if self.at == 0 || balance > self.balance {
            *self = Self { balance, at: now };
        }
    }
}

/// What a description may lag behind an update by (CONTRACTS 3.5.10).
pub const CONSISTENCY_SECONDS: u64 = 30;
