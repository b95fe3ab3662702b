//! Records that are blocks of lines: chunks between blank lines or `---` rules that begin with the same label
//! (`Commit: …`, `- providerDocID: …`, `commit <hash>`), and lists whose items start with `- ` or a number.

use std::collections::HashMap;
use std::ops::Range;

use super::speaking::Spoken;
use super::{Record, Segmented};

/// Bytes of a label.
const LABEL_BYTES_MAX: usize = 40;
/// Blocks with the same label that make a text of records.
const BLOCKS_MIN: usize = 3;
/// A chunk that does not begin with the label continues the record before it; so many percent must begin with it.
const LABELLED_PERCENT_MIN: usize = 25;

/// The block records of `text`.
#[must_use]
pub fn segment(text: &str) -> Option<Segmented> {
    let lines = lines(text);
    labelled(text, &lines).or_else(|| items(text, &lines))
}

/// A line without its line end, and its span.
type Line<'a> = (&'a str, Range<usize>);

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut at = 0;
    let mut lines = Vec::new();
    for whole in text.split_inclusive('\n') {
        let line = whole.trim_end_matches(['\n', '\r']);
        lines.push((line, at..at + line.len()));
        at += whole.len();
    }
    lines
}

/// Blank, or a rule of dashes, stars or equals signs.
fn is_separator(line: &str) -> bool {
    let line = line.trim();
    line.is_empty()
        || ["-", "*", "="].iter().any(|mark| line.len() >= 3 && line.trim_matches(|c| mark.contains(c)).is_empty())
}

/// What a line labels itself with: the words before a colon, or `commit` before a hash.
fn label(line: &str) -> Option<&str> {
    if line.strip_prefix("commit ").is_some_and(|hash| hash.len() >= 7 && !hash.contains(':')) {
        return Some("commit");
    }
    let (label, _) = line.split_once(':')?;
    let name = label.trim_start_matches(['-', '*', ' ']);
    let is_name = name.starts_with(char::is_alphabetic)
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '*'));
    (is_name && !line.starts_with([' ', '\t']) && label.len() <= LABEL_BYTES_MAX).then_some(label)
}

fn labelled(text: &str, lines: &[Line<'_>]) -> Option<Segmented> {
    let firsts: Vec<usize> = (0..lines.len())
        .filter(|&index| {
            let separates = |i: usize| lines.get(i).is_none_or(|(line, _)| is_separator(line));
            !separates(index) && index.checked_sub(1).is_none_or(separates)
        })
        .collect();
    let label_at = |index: usize| lines.get(index).and_then(|(line, _)| label(line));
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for label in firsts.iter().filter_map(|&index| label_at(index)) {
        *counts.entry(label).or_default() += 1;
    }
    let (wanted, count) = counts.into_iter().max_by_key(|(label, count)| (*count, std::cmp::Reverse(*label)))?;
    if count < BLOCKS_MIN || count * 100 < firsts.len() * LABELLED_PERCENT_MIN {
        return None;
    }
    // The first record may follow its heading without a blank line.
    let second_chunk = firsts.get(1).copied().unwrap_or(lines.len());
    let mut starts: Vec<usize> = firsts.into_iter().filter(|&index| label_at(index) == Some(wanted)).collect();
    let under_heading = (0..second_chunk).find(|&index| label_at(index) == Some(wanted));
    if let Some(heading) = under_heading.filter(|index| !starts.contains(index)) {
        starts.insert(0, heading);
    }
    Segmented::of(records(text, lines, &starts, is_separator))
}

/// `- item` or `1. item` at the left margin, continued by indented lines; nothing else after the first.
fn items(text: &str, lines: &[Line<'_>]) -> Option<Segmented> {
    let is_item = |line: &str| {
        let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
        line.starts_with("- ") || line.starts_with("* ") || number.len() < line.len() && number.starts_with(". ")
    };
    let first = lines.iter().position(|(line, _)| is_item(line))?;
    let belongs = |line: &str| line.trim().is_empty() || line.starts_with([' ', '\t']) || is_item(line);
    if !lines.iter().skip(first).all(|(line, _)| belongs(line)) {
        return None;
    }
    let starts: Vec<usize> =
        (first..lines.len()).filter(|&index| lines.get(index).is_some_and(|(line, _)| is_item(line))).collect();
    if starts.len() < BLOCKS_MIN {
        return None;
    }
    Segmented::of(records(text, lines, &starts, |line| line.trim().is_empty()))
}

/// The records that start at the given lines and end before the next one's separators.
fn records(text: &str, lines: &[Line<'_>], starts: &[usize], is_between: fn(&str) -> bool) -> Vec<Record> {
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    let span = |(&start, end): (&usize, usize)| -> Option<Range<usize>> {
        let last = lines.get(start..end)?.iter().rfind(|(line, _)| !is_between(line))?;
        Some(lines.get(start)?.1.start..last.1.end)
    };
    let spans = starts.iter().zip(ends).filter_map(span);
    spans.map(|span| Record { spoken: Spoken::of_text(text.get(span.clone()).unwrap_or_default()), span }).collect()
}

#[cfg(test)]
mod tests;
