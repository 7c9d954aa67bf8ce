//! What a page tells in its lists, without its markup.

/// The reasons for which the release would be refused.
pub(super) fn refusals(html: &str) -> Vec<String> {
    list(html, "<ol class=\"refusals\">", "</ol>")
}

/// The entries of a list by its id: `not-proven`, `drift`, `alarms`, `exceptions`, `replaced`.
pub(super) fn concerns(html: &str, id: &str) -> Vec<String> {
    list(html, &format!("<h2 id=\"{id}\">"), "</ul>")
}

fn list(html: &str, from: &str, to: &str) -> Vec<String> {
    let Some((_, rest)) = html.split_once(from) else {
        return Vec::new();
    };
    let (list, _) = rest.split_once(to).unwrap();
    list.split("<li>").skip(1).map(text).collect()
}

/// Without tags and entities.
pub(super) fn text(html: &str) -> String {
    let mut text = String::new();
    for (n, part) in html.split('<').enumerate() {
        let shown = part.split_once('>').map_or(part, |(_, shown)| shown);
        text += if n == 0 { part } else { shown };
    }
    for (entity, character) in [
        ("&quot;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, character);
    }
    text
}
