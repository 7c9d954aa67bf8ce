//! `#{namespace.key}` in an action's configuration.

use std::collections::BTreeMap;

/// Variables by namespace.
pub(super) type Namespaces = BTreeMap<String, BTreeMap<String, String>>;

/// A reference, and where it ends in the text.
struct Found<'a> {
    before: &'a str,
    namespace: &'a str,
    key: &'a str,
    after: &'a str,
}

/// The references of a text, as namespace and key.
pub(super) fn references(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(next) = first(rest) {
        found.push((next.namespace, next.key));
        rest = next.after;
    }
    found
}

/// The text with every reference replaced, or the references that nothing answers.
pub(super) fn resolved(text: &str, namespaces: &Namespaces) -> Result<String, Vec<String>> {
    let (mut whole, mut missing) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(next) = first(rest) {
        let values = namespaces.get(next.namespace);
        whole.push_str(next.before);
        match values.and_then(|values| values.get(next.key)) {
            // What is put in is not read again: a value may hold `#{`.
            Some(value) => whole.push_str(value),
            None => missing.push(format!("#{{{}.{}}}", next.namespace, next.key)),
        }
        rest = next.after;
    }
    whole.push_str(rest);
    if missing.is_empty() {
        Ok(whole)
    } else {
        Err(missing)
    }
}

fn first(text: &str) -> Option<Found<'_>> {
    let mut from = 0;
    loop {
        let start = from + text.get(from..)?.find("#{")?;
        let inner = text.get(start + 2..)?;
        let reference = inner.split_once('}').and_then(|(reference, after)| {
            let (namespace, key) = reference.split_once('.')?;
            (is_name(namespace) && is_name(key)).then_some(Found {
                before: text.get(..start)?,
                namespace,
                key,
                after,
            })
        });
        if reference.is_some() {
            return reference;
        }
        from = start + 2;
    }
}

/// What a namespace or key may be made of.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "@-_".contains(letter);
    !text.is_empty() && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &[&str]>) {
        let of = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let namespaces = BTreeMap::from([
            ("codepipeline".to_owned(), of("PipelineExecutionId", "e")),
            ("Preview".to_owned(), of("Summary", "2 changes #{a.b}")),
        ]);
        let found = resolved(text, &namespaces);
        let expected = expected.map(str::to_owned);
        let expected = expected.map_err(|missing| missing.iter().map(|m| m.to_string()).collect());
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn references_are_replaced() {
        check("", Ok(""));
        check("plain # { } #{} #{x}", Ok("plain # { } #{} #{x}"));
        check("#{codepipeline.PipelineExecutionId}", Ok("e"));
        check(
            "a #{Preview.Summary} b #{codepipeline.PipelineExecutionId}.",
            Ok("a 2 changes #{a.b} b e."),
        );
        check("#{#{Preview.Summary}", Ok("#{2 changes #{a.b}"));
        check(
            "{\"a\":\"#{Preview.Summary}\"}",
            Ok("{\"a\":\"2 changes #{a.b}\"}"),
        );
        check("é#{Preview.Summary}", Ok("é2 changes #{a.b}"));
    }

    #[test]
    fn what_nothing_answers_is_named() {
        check(
            "#{A.b} #{Preview.Summary} #{Preview.X}",
            Err(&["#{A.b}", "#{Preview.X}"]),
        );
    }
}
