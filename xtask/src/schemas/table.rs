//! A schema as a table of the README: key, default, meaning.

use anyhow::{Context, Result};
use serde_json::Value;

/// What ends a generated part.
const END: &str = "<!-- end -->";

/// `text` with the part between `<!-- generated: name -->` and `<!-- end -->` replaced.
pub(crate) fn put(text: &str, name: &str, table: &str) -> Result<String> {
    let begin = format!("<!-- generated: {name} -->");
    let lacks = || format!("README.md has no {begin} with an {END} after it");
    let (before, rest) = text.split_once(&begin).with_context(lacks)?;
    let (_, after) = rest.split_once(END).with_context(lacks)?;
    Ok(format!("{before}{begin}\n{table}{END}{after}"))
}

/// The keys of a schema's top and, for a list of objects, of each entry: `targets[].service`.
pub(crate) fn of(schema: &Value) -> String {
    let mut table = "| key | default | meaning |\n| --- | --- | --- |\n".to_owned();
    rows(&mut table, schema, schema, "");
    table
}

fn rows(table: &mut String, schema: &Value, object: &Value, prefix: &str) {
    for (key, value) in object["properties"].as_object().into_iter().flatten() {
        let required = object["required"]
            .as_array()
            .is_some_and(|all| all.contains(&key.as_str().into()));
        let description = value["description"].as_str().unwrap_or_default();
        let meaning = description.replace('\n', " ").replace('|', "\\|");
        let default = if required {
            "required".to_owned()
        } else {
            default(&value["default"])
        };
        table.push_str(&format!("| `{prefix}{key}` | {default} | {meaning} |\n"));
        let entry = value.pointer("/items/$ref").and_then(Value::as_str);
        let entry = entry.and_then(|name| name.strip_prefix('#'));
        if let Some(entry) = entry.and_then(|name| schema.pointer(name)) {
            rows(table, schema, entry, &format!("{prefix}{key}[]."));
        }
    }
}

/// Nothing where leaving a key out means nothing by itself.
fn default(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(all) if all.is_empty() => String::new(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
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
    fn a_generated_part_is_replaced_and_nothing_else() {
        let text = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb";
        let expected = "a\n<!-- generated: x -->\nnew\n<!-- end -->\nb";
        assert_eq!(put(text, "x", "new\n").unwrap(), expected);
        assert!(put(text, "y", "new\n").is_err());
    }
}
