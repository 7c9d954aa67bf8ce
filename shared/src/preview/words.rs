//! Words that the page and the mail's text share: images, counts, and what is done to a target.

use super::{ImageChange, ImageShown, Plan, Preview, TargetPreview, ValueChange};
use crate::names::Digest;
use crate::task_definition::diff::Difference;

/// "1 difference", "2 differences".
pub(super) fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// "a", "a and b", "a, b and c".
pub(super) fn all(texts: &[String]) -> String {
    match texts {
        [] => String::new(),
        [only] => only.clone(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

/// The digits by which people tell digests apart, as many as Docker shows.
pub(super) fn short(digest: &Digest) -> &str {
    let hex = digest.as_str().trim_start_matches("sha256:");
    hex.get(..12).unwrap_or(hex)
}

/// A revision's id as people write it: a commit's first eight digits, others cut short.
pub(super) fn short_id(id: &str) -> String {
    let hex = id.len() >= 40 && id.bytes().all(|b| b.is_ascii_hexdigit());
    match Digest::parse(id) {
        Some(digest) => short(&digest).to_owned(),
        None if hex => id.chars().take(8).collect(),
        None => crate::job::answer::cut(id, 24),
    }
}

/// `1.4.2 (60303ae22b99)`.
fn image(image: &ImageShown) -> String {
    match (&image.tag, &image.digest) {
        (Some(tag), Some(digest)) => format!("{tag} ({})", short(digest)),
        (Some(tag), None) => tag.clone(),
        (None, Some(digest)) => short(digest).to_owned(),
        (None, None) => "without a tag".to_owned(),
    }
}

/// `1.4.1 → 1.4.2 (60303ae22b99)`.
fn image_change(change: &ImageChange) -> String {
    match (&change.from, &change.to) {
        (Some(from), Some(to)) => {
            let moved = from.repository != to.repository;
            let elsewhere = if moved { ", of another repository" } else { "" };
            let before = match &from.tag {
                Some(tag) if from.tag != to.tag => tag.clone(),
                _ => image(from),
            };
            format!("{before} → {}{elsewhere}", image(to))
        }
        (None, Some(to)) => format!("{}, new", image(to)),
        (Some(from), None) => format!("{}, removed", image(from)),
        (None, None) => String::new(),
    }
}

/// The image change that says what a difference says: it is told once, as an image.
pub(super) fn image_of(target: &TargetPreview, difference: &Difference) -> Option<usize> {
    match difference.path.as_slice() {
        [containers, name, image] if containers == "containerDefinitions" && image == "image" => {
            changing_image(target, name)
        }
        _ => None,
    }
}

/// The same of a parameter that takes an image.
pub(super) fn image_of_parameter(target: &TargetPreview, parameter: &ValueChange) -> Option<usize> {
    changing_image(target, &parameter.name).filter(|_| !parameter.hidden)
}

fn changing_image(target: &TargetPreview, name: &str) -> Option<usize> {
    let mut images = target.images.iter();
    images.position(|image| image.name == name && image.changes())
}

/// What changes of a target, in a few words: `image 1.4.1 → 1.4.2 (60303ae22b99), 3 more
/// differences`.
pub(super) fn gist(target: &TargetPreview) -> String {
    let mut gist = match &target.plan {
        Plan::Unknown => return "what would change cannot be told".to_owned(),
        Plan::Unchanged => return "unchanged".to_owned(),
        Plan::Deploy { .. } => images(target),
        Plan::Run { .. } => run_images(target),
        Plan::Stack { .. } => stack(target),
    };
    let others = differences(target).iter();
    let others = others.filter(|other| image_of(target, other).is_none());
    match (others.count(), &target.plan) {
        (0, _) => {}
        (n, Plan::Run { .. }) => {
            gist.push(format!("{} from its service", count(n, "difference")));
        }
        (n, _) if gist.is_empty() => gist.push(count(n, "difference")),
        (n, _) => gist.push(count(n, "more difference")),
    }
    if gist.is_empty() {
        gist.push("deployed again, without a difference".to_owned());
    }
    gist.join(", ")
}

/// The differences of a target's task definition.
pub(super) fn differences(target: &TargetPreview) -> &[Difference] {
    match &target.plan {
        Plan::Deploy { differences, .. } | Plan::Run { differences, .. } => differences,
        Plan::Unknown | Plan::Unchanged | Plan::Stack { .. } => &[],
    }
}

/// More images than this are counted.
const NAMED_IMAGES: usize = 2;

fn images(target: &TargetPreview) -> Vec<String> {
    let changing: Vec<&ImageChange> = target.images.iter().filter(|it| it.changes()).collect();
    if changing.len() > NAMED_IMAGES {
        return vec![format!("{} images", changing.len())];
    }
    let told = changing.iter().map(|change| {
        let name = match change.name == target.name {
            true => String::new(),
            false => format!(" {}", change.name),
        };
        format!("image{name} {}", image_change(change))
    });
    told.collect()
}

fn run_images(target: &TargetPreview) -> Vec<String> {
    let to: Vec<String> = target
        .images
        .iter()
        .filter_map(|change| change.to.as_ref().map(image))
        .collect();
    match to.as_slice() {
        [] => vec!["run once".to_owned()],
        [only] => vec![format!("run once with image {only}")],
        several => vec![format!("run once with {} images", several.len())],
    }
}

fn stack(target: &TargetPreview) -> Vec<String> {
    let Plan::Stack {
        new,
        template,
        parameters,
        tags,
        role,
        changes,
        replaced,
    } = &target.plan
    else {
        return Vec::new();
    };
    let mut told = Vec::new();
    if *new {
        told.push("a new stack".to_owned());
    }
    told.extend(images(target));
    if *template && !*new {
        told.push("another template".to_owned());
    }
    let parameters = parameters.iter();
    let parameters = parameters.filter(|it| image_of_parameter(target, it).is_none());
    for (number, what) in [
        (parameters.count(), "parameter"),
        (tags.len(), "tag"),
        (usize::from(role.is_some()), "role"),
    ] {
        if number > 0 {
            told.push(count(number, what));
        }
    }
    let resources = count(changes.len(), "resource");
    match (changes.len(), replaced.len()) {
        (0, 0) => {}
        (_, 0) => told.push(resources),
        (_, n) => told.push(format!("{resources} ({n} replaced or removed)")),
    }
    if told.is_empty() {
        told.push("no change that its change set would list".to_owned());
    }
    told
}

/// What there is to look at besides the changes, counted, in order of weight: `2 exceptions`.
pub(super) fn to_look_at(preview: &Preview) -> Vec<String> {
    let of_targets = |number: fn(&TargetPreview) -> usize| preview.targets.iter().map(number).sum();
    let alarms = |target: &TargetPreview| target.alarms.len();
    let drift = |target: &TargetPreview| target.drift.len();
    let unknown = |target: &TargetPreview| usize::from(target.plan == Plan::Unknown);
    let counts = [
        (
            of_targets(replaced),
            "replaced or removed resource",
            "replaced or removed resources",
        ),
        (preview.exceptions.len(), "exception", "exceptions"),
        (of_targets(alarms), "alarm in ALARM", "alarms in ALARM"),
        (of_targets(drift), "sign of drift", "signs of drift"),
        (
            preview.not_provable().count(),
            "point not proven",
            "points not proven",
        ),
        (of_targets(unknown), "unknown target", "unknown targets"),
    ];
    let found = counts.into_iter().filter(|(number, _, _)| *number > 0);
    let told = found.map(|(number, one, several)| match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {several}"),
    });
    told.collect()
}

fn replaced(target: &TargetPreview) -> usize {
    match &target.plan {
        Plan::Stack { replaced, .. } => replaced.len(),
        _ => 0,
    }
}

/// The text with all that cannot be seen, or changes the order of what is seen, written out:
/// what people approve is what they read. Line breaks and the joiner of emoji stay.
pub(super) fn visible(text: &str) -> String {
    let unseen = |character: char| {
        let control = character.is_control() && !matches!(character, '\n' | '\t');
        let format = matches!(character, '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}' |
            '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}' | '\u{ad}');
        control || format
    };
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if unseen(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}
