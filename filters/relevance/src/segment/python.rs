//! Lists of dictionaries or rows as Python prints them, `[{'id': 1, 'name': 'x'}, …]`: what database servers written
//! in Python answer. Values may be anything that closes its brackets and quotes, such as `Decimal('1.50')`.

use std::ops::Range;

use super::detect::Shape;
use super::line;
use super::segmented::{Record, Segmented};
use super::speaking::Spoken;

/// Lines after the list.
const TAIL_LINES_MAX: usize = 5;

/// The elements of the list that `text` begins with.
#[must_use]
pub(crate) fn segment(text: &str) -> Option<Segmented> {
    let start = text.len() - text.trim_start().len();
    if !["[{'", "[('", "[['", "[(", "[{\""]
        .iter()
        .any(|beginning| text.get(start..).is_some_and(|t| t.starts_with(beginning)))
    {
        return None;
    }
    let (elements, end) = elements(text, start)?;
    let tail = text.get(end..)?.lines().filter(|line| !line::is_blank(line)).count();
    if tail > TAIL_LINES_MAX || !elements.iter().all(|span| opens(text, span.start)) {
        return None;
    }
    let record = |span: Range<usize>| Record { spoken: speak(text, span.start), span };
    Segmented::of(Shape::Python, elements.into_iter().map(record).collect())
}

fn opens(text: &str, at: usize) -> bool {
    text.as_bytes().get(at).is_some_and(|byte| b"{([".contains(byte))
}

/// The elements inside the bracket at `start`, without the blanks around them, and where its end is.
fn elements(text: &str, start: usize) -> Option<(Vec<Range<usize>>, usize)> {
    let bytes = text.as_bytes();
    let (mut depth, mut quote, mut at) = (0_usize, None, start);
    let (mut elements, mut from) = (Vec::new(), start + 1);
    let mut close = |from: usize, at: usize| {
        let element = text.get(from..at).unwrap_or_default();
        let trimmed = element.trim();
        let start = from + element.len() - element.trim_start().len();
        if !trimmed.is_empty() {
            elements.push(start..start + trimmed.len());
        }
    };
    while let Some(byte) = bytes.get(at) {
        match (quote, byte) {
            (Some(_), b'\\') => at += 1,
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'[' | b'{' | b'(') => depth += 1,
            (None, b']' | b'}' | b')') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    close(from, at);
                    return Some((elements, at + 1));
                }
            }
            (None, b',') if depth == 1 => {
                close(from, at);
                from = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// What the dictionary or row at `at` says.
fn speak(text: &str, at: usize) -> Spoken {
    let entries = elements(text, at).map(|(entries, _)| entries).unwrap_or_default();
    let entry = |span: &Range<usize>| {
        let entry = text.get(span.clone()).unwrap_or_default();
        let (name, value) = named(entry).unwrap_or(("", entry));
        (name, unquote(value).replace("\\n", "\n").replace("\\'", "'"))
    };
    Spoken::of_cells(entries.iter().map(entry))
}

/// Name and value of `'name': value`.
fn named(entry: &str) -> Option<(&str, &str)> {
    let quote = entry.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let (name, value) = entry.get(1..)?.split_once(quote)?;
    Some((name, value.trim_start().strip_prefix(':')?.trim_start()))
}

fn unquote(value: &str) -> &str {
    let quoted = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    quoted('\'').or_else(|| quoted('"')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "[{'id': 1, 'title': 'it\\'s late, again', 'cost': Decimal('1.50')}, {'id': 2, 'title': \"Bob's [note]\", 'at': datetime.date(2026, 11, 2)}]";

    #[test]
    fn dictionaries_are_kept_as_they_are() {
        let found = segment(ROWS).unwrap();
        assert_eq!(
            found.keep(ROWS, &[1].into()),
            "[{'id': 2, 'title': \"Bob's [note]\", 'at': datetime.date(2026, 11, 2)}]"
        );
        let texts: Vec<&str> = found.records().iter().map(|record| record.spoken.text.as_str()).collect();
        assert_eq!(texts, ["it's late, again", "Bob's [note]"]);
    }

    #[test]
    fn rows_speak_with_what_is_words() {
        let found = segment("[(1, 'green apple', None), (2, 'red pear', 3.5)]").unwrap();
        assert_eq!(found.records()[1].spoken.text, "red pear");
    }

    #[test]
    fn what_does_not_close_is_none() {
        for text in ["[{'a': 1}, {'b'", "[{'a': 1}, 2]", "[{'a': 'x}, {'b': 2}]", "[(]"] {
            assert!(segment(text).is_none(), "{text}");
        }
    }
}
