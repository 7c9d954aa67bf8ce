//! What the commands of this repository print, and how words are laid out on a terminal.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command's output"
)]

use std::io::{IsTerminal, Write, stdout};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Progress;
use anyhow::{Error, Result};

/// Back to the line's begin, and clear it.
const CLEAR: &str = "\r\x1b[K";

/// A line.
pub fn line(text: impl AsRef<str>) {
    println!("{}", text.as_ref());
}

/// An error with all of its causes, and the exit code to end with.
pub fn failure(error: &Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

/// A piece of work: says what it is, shows on a terminal the last thing that `work` told, and adds
/// the time that it took.
pub fn phase<T>(what: &str, work: impl FnOnce(&Progress) -> Result<T>) -> Result<T> {
    let terminal = stdout().is_terminal();
    print!("{what} … ");
    // Standard output waits for a line's end; who watches should not.
    let _ = stdout().flush();
    let started = Instant::now();
    let drawn = Arc::new(Mutex::new(started));
    let head = what.to_owned();
    let progress: Progress = Arc::new(move |told: &str| {
        let mut drawn = drawn.lock().unwrap_or_else(PoisonError::into_inner);
        // A build tells hundreds of lines a second.
        if !terminal || drawn.elapsed() < Duration::from_millis(100) {
            return;
        }
        *drawn = Instant::now();
        let line = format!("{head} … {} {}", seconds(started.elapsed()), told.trim());
        let shown: String = line.chars().filter(|c| !c.is_control()).take(79).collect();
        print!("{CLEAR}{shown}");
        let _ = stdout().flush();
    });
    let done = work(&progress);
    let again = if terminal {
        format!("{CLEAR}{what} … ")
    } else {
        String::new()
    };
    let failed = if done.is_err() { "FAILED, " } else { "" };
    println!("{again}{failed}{}", seconds(started.elapsed()));
    done
}

/// `0.3 s`, `41 s`, `2 min 5 s`.
pub fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        all @ 10..120 => format!("{all} s"),
        all => format!("{} min {} s", all / 60, all % 60),
    }
}

/// `5.2 MB`.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// `text` in lines of `columns` at most, broken at spaces; a word that is longer stays whole.
pub fn wrapped(text: &str, first: &str, others: &str, columns: usize) -> String {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > columns {
            lines.push(std::mem::replace(&mut line, others.to_owned()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_keep_their_indent() {
        let (long, short) = ("x".repeat(70), "y".repeat(20));
        let text = format!("{short}  {long} {short}");
        let expected = format!("- {short}\n  {long}\n  {short}");
        assert_eq!(wrapped(&text, "- ", "  ", 80), expected);
        assert_eq!(wrapped("", "- ", "  ", 80), "- ");
    }
}
