//! What is wrong with what was asked for, all at once, before anything is done.

use std::fmt;

/// Everything that is wrong; nothing was done.
#[derive(Debug)]
pub(crate) struct WrongUse(pub(crate) Vec<String>);

/// The exit code of wrong use, as clap's own.
pub(crate) const WRONG_USE: u8 = 2;

impl WrongUse {
    /// Fine when nothing is wrong.
    pub(crate) fn check(wrong: Vec<String>) -> Result<(), Self> {
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(Self(wrong)),
        }
    }
}

impl fmt::Display for WrongUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => f.write_str(only),
            several => write!(f, "several things are wrong:\n- {}", several.join("\n- ")),
        }
    }
}

impl std::error::Error for WrongUse {}
