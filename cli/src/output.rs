//! The only printer: results on stdout in the format asked for, everything else on stderr.
//!
//! Commands hand it a [`Report`] and know nothing of formats, colours or terminals.

pub(crate) mod age;
mod safe;
mod table;

pub(crate) use table::Table;

use crate::{args::Format, failure::Failure};
use serde::Serialize;
use std::{
    collections::BTreeSet,
    env, fmt,
    io::{self, IsTerminal as _, Write as _},
    ops::ControlFlow,
};

/// A result that can be shown in every format. JSON and YAML are its `Serialize`.
pub(crate) trait Report: Serialize {
    /// The rows for reading.
    fn table(&self, wide: bool) -> Table;
    /// The names alone.
    fn names(&self) -> Vec<String>;
}

/// Where and how to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    format: Format,
    quiet: bool,
    colour: bool,
}

/// What was shown of a result that is looked at again and again.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    rows: BTreeSet<Vec<String>>,
    text: Option<String>,
}

/// What a command did to one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// `kind/name`.
    pub object: String,
    /// What was done, for example `created` or `unchanged`.
    pub change: String,
}

impl Change {
    /// `object` was `change`d.
    pub(crate) fn new(object: impl fmt::Display, change: impl Into<String>) -> Self {
        Self { object: object.to_string(), change: change.into() }
    }
}

impl Output {
    /// Prints in `format`; colours only for a terminal that wants them.
    pub(crate) fn new(format: Format, quiet: bool, no_color: bool) -> Self {
        let wanted = !no_color && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { format, quiet, colour: wanted && io::stdout().is_terminal() }
    }

