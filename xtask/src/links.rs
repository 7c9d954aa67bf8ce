//! Links: each relative one in README.md, ARCHITECTURE.md, the examples' READMEs and the book leads to a file that is there, and
//! to a heading that it has.
//!
//! mdBook looks at none of them. It and code hosts make the same anchor of a heading that has letters,
//! digits, spaces and punctuation, which is what headings here have.

use std::collections::BTreeMap;

/// The book's folder: no page in it links to anything outside, which the built book does not have.
const BOOK: &str = "docs/";
/// The book's table of contents; a page that it does not name is not in the book.
const SUMMARY: &str = "docs/SUMMARY.md";

/// Pages by their path from the root.
type Pages = BTreeMap<String, String>;

/// Everything that is wrong with the pages' links.
fn complaints(pages: &Pages, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for (page, text) in pages {
        let prose = prose(text);
        for target in targets(&prose) {
            if let Some(why) = refused(pages, page, target, &exists) {
                wrong.push(format!("{page}: {target}: {why}"));
            }
        }
        for name in undefined(&prose) {
            wrong.push(format!("{page}: [{name}] is defined nowhere on the page"));
        }
    }
    wrong
}

/// Pages of the book's folder that the table of contents does not name.
fn left_out(pages: &Pages) -> Vec<&str> {
    let summary = pages.get(SUMMARY).map(String::as_str).unwrap_or_default();
    let named: Vec<String> = targets(summary)
        .into_iter()
        .map(|target| format!("{BOOK}{target}"))
        .collect();
    let book = pages.keys().filter(|path| path.starts_with(BOOK));
    book.map(String::as_str)
        .filter(|path| *path != SUMMARY && !named.iter().any(|named| named == path))
        .collect()
}

/// Why a link is none, if it is none; one to another site is not looked at.
fn refused(
    pages: &Pages,
    page: &str,
    target: &str,
    exists: impl Fn(&str) -> bool,
) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let place = match path {
        "" => page.to_owned(),
        path => beside(page, path),
    };
    if page.starts_with(BOOK) && !place.starts_with(BOOK) {
        return Some("leads out of the book; name the file by its path".to_owned());
    }
    if !exists(&place) {
        return Some(format!("there is no {place}"));
    }
    let has = |anchor: &str| {
        let text = pages.get(&place)?;
        anchors(text).into_iter().find(|one| one == anchor)
    };
    let dead = !anchor.is_empty() && has(anchor).is_none();
    dead.then(|| format!("{place} has no such heading"))
}

/// A path seen from a page's folder, as it is from the root.
fn beside(page: &str, path: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A page without its code, in blocks and in lines: nothing in there is a link.
fn prose(text: &str) -> String {
    let mut prose = String::new();
    let (mut block, mut code) = (false, false);
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        block ^= fence;
        // Code in a line may go on in the next one, but not in another paragraph or row.
        code &= !line.is_empty() && !line.starts_with('|');
        if !block && !fence {
            for letter in line.chars() {
                code ^= letter == '`';
                if !code {
                    prose.push(letter);
                }
            }
        }
        prose.push('\n');
    }
    prose
}

/// What links, pictures and definitions lead to.
fn targets(prose: &str) -> Vec<&str> {
    let after = |begin| prose.split(begin).skip(1);
    let inline = after("](").chain(after("src=\"")).chain(after("href=\""));
    let inline = inline.filter_map(|rest| rest.split([')', '"', ' ', '\n']).next());
    let defined = definitions(prose).map(|(_, target)| target);
    inline.chain(defined).collect()
}

/// `[name]: target`, each in a line of its own.
fn definitions(prose: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = prose.lines();
    lines.filter_map(|line| line.strip_prefix('[')?.split_once("]: "))
}

/// Names in `[words][name]` that no definition has.
fn undefined(prose: &str) -> Vec<&str> {
    let used = prose.split("][").skip(1);
    let used = used.filter_map(|rest| rest.split(']').next());
    used.filter(|used| !definitions(prose).any(|(name, _)| name == *used))
        .collect()
}

