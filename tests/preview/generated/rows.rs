//! The page's rows, read as another program would read them: by the attributes that it promises.

use std::collections::BTreeMap;

/// A target's card.
#[derive(Debug)]
pub(super) struct Card {
    /// What messages call the target.
    pub(super) target: String,
    /// Whether it says that nothing changes.
    pub(super) quiet: bool,
    /// What it says before its tables.
    pub(super) plan: String,
    /// Its rows, in order.
    pub(super) rows: Vec<Row>,
}

/// A row of a table: one difference.
#[derive(Debug)]
pub(super) struct Row {
    attributes: BTreeMap<String, String>,
    /// What is now.
    pub(super) from: Cell,
    /// What would be after.
    pub(super) to: Cell,
}

/// A value, or words in its place.
#[derive(Debug, PartialEq)]
pub(super) enum Cell {
    /// As it is.
    Value(String),
    /// Such as `none`, `stays`, or those that mask a value.
    Words(String),
}

impl Row {
    /// The attribute `data-…`.
    pub(super) fn data(&self, name: &str) -> Option<&str> {
        let value = self.attributes.get(&format!("data-{name}"));
        value.map(String::as_str)
    }

    /// The place in the task definition that it is about.
    pub(super) fn path(&self) -> Option<Vec<String>> {
        let keys = self.data("path")?.split('/');
        let unescaped = keys.map(|key| key.replace("~1", "/").replace("~0", "~"));
        Some(unescaped.collect())
    }
}

/// All cards of a page.
pub(super) fn cards(page: &str) -> Vec<Card> {
    let cards = elements(page, "article").into_iter();
    let card = cards.map(|(attributes, inside)| {
        let plan = elements(inside, "p").into_iter();
        let plan = plan.filter(|(attributes, _)| attributes["class"] == "plan");
        let rows = elements(inside, "tr").into_iter();
        let rows = rows.filter(|(attributes, _)| attributes.contains_key("data-target"));
        let card = Card {
            quiet: attributes["class"].split(' ').any(|class| class == "quiet"),
            plan: plan.map(|(_, inside)| text(inside)).collect(),
            rows: rows
                .map(|(attributes, inside)| row(attributes, inside))
                .collect(),
            target: attributes["data-target"].clone(),
        };
        let of_it = |row: &Row| row.data("target") == Some(&card.target);
        assert!(card.rows.iter().all(of_it), "{card:#?}");
        card
    });
    card.collect()
}

fn row(attributes: BTreeMap<String, String>, inside: &str) -> Row {
    let cells = elements(inside, "td");
    let cell = |class: &str| {
        let mut cells = cells.iter();
        let found =
            cells.find(|(attributes, _)| attributes.get("class").is_some_and(|it| it == class));
        // A resource's cells are told by the row's attributes.
        found.map_or(Cell::Words(String::new()), |(_, inside)| cell(inside))
    };
    let (from, to) = (cell("from"), cell("to"));
    Row {
        attributes,
        from,
        to,
    }
}

/// The last code of several is the whole image.
fn cell(inside: &str) -> Cell {
    let code = elements(inside, "code").pop();
    let words = || {
        elements(inside, "em")
            .pop()
            .map(|(_, inside)| Cell::Words(text(inside)))
    };
    let value = code.map(|(_, inside)| Cell::Value(text(inside)));
    value
        .or_else(words)
        .unwrap_or_else(|| panic!("no cell: {inside}"))
}

/// Elements of a kind that holds none of its kind: attributes and what is inside.
fn elements<'a>(text: &'a str, kind: &str) -> Vec<(BTreeMap<String, String>, &'a str)> {
    let (open, close) = (format!("<{kind}"), format!("</{kind}>"));
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(&open) {
        let after = &rest[at + open.len()..];
        rest = after;
        // `<p` is not `<page`.
        if !after.starts_with([' ', '>']) {
            continue;
        }
        let mut quoted = false;
        let end = after.find(|it| {
            quoted ^= it == '"';
            it == '>' && !quoted
        });
        let (tag, inside) = after.split_at(end.unwrap());
        let (inside, next) = inside[1..].split_once(&close).unwrap();
        all.push((attributes(tag), inside));
        rest = next;
    }
    all
}

fn attributes(tag: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::from([("class".to_owned(), String::new())]);
    let mut rest = tag;
    while let Some((name, after)) = rest.split_once("=\"") {
        let (value, next) = after.split_once('"').unwrap();
        let name = name.rsplit(' ').next().unwrap();
        all.insert(name.to_owned(), unescaped(value));
        rest = next;
    }
    all
}

/// The text without tags.
fn text(inside: &str) -> String {
    let mut text = String::new();
    for part in inside.split('<') {
        let shown = part.split_once('>').map_or(part, |(_, shown)| shown);
        text.push_str(shown);
    }
    unescaped(&text)
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&quot;", "\"").replace("&amp;", "&")
}
