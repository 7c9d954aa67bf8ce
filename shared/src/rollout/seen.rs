//! What AWS says: services, deployments and tasks, with the fields that decisions need.

/// A service, as `DescribeServices` has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Service {
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// `ECS`, `CODE_DEPLOY` or `EXTERNAL`; empty means ECS.
    pub controller: String,
    /// `ROLLING`, `BLUE_GREEN`, `LINEAR` or `CANARY`; empty means rolling.
    pub strategy: String,
    /// `REPLICA` or `DAEMON`.
    pub scheduling: String,
    /// How many tasks there should be.
    pub desired: u32,
    /// Whether ECS rolls back by itself: by its circuit breaker or by alarms.
    pub rolls_back_itself: bool,
    /// CloudWatch alarms that the deployment watches.
    pub alarms: Vec<String>,
    /// The CloudFormation stack that owns the service.
    pub stack: Option<String>,
    /// In ECS's order.
    pub deployments: Vec<Deployment>,
    /// Newest first, at most 100.
    pub events: Vec<Event>,
}

impl Service {
    /// The deployment that ECS brings forward.
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments
            .iter()
            .find(|deployment| deployment.primary)
    }

    /// The version to go back to: the newest one that finished, since a PRIMARY that is still in
    /// progress has proven nothing; without one, the PRIMARY.
    pub fn last_finished(&self) -> Option<&Deployment> {
        let finished = |deployment: &&Deployment| {
            matches!(
                deployment.state,
                RolloutState::Completed | RolloutState::None
            )
        };
        self.primary()
            .filter(finished)
            .or_else(|| self.deployments.iter().find(finished))
            .or_else(|| self.primary())
    }
}

/// One of a service's deployments.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deployment {
    /// `ecs-svc/…`.
    pub id: String,
    /// Whether its status is PRIMARY.
    pub primary: bool,
    /// ARN.
    pub task_definition: String,
    /// Tasks in RUNNING.
    pub running: u32,
    /// Tasks on their way.
    pub pending: u32,
    /// Tasks that failed since the last healthy one.
    pub failed: u32,
    /// How far it is.
    pub state: RolloutState,
    /// ECS's words about the state.
    pub reason: String,
}

/// `rolloutState` (CONTRACTS 3.5.12).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RolloutState {
    /// Absent: a Classic Load Balancer's service.
    #[default]
    None,
    /// ECS calls it finished.
    Completed,
    /// ECS gave up on it.
    Failed,
    /// Under way.
    InProgress,
    /// A state that this version does not know: taken as under way, and said.
    Unknown(String),
}

impl RolloutState {
    /// Reads ECS's word; none or an empty one is [`RolloutState::None`].
    pub fn parse(text: Option<&str>) -> Self {
        match text.unwrap_or_default() {
            "" => Self::None,
            "COMPLETED" => Self::Completed,
            "FAILED" => Self::Failed,
            "IN_PROGRESS" => Self::InProgress,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

/// A service event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    /// Seconds since the epoch.
    pub at: u64,
    /// ECS's words.
    pub message: String,
}

/// A task, as `DescribeTasks` has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Task {
    /// ARN. It says whose task it is: every release is a revision of its own.
    pub task_definition: String,
    /// `RUNNING`, `STOPPED`, …
    pub last_status: String,
    /// `TaskFailedToStart`, `EssentialContainerExited`, `UserInitiated`, …
    pub stop_code: String,
    /// ECS's words.
    pub stopped_reason: String,
    /// Seconds since the epoch; 0 when unknown.
    pub stopped_at: u64,
    /// In the task definition's order.
    pub containers: Vec<Container>,
}

/// A container of a task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Container {
    /// Its name in the task definition.
    pub name: String,
    /// The image as the task definition has it.
    pub image: String,
    /// The digest that ECS reports to run.
    pub digest: Option<String>,
    /// How it ended.
    pub exit_code: Option<i32>,
    /// ECS's words.
    pub reason: String,
    /// `HEALTHY`, `UNHEALTHY` or `UNKNOWN`.
    pub health: String,
}

/// The digest of an image index, and those of its platform manifests.
pub type Index = (String, Option<Vec<String>>);

/// What one round of looking brought.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// Always.
    pub service: Service,
    /// Stopped tasks, when they were asked for.
    pub stopped: Option<Vec<Task>>,
    /// Tasks that should run, when they were asked for.
    pub serving: Option<Vec<Task>>,
    /// Digests of the platform manifests of image indexes, when they were asked for; none for an
    /// index that nobody here may read (CONTRACTS 3.5.29).
    pub platforms: Option<Vec<Index>>,
}
