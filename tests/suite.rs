//! The suite against local AWS: the functions as they are deployed from `template.yaml`, under
//! their own roles, with IAM enforced.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test reports by panicking, its helpers too, and says what it leaves out"
)]

mod fixture;

mod containers;
mod dsse;
mod emulator;
mod environments;
mod failures;
mod faults;
mod jobs;
mod local;
mod operations;
mod package;
mod policy;
mod preview;
mod preview_role;
mod production;
mod readme;
mod redbutton;
mod refusals;
mod rehearse;
mod release_role;
mod releases;
mod rollouts;
mod secrets;
mod several;
mod stacks;
mod tasks;
mod templates;
mod traffic;
mod verify;
