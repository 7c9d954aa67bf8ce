//! `cargo xtask rules`: which test holds which rule of AWS, and whether it does today.
//!
//! In reading order: `list` reads `tests/rules.txt`, `markers` finds what tests say of themselves,
//! `place` names them as libtest does, `outcomes` runs them, `table` shows it all.

mod list;
mod markers;
mod outcomes;
mod place;
mod table;

use std::collections::BTreeSet;

use anyhow::{Result, bail, ensure};

use crate::say;
use list::{Mark, Number, Rule};
use markers::Marker;
use outcomes::Outcome;

/// Every rule of these sections has a test, or says in the list why it has none.
const COMPLETE: [&str; 7] = ["3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10"];

fn in_complete(number: Number) -> bool {
    COMPLETE.iter().any(|section| number.is_in(section))
}

/// Run the tests that hold the rules of AWS, and show rule by rule what came of it.
///
/// The rules are those of tests/rules.txt. A test names what it holds in a comment directly above
/// its #[test], such as `// rules: 3.5.11 3.5.26`. Fails when a test does, when a marker names no
/// rule, and when a rule of 3.4 to 3.10 has no test.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only these rules: a section such as 3.5, or one rule such as 3.5.11
    section: Option<String>,
    /// Run nothing; only list which test holds which rule
    #[arg(long)]
    list: bool,
    /// Leave out what needs the emulator
    #[arg(long, conflicts_with = "list")]
    fast: bool,
}

/// Shows the rules with their tests; an error when one is not held.
pub(crate) fn run(options: &Options) -> Result<()> {
    let all = list::read()?;
    let markers = markers::read(&all)?;
    let section = options.section.as_deref().unwrap_or_default();
    let rules: Vec<&Rule> = all
        .iter()
        .filter(|rule| rule.number.is_in(section))
        .collect();
    ensure!(!rules.is_empty(), "tests/rules.txt has no rule {section}");
    let tests: BTreeSet<_> = markers
        .iter()
        .filter(|marker| rules.iter().any(|rule| marker.holds(rule.number)))
        .map(|marker| &marker.test)
        .collect();

    let outcomes = match options.list {
        true => None,
        false => Some(outcomes::of(&tests, options.fast)?),
    };
    table::show(&rules, &markers, outcomes.as_ref());

    let mut wrong = complaints(&rules, &markers);
    let due = |rule: &&&Rule| {
        let Rule { number, mark, .. } = rule;
        in_complete(*number)
            && *mark == Some(Mark::NotYet)
            && holders(*number, &markers).next().is_none()
    };
    let due = rules.iter().filter(due);
    wrong.extend(due.map(|rule| format!("{} has no test yet", rule.number)));
    for (test, outcome) in outcomes.iter().flatten() {
        match outcome {
            Outcome::Passed | Outcome::LeftOut => {}
            Outcome::Failed => wrong.push(format!("{test} failed")),
            Outcome::NotFound => wrong.push(format!("{test} is marked, but its binary has none")),
        }
    }
    if !wrong.is_empty() {
        bail!("not every rule is held:\n- {}", wrong.join("\n- "));
    }
    say::line("every rule is held that has to be");
    Ok(())
}

/// What the list and the markers say against each other.
fn complaints(rules: &[&Rule], markers: &[Marker]) -> Vec<String> {
    let complaint = |rule: &&Rule| {
        let Rule { number, words, .. } = rule;
        match (holders(*number, markers).next(), rule.mark) {
            (Some(marker), Some(mark)) => Some(format!(
                "{number} is held by {}: take \"{mark}\" out of its line in tests/rules.txt",
                marker.test
            )),
            (None, None) if in_complete(*number) => Some(format!("{number} has no test: {words}")),
            _ => None,
        }
    };
    rules.iter().filter_map(complaint).collect()
}

/// The markers of the tests that hold a rule.
fn holders(number: Number, markers: &[Marker]) -> impl Iterator<Item = &Marker> {
    markers.iter().filter(move |marker| marker.holds(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_marker_resolves_and_every_rule_is_held_or_says_why_not() {
        let rules = list::read().unwrap();
        let markers = markers::read(&rules).unwrap();
        let rules: Vec<&Rule> = rules.iter().collect();
        let wrong = complaints(&rules, &markers);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn a_rule_without_a_test_and_an_excuse_with_one_are_complained_of() {
        let text = "3.2 A\n3.2.1 a\n3.5 B\n3.5.1 b\n3.5.2 c – not yet\n3.5.3 d – background: e\n";
        let rules = list::parse(text).unwrap();
        let rules: Vec<&Rule> = rules.iter().collect();
        let marker = |rules: &str| markers::sample(rules);
        let about = |markers: &[Marker]| -> Vec<String> {
            let first = |text: String| text.split(' ').next().unwrap().to_owned();
            complaints(&rules, markers).into_iter().map(first).collect()
        };
        assert_eq!(about(&[]), ["3.5.1"]);
        assert_eq!(about(&[marker("3.5.1")]), [""; 0]);
        assert_eq!(about(&[marker("3.5.1 3.5.2 3.5.3")]), ["3.5.2", "3.5.3"]);
    }
}
