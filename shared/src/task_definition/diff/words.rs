//! A difference in words: where it is, and from what to what, without values that may be secret.

use serde_json::Value;

use super::names::{named_list, shape};
use super::secrets::{follows, is_secret, mentions};
use super::{Difference, same};

/// More of a text than this many characters is not shown.
const LONGEST: usize = 200;
/// How much of two long texts is shown of what they have in common before they differ.
const RUN_UP: usize = 40;

impl Difference {
    /// Where it is: `container web: environment LOG_LEVEL`, `container web: healthCheck.interval`,
    /// `volume data: efsVolumeConfiguration.rootDirectory`, `tag team`, `cpu`. A container, volume
    /// or tag that comes or goes as a whole is told without a colon: `container web`.
    pub fn place(&self) -> String {
        let shape = shape(&self.path);
        let kind = match shape.as_slice() {
            ["containerDefinitions", "*", ..] => "container",
            ["volumes", "*", ..] => "volume",
            ["tags", "*", ..] => "tag",
            _ => "",
        };
        let named = if kind.is_empty() { 0 } else { 2 };
        let mut place = kind.to_owned();
        if let (2, Some(name)) = (named, self.path.get(1)) {
            place.push(' ');
            place.push_str(name);
        }
        let mut after = if named == 0 { "" } else { ": " };
        for (key, step) in self.path.iter().zip(&shape).skip(named) {
            let member = *step == "*";
            place.push_str(if member { " " } else { after });
            place.push_str(key);
            after = if member { " " } else { "." };
        }
        place
    }

    /// From and to as texts for people; `None` where there is nothing.
    ///
    /// Unless `show_values`, the values of environment variables, and texts that look like secrets
    /// wherever they are, such as parts of a command, are told as `set`, `set to another value` and
    /// `was set`, never with their length or a hash. `secrets` are shown: they say where a secret
    /// is, not what it is. Texts
    /// are shown without quotes (an empty one as `""`), objects and lists as compact JSON, and of
    /// long texts 200 characters, among them the first that differs.
    pub fn shown(&self, show_values: bool) -> (Option<String>, Option<String>) {
        let (from, to) = (self.from.as_ref(), self.to.as_ref());
        let shape: Vec<String> = shape(&self.path).into_iter().map(str::to_owned).collect();
        let told = |value: &Value, other: Option<&Value>, side: Side| {
            if show_values {
                return value.clone();
            }
            mask(&shape, value, other, side)
        };
        let from = from.map(|value| told(value, to, Side::From));
        let to = to.map(|value| told(value, self.from.as_ref(), Side::To));
        let short = |value: &Option<Value>, other: &Option<Value>| {
            value.as_ref().map(|value| shorten(value, other.as_ref()))
        };
        let (from, to) = (short(&from, &to), short(&to, &from));
        let texts = (from.as_ref().map(text), to.as_ref().map(text));
        if from != to && texts.0 == texts.1 {
            // Such as 1 and "1".
            return (from.map(|it| it.to_string()), to.map(|it| it.to_string()));
        }
        texts
    }
}

fn text(value: &Value) -> String {
    match value {
        // White space at an end, or nothing but it, would not be seen.
        Value::String(text) if text.is_empty() || text.trim() != text => value.to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[derive(Debug, Clone, Copy)]
enum Side {
    From,
    To,
}

/// The value with words in place of secrets. `other` is what stands there on the other side.
fn mask(shape: &[String], value: &Value, other: Option<&Value>, side: Side) -> Value {
    match value {
        Value::Object(fields) => {
            let masked = fields.iter().map(|(key, value)| {
                let other = other.and_then(|other| other.get(key));
                (key.clone(), mask(&below(shape, key), value, other, side))
            });
            Value::Object(masked.collect())
        }
        Value::Array(entries) => {
            let steps: Vec<&str> = shape.iter().map(String::as_str).collect();
            let named = named_list(&steps).is_some();
            let masked = entries.iter().enumerate().map(|(n, value)| {
                let step = if named { "*".to_owned() } else { n.to_string() };
                let other = other.and_then(|other| other.get(n));
                if follows(entries, n) {
                    return hidden(value, other, side);
                }
                mask(&below(shape, &step), value, other, side)
            });
            masked.collect()
        }
        plain if is_secret(shape, plain) => hidden(plain, other, side),
        plain => plain.clone(),
    }
}

fn hidden(value: &Value, other: Option<&Value>, side: Side) -> Value {
    match (side, other) {
        (Side::From, None) => "was set".into(),
        (Side::To, Some(other)) if !same(value, other) => "set to another value".into(),
        _ => "set".into(),
    }
}

/// A command whose parts that look like secrets are told as `set`, as in a difference.
pub fn masked_command(command: &[String]) -> Vec<String> {
    let parts: Vec<Value> = command.iter().map(|part| part.as_str().into()).collect();
    let each = command.iter().enumerate();
    let masked = each.map(|(n, part)| match mentions(part) || follows(&parts, n) {
        true => "set".to_owned(),
        false => part.clone(),
    });
    masked.collect()
}

fn below(shape: &[String], step: &str) -> Vec<String> {
    shape.iter().cloned().chain([step.to_owned()]).collect()
}

/// The value with its long texts cut; of texts that begin alike, to where they differ.
fn shorten(value: &Value, other: Option<&Value>) -> Value {
    match value {
        Value::String(text) => cut(text, other.and_then(Value::as_str)).into(),
        Value::Array(entries) => {
            let entries = entries.iter().enumerate();
            let short = entries.map(|(n, entry)| shorten(entry, other.and_then(|it| it.get(n))));
            short.collect()
        }
        Value::Object(fields) => {
            let short = fields.iter().map(|(key, value)| {
                let other = other.and_then(|other| other.get(key));
                (key.clone(), shorten(value, other))
            });
            Value::Object(short.collect())
        }
        plain => plain.clone(),
    }
}

fn cut(text: &str, other: Option<&str>) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let other = other.filter(|other| *other != text);
    let alike = other.map_or(0, |other| {
        let both = text.chars().zip(other.chars());
        both.take_while(|(one, other)| one == other).count()
    });
    let start = if alike + RUN_UP <= LONGEST {
        0
    } else {
        alike - RUN_UP
    };
    let mut rest = text.chars().skip(start);
    let part: String = rest.by_ref().take(LONGEST).collect();
    let before = if start > 0 { "…" } else { "" };
    let after = if rest.next().is_some() { "…" } else { "" };
    format!("{before}{part}{after}")
}
