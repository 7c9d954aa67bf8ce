//! production-preview: what it tells is what a rollout then does, and it changes nothing.

mod generated;
mod gone;
mod job;
mod live;
mod preflight;
mod roles;
mod shows;
mod told;
