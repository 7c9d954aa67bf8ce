//! What registering one task definition instead of another changes: every difference, for the
//! people who approve it, and none that ECS's own defaults make.
//!
//! It works on raw JSON: a field that nobody knows yet is compared, too. Lists whose members have
//! a name in ECS are compared by that name, and their order does not count (ECS itself gives
//! containers, variables and secrets back in another order, as Terraform's provider found); all
//! others are compared whole, in order. `environmentFiles` are among those: of two files that set
//! the same variable, the order says which one wins.

mod defaults;
mod names;
mod secrets;
mod words;

pub use words::masked_command;

use serde_json::{Map, Number, Value};

use super::TaskDefinition;
use names::{Member, members, named_list, shape};

/// One difference. A reader's words for it are [`Difference::place`] and [`Difference::shown`];
/// `from` and `to` hold values that not everybody may read.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where: keys from the outside in; members of named lists by their name:
    /// `["containerDefinitions", "web", "environment", "LOG_LEVEL"]`.
    pub path: Vec<String>,
    /// What was there; `None` when it is added.
    pub from: Option<Value>,
    /// What will be there; `None` when it is removed.
    pub to: Option<Value>,
}

/// Every difference between what ECS described (`before`) and what would be registered (`after`).
///
/// What one of them leaves out and the other has with the value that ECS gives it in that case is
/// none. Of the tags only the owner's count, as in [`TaskDefinition::sha256`].
pub fn diff(before: &TaskDefinition, after: &TaskDefinition) -> Vec<Difference> {
    let (before, after) = (content(before), content(after));
    let modes = Pair {
        before: defaults::network_mode(&before),
        after: defaults::network_mode(&after),
    };
    let mut found = Vec::new();
    fields(&[], &before, &after, &modes, &mut found);
    found
}

/// The network modes of the two: they decide which host ports ECS fills in.
struct Pair<'a> {
    before: &'a str,
    after: &'a str,
}

/// The body, with the owner's tags where `RegisterTaskDefinition` takes them.
fn content(definition: &TaskDefinition) -> Map<String, Value> {
    let tags = definition.own_tags().into_iter().map(|(key, value)| {
        let tag = [
            ("key".to_owned(), key.into()),
            ("value".to_owned(), value.into()),
        ];
        Value::Object(tag.into_iter().collect())
    });
    let mut content = definition.body.clone();
    content.insert("tags".into(), tags.collect());
    content
}

fn fields(
    path: &[String],
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    modes: &Pair,
    found: &mut Vec<Difference>,
) {
    for (key, from) in before {
        let path = below(path, key);
        match after.get(key) {
            Some(to) => values(&path, from, to, modes, found),
            None if defaults::filled_in(&shape(&path), from, after, modes.after) => {}
            None => found.push(Difference {
                path,
                from: Some(from.clone()),
                to: None,
            }),
        }
    }
    for (key, to) in after {
        let path = below(path, key);
        let absent = !before.contains_key(key);
        if absent && !defaults::filled_in(&shape(&path), to, before, modes.before) {
            found.push(Difference {
                path,
                from: None,
                to: Some(to.clone()),
            });
        }
    }
}

fn values(
    path: &[String],
    before: &Value,
    after: &Value,
    modes: &Pair,
    found: &mut Vec<Difference>,
) {
    let differ = match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            return fields(path, before, after, modes, found);
        }
        (Value::Array(from), Value::Array(to)) => {
            let Some(list) = named_list(&shape(path)) else {
                return whole(path, from, to, modes, found);
            };
            return match (members(list, from), members(list, to)) {
                (Some(from), Some(to)) => by_name(path, &from, &to, modes, found),
                _ => whole(path, from, to, modes, found),
            };
        }
        _ => !same(before, after) && !defaults::same_size(&shape(path), before, after),
    };
    if differ {
        found.push(Difference {
            path: path.to_vec(),
            from: Some(before.clone()),
            to: Some(after.clone()),
        });
    }
}

/// A list without names: one difference, or none when its entries differ by defaults only.
fn whole(
    path: &[String],
    before: &[Value],
    after: &[Value],
    modes: &Pair,
    found: &mut Vec<Difference>,
) {
    let mut inside = Vec::new();
    for (n, (from, to)) in before.iter().zip(after).enumerate() {
        values(&below(path, &n.to_string()), from, to, modes, &mut inside);
    }
    if before.len() != after.len() || !inside.is_empty() {
        found.push(Difference {
            path: path.to_vec(),
            from: Some(before.into()),
            to: Some(after.into()),
        });
    }
}

fn by_name(
    path: &[String],
    before: &[Member],
    after: &[Member],
    modes: &Pair,
    found: &mut Vec<Difference>,
) {
    for member in before {
        let path = below(path, &member.name);
        match after.iter().find(|other| other.name == member.name) {
            Some(other) => match (member.content, other.content) {
                (Some(from), Some(to)) => values(&path, from, to, modes, found),
                _ => values(&path, member.entry, other.entry, modes, found),
            },
            None => found.push(Difference {
                path,
                from: Some(member.told()),
                to: None,
            }),
        }
    }
    for member in after {
        if before.iter().all(|other| other.name != member.name) {
            let path = below(path, &member.name);
            found.push(Difference {
                path,
                from: None,
                to: Some(member.told()),
            });
        }
    }
}

fn below(path: &[String], key: &str) -> Vec<String> {
    path.iter().cloned().chain([key.to_owned()]).collect()
}

/// Equality, with numbers as numbers: 1 and 1.0 are the same, 1 and "1" are not.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            match (whole_number(one), whole_number(other)) {
                (Some(one), Some(other)) => one == other,
                _ => one == other,
            }
        }
        (one, other) => one == other,
    }
}

fn whole_number(number: &Number) -> Option<i128> {
    let exact = number.as_i128();
    exact.or_else(|| {
        let float = number.as_f64()?;
        let whole = float as i128;
        (float.fract() == 0.0 && float.abs() < 2f64.powi(100)).then_some(whole)
    })
}

#[cfg(test)]
mod tests;
