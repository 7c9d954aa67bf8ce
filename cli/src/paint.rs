//! Colours, where there is a terminal to show them, and words of others that cannot change it.

use std::io::{IsTerminal, stdout};

use rehearsal::pipeline::Status;

/// Whether there are colours.
#[derive(Clone, Copy)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    /// On a terminal, unless NO_COLOR is set.
    pub(crate) fn of_stdout() -> Self {
        Self(stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none())
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.in_code("1", text)
    }

    pub(crate) fn faint(self, text: &str) -> String {
        self.in_code("2", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.in_code("32", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.in_code("31", text)
    }

    pub(crate) fn status(self, status: Status) -> String {
        match status {
            Status::Succeeded => self.good(status.name()),
            Status::Failed => self.bad(status.name()),
            Status::InProgress | Status::Stopped | Status::Superseded => {
                self.in_code("33", status.name())
            }
        }
    }

    fn in_code(self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Without what would move the cursor, or turn the direction of what follows.
pub(crate) fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .filter(|c| !c.is_control() && !turns(*c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals() {
        assert_eq!(Paint(true).status(Status::Failed), "\x1b[31mFailed\x1b[0m");
        assert_eq!(Paint(false).status(Status::Failed), "Failed");
    }

    #[test]
    fn what_others_wrote_does_nothing() {
        assert_eq!(plain("\x1b[2Ja\rb\u{202e}c\u{9b}é"), "[2Jabcé");
    }
}
