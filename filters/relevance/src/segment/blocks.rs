//! Records that are blocks of lines: chunks between blank lines or rules that begin with the same label (`Commit: …`,
//! `- providerDocID: …`, `commit <hash>`, a number), and chunks between the same rules (`---`), whatever they hold.

use std::collections::HashMap;

use super::detect::Shape;
use super::line::{self, Line};
use super::segmented::Segmented;
use super::speaking::Spoken;

/// Bytes of a label.
const LABEL_BYTES_MAX: usize = 40;
/// Blocks with the same label, or between rules, that make a text of records.
const BLOCKS_MIN: usize = 3;
/// A chunk that does not begin with the label continues the record before it; so many percent must begin with it.
const LABELLED_PERCENT_MIN: usize = 25;

/// The block records of `text`.
#[must_use]
pub(crate) fn segment(text: &str) -> Option<Segmented> {
    let lines = line::lines(text);
    labelled(text, &lines).or_else(|| ruled(text, &lines))
}

fn is_separator(line: &str) -> bool {
    line::is_blank(line) || line::is_rule(line)
}

/// What a line labels itself with: the words before a colon, `commit` before a hash, or a number.
fn label(line: &str) -> Option<&str> {
    if line.strip_prefix("commit ").is_some_and(|hash| hash.len() >= 7 && !hash.contains(':')) {
        return Some("commit");
    }
    if line.starts_with(|c: char| c.is_ascii_digit()) && line::item(line).is_some() {
        return Some("1.");
    }
    let (label, _) = line.split_once(':')?;
    let name = label.trim_start_matches(['-', '*', ' ']);
    let is_name = name.starts_with(char::is_alphabetic)
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '*'));
    (is_name && !line.starts_with([' ', '\t']) && label.len() <= LABEL_BYTES_MAX).then_some(label)
}

fn labelled(text: &str, lines: &[Line<'_>]) -> Option<Segmented> {
    let firsts: Vec<usize> = (0..lines.len())
        .filter(|&at| {
            let separates = |at: usize| lines.get(at).is_none_or(|line| is_separator(line.text));
            !separates(at) && at.checked_sub(1).is_none_or(separates)
        })
        .collect();
    let label_at = |at: usize| lines.get(at).and_then(|line| label(line.text));
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for label in firsts.iter().filter_map(|&at| label_at(at)) {
        *counts.entry(label).or_default() += 1;
    }
    let (wanted, count) = counts.into_iter().max_by_key(|(label, count)| (*count, std::cmp::Reverse(*label)))?;
    if count < BLOCKS_MIN || count * 100 < firsts.len() * LABELLED_PERCENT_MIN {
        return None;
    }
    // The first record may follow its heading without a blank line.
    let second_chunk = firsts.get(1).copied().unwrap_or(lines.len());
    let mut starts: Vec<usize> = firsts.into_iter().filter(|&at| label_at(at) == Some(wanted)).collect();
    let under_heading = (0..second_chunk).find(|&at| label_at(at) == Some(wanted));
    if let Some(heading) = under_heading.filter(|at| !starts.contains(at)) {
        starts.insert(0, heading);
    }
    of(text, lines, &starts)
}

/// Chunks between lines that are all the same rule.
fn ruled(text: &str, lines: &[Line<'_>]) -> Option<Segmented> {
    let rule = lines.iter().find(|line| line::is_rule(line.text))?.text;
    let is_rule = |at: &usize| lines.get(*at).is_some_and(|line| line.text == rule);
    let behind = std::iter::once(0).chain((0..lines.len()).filter(is_rule).map(|at| at + 1));
    let filled =
        |from: usize| (from..lines.len()).find(|at| is_rule(at) || !lines.get(*at).is_some_and(Line::is_blank));
    let starts: Vec<usize> = behind.filter_map(filled).filter(|at| !is_rule(at)).collect();
    (starts.len() > BLOCKS_MIN).then(|| of(text, lines, &starts)).flatten()
}

fn of(text: &str, lines: &[Line<'_>], starts: &[usize]) -> Option<Segmented> {
    Segmented::of(Shape::Blocks, line::records(text, lines, (starts, lines.len()), is_separator, Spoken::of_text))
}

#[cfg(test)]
mod tests;
