//! What redbutton writes and reads, as a table: field, meaning.

use serde_json::Value;

use super::cell;

/// The fields of a schema, those within others as `a.b`, and those of a list's entries as `a[].b`.
pub(super) fn of(schema: &Value) -> String {
    let mut table = "| field | meaning |\n| --- | --- |\n".to_owned();
    rows(&mut table, schema, schema, "");
    table
}

fn rows(table: &mut String, schema: &Value, object: &Value, prefix: &str) {
    for (name, field) in object["properties"].as_object().into_iter().flatten() {
        let form = resolved(schema, field);
        let required = object["required"].as_array().into_iter().flatten();
        let optional = !required.into_iter().any(|one| one == name);
        let meaning = meaning(field, form, optional);
        table.push_str(&format!("| `{prefix}{name}` | {meaning} |\n"));
        let (within, step) = match &form["items"] {
            Value::Null => (form, "."),
            entry => (resolved(schema, entry), "[]."),
        };
        rows(table, schema, within, &format!("{prefix}{name}{step}"));
    }
}

/// What a reference leads to; of what may be null, what it is otherwise.
fn resolved<'a>(schema: &'a Value, form: &'a Value) -> &'a Value {
    let of = form["anyOf"].as_array().into_iter().flatten();
    let form = of
        .into_iter()
        .find(|one| one["type"] != "null")
        .unwrap_or(form);
    let path = form["$ref"]
        .as_str()
        .and_then(|path| path.strip_prefix('#'));
    path.and_then(|path| schema.pointer(path)).unwrap_or(form)
}

/// The description, what the values are, and what it is to leave the field out.
fn meaning(field: &Value, form: &Value, optional: bool) -> String {
    let mut sentences = vec![cell::text(text(field))];
    if let Some(only) = field.get("const") {
        sentences.push(format!("Always {}.", cell::value(only)));
    }
    for one in form["oneOf"].as_array().into_iter().flatten() {
        let what = cell::text(&in_a_sentence(text(one)));
        sentences.push(format!("{}: {what}", cell::value(&one["const"])));
    }
    if optional {
        let default = cell::value(&field["default"]);
        sentences.push(if default.is_empty() {
            "Optional.".to_owned()
        } else {
            format!("Default: {default}.")
        });
    }
    sentences.join(" ")
}

fn text(form: &Value) -> &str {
    form["description"].as_str().unwrap_or_default()
}

/// A sentence that goes on after a colon: its first letter small, unless it begins with a name in capitals.
fn in_a_sentence(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
            let rest = text.get(first.len_utf8()..).unwrap_or_default();
            format!("{}{rest}", first.to_lowercase())
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_has_a_row_for_each_field_at_any_depth() {
        let schema = json!({
            "properties": {
                "version": {"const": 1, "description": "The form's."},
                "result": {"$ref": "#/$defs/Result", "description": "What\ncame."},
                "drift": {"anyOf": [{"$ref": "#/$defs/Drift"}, {"type": "null"}], "description": "D."},
                "releases": {"default": "wait", "description": "R."},
                "of": {"anyOf": [{"$ref": "#/$defs/Of"}, {"type": "null"}], "description": "O."},
                "entries": {"items": {"$ref": "#/$defs/Of"}, "default": [], "description": "E."},
            },
            "required": ["version", "result"],
            "$defs": {
                "Result": {"oneOf": [{"const": "served", "description": "It serves."},
                                     {"const": "failed", "description": "ECS says so."}]},
                "Drift": {"oneOf": [{"const": "accept", "description": "A `*` is one."}]},
                "Of": {"properties": {"name": {"description": "`<a>` of <b>."}}, "required": ["name"]},
            },
        });
        let expected = "\
| field | meaning |
| --- | --- |
| `version` | The form's. Always `1`. |
| `result` | What came. `served`: it serves. `failed`: ECS says so. |
| `drift` | D. `accept`: a `*` is one. Optional. |
| `releases` | R. Default: `wait`. |
| `of` | O. Optional. |
| `of.name` | `<a>` of \\<b>. |
| `entries` | E. Optional. |
| `entries[].name` | `<a>` of \\<b>. |
";
        assert_eq!(of(&schema), expected);
    }
}
