//! What a step found.

use std::process::Command;

use anyhow::Result;
use rehearsal::Progress;

use crate::command::{run, tail};

/// How a test says that it did nothing, and why.
pub(crate) const LEFT_OUT: &str = "left out: ";

/// What passed, what failed, and what is to be said about it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// For people, when all is well, too.
    pub(crate) notes: Vec<String>,
    /// Why it failed.
    pub(crate) said: String,
    /// Everything that was printed.
    pub(crate) all: String,
}

impl Tally {
    /// A step that passed as a whole.
    pub(crate) fn one() -> Self {
        Self {
            passed: 1,
            ..Self::default()
        }
    }
}

/// Runs `cargo test` and takes over the runner's own numbers.
pub(crate) fn tests(command: &mut Command, progress: &Progress) -> Result<Tally> {
    let said = run(command, progress)?;
    let mut tally = count(&said.text);
    // It did not even build, or a test ended the whole process.
    if !said.success && tally.failed == 0 {
        tally.failed = 1;
    }
    if tally.failed > 0 {
        let start = said.text.find("\nfailures:\n").unwrap_or_default();
        let failures = said.text.get(start..).unwrap_or_default();
        tally.said = if start == 0 {
            tail(failures)
        } else {
            failures.to_owned()
        };
    }
    tally.all = said.text;
    Ok(tally)
}

fn count(text: &str) -> Tally {
    let mut tally = Tally::default();
    for line in text.lines() {
        if let Some(result) = line.strip_prefix("test result: ") {
            tally.passed += number(result, "passed");
            tally.failed += number(result, "failed");
        }
        if let Some((_, reason)) = line.split_once(LEFT_OUT) {
            let note = format!("{LEFT_OUT}{reason}");
            if !tally.notes.contains(&note) {
                tally.notes.push(note);
            }
        }
    }
    tally.notes.insert(
        0,
        format!("{} passed, {} failed", tally.passed, tally.failed),
    );
    tally
}

/// The number before a word.
fn number(text: &str, word: &str) -> usize {
    let words: Vec<&str> = text
        .split([' ', ';', '.'])
        .filter(|word| !word.is_empty())
        .collect();
    let found = words.windows(2).find_map(|pair| match pair {
        [number, name] if *name == word => number.parse().ok(),
        _ => None,
    });
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runners_numbers_are_added_up() {
        let text = "\
running 3 tests
test a ... ok
test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
left out: containers (no engine)
left out: containers (no engine)
test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s
";
        let tally = count(text);
        assert_eq!((tally.passed, tally.failed), (15, 2));
        assert_eq!(
            tally.notes,
            ["15 passed, 2 failed", "left out: containers (no engine)"]
        );
    }
}
