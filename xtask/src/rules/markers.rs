//! Markers: comments such as `// rules: 3.5.11 3.5.26`, directly above a `#[test]`.
//!
//! Lines are read, not Rust: sources are formatted (`cargo xtask test` checks it), so a module ends
//! at the brace below its first letter.

use std::fs;

use anyhow::{Context, Result, ensure};
use rehearsal::workspace;

use super::list::{Number, Rule};
use super::place::{self, Source, Test};

const MARKER: &str = "// rules:";

/// A test, and the rules that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) test: Test,
    rules: Vec<Number>,
}

impl Marker {
    /// Whether its test holds this rule.
    pub(super) fn holds(&self, number: Number) -> bool {
        self.rules.contains(&number)
    }
}

/// All markers of the workspace; the error lists every one that is wrong, with file and line.
pub(super) fn read(rules: &[Rule]) -> Result<Vec<Marker>> {
    let (mut markers, mut wrong) = (Vec::new(), Vec::new());
    for source in place::sources()? {
        let path = workspace::root().join(&source.path);
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        for found in scan(&text) {
            let place = format!("{}:{}", source.path.display(), found.line);
            match resolve(&source, found, rules) {
                Ok(marker) => markers.push(marker),
                Err(why) => wrong.push(format!("{place}: {why}")),
            }
        }
    }
    ensure!(wrong.is_empty(), "wrong markers:\n- {}", wrong.join("\n- "));
    Ok(markers)
}

fn resolve(source: &Source, found: Found, rules: &[Rule]) -> Result<Marker, String> {
    let known = |word: &String| {
        let number = Number::parse(word);
        number
            .filter(|number| rules.iter().any(|rule| rule.number == *number))
            .ok_or_else(|| format!("tests/rules.txt has no rule {word}"))
    };
    let numbers: Vec<Number> = found.rules.iter().map(known).collect::<Result<_, _>>()?;
    if numbers.is_empty() {
        return Err("the marker names no rule".to_owned());
    }
    let test = found
        .test
        .ok_or("a marker stands directly above a #[test]")?;
    Ok(Marker {
        test: source.test(&test),
        rules: numbers,
    })
}

/// A marker in a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    line: usize,
    rules: Vec<String>,
    /// `tests::name`, from the file's own module on; none when no test follows.
    test: Option<String>,
}

/// A marker whose test has not come yet.
#[derive(Default)]
struct Pending {
    found: Found,
    is_test: bool,
    in_attribute: bool,
}

fn scan(text: &str) -> Vec<Found> {
    let mut all = Vec::new();
    let mut modules: Vec<(usize, &str)> = Vec::new();
    let mut pending: Option<Pending> = None;
    for (at, line) in (1..).zip(text.lines()) {
        let code = line.trim();
        let indent = line.len() - line.trim_start().len();
        if let Some(rules) = code.strip_prefix(MARKER) {
            // Two lines of markers are one.
            let pending = pending.get_or_insert_default();
            pending.found.line = at;
            let words = rules.split([' ', ',']).filter(|word| !word.is_empty());
            pending.found.rules.extend(words.map(str::to_owned));
        } else if let Some(mut marker) = pending.take() {
            if is_passed_over(&mut marker, code) {
                pending = Some(marker);
                continue;
            }
            if let Some(name) = function(code).filter(|_| marker.is_test) {
                let path = modules.iter().map(|(_, module)| *module).chain([name]);
                marker.found.test = Some(path.collect::<Vec<_>>().join("::"));
            }
            all.push(marker.found);
        } else if let Some(name) = module(code) {
            modules.push((indent, name));
        } else if code == "}" && modules.last().is_some_and(|(open, _)| *open == indent) {
            modules.pop();
        }
    }
    all.extend(pending.map(|marker| marker.found));
    all
}

/// Attributes and comments may stand between a marker and its function; one attribute says that it
/// is a test.
fn is_passed_over(marker: &mut Pending, code: &str) -> bool {
    if marker.in_attribute {
        marker.in_attribute = !code.ends_with(']');
        return true;
    }
    if let Some(attribute) = code.strip_prefix("#[") {
        let name = attribute.split([']', '(']).next().unwrap_or_default();
        marker.is_test |= name == "test" || name.ends_with("::test");
        marker.in_attribute = !code.ends_with(']');
        return true;
    }
    code.starts_with("//")
}

/// The name in `fn name(…`, `async fn name(…`.
fn function(code: &str) -> Option<&str> {
    let code = without_visibility(code);
    let code = code.strip_prefix("async ").unwrap_or(code);
    code.strip_prefix("fn ")?.split(['(', '<']).next()
}

