//! ECS: services, task definitions as raw JSON, tasks.

mod raw;
pub mod service;
pub mod task_definition;
pub mod tasks;
