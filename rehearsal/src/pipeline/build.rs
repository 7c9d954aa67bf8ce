//! A build.

use super::act::{Done, Task, Undone};
use super::given;

pub(super) fn run(task: &Task<'_>) -> Result<Done, Undone> {
    given::run(task)
}
