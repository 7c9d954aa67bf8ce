//! Tables of what is now and what would be after: one row for each difference.
//!
//! On a phone a row becomes a block. The roles say again that it is one of a table: some browsers
//! forget it then.

use maud::{Markup, html};
use serde_json::Value;

use crate::preview::words::{image_of, short};
use crate::preview::{ImageShown, TargetPreview};
use crate::task_definition::diff::Difference;

/// More than this of a value is folded.
const LONGEST_OPEN: usize = 400;

/// A table with three columns, the first of which names the row.
pub(super) fn table(caption: &str, columns: [&str; 3], rows: &Markup) -> Markup {
    html! {
        table role="table" {
            caption { (caption) }
            thead role="rowgroup" {
                tr role="row" {
                    @for column in columns { th scope="col" role="columnheader" { (column) } }
                }
            }
            tbody role="rowgroup" { (rows) }
        }
    }
}

/// The columns of [`table`] for what changes from one value to another.
pub(super) const CHANGE: [&str; 3] = ["What", "Now", "After"];

/// The cells of a row that says from what to what.
pub(super) fn cells(what: &Markup, from: &Markup, to: &Markup) -> Markup {
    html! {
        th scope="row" role="rowheader" { (what) }
        td.from role="cell" { (from) }
        td.to role="cell" { span.arrow aria-hidden="true" { " → " } (to) }
    }
}

/// A value; folded when it is long. `masked` are words in its place.
pub(super) fn value(text: Option<&str>, nothing: &str, masked: bool) -> Markup {
    let Some(text) = text else {
        return html! { em { (nothing) } };
    };
    if masked {
        return html! { em { (text) } };
    }
    let length = text.chars().count();
    html! {
        @if length > LONGEST_OPEN {
            details {
                summary { (length) " characters" }
                code { (text) }
            }
        } @else {
            code { (text) }
        }
    }
}

/// Differences of a task definition, by container, without those that are told as images.
pub(super) fn differences(
    target: &TargetPreview,
    differences: &[Difference],
    columns: [&str; 3],
    show_values: bool,
) -> Markup {
    let mut groups: Vec<(Option<&str>, Vec<&Difference>)> = Vec::new();
    let left = differences
        .iter()
        .filter(|it| image_of(target, it).is_none());
    for difference in left {
        let container = container(difference);
        match groups.iter_mut().find(|(name, _)| *name == container) {
            Some((_, group)) => group.push(difference),
            None => groups.push((container, vec![difference])),
        }
    }
    // What concerns the whole task comes before its containers.
    groups.sort_by_key(|(container, _)| container.is_some());
    html! {
        @for (container, group) in &groups {
            @let caption = container.map_or("Task definition".to_owned(), |name| format!("Container {name}"));
            @let rows = html! { @for one in group { (row(target, one, show_values)) } };
            (table(&caption, columns, &rows))
        }
    }
}

fn container(difference: &Difference) -> Option<&str> {
    match difference.path.as_slice() {
        [containers, name, ..] if containers == "containerDefinitions" => Some(name),
        _ => None,
    }
}

fn row(target: &TargetPreview, difference: &Difference, show_values: bool) -> Markup {
    let place = difference.place();
    let prefix = container(difference).map(|name| format!("container {name}"));
    let within = prefix.and_then(|prefix| Some(place.strip_prefix(&prefix)?.to_owned()));
    let what = match within.as_deref() {
        Some("") => "the whole container",
        Some(within) => within.trim_start_matches(": "),
        None => &place,
    };
    let masked = !show_values && difference.shown(false) != difference.shown(true);
    // Words stand for a masked value; of an object with masked values in it, the rest is shown.
    let words = |value: &Option<Value>| {
        masked && !matches!(value, Some(Value::Object(_) | Value::Array(_)))
    };
    let (from, to) = difference.shown(show_values);
    let what = html! {
        // A narrow column breaks it there.
        @for part in what.split_inclusive('.') { (part) wbr; }
        @if masked { " " span.mask { "masked" } }
    };
    let from = value(from.as_deref(), "none", words(&difference.from));
    let to = value(to.as_deref(), "removed", words(&difference.to));
    html! {
        tr role="row" data-target=(target.name) data-path=(pointer(&difference.path)) {
            (cells(&what, &from, &to))
        }
    }
}

/// The path's keys, each escaped as in a JSON pointer.
pub(super) fn pointer(path: &[String]) -> String {
    let escaped = path
        .iter()
        .map(|key| key.replace('~', "~0").replace('/', "~1"));
    escaped.collect::<Vec<_>>().join("/")
}

/// Images before and after. A row tells the difference of the task definition, or the parameter
/// (`parameter` says whether there is one of a name), that it is made of, too.
pub(super) fn images(
    target: &TargetPreview,
    columns: [&str; 3],
    differences: &[Difference],
    parameter: impl Fn(usize) -> bool,
) -> Markup {
    let path = |n: usize| {
        let mut differences = differences.iter();
        let of_it = differences.find(|difference| image_of(target, difference) == Some(n));
        of_it.map(|difference| pointer(&difference.path))
    };
    let rows = html! {
        @for (n, image) in target.images.iter().enumerate() {
            @let moved = match (&image.from, &image.to) {
                (Some(from), Some(to)) => from.repository != to.repository,
                _ => false,
            };
            @let stays = !image.changes();
            tr.quiet[stays] role="row" data-target=(target.name) data-image=(image.name)
                data-path=[path(n)] data-parameter=[parameter(n).then_some(&image.name)] {
                @let from = shown(image.from.as_ref(), "none", moved);
                @let to = shown(image.to.as_ref(), "removed", moved);
                @let to = if stays { html! { em { "stays" } } } else { to };
                (cells(&html! { (image.name) }, &from, &to))
            }
        }
    };
    html! { @if !target.images.is_empty() { (table("Images", columns, &rows)) } }
}

/// The tag and the short digest; all of it unfolds.
fn shown(image: Option<&ImageShown>, nothing: &str, repository: bool) -> Markup {
    let Some(image) = image else {
        return html! { em { (nothing) } };
    };
    let tag = image
        .tag
        .as_ref()
        .map(|tag| format!(":{tag}"))
        .unwrap_or_default();
    let digest = image.digest.as_ref();
    let pinned = digest
        .map(|digest| format!("@{}", digest.as_str()))
        .unwrap_or_default();
    let whole = format!("{}{tag}{pinned}", image.repository);
    html! {
        @if repository { code.repository { (image.repository) } " " }
        @if let Some(tag) = &image.tag { code.tag { (tag) } " " }
        details.image {
            summary title=(whole) {
                @match digest {
                    Some(digest) => code { (short(digest)) },
                    None => "not pinned",
                }
            }
            code { (whole) }
        }
    }
}
