//! What differs between two descriptions of ECS, found without redbutton's own comparison, and
//! whether the page's rows are that and nothing else.

use serde_json::{Map, Value, json};

use super::rows::{Cell, Row};

/// Where something is in a task definition, by keys and by names of members.
type Path = Vec<String>;

/// What ECS adds to a description.
const READ_ONLY: [&str; 7] = [
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "requiresAttributes",
    "revision",
    "status",
    "taskDefinitionArn",
];

/// Lists that are no order: where, what a member is called by, and what is all of it besides.
const NAMED: [(&str, &str, &str); 12] = [
    ("containerDefinitions", "name", ""),
    ("containerDefinitions/*/environment", "name", "value"),
    ("containerDefinitions/*/secrets", "name", "valueFrom"),
    ("containerDefinitions/*/portMappings", "containerPort", ""),
    ("containerDefinitions/*/mountPoints", "containerPath", ""),
    ("containerDefinitions/*/volumesFrom", "sourceContainer", ""),
    ("containerDefinitions/*/ulimits", "name", ""),
    (
        "containerDefinitions/*/systemControls",
        "namespace",
        "value",
    ),
    (
        "containerDefinitions/*/linuxParameters/tmpfs",
        "containerPath",
        "",
    ),
    ("volumes", "name", ""),
    ("placementConstraints", "expression", ""),
    ("tags", "key", "value"),
];

/// Values that say what is so without them, by ECS's reference: whether a file writes them out makes
/// no difference, though the emulator describes them as they were sent. The last three it describes
/// where they were left out.
fn says_nothing(shape: &[&str], value: &Value) -> bool {
    let defaults = [
        ("containerDefinitions/*/cpu", json!(0)),
        ("containerDefinitions/*/essential", json!(true)),
        (
            "containerDefinitions/*/portMappings/*/protocol",
            json!("tcp"),
        ),
        (
            "containerDefinitions/*/mountPoints/*/readOnly",
            json!(false),
        ),
        ("containerDefinitions/*/healthCheck/interval", json!(30)),
        ("containerDefinitions/*/healthCheck/timeout", json!(5)),
        ("containerDefinitions/*/healthCheck/retries", json!(3)),
        ("volumes/*/efsVolumeConfiguration/rootDirectory", json!("/")),
        ("taskRoleArn", json!("")),
        ("pidMode", json!("")),
        ("ipcMode", json!("")),
    ];
    let shape = shape.join("/");
    value.is_null()
        || defaults
            .iter()
            .any(|(place, it)| *place == shape && it == value)
}

/// What a description comes to: named lists by name, without what says nothing.
pub(super) fn tree(described: &Value) -> Value {
    let mut body = described["taskDefinition"].as_object().unwrap().clone();
    body.retain(|key, _| !READ_ONLY.contains(&key.as_str()));
    let tags = described["tags"].as_array().into_iter().flatten();
    let own = |tag: &&Value| !tag["key"].as_str().unwrap().starts_with("redbutton:");
    body.insert("tags".into(), tags.filter(own).cloned().collect());
    normal(&[], &Value::Object(body)).unwrap()
}

