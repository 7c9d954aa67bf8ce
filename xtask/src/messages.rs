//! Every message of the suite that a person can meet is on the page for troubleshooting, and the page has
//! no other: a test over all string literals in words.
//!
//! There is no type of all messages, and no list of the functions that make them: a literal is handed on
//! as a finding, as a reason, as a part of another one. So every literal counts until somebody says why
//! it does not, and whoever writes a new one is asked for its row. In reading order: `sources` goes along
//! the modules, `tokens` and `literals` read what they say, `words` makes of it what a person sees,
//! `page` reads the page, and `apart` the list of what is no message.
//!
//! The page is read as the sources make it: out of each message the literals are taken, the longest
//! first, until only gaps are left. What is left over is stale; what was never taken out is missing.

mod apart;
mod literals;
mod page;
mod sources;
mod tokens;
mod words;

use apart::{APART, Apart};
use page::{PAGE, Told};
use sources::Named;

/// So many words make a message: one is a name, a key or a sign.
const FEWEST_WORDS: usize = 2;

/// Everything that page, list and sources say against each other.
fn complaints(sources: &[Named], told: &[Told], apart: &[Apart]) -> Vec<String> {
    let (said, mut wrong) = said(sources, apart);
    let mut literals: Vec<&str> = said.iter().map(|said| said.text.as_str()).collect();
    literals.sort_by_key(|text| (std::cmp::Reverse(words::weight(text)), *text));
    literals.dedup();
    let mut on_page: Vec<&str> = Vec::new();
    for Told { line, text } in told {
        let left = reduced(&words::plain(text), &literals, &mut on_page);
        if words::count(&left) > 0 {
            wrong.push(format!(
                "{PAGE}:{line}: no source says {text:?} any more ({left:?} is left over): correct it, \
                 or take it out"
            ));
        }
    }
    for Said { path, line, text } in &said {
        if words::count(text) >= FEWEST_WORDS && !on_page.contains(&text.as_str()) {
            wrong.push(format!(
                "{path}:{line}: {text:?} is not in {PAGE}: give it a row there. If nobody meets it, give \
                 it a line in {APART}"
            ));
        }
    }
    wrong
}

/// A literal in people's eyes, and where it stands.
struct Said<'a> {
    path: &'a str,
    line: usize,
    text: String,
}

/// What the sources say but for what is apart; and what of the list is of no use any more.
fn said<'a>(sources: &'a [Named], apart: &[Apart]) -> (Vec<Said<'a>>, Vec<String>) {
    let mut of_use = vec![false; apart.len()];
    let mut said = Vec::new();
    for (path, source) in sources {
        for literal in &source.literals {
            let text = words::read(&literal.text);
            let mut is_apart = false;
            for (one, of_use) in apart.iter().zip(&mut of_use) {
                if one.has(path, &text) {
                    (is_apart, *of_use) = (true, true);
                }
            }
            if !is_apart && words::count(&text) > 0 {
                let line = literal.line;
                said.push(Said { path, line, text });
            }
        }
    }
    let idle = apart.iter().zip(of_use).filter(|(_, of_use)| !of_use);
    let idle = idle.map(|(one, _)| {
        let (line, shown) = (one.line, one.shown());
        format!("{APART}:{line}: no source has {shown:?} any more: take it out")
    });
    (said, idle.collect())
}

/// What is left of a message when all literals are taken out; those go to `taken`. Always the longest one
/// first, which takes what was put into others before them; single words are taken when nothing else is
/// left.
fn reduced<'a>(message: &str, literals: &[&'a str], taken: &mut Vec<&'a str>) -> String {
    let is_message = |literal: &&&str| words::count(literal) >= FEWEST_WORDS;
    let (messages, names): (Vec<&str>, Vec<&str>) = literals.iter().partition(is_message);
    let mut left = message.to_owned();
    for literals in [messages, names] {
        let first = |left: &str| {
            let mut each = literals.iter();
            each.find_map(|literal| Some((*literal, words::without(left, literal)?)))
        };
        while let Some((literal, less)) = first(&left) {
            taken.push(literal);
            left = less;
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_message_is_on_the_page_and_the_page_has_no_other() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let sources = sources::all(&root).unwrap();
        let told = page::read(&fs::read_to_string(root.join(PAGE)).unwrap());
        let apart = apart::read(&fs::read_to_string(root.join(APART)).unwrap()).unwrap();
        let wrong = complaints(&sources, &told, &apart);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn what_is_missing_stale_or_apart_for_nothing_is_complained_of() {
        let apart = "# Why.\na.rs: for the log […]\n";
        let about = |source: &str, told: &str, apart: &str| -> Vec<String> {
            let sources = [("a.rs".to_owned(), literals::read(source))];
            let told = page::read(&format!("| message |\n| --- |\n| {told} |\n"));
            let wrong = complaints(&sources, &told, &apart::read(apart).unwrap());
            let place = |text: String| text.split(": ").next().unwrap_or_default().to_owned();
            wrong.into_iter().map(place).collect()
        };
        let both = r#"fail("{place} is {what}; write none"); say("for the log only"); at("name")"#;
        let told = "`name: … is …; write none`";
        assert_eq!(about(both, told, apart), [""; 0]);
        assert_eq!(about(both, "`… is 7; write none`", apart), [""; 0]);
        assert_eq!(about(both, "words", apart), ["a.rs:1"]);
        assert_eq!(about(both, told, ""), ["a.rs:1"]);
        assert_eq!(
            about(both, "`name: … is … write one`", apart),
            ["docs/troubleshooting.md:3", "a.rs:1"]
        );
        let other = r#"fail("{place} is {what}; write none"); at("name")"#;
        assert_eq!(
            about(other, told, apart),
            ["xtask/src/messages/apart.txt:2"]
        );
    }
}
