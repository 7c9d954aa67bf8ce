//! Stacks: what the page tells, and what CloudFormation makes of them.

mod known;
mod made;
mod release;

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use rehearsal::codepipeline::JobSpec;
use serde_json::json;

use super::generated;
use super::rows::{Card, Cell, Row, cards};
use crate::fixture::{World, succeeded, world};
use known::{Known, known};
use made::{Made, Target};
use release::release;

#[test]
fn stacks_come_to_be_what_the_page_told() {
    let world = world();
    for (n, releases) in generated(&vec(release(), 2..=4), 5).iter().enumerate() {
        let mut made = Made::default();
        for (m, release) in releases.iter().enumerate() {
            made.add(&world, &format!("generated-stack-{n}-{m}"), release);
        }
        let job = made.job(&world);
        let told = preview(&world, &job);
        assert_eq!(told.len(), made.targets.len());
        for target in &made.targets {
            let now = known(&world, &target.name);
            assert_eq!(now, target.before, "the preview changed it");
        }
        succeeded(&world.run(job.clone()));
        for ((target, card), release) in made.targets.iter().zip(&told).zip(releases) {
            let after = known(&world, &target.name);
            eprintln!("{}: {}", target.written, places(card));
            let (wrongs, before) = (target.wrongs(card, &after), &target.before);
            assert!(
                wrongs.is_empty(),
                "{wrongs:#?}\n{card:#?}\n{release:#?}\n{before:#?}\n{after:#?}"
            );
        }
        // Released once more, it would change nothing.
        for card in preview(&world, &job) {
            assert!(card.quiet, "{card:#?}\n{releases:#?}");
        }
    }
}

fn preview(world: &World, job: &JobSpec) -> Vec<Card> {
    let preview = world.preview_of(job, &json!({}));
    cards(&world.page(&succeeded(&world.run(preview))).html)
}

