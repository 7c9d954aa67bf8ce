//! What stands in the cells of a table.

use serde_json::Value;

/// A text of ours, in one line. A cell ends at every `|`, within code, too; `*` and `<` are emphasis and
/// tags outside of it, and mean themselves in a description.
pub(super) fn text(text: &str) -> String {
    let mut cell = String::new();
    let mut code = false;
    for letter in text.chars() {
        code ^= letter == '`';
        if letter == '|' || (!code && matches!(letter, '*' | '<')) {
            cell.push('\\');
        }
        cell.push(if letter == '\n' { ' ' } else { letter });
    }
    cell
}

/// A value as code. Nothing for what means nothing by itself: null, an empty text, an empty list.
pub(super) fn value(value: &Value) -> String {
    let shown = match value {
        Value::Null => String::new(),
        Value::Array(all) if all.is_empty() => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if shown.is_empty() {
        shown
    } else {
        text(&format!("`{shown}`"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_markdown_would_read_otherwise_is_escaped() {
        for (given, expected) in [
            ("two\nlines", "two lines"),
            ("`a|*<b>`", "`a\\|*<b>`"),
            ("a|b `c` *, <d>", "a\\|b `c` \\*, \\<d>"),
        ] {
            assert_eq!(text(given), expected);
        }
    }

    #[test]
    fn a_value_is_code_or_nothing() {
        for (given, expected) in [
            (json!(null), ""),
            (json!(""), ""),
            (json!([]), ""),
            (json!("*"), "`*`"),
            (json!(5), "`5`"),
            (json!(false), "`false`"),
        ] {
            assert_eq!(value(&given), expected);
        }
    }
}