/// The anchors of a page's headings; the second of one name ends in `-1`.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    let mut block = false;
    for line in text.lines() {
        block ^= line.starts_with("```");
        let heading = line.trim_start_matches('#');
        let Some(words) = heading
            .strip_prefix(' ')
            .filter(|_| heading != line && !block)
        else {
            continue;
        };
        let anchor = anchor(words);
        let again = (1..).map(|number| format!("{anchor}-{number}"));
        let mut names = std::iter::once(anchor.clone()).chain(again);
        anchors.extend(names.find(|name| !anchors.contains(name)));
    }
    anchors
}

/// Letters and digits, small; hyphens for spaces; nothing else but hyphens and underscores.
fn anchor(words: &str) -> String {
    let mut anchor = String::new();
    for letter in words.trim().chars() {
        match letter {
            ' ' => anchor.push('-'),
            '-' | '_' => anchor.push(letter),
            letter if letter.is_alphanumeric() => anchor.extend(letter.to_lowercase()),
            _ => {}
        }
    }
    anchor
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rehearsal::workspace;

    use super::*;

    fn pages() -> Pages {
        let root = workspace::root();
        let book = fs::read_dir(root.join(BOOK)).unwrap();
        let names = book.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut paths: Vec<String> = names.map(|name| format!("{BOOK}{name}")).collect();
        paths.retain(|path| path.ends_with(".md"));
        paths.extend(["README.md".to_owned(), "ARCHITECTURE.md".to_owned()]);
        let examples = fs::read_dir(root.join("examples")).unwrap();
        let examples = examples.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let readme = examples.map(|name| format!("examples/{name}/README.md"));
        paths.extend(readme.filter(|path| root.join(path).exists()));
        let read = |path: String| {
            let text = fs::read_to_string(root.join(&path)).unwrap();
            (path, text)
        };
        paths.into_iter().map(read).collect()
    }

    #[test]
    fn every_link_leads_somewhere() {
        let root = workspace::root();
        let wrong = complaints(&pages(), |path| root.join(path).exists());
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn every_page_is_in_the_book() {
        assert_eq!(left_out(&pages()), [""; 0]);
    }

    #[test]
    fn a_dead_link_is_complained_of() {
        let check = |text: &str, expected: &[&str]| {
            let other = "# The other\n```sh\n# code\n```\n## See `a.b`: c\n## See a.b: c\n";
            let page = |path: &str, text: &str| (path.to_owned(), text.to_owned());
            let pages = Pages::from([page("docs/a.md", text), page("docs/b.md", other)]);
            let exists = |path: &str| pages.contains_key(path) || path == "LICENSE";
            let wrong = complaints(&pages, exists);
            let short = wrong
                .iter()
                .filter_map(|why| why.strip_prefix("docs/a.md: "));
            assert_eq!(short.collect::<Vec<_>>(), expected, "{text}");
        };
        check(
            "# A\n[b](b.md), [c](b.md#see-ab-c), [d](b.md#see-ab-c-1), [a](#a)",
            &[],
        );
        check(
            "[x](https://example.com/y#z) `[code](none.md)`\n```\n[x](none.md)\n```\n",
            &[],
        );
        check("`code over\ntwo lines` [b](./b.md)", &[]);
        check("[c](c.md) `a", &["c.md: there is no docs/c.md"]);
        check("![c](c.png)", &["c.png: there is no docs/c.png"]);
        check("<img src=\"c.png\">", &["c.png: there is no docs/c.png"]);
        check(
            "[code](b.md#code)",
            &["b.md#code: docs/b.md has no such heading"],
        );
        check("[a](#a)", &["#a: docs/a.md has no such heading"]);
        check(
            "[l](../LICENSE)",
            &["../LICENSE: leads out of the book; name the file by its path"],
        );
        check(
            "[b][one], [b][two]\n\n[one]: b.md\n",
            &["[two] is defined nowhere on the page"],
        );
        check(
            "[b][one]\n\n[one]: c.md\n",
            &["c.md: there is no docs/c.md"],
        );
    }

    #[test]
    fn a_page_that_the_contents_do_not_name_is_left_out() {
        let page = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        let pages = Pages::from([
            page(SUMMARY, "- [A](a.md)\n"),
            page("docs/a.md", ""),
            page("docs/b.md", ""),
            page("README.md", ""),
        ]);
        assert_eq!(left_out(&pages), ["docs/b.md"]);
    }
}
