//! The first cause of a failed rollout, in words, and whether waiting can mend it
//! (CONTRACTS 3.5.28).

mod hopeless;

use hopeless::hopeless;

use super::seen::{Container, Deployment, Service, Task};
use crate::job::answer::cut;
use crate::names::short;

/// Why a rollout fails.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// For people.
    pub text: String,
    /// Waiting cannot mend it: the rollout is stopped at once.
    pub hopeless: bool,
    /// A container ended by itself, not with exit code 0, within a minute of its start.
    pub at_start: bool,
    /// Where the failed container may have written why.
    pub wrote: Option<Where>,
}

/// A container of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Where {
    /// The task's ARN.
    pub task: String,
    /// ARN of its task definition, which says where logs go.
    pub task_definition: String,
    /// The container.
    pub container: String,
}

/// A container that ends this soon, in seconds, fails at its start: it would do so again.
const AT_START_SECONDS: u64 = 60;

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
    Some(from_task(first, None))
}

/// The cause that a failed task shows. `counts`: the container whose exit code decides; without one
/// it is the first that ended by itself, since the others are ended with it.
pub fn from_task(task: &Task, counts: Option<&str>) -> Cause {
    let reason = task.stopped_reason.trim();
    let mut text = format!(
        "a task of {} stopped: {}",
        short(&task.task_definition),
        if reason.is_empty() {
            &task.stop_code
        } else {
            reason
        }
    );
    let never_started = task.stop_code == "TaskFailedToStart";
    // 137 and 143 are signals: somebody ended it.
    let by_itself = |container: &&Container| !matches!(container.exit_code, Some(137 | 143));
    let nonzero = |container: &&Container| {
        !never_started && container.exit_code.is_some_and(|code| code != 0)
    };
    let mut nonzeros = task.containers.iter().filter(nonzero);
    let failed = match counts {
        Some(name) => nonzeros.find(|container| container.name == name),
        None => nonzeros.clone().find(by_itself).or_else(|| nonzeros.next()),
    };
    for container in &task.containers {
        let mut facts = Vec::new();
        // An exit code of a task that never started is the emulator's, not the container's.
        if let Some(code) = container.exit_code.filter(|_| !never_started) {
            facts.push(match code {
                137 => "exit code 137 (killed; out of memory, or too slow to stop)".to_owned(),
                139 => "exit code 139 (segmentation fault)".to_owned(),
                code => format!("exit code {code}"),
            });
        }
        if container.health == "UNHEALTHY" {
            facts.push("its health check failed".to_owned());
        }
        if !container.reason.is_empty() && !task.stopped_reason.contains(&container.reason) {
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
    let lived = task.stopped_at.saturating_sub(task.started_at);
    let at_start = task.stop_code == "EssentialContainerExited"
        && failed.as_ref().is_some_and(by_itself)
        && (task.started_at == 0 || lived < AT_START_SECONDS);
    Cause {
        hopeless: hopeless(&text),
        at_start,
        wrote: failed.map(|container| Where {
            task: task.arn.clone(),
            task_definition: task.task_definition.clone(),
            container: container.name.clone(),
        }),
        text,
    }
}

/// The most of one line of a log, in characters.
const LINE_LIMIT: usize = 200;
/// The most of all lines, in bytes.
const LOG_LIMIT: usize = 1_500;

/// What the log of a failed container adds to its cause.
pub fn with_log(mut text: String, lines: &[String]) -> String {
    if !lines.is_empty() {
        text.push_str(". The last lines of its log:");
        // The last lines say the most, and what the targets are now has to fit, too.
        let mut left = LOG_LIMIT;
        let mut kept = Vec::new();
        for line in lines.iter().rev() {
            let line = cut(line.trim_end(), LINE_LIMIT);
            left = left.saturating_sub(line.len());
            if left == 0 {
                break;
            }
            kept.push(line);
        }
        for line in kept.iter().rev() {
            text.push_str("\n  ");
            text.push_str(line);
        }
    }
    text
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
        ..Cause::default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::seen::Event;
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
            ..Default::default()
        }
    }

    // rules: 3.5.28
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

    // rules: 3.5.28
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
