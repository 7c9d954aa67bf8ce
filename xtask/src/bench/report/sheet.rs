//! A table, for the terminal and for the README.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

/// As wide as a terminal is today.
pub(super) const COLUMNS: usize = 100;

/// A table: a header, and rows of as many cells.
pub(super) struct Sheet {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    /// A table without rows.
    pub(super) fn new(header: &[&str]) -> Self {
        Self {
            header: header.iter().map(|cell| (*cell).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// For a terminal: the first column is text, the others are figures.
    pub(super) fn text(&self) -> String {
        let mut table = Table::new();
        table
            .load_style(UTF8_HORIZONTAL_ONLY)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(COLUMNS as u16)
            .set_header(&self.header);
        for row in &self.rows {
            table.add_row(row.iter().enumerate().map(|(column, cell)| {
                let side = match column {
                    0 => CellAlignment::Left,
                    _ => CellAlignment::Right,
                };
                Cell::new(cell).set_alignment(side)
            }));
        }
        table.to_string()
    }

    /// For the README.
    pub(super) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = line(&self.header);
        let rules: Vec<&str> = (0..self.header.len())
            .map(|column| if column == 0 { "---" } else { "---:" })
            .collect();
        text.push_str(&format!("| {} |\n", rules.join(" | ")));
        self.rows.iter().for_each(|row| text.push_str(&line(row)));
        text
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_table_is_markdown() {
        let mut sheet = super::Sheet::new(&["what", "time"]);
        sheet.row(["start".to_owned(), "7.3 ms".to_owned()]);
        assert_eq!(
            sheet.markdown(),
            "| what | time |\n| --- | ---: |\n| start | 7.3 ms |\n"
        );
        assert!(sheet.text().contains("7.3 ms"));
    }
}
