//! What people do with production: deploy a release again, go back, read the ledger, and ask why something
//! runs. With their own credentials, in the production account.
//!
//! In reading order: `there` is production as a person reaches it; `deploy` starts an execution and
//! follows it; `ledger` shows and verifies what was done; `why` leads from an image to a commit.

pub(crate) mod deploy;
pub(crate) mod ledger;
mod there;
pub(crate) mod why;

use std::process::ExitCode;

use anyhow::Result;
use rehearsal::say;

use crate::wrong_use::{WRONG_USE, WrongUse};

/// Ends with 0 only when it came to a good end: 1 when it did not, 2 for wrong use.
fn ends(result: Result<bool>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say::failure(&error);
            match error.is::<WrongUse>() {
                true => WRONG_USE.into(),
                false => ExitCode::FAILURE,
            }
        }
    }
}
