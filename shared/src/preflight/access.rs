//! What AWS says when it is asked whether something is there and whether a role may do something.

/// What IAM's policy simulator says about one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// As it was asked for: an ARN, or `*`.
    pub resource: String,
    /// Whether the action is allowed on it.
    pub ruling: Ruling,
}

/// A verdict with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// Whether it is allowed.
    pub verdict: Verdict,
    /// Context keys that policies ask for and that the simulator was not told, such as
    /// `aws:ResourceTag/team`: with their values the verdict may be another one.
    pub missing: Vec<String>,
    /// What keeps from it even what a role's policies allow.
    pub limit: Option<Limit>,
}

/// What a role's own policies cannot go beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The role's permissions boundary.
    Boundary,
    /// Service control policies of the account's organization.
    Organization,
}

impl From<Verdict> for Ruling {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            missing: Vec::new(),
            limit: None,
        }
    }
}

/// A decision of the simulator. It sees a role's own policies, and nothing of the resource's: what
/// is denied implicitly may still be granted there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A policy allows it and none denies it.
    Allowed,
    /// No policy allows it.
    ImplicitDeny,
    /// A policy denies it, and no other one can change that.
    ExplicitDeny,
}

/// Whether a secret can be read, as far as that shows without its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It is there.
    There,
    /// It is scheduled for deletion: it can be restored, and not be read until then.
    Deleted,
    /// There is none of this name or ARN.
    Missing,
}