/// What its rows are about.
fn places(card: &Card) -> String {
    let each = card.rows.iter().map(|row| {
        let kinds = ["parameter", "image", "tag", "resource"];
        let place = kinds
            .iter()
            .find_map(|kind| Some(format!("{kind} {}", row.data(kind)?)));
        place.unwrap_or_else(|| panic!("a row about nothing: {row:?}"))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// Rows that are about something of this kind, by its name.
fn of<'a>(card: &'a Card, kind: &str) -> BTreeMap<&'a str, &'a Row> {
    let rows = card.rows.iter();
    rows.filter_map(|row| Some((row.data(kind)?, row)))
        .collect()
}

impl Target {
    /// What is wrong about its card.
    fn wrongs(&self, card: &Card, after: &Known) -> Vec<String> {
        let mut wrongs = Vec::new();
        let before = &self.before;
        let stays = before == after && !self.gives_token;
        if card.quiet != stays {
            wrongs.push(format!("it stays: {stays}"));
        }
        let parameters = of(card, "parameter");
        let mut expected = changes(&before.parameters, &after.parameters);
        if self.gives_token && !self.is_new {
            let hidden = || Some(HIDDEN.to_owned());
            expected.insert("Token".to_owned(), (hidden(), hidden()));
        }
        same_names(&mut wrongs, "parameter", &parameters, &expected);
        self.values(&mut wrongs, &parameters, &expected);
        let (tags, expected) = (of(card, "tag"), changes(&before.tags, &after.tags));
        same_names(&mut wrongs, "tag", &tags, &expected);
        self.values(&mut wrongs, &tags, &expected);
        if !stays {
            let words = match (self.is_new, before.template == after.template) {
                (true, _) => "The stack would be created by a change set.",
                (_, true) => "by a change set; its template stays.",
                _ => "by a change set, with another template.",
            };
            if !card.plan.contains(words) {
                wrongs.push(format!("no {words:?}"));
            }
        }
        let rows = of(card, "resource");
        if !self.is_new {
            wrongs.extend(resources(&rows, before, after));
        } else if !rows.is_empty() {
            // CloudFormation would have to be asked to make it.
            wrongs.push("resources are told of a stack that is not there".to_owned());
        }
        wrongs
    }

    fn values(
        &self,
        wrongs: &mut Vec<String>,
        rows: &BTreeMap<&str, &Row>,
        expected: &BTreeMap<String, Change>,
    ) {
        for (name, (from, to)) in expected {
            let cell = |value: &Option<String>, nothing: &str| match value {
                None => Cell::Words(nothing.to_owned()),
                Some(value) if value == HIDDEN => Cell::Words("hidden by NoEcho".to_owned()),
                Some(value) => Cell::Value(self.shown(value)),
            };
            let right = rows
                .get(name.as_str())
                .is_some_and(|row| row.from == cell(from, "none") && row.to == cell(to, "removed"));
            if !right {
                wrongs.push(format!("{name}: {from:?} became {to:?}"));
            }
        }
    }

    /// An image with the tag before its digest; all else as it is.
    fn shown(&self, value: &str) -> String {
        let known = self.images.iter().find(|(image, _)| image == value);
        known.map_or(value.to_owned(), |(image, tag)| {
            image.replace('@', &format!(":{tag}@"))
        })
    }
}

/// What CloudFormation shows of a NoEcho parameter.
const HIDDEN: &str = "****";

/// A value before and after.
type Change = (Option<String>, Option<String>);

fn changes(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> BTreeMap<String, Change> {
    let names = before.keys().chain(after.keys());
    let both = names.map(|name| {
        (
            name.clone(),
            (before.get(name).cloned(), after.get(name).cloned()),
        )
    });
    both.filter(|(_, (from, to))| from != to).collect()
}

fn same_names(
    wrongs: &mut Vec<String>,
    kind: &str,
    rows: &BTreeMap<&str, &Row>,
    expected: &BTreeMap<String, Change>,
) {
    let expected: Vec<&str> = expected.keys().map(String::as_str).collect();
    let told: Vec<&str> = rows.keys().copied().collect();
    if told != expected {
        wrongs.push(format!("{kind}: {told:?} are told, {expected:?} changed"));
    }
}

/// Which resources came, went, were replaced or changed.
fn resources(rows: &BTreeMap<&str, &Row>, before: &Known, after: &Known) -> Vec<String> {
    let mut wrongs = Vec::new();
    let names = before.resources.keys().chain(after.resources.keys());
    let names: BTreeSet<&str> = names
        .map(String::as_str)
        .chain(rows.keys().copied())
        .collect();
    for name in names {
        let (one, other) = (before.resources.get(name), after.resources.get(name));
        let expected = match (one, other) {
            (None, Some(_)) => Some(("Add", "")),
            (Some(_), None) => Some(("Remove", "")),
            (Some((id, _)), Some((other, _))) if id != other => Some(("Modify", "True")),
            (Some((_, one)), Some((_, other))) if one != other => Some(("Modify", "False")),
            _ => None,
        };
        let told = rows.get(name).map(|row| {
            let (action, replacement) = (row.data("action"), row.data("replacement"));
            (action.unwrap(), replacement.unwrap())
        });
        // CloudFormation does not know it before the update itself, and the page says so.
        let maybe = told == Some(("Modify", "Conditional"));
        if maybe && expected.is_some_and(|(action, _)| action == "Modify") {
            continue;
        }
        // CloudFormation hands a stack's tags on; the emulator says so in its change set, and leaves
        // those of ECS as they are.
        let tagged = before.tags != after.tags && ["Service", "TaskDefinition"].contains(&name);
        if tagged && told == Some(("Modify", "False")) && expected.is_none() {
            continue;
        }
        if told != expected {
            wrongs.push(format!("{name}: told {told:?}, was {expected:?}"));
        }
    }
    wrongs
}
