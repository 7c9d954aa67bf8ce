//! Whether the page's image rows are what ran and what runs: each container's repository, its digest,
//! and the tag that people know it by.

use serde_json::Value;

use super::rows::{Cell, Row};

/// Tags by digest.
pub(super) type Tags = Vec<(String, String)>;

/// What is wrong about them. `before` and `after` are descriptions.
pub(super) fn wrongs(rows: &[Row], before: &Value, after: &Value, tags: &Tags) -> Vec<String> {
    let (before, after) = (images(before), images(after));
    let mut wrongs = Vec::new();
    let gone = before
        .iter()
        .filter(|(name, _)| image(&after, name).is_none());
    let names: Vec<&String> = after.iter().chain(gone).map(|(name, _)| name).collect();
    let told: Vec<&Row> = rows
        .iter()
        .filter(|row| row.data("image").is_some())
        .collect();
    if told.len() != names.len() {
        wrongs.push(format!("{} images are told, of {names:?}", told.len()));
    }
    for name in names {
        let mut rows = told.iter().filter(|row| row.data("image") == Some(name));
        let (from, to) = (image(&before, name), image(&after, name));
        let words = |words: &str| Cell::Words(words.to_owned());
        let cell = |image: Option<&String>, nothing: &str| {
            image.map_or(words(nothing), |image| Cell::Value(whole(image, tags)))
        };
        let expected_to = match (from, to) {
            (Some(from), Some(to)) if from == to => words("stays"),
            _ => cell(to, "removed"),
        };
        let right = rows.next().is_some_and(|row| {
            let both = from.is_some() && to.is_some() && from != to;
            row.from == cell(from, "none") && row.to == expected_to && row.path().is_some() == both
        });
        if !right {
            wrongs.push(format!(
                "container {name}: {from:?} became {to:?}, and told is {told:#?}"
            ));
        }
    }
    wrongs
}

type Images = Vec<(String, String)>;

fn images(described: &Value) -> Images {
    let containers = &described["taskDefinition"]["containerDefinitions"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let each = containers.as_array().unwrap().iter();
    each.map(|it| (text(&it["name"]), text(&it["image"])))
        .collect()
}

fn image<'a>(images: &'a Images, name: &str) -> Option<&'a String> {
    let found = images.iter().find(|(container, _)| container == name);
    found.map(|(_, image)| image)
}

/// With the tag before the digest.
fn whole(image: &str, tags: &Tags) -> String {
    let known = image.split_once('@').and_then(|(repository, digest)| {
        let (_, tag) = tags.iter().find(|(known, _)| known == digest)?;
        Some(format!("{repository}:{tag}@{digest}"))
    });
    known.unwrap_or_else(|| image.to_owned())
}