    /// Whether stderr is a terminal with somebody in front of it who wants to see progress.
    pub(crate) fn shows_progress(self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// How results are printed.
    pub(crate) fn format(self) -> Format {
        self.format
    }

    /// Whether nothing but errors is said.
    pub(crate) fn is_quiet(self) -> bool {
        self.quiet
    }

    /// Whether the result is for a program.
    pub(crate) fn is_structured(self) -> bool {
        matches!(self.format, Format::Json | Format::Jsonl | Format::Csv | Format::Yaml)
    }

    /// Whether only names are wanted.
    pub(crate) fn is_names(self) -> bool {
        self.format == Format::Name
    }

    /// Prints a unified diff; in colour for a terminal.
    pub(crate) fn diff(self, text: &str) -> Result<(), Failure> {
        let line = |line: &str| {
            let safe = safe::line(line.trim_end_matches('\n'));
            match (self.colour, line.chars().next()) {
                (true, Some('+')) => format!("\u{1b}[32m{safe}\u{1b}[0m\n"),
                (true, Some('-')) => format!("\u{1b}[31m{safe}\u{1b}[0m\n"),
                (true, Some('@')) => format!("\u{1b}[36m{safe}\u{1b}[0m\n"),
                _ => safe + "\n",
            }
        };
        out(&text.split_inclusive('\n').map(line).collect::<String>())
    }

    /// Prints a result.
    pub(crate) fn report(self, report: &impl Report) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.rows(&report.table(false)),
            Format::Wide => self.rows(&report.table(true)),
            Format::Json => self.json(report),
            Format::Jsonl => Self::jsonl(report),
            Format::Csv => out(&report.table(true).csv(true)),
            Format::Yaml => Self::yaml(report),
            Format::Name => out(&lines(report.names())),
        }
    }

    /// Prints more of a result that has no end; the `first` part has the headings.
    pub(crate) fn append(self, report: &impl Report, first: bool) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Wide => {
                let wide = self.format == Format::Wide;
                out(&report.table(wide).more(self.colour, first))
            }
            Format::Csv => out(&report.table(true).csv(first)),
            Format::Json | Format::Jsonl => Self::jsonl(report),
            Format::Yaml | Format::Name => out(&lines(report.names())),
        }
    }

    /// Prints what of a result was not printed before: the rows that changed, or in formats for programs the whole where anything
    /// did. Whether somebody still reads.
    pub(crate) fn news(self, report: &impl Report, seen: &mut Seen) -> Result<ControlFlow<()>, Failure> {
        let first = seen.text.is_none();
        let text = match self.format {
            Format::Table | Format::Wide => {
                let table = report.table(self.format == Format::Wide);
                seen.text = Some(String::new());
                return told(&table.news(self.colour, first, &mut seen.rows));
            }
            Format::Json | Format::Jsonl => serde_json::to_string(report).map(|text| safe::json(&text) + "\n").ok(),
            Format::Csv => Some(report.table(true).csv(first)),
            Format::Yaml => serde_yaml_ng::to_string(report).map(|text| format!("---\n{text}")).ok(),
            Format::Name => Some(lines(report.names())),
        };
        let text = text.ok_or_else(|| Failure::failed("the result cannot be printed in this format"))?;
        if seen.text.as_ref() == Some(&text) {
            return Ok(ControlFlow::Continue(()));
        }
        let written = told(&text);
        seen.text = Some(text);
        written
    }

    /// Prints what was done to objects: one `kind/name change` a line.
    pub(crate) fn changes(self, changes: &[Change]) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Wide => out(&lines(changes.iter().map(|c| format!("{} {}", c.object, c.change)))),
            Format::Json => self.json(changes),
            Format::Jsonl => Self::jsonl(changes),
            Format::Csv => {
                let mut table = Table::new(["OBJECT", "CHANGE"]);
                changes.iter().for_each(|c| table.row([c.object.clone(), c.change.clone()]));
                out(&table.csv(true))
            }
            Format::Yaml => Self::yaml(changes),
            Format::Name => out(&lines(changes.iter().map(|c| c.object.clone()))),
        }
    }

    /// Prints `text` as it is: a token, a script, a preview.
    pub(crate) fn raw(self, text: &str) -> Result<(), Failure> {
        out(text)
    }

    /// Says something in passing.
    pub(crate) fn note(self, text: impl fmt::Display) {
        if !self.quiet {
            err(&format!("{text}\n"));
        }
    }

    /// Says something that may need attention.
    pub(crate) fn warn(self, text: impl fmt::Display) {
        if !self.quiet {
            err(&format!("warning: {text}\n"));
        }
    }

    /// Asks: shown whatever `--quiet` says, because somebody is to answer.
    pub(crate) fn ask(self, question: &str) {
        err(question);
    }

    /// Says what failed; as JSON when results are JSON.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.format == Format::Json {
            let error = serde_json::json!({"error": {
                "code": failure.status.word(), "message": failure.message,
                "details": failure.details, "hint": failure.hint,
            }});
            return err(&format!("{error}\n"));
        }
        let mut text = format!("error: {}\n", failure.message);
        for line in &failure.details {
            text.push_str(&format!("  {line}\n"));
        }
        if let Some(hint) = &failure.hint {
            text.push_str(&format!("hint: {hint}\n"));
        }
        err(&text);
    }

    fn rows(self, table: &Table) -> Result<(), Failure> {
        if table.is_empty() {
            self.note("nothing found");
            return Ok(());
        }
        out(&table.render(self.colour))
    }

    fn json(self, value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Failure::failed(error.to_string()))?;
        out(&format!("{}\n", safe::json(&text)))
    }

    /// An array: one element a line; anything else is one line.
    fn jsonl(value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
        let value = serde_json::to_value(value).map_err(|error| Failure::failed(error.to_string()))?;
        let rows = match value {
            serde_json::Value::Array(rows) => rows,
            one => vec![one],
        };
        out(&lines(rows.iter().map(|row| safe::json(&row.to_string()))))
    }

    fn yaml(value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
        out(&serde_yaml_ng::to_string(value).map_err(|error| Failure::failed(error.to_string()))?)
    }
}

fn lines(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().map(|item| item + "\n").collect()
}

/// Writes to stdout. A reader that went away (`| head`) is no failure.
fn out(text: &str) -> Result<(), Failure> {
    told(text).map(drop)
}

/// Writes to stdout. Whether the reader is still there.
fn told(text: &str) -> Result<ControlFlow<()>, Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(Failure::failed(format!("cannot write to stdout: {error}"))),
    }
}

/// Writes to stderr; nobody is left to tell when that fails.
fn err(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
