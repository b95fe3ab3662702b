//! The only printer: results on stdout in the format asked for, everything else on stderr.
//!
//! Commands hand it a [`Report`] and know nothing of formats, colours or terminals.

pub(crate) mod age;
mod pager;
pub(crate) mod safe;
mod table;

pub(crate) use table::Table;

use crate::{
    args::{Color, Format},
    failure::Failure,
};
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
    /// Whether results are left out, because requests are shown in their place.
    muted: bool,
    /// The program that shows what is longer than the screen.
    pager: Option<&'static str>,
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
    /// Prints in `format`, with colours where they are wanted.
    pub(crate) fn new(format: Format, quiet: bool, color: Color) -> Self {
        let colour = match color {
            Color::Auto => io::stdout().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb"),
            Color::Always => true,
            Color::Never => false,
        };
        Self { format, quiet, colour, muted: false, pager: None }
    }

    /// The same, which shows long tables with `pager`.
    pub(crate) fn paged(self, pager: Option<String>) -> Self {
        // One string for the life of the process, so that printers stay small enough to be handed around.
        Self { pager: pager.map(|pager| &*pager.leak()), ..self }
    }

    /// The same without results: requests are shown in their place.
    pub(crate) fn muted(self, muted: bool) -> Self {
        Self { muted, ..self }
    }

    /// Prints a request as a command.
    pub(crate) fn curl(self, command: &str) -> Result<(), Failure> {
        write_out(&format!("{}\n", safe::line(command)))
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
        self.out(&text.split_inclusive('\n').map(line).collect::<String>())
    }

    /// Prints a result.
    pub(crate) fn report(self, report: &impl Report) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.rows(&report.table(false)),
            Format::Wide => self.rows(&report.table(true)),
            Format::Json => self.json(report),
            Format::Jsonl => self.jsonl(report),
            Format::Csv => self.out(&report.table(true).csv(true)),
            Format::Yaml => self.yaml(report),
            Format::Name => self.out(&lines(report.names())),
        }
    }

    /// Prints more of a result that has no end; the `first` part has the headings.
    pub(crate) fn append(self, report: &impl Report, first: bool) -> Result<(), Failure> {
        let text = match self.format {
            Format::Table | Format::Wide => report.table(self.format == Format::Wide).more(self.colour, first),
            Format::Csv => report.table(true).csv(first),
            Format::Json | Format::Jsonl => jsonl(report)?,
            Format::Yaml | Format::Name => lines(report.names()),
        };
        match write_stdout(&text) {
            // Otherwise it would go on for nobody.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::ended()),
            Err(error) => Err(unwritable(&error)),
            Ok(()) => Ok(()),
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
            Format::Table | Format::Wide => {
                self.out(&lines(changes.iter().map(|c| format!("{} {}", c.object, c.change))))
            }
            Format::Json => self.json(changes),
            Format::Jsonl => self.jsonl(changes),
            Format::Csv => {
                let mut table = Table::new(["OBJECT", "CHANGE"]);
                changes.iter().for_each(|c| table.row([c.object.clone(), c.change.clone()]));
                self.out(&table.csv(true))
            }
            Format::Yaml => self.yaml(changes),
            Format::Name => self.out(&lines(changes.iter().map(|c| c.object.clone()))),
        }
    }

    /// Prints `text` as it is: a token, a script, a preview.
    pub(crate) fn raw(self, text: &str) -> Result<(), Failure> {
        self.out(text)
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
                "details": failure.details, "hint": failure.hint, "request_id": failure.request_id,
            }});
            return err(&format!("{error}\n"));
        }
        let mut text = format!("error: {}\n", safe::line(&failure.message));
        for line in &failure.details {
            text.push_str(&format!("  {}\n", safe::line(line)));
        }
        if let Some(hint) = &failure.hint {
            text.push_str(&format!("hint: {}\n", safe::line(hint)));
        }
        // Only what the control plane answered is in its log.
        if let Some(id) = failure.request_id.as_ref().filter(|_| failure.answered) {
            text.push_str(&format!("request: {id}\n"));
        }
        err(&text);
    }

    fn rows(self, table: &Table) -> Result<(), Failure> {
        if table.is_empty() {
            self.note("nothing found");
            return Ok(());
        }
        let text = table.render(self.colour);
        match self.pager.filter(|_| !self.muted && pager::is_needed(&text)) {
            Some(program) => pager::show(program, &text).or_else(|_| self.out(&text)),
            None => self.out(&text),
        }
    }

    fn json(self, value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Failure::failed(error.to_string()))?;
        self.out(&format!("{}\n", safe::json(&text)))
    }

    fn jsonl(self, value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
        self.out(&jsonl(value)?)
    }

    fn yaml(self, value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
        self.out(&serde_yaml_ng::to_string(value).map_err(|error| Failure::failed(error.to_string()))?)
    }

    fn out(self, text: &str) -> Result<(), Failure> {
        if self.muted { Ok(()) } else { write_out(text) }
    }
}

/// An array: one element a line; anything else is one line.
fn jsonl(value: &(impl Serialize + ?Sized)) -> Result<String, Failure> {
    let value = serde_json::to_value(value).map_err(|error| Failure::failed(error.to_string()))?;
    let rows = match value {
        serde_json::Value::Array(rows) => rows,
        one => vec![one],
    };
    Ok(lines(rows.iter().map(|row| safe::json(&row.to_string()))))
}

/// `text` of others on one line, with what acts on a terminal spelled out.
pub(crate) fn plain(text: &str) -> String {
    safe::line(text)
}

fn lines(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().map(|item| item + "\n").collect()
}

/// Writes to stdout. A reader that went away (`| head`) is no failure.
fn write_out(text: &str) -> Result<(), Failure> {
    told(text).map(drop)
}

/// Writes to stdout. Whether the reader is still there.
fn told(text: &str) -> Result<ControlFlow<()>, Failure> {
    match write_stdout(text) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(unwritable(&error)),
    }
}

fn write_stdout(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
}

fn unwritable(error: &io::Error) -> Failure {
    Failure::failed(format!("cannot write to stdout: {error}"))
}

/// Writes to stderr; nobody is left to tell when that fails.
fn err(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
