//! Plain tables: one row per object, no borders, columns aligned.

use super::safe;
use comfy_table::{CellAlignment, ContentArrangement, presets};

/// Rows under headings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(headings: impl IntoIterator<Item = &'static str>) -> Self {
        Self { headings: headings.into_iter().collect(), rows: Vec::new() }
    }

    /// Two columns without headings: names and values.
    pub(crate) fn pairs() -> Self {
        Self::default()
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Adds a name and a value to [`Self::pairs`].
    pub(crate) fn pair(&mut self, name: &str, value: impl ToString) {
        self.row([format!("{name}:"), value.to_string()]);
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as comma-separated values, with or without its headings.
    pub(crate) fn csv(&self, headings: bool) -> String {
        let headings = headings.then(|| self.headings.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>());
        let rows = headings.iter().chain(&self.rows);
        rows.map(|row| row.iter().map(|cell| safe::csv(cell)).collect::<Vec<_>>().join(",") + "\r\n").collect()
    }

    /// The rows as text, under headings only the `first` time.
    pub(crate) fn more(&self, colour: bool, first: bool) -> String {
        let text = self.render(colour);
        if first { text } else { text.split_inclusive('\n').skip(1).collect() }
    }

    /// The table as text; an empty cell reads `<none>`, and nothing in it acts on a terminal.
    pub(crate) fn render(&self, colour: bool) -> String {
        let shown = |cell: &String| if cell.is_empty() { "<none>".to_owned() } else { safe::line(cell) };
        let mut table = comfy_table::Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if !self.headings.is_empty() {
            table.set_header(self.headings.iter().copied());
        }
        for row in &self.rows {
            table.add_row(row.iter().map(shown));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2)).set_cell_alignment(CellAlignment::Left);
        }
        let lines = table.lines().map(|line| line.trim_end().to_owned() + "\n");
        lines.map(|line| if colour { paint(&line) } else { line }).collect()
    }
}

/// Colours the words of state, so that trouble is seen at a glance.
fn paint(line: &str) -> String {
    const COLOURS: [(&str, &str); 10] = [
        ("ok", "32"),
        ("ready", "32"),
        ("running", "32"),
        ("allow", "32"),
        ("warn", "33"),
        ("starting", "33"),
        ("fail", "31"),
        ("failed", "31"),
        ("deny", "31"),
        ("stopped", "31"),
    ];
    let mut painted = String::new();
    for word in line.split_inclusive([' ', '\n']) {
        let bare = word.trim_end();
        match COLOURS.iter().find(|(name, _)| *name == bare) {
            Some((_, code)) => painted.push_str(&format!("\u{1b}[{code}m{bare}\u{1b}[0m{}", &word.replace(bare, ""))),
            None => painted.push_str(word),
        }
    }
    painted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_is_left_empty() {
        let mut table = Table::new(["NAME", "STATE"]);
        table.row(["weekly_reports".to_owned(), "ready".to_owned()]);
        table.row(["x".to_owned(), String::new()]);
        assert_eq!(table.render(false), "NAME            STATE\nweekly_reports  ready\nx               <none>\n");
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        assert_eq!(paint("1  ok   home\n"), "1  \u{1b}[32mok\u{1b}[0m   home\n");
        assert_eq!(paint("okay\n"), "okay\n");
    }
}
