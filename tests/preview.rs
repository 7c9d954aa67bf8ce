//! production-preview: what it tells is what a rollout then does, and it changes nothing.

mod gone;
mod job;
mod roles;
mod shows;
