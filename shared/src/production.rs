//! Production: what a gate asks before a release may in, and what is remembered while it is deployed.
//!
//! An [`arrival`] sets it off, or a [`wish`] of a person; the [`gate`] says everything that speaks
//! against a release; a [`record`] is where a deployment stands, from step to step; [`freeze`] is how
//! people say not now, and [`announcement`] how they learn what came of it; [`why`] leads
//! from what runs back to where it comes from.

pub mod announcement;
pub mod arrival;
pub mod freeze;
pub mod gate;
pub mod record;
pub mod why;
pub mod wish;