/// The name in `mod name {`, `pub(crate) mod name {`.
fn module(code: &str) -> Option<&str> {
    let code = without_visibility(code);
    code.strip_prefix("mod ")?.strip_suffix(" {")
}

fn without_visibility(code: &str) -> &str {
    match code.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ").map_or(code, |(_, code)| code),
        Some(rest) => rest.trim_start(),
        None => code,
    }
}

/// A marker of these rules above some test.
#[cfg(test)]
pub(super) fn sample(rules: &str) -> Marker {
    let source = place::source("shared/src/sample.rs".as_ref(), false);
    Marker {
        test: source.test("tests::sample"),
        rules: rules.split(' ').filter_map(Number::parse).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sources stand behind a margin here, so that they are none of this file's own.
    fn check(source: &str, expected: &[(usize, &str, Option<&str>)]) {
        let lines = source.lines().filter_map(|line| line.split_once('|'));
        let text: Vec<&str> = lines.map(|(_, code)| code).collect();
        let found = scan(&text.join("\n"));
        let shown: Vec<_> = found
            .iter()
            .map(|found| (found.line, found.rules.join(" "), found.test.as_deref()))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(line, rules, test)| (*line, (*rules).to_owned(), *test))
            .collect();
        assert_eq!(shown, expected, "{source}");
    }

    #[test]
    fn a_test_is_named_by_the_modules_around_it() {
        let source = "
            |// rules: 3.5.1
            |#[test]
            |fn at_the_top() {
            |    if x {
            |    }
            |}
            |pub(super) mod tests {
            |    mod inner {
            |        // rules: 3.5.2, 3.5.3
            |        /// Words between.
            |        #[tokio::test(start_paused = true)]
            |        async fn deep() {
            |        }
            |    }
            |    fn helper() {
            |    }
            |    // rules: 3.5.4
            |    // rules: 3.5.5
            |    #[test]
            |    #[expect(
            |        clippy::panic,
            |        reason = \"x\"
            |    )]
            |    fn after_inner() {}
            |}
            |// rules: 3.5.6
            |#[test]
            |fn after_all() {}";
        check(
            source,
            &[
                (1, "3.5.1", Some("at_the_top")),
                (9, "3.5.2 3.5.3", Some("tests::inner::deep")),
                (18, "3.5.4 3.5.5", Some("tests::after_inner")),
                (26, "3.5.6", Some("after_all")),
            ],
        );
    }

    #[test]
    fn properties_are_tests_and_their_macro_is_no_module() {
        let source = "
            |mod tests {
            |    proptest! {
            |        #![proptest_config(ProptestConfig::with_cases(9))]
            |        // rules: 3.2.7
            |        #[test]
            |        fn any_text(text in \"x\") {
            |        }
            |    }
            |    // rules: 3.2.8
            |    #[test]
            |    fn plain() {}
            |}";
        check(
            source,
            &[
                (4, "3.2.7", Some("tests::any_text")),
                (9, "3.2.8", Some("tests::plain")),
            ],
        );
    }

    #[test]
    fn a_marker_without_a_test_below_it_is_found_out() {
        for code in ["fn no_test() {}", "", "proptest! {", "}", "let x = 1;"] {
            check(&format!("|// rules: 3.5.1\n|{code}"), &[(1, "3.5.1", None)]);
        }
        check(
            "|// rules: 3.5.1\n|#[test]\n|\n|fn x() {}",
            &[(1, "3.5.1", None)],
        );
        check("|// rules: 3.5.1", &[(1, "3.5.1", None)]);
    }

    #[test]
    fn only_rules_of_the_list_can_be_held() {
        let rules = crate::rules::list::parse("3.5.1 x").unwrap();
        let source = place::source("tests/jobs.rs".as_ref(), false);
        let resolved = |numbers: &str, test: Option<&str>| {
            let found = Found {
                line: 7,
                rules: numbers.split_whitespace().map(str::to_owned).collect(),
                test: test.map(str::to_owned),
            };
            resolve(&source, found, &rules).map(|marker| marker.test.to_string())
        };
        assert_eq!(resolved("3.5.1", Some("t")).unwrap(), "suite jobs::t");
        for (numbers, test, expected) in [
            ("3.5.1 3.5.2", Some("t"), "no rule 3.5.2"),
            ("3.5", Some("t"), "no rule 3.5"),
            ("", Some("t"), "names no rule"),
            ("3.5.1", None, "directly above"),
        ] {
            let error = resolved(numbers, test).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
