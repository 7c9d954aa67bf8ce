//! What ECS says of a service of the model, in the shapes of CONTRACTS 3.5.

use super::super::super::super::seen::{
    self, Container, Deployment, Recent, RolloutState, ServiceDeployment, Status, Strategy, Task,
};
use super::super::super::arn;
use super::{Health, Service, Set, THRESHOLD};

impl Service {
    pub(in super::super) fn described(&self, family: &str) -> seen::Service {
        let count = |count: usize| u32::try_from(count).unwrap();
        let deployments = self.sets.iter().enumerate().map(|(n, set)| Deployment {
            // Never told: the engine has to do without it.
            changed: 0,
            id: format!("ecs-svc/{}", set.id),
            primary: n == 0,
            task_definition: arn(family, set.revision),
            running: count(set.running()),
            pending: count(set.tasks.len() - set.running()),
            failed: set.failed,
            state: RolloutState::parse(Some(set.state)),
            reason: String::new(),
        });
        seen::Service {
            status: "ACTIVE".into(),
            strategy: Strategy {
                name: if self.blue_green {
                    "BLUE_GREEN"
                } else {
                    "ROLLING"
                }
                .into(),
                ..Default::default()
            },
            desired: count(self.desired),
            rolls_back_itself: self.breaker && self.breaker_rolls_back || self.alarms,
            deployments: deployments.collect(),
            ..Default::default()
        }
    }

    pub(in super::super) fn recent(&self, family: &str) -> Vec<Recent> {
        let recent = self.record.iter().map(|record| Recent {
            id: record.id.to_string(),
            task_definition: arn(family, record.revision),
            status: Status::parse(record.status),
            ..Default::default()
        });
        recent.collect()
    }

    pub(in super::super) fn deployment(&self, id: &str) -> Option<ServiceDeployment> {
        let record = self
            .record
            .iter()
            .find(|record| record.id.to_string() == id)?;
        let set = self.sets.iter().find(|set| set.revision == record.revision);
        let running = set.map_or(0, Set::running);
        Some(ServiceDeployment {
            status: Status::parse(record.status),
            stage: record.stage.into(),
            tasks: (
                u32::try_from(running).unwrap(),
                u32::try_from(self.desired).unwrap(),
            ),
            failures: (set.map_or(0, |set| set.failed), THRESHOLD),
            ..Default::default()
        })
    }

    pub(in super::super) fn stopped(&self, family: &str) -> Vec<Task> {
        let stopped = self
            .stopped
            .iter()
            .map(|(revision, health, started_at, stopped_at)| {
                let missing = *health == Health::ImageMissing;
                Task {
                    task_definition: arn(family, *revision),
                    last_status: "STOPPED".into(),
                    stop_code: if missing {
                        "TaskFailedToStart"
                    } else {
                        "EssentialContainerExited"
                    }
                    .into(),
                    stopped_reason: if missing {
                        "CannotPullContainerError: not found"
                    } else {
                        ""
                    }
                    .into(),
                    started_at: *started_at,
                    stopped_at: *stopped_at,
                    containers: vec![container((!missing).then_some(1))],
                    ..Default::default()
                }
            });
        let scaled = self.scaled.iter().map(|revision| Task {
            task_definition: arn(family, *revision),
            last_status: "STOPPED".into(),
            stop_code: "ServiceSchedulerInitiated".into(),
            stopped_reason: "Scaling activity initiated by (deployment ecs-svc/1)".into(),
            ..Default::default()
        });
        stopped.chain(scaled).collect()
    }

    pub(in super::super) fn serving(&self, family: &str) -> Vec<Task> {
        let tasks = self
            .sets
            .iter()
            .flat_map(|set| set.tasks.iter().map(|task| (set.revision, task)));
        let tasks = tasks.map(|(revision, (_, ran))| Task {
            task_definition: arn(family, revision),
            last_status: if ran.is_some() { "RUNNING" } else { "PENDING" }.into(),
            containers: vec![container(None)],
            ..Default::default()
        });
        tasks.collect()
    }
}

fn container(exit_code: Option<i32>) -> Container {
    Container {
        name: "web".into(),
        image: "r/web:2".into(),
        exit_code,
        ..Default::default()
    }
}
