//! What a failed call means for the caller, from whatever the SDK says about it.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use shared::denied::{self, Denied};
use shared::error::{Failure, FailureKind};
use thiserror::Error;

/// A call that failed after the SDK's own retries.
#[derive(Debug, Error)]
#[error("{operation} failed: {code} {message}")]
pub struct CallError {
    /// `service:Operation`, as IAM names it.
    pub operation: &'static str,
    /// What it means.
    pub kind: Kind,
    /// AWS's error code; empty when there was no answer.
    pub code: String,
    /// AWS's message, or what went wrong on the way.
    pub message: String,
}

/// What the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A policy has to change.
    Denied,
    /// What was asked for does not exist.
    Missing,
    /// Too many calls; it was not carried out.
    Throttled,
    /// No answer came: it may have been carried out.
    Unanswered,
    /// AWS refuses the request as it is.
    Refused,
}

/// Who made a call, for explanations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// "the job's artifact credentials", or a role's ARN.
    pub name: String,
    /// Twelve digits; empty when unknown.
    pub account: String,
}

impl CallError {
    /// Reads the SDK's error.
    pub fn new<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let answered = match &error {
            SdkError::ServiceError(answer) => Some(answer.raw().status().as_u16()),
            _ => None,
        };
        let code = error.code().unwrap_or_default().to_owned();
        let message = match (answered, error.message()) {
            (Some(_), Some(message)) => message.to_owned(),
            _ => chain(&error),
        };
        Self {
            operation,
            kind: kind(answered, &code, &message),
            code,
            message,
        }
    }

    /// A call that was answered with something unusable.
    pub fn unusable(operation: &'static str, message: impl Into<String>) -> Self {
        Self {
            operation,
            kind: Kind::Refused,
            code: String::new(),
            message: message.into(),
        }
    }

    /// For the person at the pipeline: `what` is what was tried, `resource` an ARN or name.
    pub fn into_failure(
        self,
        what: &str,
        caller: &Caller,
        resource: &str,
        resource_account: &str,
    ) -> Failure {
        self.explain(what, caller, resource, resource_account, None, None)
    }

    /// As [`into_failure`](Self::into_failure), with what is known of external id and key.
    pub fn explain(
        self,
        what: &str,
        caller: &Caller,
        resource: &str,
        resource_account: &str,
        external_id: Option<&str>,
        key: Option<&str>,
    ) -> Failure {
        let detail = self.to_string();
        let text = match self.kind {
            Kind::Denied => denied::explain(&Denied {
                action: self.operation,
                resource,
                caller: &caller.name,
                caller_account: &caller.account,
                resource_account,
                external_id,
                key,
                message: &self.message,
            }),
            Kind::Throttled => format!(
                "{} is throttled by AWS ({}), also after retries; retry the stage, and spread \
                 deployments of this account and region",
                self.operation, self.message
            ),
            Kind::Unanswered => format!(
                "{} got no answer, also after retries ({}); retry the stage",
                self.operation, self.message
            ),
            // An answer that lacks something has no code.
            Kind::Missing | Kind::Refused if self.code.is_empty() => {
                format!(
                    "{} did not answer as it should: {}",
                    self.operation, self.message
                )
            }
            Kind::Missing | Kind::Refused => {
                format!(
                    "{} answered {}: {}",
                    self.operation, self.code, self.message
                )
            }
        };
        let kind = match self.kind {
            Kind::Denied => FailureKind::PermissionError,
            Kind::Missing => FailureKind::RevisionUnavailable,
            Kind::Throttled | Kind::Unanswered => FailureKind::SystemUnavailable,
            Kind::Refused => FailureKind::JobFailed,
        };
        Failure::new(kind, format!("{what}: {text}")).with_detail(detail)
    }
}

fn kind(status: Option<u16>, code: &str, message: &str) -> Kind {
    const DENIED: [&str; 8] = [
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "UnauthorizedOperation",
        "NotAuthorized",
        "KMS.AccessDeniedException",
        "AllAccessDisabled",
        "403",
    ];
    const MISSING: [&str; 15] = [
        "NoSuchKey",
        "NoSuchBucket",
        "NoSuchVersion",
        "NotFound",
        "ClusterNotFoundException",
        "ServiceNotFoundException",
        "ServiceDeploymentNotFoundException",
        "RepositoryNotFoundException",
        "ImageNotFoundException",
        "PipelineNotFoundException",
        "PipelineExecutionNotFoundException",
        // CloudWatch Logs, Secrets Manager and SSM.
        "ResourceNotFoundException",
        "ParameterNotFound",
        // IAM.
        "NoSuchEntity",
        // CloudFormation; of a missing stack it has only words, see `cloudformation::failed`.
        "ChangeSetNotFound",
    ];
    let Some(status) = status else {
        return Kind::Unanswered;
    };
    if DENIED.contains(&code)
        || message.contains("is not authorized to perform")
        || (status == 403 && code.is_empty())
    {
        Kind::Denied
    } else if MISSING.contains(&code) {
        Kind::Missing
    } else if message.contains("Too many concurrent attempts")
        || code.contains("Throttl")
        || matches!(
            code,
            "SlowDown" | "TooManyRequestsException" | "RequestLimitExceeded"
        )
        || status == 429
    {
        Kind::Throttled
    } else if status >= 500 || matches!(code, "InternalError" | "ServiceUnavailable") {
        // The latter two S3 also says in an answer that began with status 200 (CONTRACTS 3.7.7).
        Kind::Unanswered
    } else {
        Kind::Refused
    }
}

/// All the causes in one line: the SDK's own Display says only "dispatch failure".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_what_the_caller_does_next() {
        for (status, code, message, expected) in [
            (None, "", "timeout", Kind::Unanswered),
            (Some(400), "AccessDeniedException", "", Kind::Denied),
            (Some(403), "", "", Kind::Denied),
            (
                Some(400),
                "ClientException",
                "User: x is not authorized to perform: y",
                Kind::Denied,
            ),
            (Some(404), "NoSuchKey", "", Kind::Missing),
            (Some(400), "ParameterNotFound", "", Kind::Missing),
            (Some(404), "NoSuchEntity", "", Kind::Missing),
            (Some(400), "ThrottlingException", "", Kind::Throttled),
            (Some(503), "SlowDown", "", Kind::Throttled),
            (Some(400), "Throttling", "Rate exceeded", Kind::Throttled),
            (Some(404), "ChangeSetNotFound", "", Kind::Missing),
            (Some(400), "OperationInProgressException", "", Kind::Refused),
            (
                Some(400),
                "ValidationError",
                "Stack:arn:aws:cloudformation:us-east-1:111111111111:stack/web/1 is in \
                 UPDATE_IN_PROGRESS state and can not be updated.",
                Kind::Refused,
            ),
            (Some(500), "InternalFailure", "", Kind::Unanswered),
            (Some(400), "ValidationException", "", Kind::Refused),
        ] {
            assert_eq!(kind(status, code, message), expected, "{code}");
        }
    }
}
