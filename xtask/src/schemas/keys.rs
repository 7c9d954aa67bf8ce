//! What people write, as a table: key, default, meaning.

use serde_json::Value;

use super::cell;

/// The keys of a schema's top and, for a list of objects, of each entry: `targets[].service`. Where
/// an entry is one kind or another, each key stands once, with the kinds that require it.
pub(super) fn of(schema: &Value) -> String {
    let mut table = "| key | default | meaning |\n| --- | --- | --- |\n".to_owned();
    rows(&mut table, schema, &[("", schema)], "");
    table
}

/// A kind of object, by name, and its schema.
type Kind<'a> = (&'a str, &'a Value);

fn rows(table: &mut String, schema: &Value, kinds: &[Kind<'_>], prefix: &str) {
    let mut told: Vec<&str> = Vec::new();
    for (_, object) in kinds {
        for (key, value) in object["properties"].as_object().into_iter().flatten() {
            if told.contains(&key.as_str()) {
                continue;
            }
            told.push(key);
            let requiring = kinds.iter().filter(|(_, object)| requires(object, key));
            let requiring: Vec<&str> = requiring.map(|(kind, _)| *kind).collect();
            let default = match requiring.len() {
                0 => cell::value(&value["default"]),
                all if all == kinds.len() => "required".to_owned(),
                _ => format!("required for a {}", requiring.join(" or a ")),
            };
            let meaning = cell::text(value["description"].as_str().unwrap_or_default());
            table.push_str(&format!("| `{prefix}{key}` | {default} | {meaning} |\n"));
            rows(
                table,
                schema,
                &entries(schema, value),
                &format!("{prefix}{key}[]."),
            );
        }
    }
}

fn requires(object: &Value, key: &str) -> bool {
    let required = object["required"].as_array().into_iter().flatten();
    required.into_iter().any(|name| name == key)
}

/// The kinds of object that a list's entries are; none unless it is a list of objects.
fn entries<'a>(schema: &'a Value, list: &'a Value) -> Vec<Kind<'a>> {
    let Some(entry) = follow(schema, &list["items"]) else {
        return Vec::new();
    };
    match entry.1["anyOf"].as_array() {
        Some(kinds) => kinds
            .iter()
            .filter_map(|kind| follow(schema, kind))
            .collect(),
        None => vec![entry],
    }
}

/// What a reference leads to, called `service` when its type is `ServiceTarget`.
fn follow<'a>(schema: &'a Value, reference: &'a Value) -> Option<Kind<'a>> {
    let path = reference["$ref"].as_str()?.strip_prefix('#')?;
    let name = path.rsplit('/').next().unwrap_or_default();
    let kind = match name.strip_suffix("Target") {
        Some("Service") => "service",
        Some("Task") => "task",
        Some("Stack") => "stack",
        _ => name,
    };
    Some((kind, schema.pointer(path)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_has_a_row_for_each_key() {
        let schema = json!({
            "properties": {
                "targets": {"items": {"$ref": "#/$defs/Target"}, "description": "What\nchanges."},
                "onFailure": {"default": "rollback", "description": "`a` | `b`"},
                "role": {"default": null},
            },
            "required": ["targets"],
            "$defs": {"Target": {"properties": {"service": {"description": "S."}}}},
        });
        let expected = "\
| key | default | meaning |
| --- | --- | --- |
| `targets` | required | What changes. |
| `targets[].service` |  | S. |
| `onFailure` | `rollback` | `a` \\| `b` |
| `role` |  |  |
";
        assert_eq!(of(&schema), expected);
    }

    #[test]
    fn a_key_says_for_which_kinds_it_is_required() {
        let kind = |key: &str, more: &str| {
            json!({"properties": {"region": {"description": "R."}, "cluster": {}, key: {}, more: {}},
                   "required": ["region", "cluster", key]})
        };
        let schema = json!({
            "properties": {"targets": {"items": {"$ref": "#/$defs/Target"}}},
            "$defs": {
                "Target": {"anyOf": [{"$ref": "#/$defs/ServiceTarget"}, {"$ref": "#/$defs/TaskTarget"},
                                     {"$ref": "#/$defs/StackTarget"}]},
                "ServiceTarget": kind("service", "name"),
                "TaskTarget": kind("task", "name"),
                "StackTarget": {"properties": {"stack": {}, "region": {}},
                                "required": ["stack", "region"]},
            },
        });
        let expected = "\
| key | default | meaning |
| --- | --- | --- |
| `targets` |  |  |
| `targets[].region` | required | R. |
| `targets[].cluster` | required for a service or a task |  |
| `targets[].service` | required for a service |  |
| `targets[].name` |  |  |
| `targets[].task` | required for a task |  |
| `targets[].stack` | required for a stack |  |
";
        assert_eq!(of(&schema), expected);
    }
}