fn normal(shape: &[&str], value: &Value) -> Option<Value> {
    if says_nothing(shape, value) {
        return None;
    }
    let named = NAMED.iter().find(|(place, _, _)| *place == shape.join("/"));
    match (value, named) {
        (Value::Object(fields), _) => {
            let mut fields = fields.clone();
            // In a network of its own, a task's port is the container's.
            if fields.get("hostPort").is_some()
                && fields.get("hostPort") == fields.get("containerPort")
            {
                fields.remove("hostPort");
            }
            let each = fields.iter().filter_map(|(key, value)| {
                let inside = normal(&[shape, &[key.as_str()]].concat(), value)?;
                Some((key.clone(), inside))
            });
            let fields: Map<String, Value> = each.collect();
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        (Value::Array(entries), Some((_, key, content))) => {
            let each = entries.iter().map(|entry| {
                let inside = match entry.get(content) {
                    Some(content) => content.clone(),
                    None => normal(&[shape, &["*"]].concat(), entry).unwrap(),
                };
                (name(entry, key), inside)
            });
            let members: Map<String, Value> = each.collect();
            (!members.is_empty()).then_some(Value::Object(members))
        }
        (plain, _) => Some(plain.clone()),
    }
}

fn name(entry: &Value, key: &str) -> String {
    match &entry[key] {
        Value::String(name) => name.clone(),
        port => format!("{port}/{}", entry["protocol"].as_str().unwrap_or("tcp")),
    }
}

/// The places that differ, each as deep as can be.
pub(super) fn changed(before: &Value, after: &Value) -> Vec<Path> {
    let mut found = Vec::new();
    differ(&[], Some(before), Some(after), &mut found);
    found
}

fn differ(path: &[String], before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Path>) {
    let nothing = Map::new();
    let (one, other) = match (before, after) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => (one, other),
        (Some(Value::Object(one)), None) => (one, &nothing),
        (None, Some(Value::Object(other))) => (&nothing, other),
        (before, after) => {
            if before != after {
                found.push(path.to_vec());
            }
            return;
        }
    };
    let added = other.keys().filter(|key| !one.contains_key(*key));
    for key in one.keys().chain(added) {
        let path = [path, std::slice::from_ref(key)].concat();
        differ(&path, one.get(key), other.get(key), found);
    }
}

/// What is wrong about the rows of a target whose task definition went from one to the other.
pub(super) fn wrongs(
    rows: &[Row],
    before: &Value,
    after: &Value,
    show_values: bool,
) -> Vec<String> {
    let mut wrongs = Vec::new();
    let changed = changed(before, after);
    let told: Vec<(Path, &Row)> = rows
        .iter()
        .filter_map(|row| Some((row.path()?, row)))
        .collect();
    for path in &changed {
        let rows = told
            .iter()
            .filter(|(place, _)| path.starts_with(place))
            .count();
        if rows != 1 {
            let (from, to) = (at(before, path), at(after, path));
            wrongs.push(format!("{rows} rows tell {path:?}: {from:?} became {to:?}"));
        }
    }
    for (path, row) in told {
        let (from, to) = (at(before, &path), at(after, &path));
        let whole = from.is_some_and(Value::is_object) && to.is_some_and(Value::is_object);
        if whole || !changed.iter().any(|place| place.starts_with(&path)) {
            wrongs.push(format!("{path:?} is told and did not change: {row:?}"));
        }
        if row.data("image").is_none() {
            let masks = !show_values && is_variable(&shape(&path));
            for (cell, value, other, missing) in [
                (&row.from, from, to, "none"),
                (&row.to, to, from, "removed"),
            ] {
                let right = match (cell, value) {
                    (Cell::Words(words), None) => words == missing,
                    // A file may write out what is so without it.
                    (Cell::Value(text), None) => {
                        let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
                        normal(&shape(&path), &value).is_none()
                    }
                    (Cell::Words(words), Some(_)) if masks => *words == mask(missing, other),
                    (Cell::Value(text), Some(value)) if !masks => {
                        says(text, value, &path, show_values)
                    }
                    _ => false,
                };
                if !right {
                    wrongs.push(format!("{path:?} is {value:?}, and {cell:?} is told"));
                }
            }
            if row.from == row.to {
                wrongs.push(format!("{path:?} looks the same before and after: {row:?}"));
            }
        }
    }
    wrongs
}

/// What stands for a variable's value; where there is none, the side calls it `missing`.
fn mask(missing: &str, other: Option<&Value>) -> &'static str {
    match (missing, other) {
        ("none", None) => "was set",
        ("removed", Some(_)) => "set to another value",
        _ => "set",
    }
}

fn at<'a>(tree: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter()
        .try_fold(tree, |value, key| value.as_object()?.get(key))
}

fn shape(path: &[String]) -> Vec<&str> {
    let mut shape: Vec<&str> = Vec::new();
    for key in path {
        let here = shape.join("/");
        let member = NAMED.iter().any(|(place, _, _)| *place == here);
        shape.push(if member { "*" } else { key });
    }
    shape
}

