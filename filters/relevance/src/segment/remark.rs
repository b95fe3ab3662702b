//! Remarks at the end of a text that say how much there is and how to get the rest.

use super::line::{self, Line};

/// A longer paragraph is no remark.
const BYTES_MAX: usize = 400;
/// Lines of one remark.
const LINES_MAX: usize = 5;
/// Words that speak of the rest, in lower case.
const WORDS: [&str; 12] = [
    "truncated",
    "start_index",
    "cursor",
    "next page",
    "next_page",
    "page token",
    "page_token",
    "nexttoken",
    "next token",
    "more results",
    "offset=",
    "offset:",
];
/// How a remark may begin that follows the records without a blank line.
const BEGINNINGS: [&str; 9] =
    ["...", "…", "<error>", "next cursor", "next page", "next token", "next_", "nexttoken", "showing "];

/// Where the remark at the end of `text` starts; the end of the text where there is none.
pub(crate) fn start(text: &str) -> usize {
    let tail = text.len().saturating_sub(BYTES_MAX * 2);
    let tail = text.ceil_char_boundary(tail);
    let lines = line::lines(text.get(tail..).unwrap_or_default());
    let Some(last) = lines.iter().rposition(|line| !line.is_blank()) else {
        return text.len();
    };
    let blank = lines.iter().take(last).rposition(Line::is_blank);
    let paragraph = blank.map(|blank| blank + 1).filter(|first| last - first < LINES_MAX);
    let from = |first: &usize| Some(lines.get(*first)?.span.start..lines.get(last)?.span.end);
    let says_so = |first: &usize| {
        from(first).and_then(|span| text.get(tail + span.start..tail + span.end)).is_some_and(is_remark)
    };
    let begins = |first: &usize| lines.get(*first).is_some_and(|line| begins_like_one(line.text));
    let found = paragraph.filter(says_so).or_else(|| Some(last).filter(begins));
    found.and_then(|first| lines.get(first)).map_or(text.len(), |line| tail + line.span.start)
}

/// Whether a paragraph says how much there is, or how to get the rest.
pub(crate) fn is_remark(paragraph: &str) -> bool {
    let said: Vec<String> = paragraph.lines().map(str::to_lowercase).collect();
    paragraph.len() <= BYTES_MAX && said.len() <= LINES_MAX && speaks_of_the_rest(&said)
}

fn speaks_of_the_rest(said: &[String]) -> bool {
    said.iter().any(|line| WORDS.iter().any(|word| line.contains(word)) || counts(line))
        && !said.iter().any(|line| line.starts_with(['{', '[', '"']))
}

fn begins_like_one(line: &str) -> bool {
    let said = line.to_lowercase();
    said.len() <= BYTES_MAX && (counts(&said) || BEGINNINGS.iter().any(|beginning| said.starts_with(beginning)))
}

/// `(50 rows)`, `(12 more)`.
fn counts(line: &str) -> bool {
    let inside = line.trim().strip_prefix('(').and_then(|line| line.strip_suffix(')'));
    inside.is_some_and(|inside| {
        inside.starts_with(|c: char| c.is_ascii_digit())
            && ["row", "more", "result", "record"].iter().any(|word| inside.contains(word))
    })
}

#[cfg(test)]
mod tests {
    use super::start;

    fn check(text: &str, remark: &str) {
        assert_eq!(&text[start(text)..], remark);
    }

    #[test]
    fn what_says_how_to_go_on_is_a_remark() {
        check(" 1 | x\n(2 rows)\n", "(2 rows)\n");
        check(
            "text\n\n<error>Content truncated. Call again with a start_index of 5000.</error>",
            "<error>Content truncated. Call again with a start_index of 5000.</error>",
        );
        check("- a\n- b\nNext cursor: abc\n", "Next cursor: abc\n");
        check("- a\n\nThere is more.\nUse cursor abc.\n", "There is more.\nUse cursor abc.\n");
    }

    #[test]
    fn records_are_none() {
        for text in ["", "\n\n", "a,b\n1,truncated\n", "x\n\n{\"cursor\": 1}\n", "last words\n\nof a text.\n"] {
            check(text, "");
        }
    }
}
