//! What came of the tests: each binary runs once, with its marked tests alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Result, ensure};

use super::place::{Binary, Test};
use crate::command::cargo;
use crate::say;
use crate::test::step::{LEFT_OUT, tests};

/// What came of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed,
    /// It said that it did nothing, it is ignored, or `--fast` left it out.
    LeftOut,
    /// Its binary has no test of that name.
    NotFound,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::LeftOut => "left out",
            Self::NotFound => "NOT FOUND",
        })
    }
}

/// Runs the tests; what failed ones said is printed. An error when a binary cannot be built.
pub(super) fn of(all: &BTreeSet<&Test>, fast: bool) -> Result<BTreeMap<Test, Outcome>> {
    let mut binaries: BTreeMap<&Binary, Vec<&Test>> = BTreeMap::new();
    for test in all {
        binaries.entry(&test.binary).or_default().push(test);
    }
    let mut outcomes = BTreeMap::new();
    for (binary, marked) in binaries {
        let found = if fast && binary.is_suite() {
            let left_out = marked
                .iter()
                .map(|test| (test.path.clone(), Outcome::LeftOut));
            left_out.collect()
        } else {
            run(binary, &marked)?
        };
        for test in marked {
            let outcome = found.get(&test.path).copied();
            outcomes.insert(test.clone(), outcome.unwrap_or(Outcome::NotFound));
        }
    }
    Ok(outcomes)
}

fn run(binary: &Binary, marked: &[&Test]) -> Result<BTreeMap<String, Outcome>> {
    let mut command = cargo(&format!("test {}", binary.arguments()));
    command.args(["--", "--exact", "--show-output"]);
    command.args(marked.iter().map(|test| &test.path));
    let what = format!("{binary}: {} tests", marked.len());
    let tally = say::phase(&what, |progress| tests(&mut command, progress))?;
    let outcomes = read(&tally.all);
    if tally.failed > 0 {
        // Then no test says why: it was not built, or it was ended from outside.
        let told = outcomes.values().any(|outcome| *outcome == Outcome::Failed);
        ensure!(told, "{binary}: its tests did not run\n{}", tally.said);
        say::line(tally.said);
    }
    Ok(outcomes)
}

/// The outcomes in what libtest printed, with the output of each test shown.
fn read(text: &str) -> BTreeMap<String, Outcome> {
    let mut outcomes = BTreeMap::new();
    let mut speaker = "";
    for line in text.lines() {
        if let Some((name, result)) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.rsplit_once(" ... "))
        {
            let outcome = match result {
                "ok" => Outcome::Passed,
                ignored if ignored.starts_with("ignored") => Outcome::LeftOut,
                _ => Outcome::Failed,
            };
            let name = name.trim_end_matches(" - should panic");
            outcomes.insert(name.to_owned(), outcome);
        } else if let Some(name) = line
            .strip_prefix("---- ")
            .and_then(|rest| rest.strip_suffix(" stdout ----"))
        {
            speaker = name;
        } else if line.starts_with(LEFT_OUT)
            && let Some(outcome) = outcomes.get_mut(speaker)
            && *outcome == Outcome::Passed
        {
            *outcome = Outcome::LeftOut;
        }
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_end_is_read() {
        let text = "\
running 5 tests
test a::good ... ok
test a::bad ... FAILED
test a::without ... ok
test a::later ... ignored, for a reason
test a::loud - should panic ... ok

successes:

---- a::good stdout ----
it is not left out: 3

---- a::without stdout ----
left out: containers (no engine)

failures:

---- a::bad stdout ----
left out: nothing
thread 'a::bad' panicked at x

test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 9 filtered out; finished in 0.00s
";
        let outcomes: Vec<_> = read(text).into_iter().collect();
        let expected = [
            ("a::bad", Outcome::Failed),
            ("a::good", Outcome::Passed),
            ("a::later", Outcome::LeftOut),
            ("a::loud", Outcome::Passed),
            ("a::without", Outcome::LeftOut),
        ];
        let expected = expected.map(|(name, outcome)| (name.to_owned(), outcome));
        assert_eq!(outcomes, expected);
    }
}