fn is_variable(shape: &[&str]) -> bool {
    shape.join("/") == "containerDefinitions/*/environment/*"
}

/// Whether a text tells a value: a plain one as it is, others as JSON.
fn says(text: &str, value: &Value, path: &[String], show_values: bool) -> bool {
    match value {
        Value::String(plain) if plain.is_empty() || plain.trim() != plain => {
            // Quoted, so that it is seen.
            let quoted = value.to_string();
            text == quoted
        }
        Value::String(plain) => alike(&shape(path), &json!(text), &json!(plain), show_values),
        _ => serde_json::from_str(text).is_ok_and(|shown: Value| {
            let shown = normal(&shape(path), &shown);
            shown.is_some_and(|shown| alike(&shape(path), &shown, value, show_values))
        }),
    }
}

/// Whether what is shown is the value, with long texts cut and variables masked.
fn alike(shape: &[&str], shown: &Value, value: &Value, show_values: bool) -> bool {
    match (shown, value) {
        (Value::Object(shown), Value::Object(fields)) => {
            shown.len() == fields.len()
                && fields.iter().all(|(key, value)| {
                    let here = shape.join("/");
                    let member = NAMED.iter().any(|(place, _, _)| *place == here);
                    let inside = [shape, &[if member { "*" } else { key }]].concat();
                    let shown = shown.get(key);
                    shown.is_some_and(|shown| alike(&inside, shown, value, show_values))
                })
        }
        (Value::Array(shown), Value::Array(entries)) => {
            let mut both = shown.iter().zip(entries);
            shown.len() == entries.len()
                && both.all(|(shown, value)| alike(&[], shown, value, show_values))
        }
        (Value::String(shown), Value::String(_)) if !show_values && is_variable(shape) => {
            ["set", "was set"].contains(&shown.as_str())
        }
        (Value::String(shown), Value::String(text)) if text.chars().count() > 200 => {
            let part = shown.trim_matches('…');
            part.chars().count() == 200 && text.contains(part)
        }
        (shown, value) => shown == value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preview::generated::rows::cards;

    fn described(variable: &str, memory: &str) -> Value {
        let environment = json!([{"name": "MODE", "value": variable}]);
        tree(&json!({"taskDefinition": {
            "family": "web", "memory": memory, "status": "ACTIVE", "pidMode": "",
            "containerDefinitions": [{"name": "web", "cpu": 0, "environment": environment}],
        }}))
    }

    /// How much is wrong about these rows, of which each is a path and two cells.
    fn check(rows: &[[&str; 3]], wrong: usize) {
        let rows = rows.iter().map(|[path, from, to]| {
            format!(
                "<tr data-target=\"web\" data-path=\"{path}\"><td class=\"from\">{from}</td>\
                 <td class=\"to\">{to}</td></tr>"
            )
        });
        let rows: String = rows.collect();
        let page = format!("<article data-target=\"web\">{rows}</article>");
        let card = cards(&page).remove(0);
        let (before, after) = (described("one", "512"), described("two", "1024"));
        let found = wrongs(&card.rows, &before, &after, false);
        assert_eq!(found.len(), wrong, "{found:#?}");
    }

    #[test]
    fn a_row_too_few_too_many_or_not_true_is_seen() {
        let memory = ["memory", "<code>512</code>", "<code>1024</code>"];
        let path = "containerDefinitions/web/environment/MODE";
        let mode = [path, "<em>set</em>", "<em>set to another value</em>"];
        check(&[memory, mode], 0);
        check(&[memory], 1);
        check(&[memory, memory, mode], 1);
        check(
            &[memory, mode, ["cpu", "<em>none</em>", "<code>256</code>"]],
            2,
        );
        check(
            &[["memory", "<code>512</code>", "<code>2048</code>"], mode],
            1,
        );
        check(&[memory, [path, "<code>one</code>", "<code>two</code>"]], 2);
        // As deep as can be.
        check(
            &[
                memory,
                [
                    "containerDefinitions/web",
                    "<code>{}</code>",
                    "<code>[]</code>",
                ],
            ],
            3,
        );
    }
}
