//! Texts as people read them: `…` stands for whatever is put in.

/// The sign for what is put in.
const GAP: char = '…';

/// A literal in people's eyes: placeholders are gaps, white space is one space, backticks are left out; so is
/// what joins it to something before or behind it.
pub(super) fn read(literal: &str) -> String {
    let mut text = String::new();
    let mut rest = literal;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        if let Some(doubled) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
            text.push(first);
            rest = doubled;
        } else if let Some(behind) = placeholder(rest) {
            text.push(GAP);
            rest = behind;
        } else {
            text.push(first);
            rest = after;
        }
    }
    core(&text)
}

/// A text without the gaps and signs that it begins and ends with.
pub(super) fn core(text: &str) -> String {
    let joins = [GAP, ' ', ':', ';', ',', '.', '-'];
    plain(text).trim_matches(joins).to_owned()
}

/// How much a text says by itself: its length without gaps.
pub(super) fn weight(text: &str) -> usize {
    text.chars().filter(|sign| *sign != GAP).count()
}

/// What stands behind `{}`, `{name}`, `{name:?}`, `{0:>4}`. Other braces are a text's own.
fn placeholder(rest: &str) -> Option<&str> {
    let (inside, behind) = rest.strip_prefix('{')?.split_once('}')?;
    let (name, form) = inside.split_once(':').unwrap_or((inside, ""));
    let fits = |text: &str, others: &str| {
        text.chars()
            .all(|sign| sign.is_ascii_alphanumeric() || others.contains(sign))
    };
    (fits(name, "_") && fits(form, "_?<>$#.")).then_some(behind)
}

/// One space for all white space, one gap for several, no backticks.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::new();
    for sign in text.chars().filter(|sign| *sign != '`') {
        match sign {
            GAP if plain.trim_end().ends_with(GAP) => plain.truncate(plain.trim_end().len()),
            sign if sign.is_whitespace() && plain.ends_with(' ') => {}
            sign if sign.is_whitespace() => plain.push(' '),
            sign => plain.push(sign),
        }
    }
    plain.trim().to_owned()
}

/// How many words a text has, between spaces, with two letters at least.
pub(super) fn count(text: &str) -> usize {
    let letters = |word: &&str| word.chars().filter(|sign| sign.is_alphabetic()).count();
    let words = text.split(' ');
    words.filter(|word| letters(word) > 1).count()
}

/// The text with a gap in the place of a literal, if that stands in it. What is put into the literal may
/// be a gap in the text, too, with or without a word, a word of an example, or nothing.
pub(super) fn without(text: &str, literal: &str) -> Option<String> {
    let parts = literal.split(GAP).map(str::trim);
    let mut parts = parts.filter(|part| !part.is_empty());
    let (first, others) = (parts.next()?, parts);
    places(text, first).find_map(|(before, rest)| {
        let after = others.clone().try_fold(rest, behind)?;
        Some(plain(&format!("{before}{GAP}{after}")))
    })
}

/// What is behind the next part of a literal, which is no more than a word away.
fn behind<'a>(rest: &'a str, part: &str) -> Option<&'a str> {
    let words = |put_in: &str| {
        let words = put_in.split_whitespace();
        words.filter(|word| word.chars().ne([GAP])).count()
    };
    let mut near = places(rest, part).take_while(|(put_in, _)| words(put_in) < 2);
    near.next().map(|(_, behind)| behind)
}

/// Where a part stands, not in the middle of a word: what is before it, and what is behind it.
fn places<'a>(text: &'a str, part: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let places = text.match_indices(part).filter_map(|(at, part)| {
        let (before, rest) = text.split_at_checked(at)?;
        Some((before, rest.get(part.len()..)?))
    });
    let joined = |one: Option<char>, other: Option<char>| {
        one.is_some_and(char::is_alphanumeric) && other.is_some_and(char::is_alphanumeric)
    };
    places.filter(move |(before, behind)| {
        let starts_in_a_word = joined(before.chars().next_back(), part.chars().next());
        let ends_in_a_word = joined(part.chars().next_back(), behind.chars().next());
        !starts_in_a_word && !ends_in_a_word
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_gaps_and_other_braces_are_not() {
        for (literal, expected) in [
            ("{name:?} is `none`: {}", "is none"),
            ("is {{\"a\": {n:>4}}}", "is {\"a\": …}"),
            ("is {\"ImageURI\": \"x\"}", "is {\"ImageURI\": \"x\"}"),
            ("a\n{}{1} {2}  of\n{LIMIT} b", "a … of … b"),
        ] {
            assert_eq!(read(literal), expected);
        }
    }

    #[test]
    fn a_literal_is_found_whatever_is_put_in_in_a_word() {
        for (text, literal, expected) in [
            ("a: … is missing", "is missing", Some("a: …")),
            ("it has … of 2 tasks", "of … tasks", Some("it has …")),
            ("may not call s3:Get on …", "may not call … on", Some("…")),
            ("it has one of all the tasks", "of … tasks", None),
            ("it is missings", "is missing", None),
            ("of the policy in my … and more", "the policy… and", None),
            (
                "of the policy in … and more",
                "the policy… and",
                Some("of … more"),
            ),
            (
                "of the policy and more",
                "the policy… and",
                Some("of … more"),
            ),
        ] {
            assert_eq!(without(text, literal).as_deref(), expected, "{text}");
        }
    }
}
