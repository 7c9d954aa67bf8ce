//! What happened to a stack.

use std::fmt;

use crate::wire::xml_text;

/// An event of a stack, as `DescribeStackEvents` has it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StackEvent {
    /// The resource's logical id; the stack's name for the stack itself.
    pub logical: String,
    /// The resource's physical id.
    pub physical: String,
    /// Such as `AWS::ECS::Service`.
    pub kind: String,
    /// Such as `UPDATE_FAILED`.
    pub status: String,
    /// CloudFormation's words.
    pub reason: String,
    /// The `ClientRequestToken` of the operation; empty without one.
    pub token: String,
}

impl StackEvent {
    /// Reads one member of the answer.
    pub(super) fn read(member: &str) -> Self {
        let text = |element| xml_text(member, element).unwrap_or_default();
        Self {
            logical: text("LogicalResourceId"),
            physical: text("PhysicalResourceId"),
            kind: text("ResourceType"),
            status: text("ResourceStatus"),
            reason: text("ResourceStatusReason"),
            token: text("ClientRequestToken"),
        }
    }
}

impl fmt::Debug for StackEvent {
    /// One line: `Service UPDATE_FAILED: Service not found. (attempt-0)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.logical, self.status)?;
        if !self.reason.is_empty() {
            write!(f, ": {}", self.reason)?;
        }
        if !self.token.is_empty() {
            write!(f, " ({})", self.token)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let event = StackEvent::read(
            "<LogicalResourceId>Service</LogicalResourceId><ResourceStatus>UPDATE_FAILED</ResourceStatus><ResourceStatusReason>it&#x27;s gone</ResourceStatusReason><ClientRequestToken>a-0</ClientRequestToken>",
        );
        assert_eq!(
            format!("{event:?}"),
            "Service UPDATE_FAILED: it's gone (a-0)"
        );
    }
}
