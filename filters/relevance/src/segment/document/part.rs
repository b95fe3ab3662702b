//! The parts that a document's lines make up.

use std::ops::Range;

use crate::segment::line::{self, Line};
use crate::segment::table;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Heading(usize),
    Paragraph,
    /// An item of a list with its indented lines.
    Item,
    /// A code block between fences.
    Code,
    /// The header of a table with the rule below it.
    TableHead,
    Row,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) kind: Kind,
    /// Never empty.
    pub(super) lines: Range<usize>,
}

impl Part {
    /// The level of a heading.
    pub(super) fn level(&self) -> Option<usize> {
        match self.kind {
            Kind::Heading(level) => Some(level),
            _ => None,
        }
    }
}

/// The parts of the text; blank lines and rules are between them.
pub(super) fn parts(lines: &[Line<'_>]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if line.is_blank() || line::is_rule(line.text) {
            at += 1;
            continue;
        }
        let before = parts.last().filter(|part| part.lines.end == at).map(|part| part.kind);
        let (kind, end) = next(lines, at, before);
        parts.push(Part { kind, lines: at..end });
        at = end;
    }
    parts
}

/// The part that begins at `at`, and the line behind it.
fn next(lines: &[Line<'_>], at: usize, before: Option<Kind>) -> (Kind, usize) {
    let text = lines.get(at).map_or("", |line| line.text);
    if let Some(kind) = single(lines, at) {
        let length = if kind == Kind::TableHead { 2 } else { 1 };
        return (kind, at + length);
    }
    if matches!(before, Some(Kind::TableHead | Kind::Row)) && text.contains('|') {
        return (Kind::Row, at + 1);
    }
    if let Some(fence) = fence(text) {
        let closes = |line: &Line<'_>| {
            line.text.trim().trim_end_matches(['`', '~']).is_empty() && line.text.trim().starts_with(fence)
        };
        let inside = lines.iter().skip(at + 1).position(closes);
        return (Kind::Code, inside.map_or(lines.len(), |inside| at + 1 + inside + 1));
    }
    if line::item(text).is_some() {
        return (Kind::Item, item_end(lines, at));
    }
    let goes_on = |at: &usize| lines.get(*at).is_some_and(|line| !line.is_blank()) && !begins(lines, *at);
    let end = at + 1 + (at + 1..lines.len()).take_while(goes_on).count();
    match lines.get(end - 1).map(|line| line.text.trim_end()) {
        // A line of `=` below a line makes it a heading.
        Some(under) if end == at + 2 && under.len() >= 3 && under.trim_matches('=').is_empty() => {
            (Kind::Heading(1), end)
        }
        _ => (Kind::Paragraph, end),
    }
}

/// A heading, or the header of a table.
fn single(lines: &[Line<'_>], at: usize) -> Option<Kind> {
    let text = lines.get(at)?.text;
    let title = text.trim_start_matches('#');
    let level = text.len() - title.len();
    if (1..=6).contains(&level) && title.starts_with(' ') {
        return Some(Kind::Heading(level));
    }
    let rule = lines.get(at + 1).map_or("", |line| line.text);
    (text.contains('|') && rule.contains('|') && table::is_rule(rule) && !table::is_rule(text))
        .then_some(Kind::TableHead)
}

/// Whether a part begins at a line right below another one's.
fn begins(lines: &[Line<'_>], at: usize) -> bool {
    let text = lines.get(at).map_or("", |line| line.text);
    single(lines, at).is_some() || fence(text).is_some() || line::item(text).is_some()
}

fn fence(text: &str) -> Option<&'static str> {
    ["```", "~~~"].into_iter().find(|fence| text.trim_start().starts_with(fence))
}

/// An item goes on with indented lines, and with lines that follow without a blank one.
fn item_end(lines: &[Line<'_>], at: usize) -> usize {
    let mut end = at + 1;
    let mut is_apart = false;
    for (index, line) in lines.iter().enumerate().skip(at + 1) {
        if line.is_blank() {
            is_apart = true;
        } else if line.is_indented() || !is_apart && !begins(lines, index) && !line::is_rule(line.text) {
            end = index + 1;
            is_apart = false;
        } else {
            break;
        }
    }
    end
}
