//! Causes that waiting cannot mend, as data: each with its example and its source.

/// A cause that waiting cannot mend: all parts stand in the text, in letters of either case.
struct Hopeless {
    parts: &'static [&'static str],
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the example is what the tests hold the parts to")
    )]
    example: &'static str,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the source is for whoever mends the table")
    )]
    source: &'static str,
}

/// Causes that waiting cannot mend, each as ECS words it.
const HOPELESS: &[Hopeless] = &[
    Hopeless {
        parts: &["CannotPullContainer", "not found"],
        example: "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref r/web@sha256:0: r/web@sha256:0: not found",
        source: "ECS guide, CannotPullContainer task errors",
    },
    Hopeless {
        parts: &["CannotPullContainer", "manifest unknown"],
        example: "CannotPullContainerError: manifest for r/web:v9: manifest unknown: Requested image does not exist",
        source: "ECS guide, CannotPullContainer task errors",
    },
    Hopeless {
        parts: &["CannotPullContainer", "does not exist"],
        example: "CannotPullContainerError: Error response from daemon: pull access denied for r/web, repository does not exist or may require 'docker login'",
        source: "ECS guide, CannotPullContainer task errors",
    },
    Hopeless {
        parts: &["CannotPullContainer", "pull access denied"],
        example: "CannotPullContainerError: pull access denied for r/web",
        source: "ECS guide, CannotPullContainer task errors",
    },
    Hopeless {
        parts: &["CannotPullContainer", "is not authorized to perform: ecr:"],
        example: "CannotPullContainerError: AccessDeniedException: User: arn:aws:sts::333333333333:assumed-role/task-execution/x is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:ap-southeast-2:333333333333:repository/web",
        source: "ECS guide, CannotPullContainer task errors",
    },
    Hopeless {
        parts: &["CannotPullContainer", "403 Forbidden"],
        example: "CannotPullContainerError: failed to resolve ref r/web@sha256:0: unexpected status from HEAD request: 403 Forbidden",
        source: "ECS guide, CannotPullContainer task errors",
    },
    Hopeless {
        parts: &[
            "CannotPullContainer",
            "does not match the specified platform",
        ],
        example: "CannotPullContainerError: image with reference r/web was found but does not match the specified platform: wanted linux/amd64, actual: linux/arm64",
        source: "ECS guide, CannotPullContainer task errors",
    },
    Hopeless {
        parts: &["CannotPullContainer", "descriptor matching platform"],
        example: "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'",
        source: "ECS guide, CannotPullContainer task errors",
    },
    Hopeless {
        parts: &["CannotPullContainer", "no match for platform in manifest"],
        example: "CannotPullContainerError: failed to resolve image: no match for platform in manifest: not found",
        source: "ECS guide, CannotPullContainer task errors",
    },
    Hopeless {
        parts: &["CannotPullContainer", "invalid reference format"],
        example: "CannotPullContainerError: invalid reference format",
        source: "ECS guide, CannotPullContainer task errors",
    },
    Hopeless {
        parts: &["CannotPullImageManifest", "does not exist"],
        example: "CannotPullImageManifestError: Error response from daemon: manifest for r/web:v9 does not exist",
        source: "ECS guide, CannotPullContainer task errors",
    },
    Hopeless {
        parts: &["unable to pull secrets", "unable to retrieve secret"],
        example: "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: InvalidRequestException: the secret was marked for deletion",
        source: "ECS guide, ResourceInitializationError task errors",
    },
    Hopeless {
        parts: &["secret", "AccessDenied"],
        example: "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: AccessDeniedException: not authorized to perform secretsmanager:GetSecretValue",
        source: "ECS guide, ResourceInitializationError task errors",
    },
    Hopeless {
        parts: &["secret", "ResourceNotFoundException"],
        example: "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: ResourceNotFoundException: Secrets Manager can't find the specified secret",
        source: "ECS guide, ResourceInitializationError task errors",
    },
    Hopeless {
        parts: &["secret", "did not contain json key"],
        example: "ResourceInitializationError: unable to pull secrets or registry auth: retrieved secret from Secrets Manager did not contain json key password",
        source: "ECS guide, ResourceInitializationError task errors",
    },
    Hopeless {
        parts: &["ssm", "AccessDenied"],
        example: "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secrets from ssm: AccessDeniedException: not authorized to perform ssm:GetParameters",
        source: "ECS guide, ResourceInitializationError task errors",
    },
    Hopeless {
        parts: &["invalid ssm parameters"],
        example: "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secrets from ssm: invalid ssm parameters: /web/password",
        source: "ECS guide, ResourceInitializationError task errors",
    },
    Hopeless {
        parts: &["failed to validate logger args", "AccessDenied"],
        example: "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create CloudWatch log stream: AccessDeniedException: not authorized to perform logs:CreateLogStream",
        source: "ECS guide, ResourceInitializationError task errors",
    },
    Hopeless {
        parts: &[
            "failed to validate logger args",
            "ResourceNotFoundException",
        ],
        example: "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create CloudWatch log stream: ResourceNotFoundException: The specified log group does not exist",
        source: "ECS guide, ResourceInitializationError task errors",
    },
    Hopeless {
        parts: &["unable to assume", "role"],
        example: "ECS was unable to assume the role 'arn:aws:iam::333333333333:role/task' that was provided for this task",
        source: "ECS guide, Stopped tasks error messages",
    },
    Hopeless {
        parts: &["exec format error"],
        example: "CannotStartContainerError: exec /app: exec format error",
        source: "ECS guide, Stopped tasks error messages",
    },
    Hopeless {
        parts: &["executable file not found"],
        example: "CannotStartContainerError: failed to create task: exec: \"serve\": executable file not found in $PATH",
        source: "ECS guide, Stopped tasks error messages",
    },
    Hopeless {
        parts: &["no such file or directory", "CannotStartContainer"],
        example: "CannotStartContainerError: exec: \"/app/serve\": stat /app/serve: no such file or directory: unknown",
        source: "ECS guide, Stopped tasks error messages",
    },
];

/// Words of a network that may be back soon: with one of them nothing is hopeless.
const NETWORK: &[&str] = &[
    "RequestCanceled",
    "deadline exceeded",
    "timeout",
    "connection refused",
    "no such host",
];

/// Whether waiting cannot mend what ECS says.
pub(super) fn hopeless(text: &str) -> bool {
    let text = text.to_lowercase();
    let says = |part: &&str| text.contains(&part.to_lowercase());
    !NETWORK.iter().any(says) && HOPELESS.iter().any(|cause| cause.parts.iter().all(says))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hopeless_cause_recognises_its_example() {
        for cause in HOPELESS {
            let example = cause.example.to_lowercase();
            let says = |part: &&str| example.contains(&part.to_lowercase());
            assert!(cause.parts.iter().all(says), "{}", cause.example);
            assert!(cause.source.starts_with("ECS guide, "));
        }
        for mendable in [
            "CannotPullContainerError: net/http: TLS handshake timeout",
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 5 time(s): RequestCanceled: request context canceled",
            "Essential container in task exited",
            "Task failed ELB health checks in (target-group x)",
        ] {
            assert!(!hopeless(mendable), "{mendable}");
        }
    }
}
