//! The first cause of a failed rollout, in words, and whether waiting can mend it
//! (CONTRACTS 3.5.28).

use super::seen::{Deployment, Service, Task};
use crate::names::short;

/// Why a rollout fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// For people.
    pub text: String,
    /// Waiting cannot mend it: the rollout is stopped at once.
    pub hopeless: bool,
}

/// A cause that waiting cannot mend: all parts stand in the text.
struct Hopeless {
    parts: &'static [&'static str],
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the example is what the tests hold the parts to")
    )]
    example: &'static str,
}

/// From the ECS guide's "stopped task error messages" and from AWS's own answers quoted there.
const HOPELESS: &[Hopeless] = &[
    Hopeless {
        parts: &["CannotPullContainerError", "not found"],
        example: "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref r/web@sha256:0: r/web@sha256:0: not found",
    },
    Hopeless {
        parts: &["CannotPullContainer", "manifest unknown"],
        example: "CannotPullContainerError: manifest for r/web:v9 not found: manifest unknown: Requested image not found",
    },
    Hopeless {
        parts: &["CannotPullContainer", "does not exist"],
        example: "CannotPullContainerError: Error response from daemon: pull access denied for r/web, repository does not exist or may require 'docker login'",
    },
    Hopeless {
        parts: &[
            "CannotPullContainer",
            "does not match the specified platform",
        ],
        example: "CannotPullContainerError: image with reference r/web was found but does not match the specified platform: wanted linux/amd64",
    },
    Hopeless {
        parts: &["CannotPullContainer", "no match for platform in manifest"],
        example: "CannotPullContainerError: failed to resolve image: no match for platform in manifest: not found",
    },
    Hopeless {
        parts: &["unable to pull secrets", "AccessDenied"],
        example: "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: AccessDeniedException: not authorized to perform secretsmanager:GetSecretValue",
    },
    Hopeless {
        parts: &["unable to pull secrets", "ResourceNotFoundException"],
        example: "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: ResourceNotFoundException: Secrets Manager can't find the specified secret",
    },
    Hopeless {
        parts: &["unable to assume", "role"],
        example: "ECS was unable to assume the role 'arn:aws:iam::333333333333:role/task' that was provided for this task",
    },
    Hopeless {
        parts: &["exec format error"],
        example: "CannotStartContainerError: exec /app: exec format error",
    },
];

/// Whether waiting cannot mend what a text says.
pub fn hopeless(text: &str) -> bool {
    HOPELESS
        .iter()
        .any(|cause| cause.parts.iter().all(|part| text.contains(part)))
}

/// The cause that the earliest failed task of `task_definition` shows; tasks that were stopped on
/// purpose show none.
pub fn from_tasks(tasks: &[Task], task_definition: &str) -> Option<Cause> {
    let failed = tasks.iter().filter(|task| {
        task.task_definition == task_definition
            && task.last_status == "STOPPED"
            && task.stop_code != "UserInitiated"
            && !task.stopped_reason.starts_with("Scaling activity")
    });
    let first = failed.min_by_key(|task| task.stopped_at)?;
    let mut text = format!(
        "a task of {} stopped: {}",
        short(task_definition),
        first.stopped_reason.trim()
    );
    if first.stopped_reason.trim().is_empty() {
        text.push_str(&first.stop_code);
    }
    for container in &first.containers {
        let mut facts = Vec::new();
        // An exit code of a task that never started is the emulator's, not the container's.
        if let Some(code) = container
            .exit_code
            .filter(|_| first.stop_code != "TaskFailedToStart")
        {
            facts.push(match code {
                137 => "exit code 137 (killed; out of memory, or too slow to stop)".to_owned(),
                139 => "exit code 139 (segmentation fault)".to_owned(),
                code => format!("exit code {code}"),
            });
        }
        if container.health == "UNHEALTHY" {
            facts.push("its health check failed".to_owned());
        }
        if !container.reason.is_empty() && !first.stopped_reason.contains(&container.reason) {
            facts.push(container.reason.clone());
        }
        if !facts.is_empty() {
            text.push_str(&format!(
                "; container {}: {}",
                container.name,
                facts.join(", ")
            ));
        }
    }
    let hopeless = hopeless(&text);
    Some(Cause { text, hopeless })
}

