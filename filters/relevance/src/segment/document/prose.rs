//! Whether a text is written for people: source code and configuration have lines that look like headings and
//! paragraphs, too.

use super::part::{Kind, Part};
use crate::segment::line::Line;

/// So many percent of the lines in paragraphs may look like code; more where headings have levels, which comments
/// do not.
const CODE_PERCENT_MAX: usize = 20;
const CODE_PERCENT_MAX_UNDER_LEVELS: usize = 40;
/// So many percent of the paragraphs of some words must end like sentences.
const SENTENCES_PERCENT_MIN: usize = 50;
/// So many percent of the headings must follow a blank line, the heading above them or nothing.
const APART_PERCENT_MIN: usize = 80;
/// Words of a paragraph that should end like a sentence; of a line that is no code whatever it holds; bytes of a
/// paragraph in a text without headings.
const WORDS_MIN: usize = 5;
const WORDS_OF_PROSE: usize = 9;
const PARAGRAPH_BYTES_MIN: usize = 60;

/// Whether what looks like headings are headings.
pub(super) fn has_honest_headings(lines: &[Line<'_>], parts: &[Part]) -> bool {
    let headings = || parts.iter().filter_map(|part| Some((part.level()?, part.lines.start)));
    // Comments of several lines look like headings right below each other.
    let is_apart = |(level, at): &(usize, usize)| {
        let before = at.checked_sub(1).and_then(|before| lines.get(before));
        before.is_none_or(|before| {
            let hashes = before.text.len() - before.text.trim_start_matches('#').len();
            before.is_blank() || (1..*level).contains(&hashes)
        })
    };
    let apart = headings().filter(is_apart).count();
    if apart * 100 < headings().count() * APART_PERCENT_MIN {
        return false;
    }
    if headings().any(|(level, _)| level >= 2) {
        code_percent(lines, parts) <= CODE_PERCENT_MAX_UNDER_LEVELS
    } else {
        is_written(lines, parts)
    }
}

/// Whether a text without headings is prose: paragraphs of some length, most of which end like sentences.
pub(super) fn is_prose(lines: &[Line<'_>], parts: &[Part]) -> bool {
    let paragraphs = parts.iter().filter(|part| part.kind == Kind::Paragraph).count();
    let bytes: usize = paragraph_lines(lines, parts).map(|line| line.text.len()).sum();
    paragraphs * 2 >= parts.len() && bytes >= paragraphs * PARAGRAPH_BYTES_MIN && is_written(lines, parts)
}

fn is_written(lines: &[Line<'_>], parts: &[Part]) -> bool {
    let lasts = parts.iter().filter(|part| part.kind == Kind::Paragraph).filter_map(|part| {
        let said = lines.get(part.lines.clone())?;
        let words: usize = said.iter().map(|line| line.text.split_whitespace().count()).sum();
        said.last().filter(|_| words >= WORDS_MIN)
    });
    let (mut sentences, mut paragraphs) = (0, 0);
    for last in lasts {
        paragraphs += 1;
        sentences += usize::from(last.text.trim_end().ends_with(['.', '!', '?', ':', '…', '"', ')', '*', '`', '。']));
    }
    code_percent(lines, parts) <= CODE_PERCENT_MAX && sentences * 100 >= paragraphs * SENTENCES_PERCENT_MIN
}

/// How many percent of the lines in paragraphs look like code.
fn code_percent(lines: &[Line<'_>], parts: &[Part]) -> usize {
    let (mut code, mut all) = (0, 0);
    for line in paragraph_lines(lines, parts) {
        all += 1;
        code += usize::from(is_code(line));
    }
    (code * 100_usize).checked_div(all).unwrap_or(0)
}

fn paragraph_lines<'a>(lines: &'a [Line<'a>], parts: &'a [Part]) -> impl Iterator<Item = &'a Line<'a>> {
    let paragraphs = parts.iter().filter(|part| part.kind == Kind::Paragraph);
    paragraphs.flat_map(|part| lines.get(part.lines.clone()).unwrap_or_default())
}

/// Indented, ends like a statement, or assigns.
fn is_code(line: &Line<'_>) -> bool {
    let text = line.text.trim_end();
    let first = text.split(['=', ':']).next().unwrap_or_default();
    let is_assignment = first.len() < text.len()
        && !first.is_empty()
        && first.trim_end().chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '"' | '$' | '\''));
    text.split_whitespace().count() < WORDS_OF_PROSE
        && (line.is_indented()
            || text.ends_with([';', '{', '}', '\\', '(', '[', ','])
            || is_assignment && text.len() > first.len() + 1
            || [" = ", "==", "=>", "->", "::", "&&", "();"].iter().any(|mark| text.contains(mark)))
}
