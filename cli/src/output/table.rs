//! Plain tables: one row per object, no borders, columns aligned.

use super::safe;
use comfy_table::{CellAlignment, ContentArrangement, presets};
use std::collections::BTreeSet;

/// What an empty cell reads.
const EMPTY: &str = "<none>";
/// Between two columns.
const GAP: usize = 2;
/// The usual width of a terminal.
const COLUMNS: usize = 80;
/// The last column is not cut shorter than this.
const LAST_COLUMN_MIN: usize = 16;

/// Rows under headings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(headings: impl IntoIterator<Item = &'static str>) -> Self {
        let headings: Vec<&'static str> = headings.into_iter().collect();
        debug_assert!(
            headings.iter().all(|heading| !heading.contains([' ', '_'])),
            "`cut` and `awk` count words: {headings:?}"
        );
        Self { headings, rows: Vec::new() }
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

    /// The last column cut so that a row fits into the usual width, where it is not the last but the first columns that say what
    /// matters.
    pub(crate) fn brief(mut self) -> Self {
        let last = self.headings.len().saturating_sub(1);
        let width = |at: usize| {
            let cells =
                self.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count().max(EMPTY.len()));
            cells.chain(self.headings.get(at).map(|heading| heading.len())).max().unwrap_or_default()
        };
        let before: usize = (0..last).map(|at| width(at) + GAP).sum();
        let room = COLUMNS.saturating_sub(before).max(LAST_COLUMN_MIN);
        for cell in self.rows.iter_mut().filter_map(|row| row.get_mut(last)) {
            if cell.chars().count() > room {
                *cell = cell.chars().take(room - 1).chain(['…']).collect();
            }
        }
        self
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

    /// The lines that are not among `shown` yet, apart from how old things are; under headings only the `first` time. From then
    /// on they are.
    pub(crate) fn news(&self, colour: bool, first: bool, shown: &mut BTreeSet<Vec<String>>) -> String {
        let ages = self.headings.iter().position(|heading| *heading == "AGE");
        let lasting = |row: &Vec<String>| {
            let cells = row.iter().enumerate().filter(|(at, _)| Some(*at) != ages);
            cells.map(|(_, cell)| cell.clone()).collect::<Vec<_>>()
        };
        let now: BTreeSet<Vec<String>> = self.rows.iter().map(lasting).collect();
        let is_new = self.rows.iter().map(|row| !shown.contains(&lasting(row)));
        let headings = (!self.headings.is_empty()).then_some(first);
        let wanted: Vec<bool> = headings.into_iter().chain(is_new).collect();
        let text = self.render(colour);
        let lines = text.split_inclusive('\n').zip(&wanted).filter(|(_, wanted)| **wanted).map(|(line, _)| line);
        let text = lines.collect();
        *shown = now;
        text
    }

    /// The table as text; an empty cell reads `<none>`, and nothing in it acts on a terminal.
    pub(crate) fn render(&self, colour: bool) -> String {
        let shown = |cell: &String| if cell.is_empty() { EMPTY.to_owned() } else { safe::line(cell) };
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
    fn a_brief_table_fits_into_eighty_columns_and_loses_only_the_end() {
        let mut table = Table::new(["NAME", "SAYS"]);
        table.row(["a".repeat(30), "b".repeat(100)]);
        table.row(["a".to_owned(), "short".to_owned()]);
        let text = table.brief().render(false);
        assert_eq!(text.lines().map(|line| line.chars().count()).max(), Some(80), "{text}");
        assert!(text.contains("b…") && text.contains("short"), "{text}");
        let mut table = Table::new(["NAME", "SAYS"]);
        table.row(["a".repeat(90), "b".repeat(100)]);
        assert!(table.brief().render(false).contains(&format!("{}…", "b".repeat(15))));
    }

    #[test]
    fn only_what_changed_is_news_and_growing_older_is_no_change() {
        let table = |state: &str, age: &str| {
            let mut table = Table::new(["NAME", "STATE", "AGE"]);
            table.row(["a", "ready", age].map(str::to_owned));
            table.row(["b", state, age].map(str::to_owned));
            table
        };
        let mut shown = BTreeSet::new();
        let first = table("starting", "1s").news(false, true, &mut shown);
        assert_eq!(first, "NAME  STATE     AGE\na     ready     1s\nb     starting  1s\n");
        assert_eq!(table("starting", "2s").news(false, false, &mut shown), "");
        assert_eq!(table("ready", "3s").news(false, false, &mut shown), "b     ready  3s\n");
        assert_eq!(table("starting", "4s").news(false, false, &mut shown), "b     starting  4s\n");
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        assert_eq!(paint("1  ok   home\n"), "1  \u{1b}[32mok\u{1b}[0m   home\n");
        assert_eq!(paint("okay\n"), "okay\n");
    }
}
