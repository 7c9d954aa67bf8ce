//! What ECS says of services that fail; the emulator's never do.

use rehearsal::proxy::{Call, Fault, What, When};
use serde_json::{Value, json};

use crate::failures::stopped_tasks;
use crate::fixture::World;

/// Why tasks do not start, and never will.
pub(super) const NO_IMAGE: &str =
    "CannotPullContainerError: failed to resolve ref web@sha256:0: not found";

/// What ECS says of a service's deployments.
#[derive(Clone, Copy)]
pub(super) enum Says {
    /// Ours is PRIMARY and its first task did not start; the one before serves.
    Struggling,
    /// The breaker went back to the one before.
    WentBack,
}

/// A service and two of its revisions.
pub(super) struct Failing<'a> {
    pub(super) name: &'a str,
    pub(super) was: &'a str,
}

impl Failing<'_> {
    /// The revision after the first one.
    fn became(&self) -> String {
        format!("{}:2", self.was.rsplit_once(':').unwrap().0)
    }

    /// ECS says this of the service as long as the calls so far are as told.
    pub(super) fn plays(
        &self,
        world: &World,
        says: Says,
        as_long_as: impl Fn(&[Call]) -> bool + Send + Sync + 'static,
    ) {
        let became = self.became();
        if matches!(says, Says::Struggling) {
            stopped_tasks(world, &became, "TaskFailedToStart", NO_IMAGE);
        }
        let (calls, name, was) = (
            world.rehearsal.proxy().clone(),
            self.name.to_owned(),
            self.was.to_owned(),
        );
        let what = What::edit_json(move |answer| {
            if !as_long_as(&calls.calls()) {
                return;
            }
            for service in answer["services"].as_array_mut().into_iter().flatten() {
                if service["serviceName"] == name.as_str() {
                    service["deployments"] = says.deployments(&was, &became);
                }
            }
        });
        let when = When::next("ecs", "DescribeServices");
        world
            .rehearsal
            .proxy()
            .inject_for_good(Fault { when, what });
    }
}

impl Says {
    fn deployments(self, was: &str, became: &str) -> Value {
        let deployment = |definition: &str, status: &str, state: &str, running: u32| {
            json!({
                "id": format!("ecs-svc/{status}{state}"), "status": status,
                "taskDefinition": definition, "desiredCount": 1, "runningCount": running,
                "pendingCount": 0, "failedTasks": 1 - running, "rolloutState": state,
            })
        };
        match self {
            Self::Struggling => json!([
                deployment(became, "PRIMARY", "IN_PROGRESS", 0),
                deployment(was, "ACTIVE", "COMPLETED", 1),
            ]),
            Self::WentBack => {
                let mut failed = deployment(became, "INACTIVE", "FAILED", 0);
                failed["rolloutStateReason"] =
                    json!("ECS deployment circuit breaker: tasks failed to start.");
                json!([deployment(was, "PRIMARY", "COMPLETED", 1), failed])
            }
        }
    }
}

/// How many of the calls are this operation.
pub(super) fn count(calls: &[Call], operation: &str) -> usize {
    let named = calls.iter().filter(|call| call.operation == operation);
    named.count()
}

/// One-off tasks, which the emulator's records never end, have ended with this exit code.
pub(super) fn tasks_end(world: &World, code: i32) {
    let what = What::edit_json(move |answer| {
        for task in answer["tasks"].as_array_mut().into_iter().flatten() {
            let group = task["group"].as_str().unwrap_or_default();
            if group.starts_with("service:") {
                continue;
            }
            task["lastStatus"] = json!("STOPPED");
            task["stopCode"] = json!("EssentialContainerExited");
            task["stoppedReason"] = json!("Essential container in task exited");
            task["containers"][0]["exitCode"] = json!(code);
        }
    });
    let when = When::next("ecs", "DescribeTasks");
    world
        .rehearsal
        .proxy()
        .inject_for_good(Fault { when, what });
}
