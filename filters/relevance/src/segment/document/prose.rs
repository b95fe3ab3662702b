//! Whether a text is written for people: source code and configuration have lines that look like headings and
//! paragraphs, too.

use super::part::{Kind, Part};
use crate::segment::line::Line;

/// So many percent of the lines in paragraphs may look like code.
const CODE_PERCENT_MAX: usize = 20;
/// So many percent of the paragraphs of some words must end like sentences.
const SENTENCES_PERCENT_MIN: usize = 50;
/// So many percent of the headings must follow a blank line, another heading or nothing.
const APART_PERCENT_MIN: usize = 80;
/// Words of a paragraph that should end like a sentence; bytes of one in a text without headings.
const WORDS_MIN: usize = 5;
const PARAGRAPH_BYTES_MIN: usize = 60;

/// Whether what looks like headings are headings.
pub(super) fn has_honest_headings(lines: &[Line<'_>], parts: &[Part]) -> bool {
    let headings: Vec<usize> =
        parts.iter().filter(|part| part.level().is_some()).map(|part| part.lines.start).collect();
    let is_apart = |at: &&usize| {
        let before = at.checked_sub(1).and_then(|before| lines.get(before));
        before.is_none_or(|before| before.is_blank() || before.text.starts_with('#'))
    };
    let apart = headings.iter().filter(is_apart).count();
    apart * 100 >= headings.len() * APART_PERCENT_MIN && is_written(lines, parts)
}

/// Whether a text without headings is prose: paragraphs of some length, most of which end like sentences.
pub(super) fn is_prose(lines: &[Line<'_>], parts: &[Part]) -> bool {
    let paragraphs = parts.iter().filter(|part| part.kind == Kind::Paragraph).count();
    let bytes: usize = paragraph_lines(lines, parts).map(|line| line.text.len()).sum();
    paragraphs * 2 >= parts.len() && bytes >= paragraphs * PARAGRAPH_BYTES_MIN && is_written(lines, parts)
}

fn is_written(lines: &[Line<'_>], parts: &[Part]) -> bool {
    let (mut code, mut all) = (0, 0);
    for line in paragraph_lines(lines, parts) {
        all += 1;
        code += usize::from(is_code(line));
    }
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
    code * 100 <= all * CODE_PERCENT_MAX && sentences * 100 >= paragraphs * SENTENCES_PERCENT_MIN
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
    line.is_indented()
        || text.ends_with([';', '{', '}', '\\', '(', '[', ',']) && !text.contains(". ")
        || is_assignment && text.len() > first.len() + 1
        || [" = ", "==", "=>", "->", "::", "&&", "();"].iter().any(|mark| text.contains(mark))
}
