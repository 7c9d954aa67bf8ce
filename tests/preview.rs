//! production-preview: what it tells is what a rollout then does, and it changes nothing.

mod generated;
mod job;
mod shows;
