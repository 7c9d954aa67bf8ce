//! ECS: services and their deployments, task definitions as raw JSON, tasks of services and tasks
//! that run once.

pub mod deployment;
pub mod one_off;
mod raw;
pub mod service;
pub mod task_definition;
pub mod tasks;

fn count(count: i32) -> u32 {
    u32::try_from(count).unwrap_or_default()
}
