//! The one place that decides what a text is.
//!
//! A text that is one JSON value is JSON and nothing else. For any other text the shapes are asked in a fixed order,
//! from those whose syntax proves itself (JSON among text, diffs, CSV) over those with a regular layout (tables, logs,
//! blocks, YAML) to those that can only be likely (lists, lines, prose). The first that is believed wins. Believed
//! means:
//!
//! 1. the shape's own rule holds: for every row in shapes with a syntax, for the share of lines that its module names
//!    in the others;
//! 2. there are at least as many records as the shape needs not to be a coincidence;
//! 3. records and their headings are at least so many percent of the bytes: what is mostly something else is that.
//!
//! A text that no shape believes in is never filtered: configuration, source code, a single object, a short answer.
//! A remark at the end that says how to go on (`(50 rows)`, a cursor, "truncated") belongs to no record and stays.

use super::segmented::Segmented;
use super::{blocks, csv, diff, document, items, json, lines, log, python, remark, table, yaml};

/// What a text was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// An array, or an object of like objects, in a JSON value.
    Json,
    /// JSON values one after the other, such as one a line.
    JsonLines,
    /// A list as Python prints it.
    Python,
    /// Hunks of a diff.
    Diff,
    /// Rows under a header, between delimiters.
    Csv,
    /// Rows under a header, in columns.
    Table,
    /// Log lines, each with the lines that continue it.
    Log,
    /// Sections, paragraphs, items, code blocks and table rows under headings.
    Document,
    /// Blocks that begin alike, or that rules separate.
    Blocks,
    /// A YAML list of maps.
    Yaml,
    /// A list, bulleted or numbered.
    Items,
    /// One record a line.
    Lines,
    /// Paragraphs of prose.
    Prose,
    /// Content blocks of a result, each a record.
    Contents,
}

/// When a shape is believed.
struct Rule {
    find: fn(&str) -> Option<Segmented>,
    records_min: usize,
    percent_min: usize,
}

const fn rule(find: fn(&str) -> Option<Segmented>, records_min: usize, percent_min: usize) -> Rule {
    Rule { find, records_min, percent_min }
}

/// In the order they are asked.
const RULES: [Rule; 12] = [
    rule(json::among_text, 2, 10),
    rule(python::segment, 2, 80),
    rule(diff::segment, 2, 60),
    rule(csv::segment, 3, 50),
    rule(table::segment, 2, 50),
    rule(log::segment, 3, 60),
    rule(document::under_headings, 6, 80),
    rule(blocks::segment, 3, 60),
    rule(yaml::segment, 3, 60),
    rule(items::segment, 3, 60),
    rule(lines::segment, 3, 80),
    rule(document::of_prose, 6, 80),
];

/// Finds the records of `text`; `None` when it is not recognised as a text of several records.
#[must_use]
pub fn segment(text: &str) -> Option<Segmented> {
    if text.trim_start().starts_with(['{', '['])
        && let Some(root) = json::parse(text)
    {
        return json::segment(text, root);
    }
    let text = text.get(..remark::start(text))?;
    let bytes = text.trim().len();
    let believed = |rule: &Rule| {
        (rule.find)(text).filter(|found| {
            found.records().len() >= rule.records_min && found.bytes() * 100 >= bytes * rule.percent_min
        })
    };
    RULES.iter().find_map(believed)
}
