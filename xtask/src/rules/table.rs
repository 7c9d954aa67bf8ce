//! The table that a person reads: rule, tests, results; then what has no test, and why.

use std::collections::BTreeMap;

use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};

use super::list::{Mark, Rule};
use super::markers::Marker;
use super::outcomes::Outcome;
use super::place::Test;
use super::{COMPLETE, holders};
use crate::say;

/// Columns, in characters. A test's name is not broken, unless it is longer than all so far.
const RULE: u16 = 8;
const TEST: u16 = 102;
const RESULT: u16 = 11;

/// Prints it; without outcomes nothing was run.
pub(super) fn show(
    rules: &[&Rule],
    markers: &[Marker],
    outcomes: Option<&BTreeMap<Test, Outcome>>,
) {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(RULE + TEST + RESULT)
        .set_constraints([RULE, TEST, RESULT].map(|width| {
            // The words of a rule wrap, so that results stand beside their tests.
            ColumnConstraint::Absolute(Width::Fixed(width))
        }));
    for rule in rules {
        let number = rule.number.to_string();
        let mut tests = holders(rule.number, markers).peekable();
        if tests.peek().is_none() {
            continue;
        }
        table.add_row([number, rule.words.clone(), String::new()]);
        for Marker { test, .. } in tests {
            let outcome = outcomes.and_then(|outcomes| outcomes.get(test));
            let outcome = outcome.map(ToString::to_string).unwrap_or_default();
            table.add_row([String::new(), format!("  {test}"), outcome]);
        }
    }
    if !table.is_empty() {
        say::line(format!("\n{}", table.trim_fmt()));
    }

    let without = |mark: Option<Mark>| {
        let lines = rules
            .iter()
            .filter(|rule| rule.mark == mark && holders(rule.number, markers).next().is_none())
            .map(|rule| format!("  {:<7} {}", rule.number.to_string(), rule.words));
        lines.collect::<Vec<_>>()
    };
    let of_complete = format!("no test yet; in {} each needs one", COMPLETE.join(", "));
    for (heading, mark) in [
        ("no test", None),
        (of_complete.as_str(), Some(Mark::NotYet)),
        ("nothing to test", Some(Mark::Background)),
    ] {
        let lines = without(mark);
        if !lines.is_empty() {
            say::line(format!("\n{heading}:\n{}", lines.join("\n")));
        }
    }
    let held = rules.len()
        - [None, Some(Mark::NotYet), Some(Mark::Background)]
            .map(|mark| without(mark).len())
            .iter()
            .sum::<usize>();
    say::line(format!("\n{held} of {} rules have a test", rules.len()));
}
