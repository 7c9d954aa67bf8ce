//! The page that people search: the first column of its tables holds the messages, as code.

/// The page, from the workspace's root.
pub(super) const PAGE: &str = "docs/troubleshooting.md";

/// A message on the page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) line: usize,
    pub(super) text: String,
}

/// The messages of the tables whose first column is called `message`.
pub(super) fn read(page: &str) -> Vec<Told> {
    let (mut told, mut is_table) = (Vec::new(), false);
    for (line, row) in (1..).zip(page.lines()) {
        let Some(cell) = first_cell(row) else {
            is_table = false;
            continue;
        };
        if is_table {
            told.extend(codes(&cell).map(|text| Told { line, text }));
        }
        is_table |= cell == "message";
    }
    told
}

/// The first cell of a table's row; `\|` is a sign of the text.
fn first_cell(row: &str) -> Option<String> {
    let row = row.strip_prefix('|')?.replace("\\|", "\n");
    let cell = row.split('|').next().unwrap_or_default();
    Some(cell.trim().replace('\n', "|"))
}

/// What stands between equal numbers of backticks.
fn codes(cell: &str) -> impl Iterator<Item = String> {
    let mut rest = cell;
    std::iter::from_fn(move || {
        let inside = rest.get(rest.find('`')?..)?;
        let text = inside.trim_start_matches('`');
        let ticks = inside.get(..inside.len() - text.len())?;
        let (code, behind) = text.split_once(ticks)?;
        rest = behind;
        Some(code.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_the_codes_of_the_first_column() {
        let page = "\
| parameter | meaning |
| --- | --- |
| `none` | of ours |

| message | meaning |
| --- | --- |
| `one \\| two`, and `` run `this` `` | `not` this |
| words | |
";
        let expected = [(7, "one | two"), (7, "run `this`")];
        let told = read(page);
        let told: Vec<_> = told
            .iter()
            .map(|one| (one.line, one.text.as_str()))
            .collect();
        assert_eq!(told, expected);
    }
}
