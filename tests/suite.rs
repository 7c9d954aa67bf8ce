//! The suite against local AWS: the functions as they are deployed from `template.yaml`, under
//! their own roles, with IAM enforced.

mod fixture;

mod jobs;
mod rollouts;
mod refusals;
mod failures;
mod faults;
mod secrets;
mod containers;
mod local;
mod package;
mod templates;