/// The cause that the service itself shows: the deployment's reason with the alarms it watches,
/// or the newest event that speaks of a failure since `since` (seconds since the epoch).
pub fn from_service(
    service: &Service,
    deployment: Option<&Deployment>,
    since: u64,
) -> Option<Cause> {
    const FAILURE_WORDS: [&str; 6] = [
        "unable to",
        "failed",
        "unhealthy",
        "was unable",
        "alarm",
        "insufficient",
    ];
    let event = service
        .events
        .iter()
        .rev()
        .filter(|event| event.at >= since)
        .find(|event| {
            let message = event.message.to_lowercase();
            FAILURE_WORDS.iter().any(|word| message.contains(word))
        });
    let mut text = event.map(|event| event.message.clone()).unwrap_or_default();
    if let Some(reason) = deployment
        .map(|deployment| deployment.reason.trim())
        .filter(|r| !r.is_empty())
        && !text.contains(reason)
    {
        text = if text.is_empty() {
            reason.to_owned()
        } else {
            format!("{reason}; {text}")
        };
    }
    if text.to_lowercase().contains("alarm") && !service.alarms.is_empty() {
        text.push_str(&format!(
            " (alarms of the deployment: {})",
            service.alarms.join(", ")
        ));
    }
    (!text.is_empty()).then(|| Cause {
        hopeless: hopeless(&text),
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::super::seen::{Container, Event};
    use super::*;

    const OURS: &str = "arn:aws:ecs:ap-southeast-2:333333333333:task-definition/web:8";

    fn task(reason: &str, code: &str, stopped_at: u64) -> Task {
        Task {
            task_definition: OURS.into(),
            last_status: "STOPPED".into(),
            stop_code: code.into(),
            stopped_reason: reason.into(),
            stopped_at,
            containers: vec![Container {
                name: "web".into(),
                exit_code: Some(1),
                ..Default::default()
            }],
        }
    }

    #[test]
    fn every_hopeless_cause_recognises_its_example() {
        for cause in HOPELESS {
            assert!(
                cause.parts.iter().all(|part| cause.example.contains(part)),
                "{}",
                cause.example
            );
        }
        for mendable in [
            "CannotPullContainerError: net/http: TLS handshake timeout",
            "Essential container in task exited",
            "Task failed ELB health checks in (target-group x)",
        ] {
            assert!(!hopeless(mendable), "{mendable}");
        }
    }

    #[test]
    fn the_earliest_failure_of_our_definition_is_the_cause() {
        let mut other = task("of another version", "TaskFailedToStart", 1);
        other.task_definition = OURS.replace(":8", ":7");
        let tasks = [
            task("stopped by a person", "UserInitiated", 2),
            task("second", "EssentialContainerExited", 9),
            task(
                "Essential container in task exited",
                "EssentialContainerExited",
                5,
            ),
            other,
        ];
        let cause = from_tasks(&tasks, OURS).unwrap();
        assert_eq!(
            cause.text,
            "a task of web:8 stopped: Essential container in task exited; container web: exit code 1"
        );
        assert!(!cause.hopeless);
        assert!(from_tasks(&tasks[..1], OURS).is_none());
    }

    #[test]
    fn a_missing_image_and_a_failed_health_check_are_told() {
        let missing = task(
            "CannotPullContainerError: r/web@sha256:0: not found",
            "TaskFailedToStart",
            1,
        );
        let cause = from_tasks(&[missing], OURS).unwrap();
        assert!(
            cause.hopeless && !cause.text.contains("exit code"),
            "{}",
            cause.text
        );
        let mut unhealthy = task(
            "Task failed container health checks",
            "ServiceSchedulerInitiated",
            1,
        );
        unhealthy.containers[0].health = "UNHEALTHY".into();
        unhealthy.containers[0].exit_code = Some(137);
        let text = from_tasks(&[unhealthy], OURS).unwrap().text;
        assert!(
            text.contains("out of memory") && text.contains("health check failed"),
            "{text}"
        );
    }

    #[test]
    fn service_events_and_alarms_speak_when_no_task_does() {
        let event = |at, message: &str| Event {
            at,
            message: message.into(),
        };
        let service = Service {
            events: vec![
                event(30, "(service web) was unable to place a task: later"),
                event(20, "(service web) was unable to place a task: no capacity"),
                event(
                    10,
                    "(service web) was unable to place a task: before our time",
                ),
            ],
            alarms: vec!["5xx".into()],
            ..Default::default()
        };
        assert!(
            from_service(&service, None, 15)
                .unwrap()
                .text
                .ends_with("no capacity")
        );
        let deployment = Deployment {
            reason: "ECS deployment failed: alarm detected.".into(),
            ..Default::default()
        };
        assert!(
            from_service(&service, Some(&deployment), 40)
                .unwrap()
                .text
                .ends_with("(alarms of the deployment: 5xx)")
        );
        assert!(from_service(&Service::default(), None, 0).is_none());
    }
}
