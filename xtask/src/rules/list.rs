//! `tests/rules.txt`: the rules, one a line, and why some have no test.

use std::fmt;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use rehearsal::workspace;

/// Stands before the reason why a rule has no test.
const DASH: &str = " – ";

/// The number of a rule, such as `3.5.11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number([u16; 3]);

impl Number {
    /// None unless three numbers with dots between.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<u16> = text
            .split('.')
            .map(|part| part.parse().ok())
            .collect::<Option<_>>()?;
        parts.try_into().ok().map(Self)
    }

    /// Whether it is this rule or one of this section; all are in the empty one.
    pub(super) fn is_in(self, section: &str) -> bool {
        section.is_empty() || format!("{self}.").starts_with(&format!("{section}."))
    }

    /// The rule after this one, or the first of a section.
    fn comes_after(self, before: Option<Self>) -> bool {
        let Self([part, section, rule]) = self;
        match before {
            Some(Self([p, s, before])) if (p, s) == (part, section) => rule == before + 1,
            Some(Self([p, s, _])) => (p, s) < (part, section) && rule == 1,
            None => rule == 1,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([part, section, rule]) = self;
        write!(f, "{part}.{section}.{rule}")
    }
}

/// Why a rule has no test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// There is nothing to test; the line says why.
    Background,
    /// There will be one.
    NotYet,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Background => "background",
            Self::NotYet => "not yet",
        })
    }
}

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) number: Number,
    /// What AWS does, with the reason of the mark.
    pub(super) words: String,
    pub(super) mark: Option<Mark>,
}

/// The rules of `tests/rules.txt`.
pub(super) fn read() -> Result<Vec<Rule>> {
    let path = workspace::root().join("tests/rules.txt");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    parse(&text).context("tests/rules.txt")
}

/// Rules in their order, with no gap in a section. Headings of sections and comments are passed
/// over.
pub(super) fn parse(text: &str) -> Result<Vec<Rule>> {
    let mut rules: Vec<Rule> = Vec::new();
    for (at, line) in (1..).zip(text.lines()) {
        let (number, words) = line.trim().split_once(' ').unwrap_or((line, ""));
        let heading = number.split('.').count() == 2;
        if line.trim().is_empty() || line.starts_with('#') || heading {
            continue;
        }
        let Some(number) = Number::parse(number) else {
            bail!("line {at}: {number:?} is no number of a rule");
        };
        let before = rules.last().map(|rule| rule.number);
        ensure!(
            number.comes_after(before),
            "line {at}: {number} does not follow the rule before it"
        );
        let words = words.trim().to_owned();
        ensure!(!words.is_empty(), "line {at}: {number} says nothing");
        let mark = mark(&words).with_context(|| format!("line {at}"))?;
        rules.push(Rule {
            number,
            words,
            mark,
        });
    }
    Ok(rules)
}

fn mark(words: &str) -> Result<Option<Mark>> {
    let Some((_, mark)) = words.rsplit_once(DASH) else {
        return Ok(None);
    };
    match mark.split_once(": ").unwrap_or((mark, "")) {
        ("background", reason) => {
            ensure!(!reason.is_empty(), "\"background\" has to say why");
            Ok(Some(Mark::Background))
        }
        ("not yet", _) => Ok(Some(Mark::NotYet)),
        _ => bail!("after \"{DASH}\" stands \"background: …\" or \"not yet\", not {mark:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_rule_with_or_without_a_reason() {
        let text = "# a comment\n\n3.2 Answers\n3.2.1  One answer.\n3.5 ECS\n3.5.1 Is so – background: why\n3.5.2 Is so – not yet: a test\n";
        let rules = parse(text).unwrap();
        let shown: Vec<_> = rules
            .iter()
            .map(|rule| (rule.number.to_string(), rule.words.as_str(), rule.mark))
            .collect();
        assert_eq!(
            shown,
            [
                ("3.2.1".to_owned(), "One answer.", None),
                (
                    "3.5.1".to_owned(),
                    "Is so – background: why",
                    Some(Mark::Background)
                ),
                (
                    "3.5.2".to_owned(),
                    "Is so – not yet: a test",
                    Some(Mark::NotYet)
                ),
            ]
        );
    }

    #[test]
    fn gaps_repetitions_and_bad_reasons_are_errors() {
        for (text, expected) in [
            ("3.5.2 x", "does not follow"),
            ("3.5.1 x\n3.5.3 x", "line 2"),
            ("3.5.1 x\n3.5.1 x", "line 2"),
            ("3.5.1 x\n3.4.1 x", "line 2"),
            ("3.5.1", "says nothing"),
            ("3.5.x y", "no number"),
            ("3.5.1 x – background", "say why"),
            ("3.5.1 x – later", "later"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_section_is_no_beginning_of_a_number() {
        let number = Number::parse("3.5.11").unwrap();
        assert!(["", "3", "3.5", "3.5.11"].iter().all(|s| number.is_in(s)));
        assert!(["3.5.1", "3.51", "5"].iter().all(|s| !number.is_in(s)));
    }
}
