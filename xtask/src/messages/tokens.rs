//! A Rust source as words, texts and signs.

/// A token, and the line that it begins in.
pub(super) struct Token {
    pub(super) line: usize,
    pub(super) sort: Sort,
}

/// As much of Rust as matters here.
pub(super) enum Sort {
    Word(String),
    Text(String),
    Sign(char),
}

impl Sort {
    /// As it is written, about.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Text(text) => format!("{text:?}"),
            Self::Sign(sign) => sign.to_string(),
        }
    }
}

/// Reads a source; white space, comments and single characters are left out.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let (mut tokens, mut rest, mut line) = (Vec::new(), source, 1);
    while let Some((sort, length)) = token(rest) {
        tokens.extend(sort.map(|sort| Token { line, sort }));
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        line += token.matches('\n').count();
        rest = after;
    }
    tokens
}

/// The first token and its length in bytes; none for white space, comments and single characters.
fn token(rest: &str) -> Option<(Option<Sort>, usize)> {
    let first = rest.chars().next()?;
    if rest.starts_with("//") {
        return Some((None, rest.find('\n').unwrap_or(rest.len())));
    }
    if rest.starts_with("/*") {
        return Some((None, rest.find("*/").map_or(rest.len(), |at| at + 2)));
    }
    if let Some((text, length)) = raw(rest).or_else(|| cooked(rest)) {
        return Some((Some(Sort::Text(text)), length));
    }
    if first == '\'' {
        return Some((None, character(rest)));
    }
    let is_word = |sign: char| sign.is_alphanumeric() || sign == '_';
    if is_word(first) {
        let length = rest.find(|sign| !is_word(sign)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default().to_owned();
        return Some((Some(Sort::Word(word)), length));
    }
    let sign = (!first.is_whitespace()).then_some(Sort::Sign(first));
    Some((sign, first.len_utf8()))
}

/// `r"…"`, `br#"…"#`.
fn raw(rest: &str) -> Option<(String, usize)> {
    let start = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let start = start.strip_prefix('r')?;
    let text = start.trim_start_matches('#');
    let hashes = start.get(..start.len() - text.len())?;
    let text = text.strip_prefix('"')?;
    let end = format!("\"{hashes}");
    let text = text.get(..text.find(&end)?)?;
    let before = rest.len() - start.len() + hashes.len() + 1;
    Some((text.to_owned(), before + text.len() + end.len()))
}

/// `"…"`, `b"…"`, with its escapes undone.
fn cooked(rest: &str) -> Option<(String, usize)> {
    let start = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let mut signs = start.strip_prefix('"')?.chars();
    let mut text = String::new();
    loop {
        match signs.next()? {
            '"' => return Some((text, rest.len() - signs.as_str().len())),
            '\\' => escaped(&mut signs, &mut text)?,
            sign => text.push(sign),
        }
    }
}

fn escaped(signs: &mut std::str::Chars<'_>, text: &mut String) -> Option<()> {
    match signs.next()? {
        'n' => text.push('\n'),
        't' => text.push('\t'),
        // The line goes on, without what the next one begins with.
        '\n' => *signs = signs.as_str().trim_start().chars(),
        // Of no use in a sentence.
        'x' => signs.nth(1).map(drop)?,
        'u' => signs.find(|sign| *sign == '}').map(drop)?,
        sign => text.push(sign),
    }
    Some(())
}

/// The length of `'x'`, `'\n'`; of a lifetime, that of its `'`.
fn character(rest: &str) -> usize {
    let mut signs = rest.char_indices().skip(1);
    let closes = |(at, sign): (usize, char)| (sign == '\'').then_some(at + 1);
    match signs.next() {
        Some((_, '\\')) => signs.skip(1).find_map(closes).unwrap_or(1),
        _ => signs.next().and_then(closes).unwrap_or(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<(usize, String)> {
        let tokens = tokens(source).into_iter();
        let texts = tokens.filter_map(|token| match token.sort {
            Sort::Text(text) => Some((token.line, text)),
            Sort::Word(_) | Sort::Sign(_) => None,
        });
        texts.collect()
    }

    #[test]
    fn texts_are_read_as_the_program_has_them() {
        let source = r###"fn said<'a>(of: &'a str) -> char { // no "text"
            format!("{of} is \"none\" \
                     of ours");
            let _ = (r#"a "raw" one"#, b"bytes", r"plain\", "tab\tand\u{2026}end");
            '"'; '\''; 'x' /* nor
            "this" */
            "after \\ characters"
        }"###;
        let expected = [
            (2, "{of} is \"none\" of ours"),
            (4, "a \"raw\" one"),
            (4, "bytes"),
            (4, "plain\\"),
            (4, "tab\tandend"),
            (7, "after \\ characters"),
        ];
        let expected = expected.map(|(line, text)| (line, text.to_owned()));
        assert_eq!(texts(source), expected);
    }
}
