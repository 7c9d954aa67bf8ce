//! What a Rust source says to people: its string literals, but those of tests, comments and attributes,
//! those of the log, and those that are only looked for in what AWS says.
//!
//! Brackets, and what stands before them, tell where a literal is.

use super::tokens::{Sort, Token, tokens};

/// What a source holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Source {
    /// In their order.
    pub(super) literals: Vec<Literal>,
    /// The modules that lie in files of their own, without those of tests.
    pub(super) modules: Vec<String>,
}

/// A string literal, as the program has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Literal {
    pub(super) line: usize,
    pub(super) text: String,
}

/// What is written in them is for the log: macros of `tracing`.
const LOGS: [&str; 5] = ["trace!", "debug!", "info!", "warn!", "error!"];

/// What is written in them is looked for, and not said.
const LOOKS: [&str; 9] = [
    "contains",
    "ends_with",
    "find",
    "rsplit_once",
    "split",
    "split_once",
    "starts_with",
    "strip_prefix",
    "strip_suffix",
];

/// Reads a source.
pub(super) fn read(source: &str) -> Source {
    let tokens = tokens(source);
    let (mut found, mut open) = (Source::default(), Vec::new());
    let mut at = 0;
    while let Some(Token { line, sort }) = tokens.get(at) {
        let rest = tokens.get(at..).unwrap_or_default();
        if is_of_tests(rest) {
            at += item(rest);
            continue;
        }
        match sort {
            Sort::Sign('(' | '[' | '{') => open.push(head(tokens.get(..at).unwrap_or_default())),
            Sort::Sign(')' | ']' | '}') => {
                open.pop();
            }
            Sort::Text(text) if is_said(&open) => found.literals.push(Literal {
                line: *line,
                text: text.clone(),
            }),
            Sort::Word(word) if word == "mod" && open.is_empty() => {
                found.modules.extend(file(rest))
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Whether a literal in these brackets, the outermost first, is for people.
fn is_said(open: &[String]) -> bool {
    let last = open.last().map(String::as_str).unwrap_or_default();
    let is_in = |heads: &[&str]| open.iter().any(|head| heads.contains(&head.as_str()));
    if is_in(&["#"]) {
        // Of attributes, thiserror's alone is one: `#[error("…")]`.
        return last == "error";
    }
    !is_in(&LOGS) && !LOOKS.contains(&last)
}

/// What stands before a bracket: `name` or `name!` of what is called, `#` of an attribute.
fn head(before: &[Token]) -> String {
    let mut before = before.iter().rev().map(|token| &token.sort);
    match (before.next(), before.next()) {
        (Some(Sort::Sign('#')), _) | (Some(Sort::Sign('!')), Some(Sort::Sign('#'))) => "#".into(),
        (Some(Sort::Sign('!')), Some(Sort::Word(name))) => format!("{name}!"),
        (Some(Sort::Word(name)), _) => name.clone(),
        _ => String::new(),
    }
}

/// Whether `#[cfg(test)]` begins here.
fn is_of_tests(rest: &[Token]) -> bool {
    let shown: String = rest
        .iter()
        .take(7)
        .map(|token| token.sort.shown())
        .collect();
    shown == "#[cfg(test)]"
}

/// The length of an item with its attributes: up to its `;`, or the end of its braces.
fn item(rest: &[Token]) -> usize {
    let mut depth = 0;
    for (at, token) in (1..).zip(rest) {
        match token.sort {
            Sort::Sign('(' | '[' | '{') => depth += 1,
            Sort::Sign(')' | ']') => depth -= 1,
            Sort::Sign('}') if depth == 1 => return at,
            Sort::Sign('}') => depth -= 1,
            Sort::Sign(';') if depth == 0 => return at,
            _ => {}
        }
    }
    rest.len()
}

/// The name in `mod name;`.
fn file(rest: &[Token]) -> Option<String> {
    let mut rest = rest.iter().skip(1).map(|token| &token.sort);
    match (rest.next()?, rest.next()?) {
        (Sort::Word(name), Sort::Sign(';')) => Some(name.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sources stand behind a margin here, so that they are none of this file's own.
    fn check(source: &str, expected: &[(usize, &str)], modules: &[&str]) {
        let lines = source.lines().filter_map(|line| line.split_once('|'));
        let text: Vec<&str> = lines.map(|(_, code)| code).collect();
        let found = read(&text.join("\n"));
        let literals = found.literals.iter();
        let literals: Vec<_> = literals.map(|one| (one.line, one.text.as_str())).collect();
        assert_eq!(literals, expected, "{source}");
        assert_eq!(found.modules, modules, "{source}");
    }

    #[test]
    fn what_is_not_said_is_left_out() {
        let source = r#"
            |//! "A comment."
            |/* "another" */
            |#![expect(dead_code, reason = "why")]
            |#[error("is told")]
            |#[serde(rename = "not told")]
            |fn one() {
            |    tracing::warn!(%error, text = format!("for {the} log"), "log");
            |    let found = text.contains("AWS's words") && !text.starts_with(of("ours"));
            |}"#;
        check(source, &[(4, "is told"), (8, "ours")], &[]);
    }

    #[test]
    fn tests_are_left_out_and_modules_followed() {
        let source = r#"
            |mod first;
            |pub(crate) mod second;
            |mod inline { const A: &str = "inside"; }
            |#[cfg(test)]
            |mod tests;
            |#[cfg(test)]
            |#[path = "x.rs"]
            |mod more { fn x() -> [u8; 2] { "test" } }
            |const B: &str = "after";"#;
        check(source, &[(3, "inside"), (9, "after")], &["first", "second"]);
    }
}
