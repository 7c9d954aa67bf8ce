//! What AWS says: services, deployments and tasks, with the fields that decisions need.

pub mod settings;
pub mod stack;

use crate::error::Failure;
use settings::Settings;
use stack::StackSeen;

/// A service, as `DescribeServices` has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// `ECS`, `CODE_DEPLOY` or `EXTERNAL`; empty means ECS.
    pub controller: String,
    /// How ECS shifts traffic, and how long that takes by what is written down.
    pub strategy: Strategy,
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
    /// Where its tasks run: a one-off task like it runs there, too.
    pub placement: Placement,
    /// What no release changes.
    pub settings: Settings,
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

/// A deployment strategy with its times (CONTRACTS 3.5.15, 3.5.16).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Strategy {
    /// `ROLLING`, `BLUE_GREEN`, `LINEAR` or `CANARY`; empty means rolling.
    pub name: String,
    /// Minutes that both versions stay after the last shift.
    pub bake_minutes: u32,
    /// LINEAR: percent of the traffic per step, and minutes between two steps.
    pub linear: Option<(f64, u32)>,
    /// CANARY: minutes that the first part of the traffic is watched.
    pub canary_minutes: Option<u32>,
    /// Pause hooks: the stage, and minutes until the pause times out.
    pub pauses: Vec<(String, u32)>,
}

impl Strategy {
    /// Whether ECS shifts traffic from one set of tasks to another; else tasks are replaced bit by
    /// bit.
    pub fn shifts_traffic(&self) -> bool {
        !matches!(self.name.as_str(), "" | "ROLLING")
    }
}

/// Where the tasks of a service run, as `RunTask` takes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Placement {
    /// `FARGATE`, `EC2` or `EXTERNAL`; empty with capacity providers.
    pub launch_type: String,
    /// Provider, weight, base.
    pub capacity_providers: Vec<(String, i32, i32)>,
    /// Such as `LATEST`; empty for EC2.
    pub platform_version: String,
    /// None without awsvpc.
    pub network: Option<Network>,
}

/// `awsvpcConfiguration`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Network {
    /// Ids.
    pub subnets: Vec<String>,
    /// Ids.
    pub security_groups: Vec<String>,
    /// Whether tasks get a public address.
    pub public_ip: bool,
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
    /// When it last changed, in seconds since the epoch; 0 when unknown.
    pub changed: u64,
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

/// A service deployment in a list of the newest ones.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recent {
    /// The last part of its ARN.
    pub id: String,
    /// Seconds since the epoch.
    pub created: u64,
    /// ARN of the task definition that it brings.
    pub task_definition: String,
    /// How far it is.
    pub status: Status,
    /// ECS's words about the status.
    pub reason: String,
}

/// Status of a service deployment (CONTRACTS 3.5.13); there is no FAILED among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Status {
    /// Not begun.
    #[default]
    Pending,
    /// Under way, baking included.
    InProgress,
    /// ECS calls it successful; by early success criteria before the old tasks are gone.
    Successful,
    /// Being stopped: what comes next shows later.
    StopRequested,
    /// Stopped, and left as it was.
    Stopped,
    /// Will go back.
    RollbackRequested,
    /// Goes back.
    RollbackInProgress,
    /// Went back.
    RollbackSuccessful,
    /// Could not go back.
    RollbackFailed,
    /// A status that this version does not know: taken as under way, and said.
    Unknown(String),
}

impl Status {
    /// Reads ECS's word.
    pub fn parse(text: &str) -> Self {
        match text {
            "PENDING" => Self::Pending,
            "IN_PROGRESS" => Self::InProgress,
            "SUCCESSFUL" => Self::Successful,
            "STOP_REQUESTED" => Self::StopRequested,
            "STOPPED" => Self::Stopped,
            "ROLLBACK_REQUESTED" => Self::RollbackRequested,
            "ROLLBACK_IN_PROGRESS" => Self::RollbackInProgress,
            "ROLLBACK_SUCCESSFUL" => Self::RollbackSuccessful,
            "ROLLBACK_FAILED" => Self::RollbackFailed,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

/// A service deployment, as `DescribeServiceDeployments` has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceDeployment {
    /// How far it is.
    pub status: Status,
    /// ECS's words about the status.
    pub reason: String,
    /// `RECONCILE_SERVICE` … `CLEAN_UP`; empty when it has none.
    pub stage: String,
    /// Tasks of the new revision: running, and how many there should be.
    pub tasks: (u32, u32),
    /// Percent of the production traffic that the new revision gets.
    pub traffic: Option<f64>,
    /// Tasks that failed by the circuit breaker's count, and its threshold.
    pub failures: (u32, u32),
    /// Alarms that went off.
    pub alarms: Vec<String>,
    /// Why ECS goes back, in its words.
    pub rollback: String,
    /// Hooks that wait, run or ended.
    pub hooks: Vec<Hook>,
}

/// A lifecycle hook of a service deployment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hook {
    /// What `ContinueServiceDeployment` takes.
    pub id: String,
    /// Whether it is a pause that waits for a person; else a Lambda function.
    pub pause: bool,
    /// ARN of the Lambda function.
    pub function: String,
    /// `AWAITING_ACTION`, `IN_PROGRESS`, `SUCCEEDED`, `FAILED` or `TIMED_OUT`.
    pub status: String,
    /// When it times out, seconds since the epoch; 0 when unknown.
    pub expires: u64,
    /// What ECS does then: `CONTINUE` or `ROLLBACK`.
    pub then: String,
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
    /// ARN.
    pub arn: String,
    /// ARN. It says whose task it is: every release is a revision of its own.
    pub task_definition: String,
    /// The deployment's id for a service's task; whatever `RunTask` was told.
    pub started_by: String,
    /// `RUNNING`, `STOPPED`, …
    pub last_status: String,
    /// `TaskFailedToStart`, `EssentialContainerExited`, `UserInitiated`, …
    pub stop_code: String,
    /// ECS's words.
    pub stopped_reason: String,
    /// When its containers began to run, seconds since the epoch; 0 when they never did.
    pub started_at: u64,
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

/// What one round of looking brought for a target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// Of a service target, always; of a task target until it has begun: the service named by
    /// `like`.
    pub service: Service,
    /// Stopped tasks, when they were asked for.
    pub stopped: Option<Vec<Task>>,
    /// Tasks that should run, when they were asked for.
    pub serving: Option<Vec<Task>>,
    /// Digests of the platform manifests of image indexes, when they were asked for; none for an
    /// index that nobody here may read (CONTRACTS 3.5.29).
    pub platforms: Option<Vec<Index>>,
    /// The newest service deployments, newest first, when they were asked for.
    pub recent: Option<Vec<Recent>>,
    /// The service deployment that is watched, when it was asked for; none when ECS does not show
    /// it.
    pub deployment: Option<Option<ServiceDeployment>>,
    /// The one-off task, when it was asked for; none when ECS does not show it.
    pub task: Option<Option<Task>>,
    /// The last lines of a container's log, when they were asked for; empty when there are none.
    pub log: Option<Vec<String>>,
    /// Of a stack target that was begun: the stack.
    pub stack: Option<StackSeen>,
    /// Why it, or something that was asked for, cannot be seen.
    pub blind: Option<Blind>,
}

/// Why something cannot be seen.
#[derive(Debug, Clone, PartialEq)]
pub enum Blind {
    /// AWS does not answer at the moment, in words.
    NotNow(String),
    /// AWS refuses to show it.
    Refused(Failure),
}
