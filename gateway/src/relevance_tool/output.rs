//! Prints for these commands: results on stdout, everything else on stderr.

use super::trouble::Trouble;
use comfy_table::{CellAlignment, ContentArrangement, presets};
use serde::Serialize;
use std::io::{self, Write as _};

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For reading.
    Table,
    /// A table with more rows and columns.
    Wide,
    /// JSON.
    Json,
}

/// The printer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    format: Format,
    quiet: bool,
}

/// A column of a table: its heading, and whether its cells are numbers, which stand at the right.
pub(super) type Column = (&'static str, CellAlignment);

/// A column of words.
pub(super) const fn words(heading: &'static str) -> Column {
    (heading, CellAlignment::Left)
}

/// A column of numbers.
pub(super) const fn numbers(heading: &'static str) -> Column {
    (heading, CellAlignment::Right)
}

impl Output {
    pub(super) fn new(format: Format, quiet: bool) -> Self {
        Self { format, quiet }
    }

    pub(super) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    pub(super) fn is_wide(self) -> bool {
        self.format == Format::Wide
    }

    /// Writes to stdout. A reader that went away (`| head`) is no failure.
    pub(super) fn raw(self, text: &str) -> Result<(), Trouble> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Trouble::Failed(format!("cannot write to stdout: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Prints a result as JSON.
    pub(super) fn json(self, value: &impl Serialize) -> Result<(), Trouble> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Trouble::Failed(error.to_string()))?;
        self.raw(&format!("{text}\n"))
    }

    /// Says something in passing.
    pub(super) fn note(self, text: &str) {
        if !self.quiet {
            stderr(&format!("{text}\n"));
        }
    }

    /// Says what failed; as JSON when results are JSON.
    pub(super) fn trouble(self, trouble: &Trouble) {
        if self.is_json() {
            let error = serde_json::json!({"error": {"code": trouble.code(), "message": trouble.to_string()}});
            return stderr(&format!("{error}\n"));
        }
        stderr(&format!("error: {trouble}\n"));
    }
}

/// Writes to stderr; nobody is left to tell when that fails.
fn stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// A plain table: one row a line, no borders, columns aligned.
pub(super) fn table(columns: &[Column], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|(heading, _)| *heading));
    for row in rows {
        table.add_row(row);
    }
    for (column, (_, alignment)) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 2)).set_cell_alignment(*alignment);
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// A whole number with its thousands apart.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_at_the_right_and_words_at_the_left() {
        let rows = [vec!["bm25".to_owned(), "0.5".to_owned()], vec!["x".to_owned(), "12.5".to_owned()]];
        assert_eq!(table(&[words("SCORER"), numbers("AP")], rows), "SCORER    AP\nbm25     0.5\nx       12.5\n");
    }

    #[test]
    fn thousands_are_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
