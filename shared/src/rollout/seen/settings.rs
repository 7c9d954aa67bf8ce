//! A service's settings that no release changes: what two environments are compared by, and what
//! says how carefully a service is rolled out.

use super::Network;

/// Settings, as `DescribeServices` has them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// The service's ARN.
    pub arn: String,
    /// When the service was created, seconds since the epoch; 0 when unknown.
    pub created: u64,
    /// `minimumHealthyPercent`.
    pub minimum_healthy: Option<i32>,
    /// `maximumPercent`.
    pub maximum: Option<i32>,
    /// The circuit breaker: whether it is on, and whether it rolls back; none when not told.
    pub breaker: Option<(bool, bool)>,
    /// Names of the CloudWatch alarms that are written down, whether or not they are watched.
    pub alarms: Vec<String>,
    /// Whether a deployment watches them.
    pub alarms_enabled: bool,
    /// The launch type, such as `FARGATE`, or `capacity providers FARGATE:1 base 2, FARGATE_SPOT:4`:
    /// each with its weight, and its base when it has one.
    pub launch: String,
    /// Such as `LATEST`; empty for EC2.
    pub platform: String,
    /// Subnets and security groups are sorted; none without awsvpc.
    pub network: Option<Network>,
    /// Each a target group's ARN or a Classic Load Balancer's name, then container and port:
    /// `TARGET web:8080`.
    pub load_balancers: Vec<String>,
    /// Whether the PRIMARY deployment has Service Connect.
    pub service_connect: bool,
}

/// A CloudWatch alarm, metric or composite.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: String,
    /// CloudWatch's words about the state.
    pub reason: String,
}
