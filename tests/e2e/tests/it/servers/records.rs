//! The records in what the servers answer, cut out of the text as they stand, so that they can be compared byte for byte.

use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The elements of the array `member` of an object, or of an array at the root where it is empty.
pub(crate) fn of_json(text: &str, member: &str) -> Vec<String> {
    let root = if member.is_empty() { Some(text.to_owned()) } else { json_member(text, member) };
    let elements: Vec<Box<RawValue>> = serde_json::from_str(&root.unwrap_or_default()).unwrap_or_default();
    elements.iter().map(|element| element.get().to_owned()).collect()
}

/// A member of an object, as it stands.
pub(crate) fn json_member(text: &str, member: &str) -> Option<String> {
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
    members.get(member).map(|value| value.get().to_owned())
}

/// The rows under the header of CSV, without their last cell; and the last cell of the last row.
pub(crate) fn of_csv(text: &str) -> (Vec<String>, String) {
    let (mut rows, mut row, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        quoted ^= c == '"';
        if c == '\n' && !quoted {
            rows.push(std::mem::take(&mut row));
        } else {
            row.push(c);
        }
    }
    rows.extend((!row.is_empty()).then_some(row));
    let cells = |row: &String| row.rsplit_once(',').map(|(rest, last)| (rest.to_owned(), last.to_owned()));
    let rows: Vec<(String, String)> = rows.iter().skip(1).filter_map(cells).collect();
    let cursor = rows.last().map(|(_, last)| last.clone()).unwrap_or_default();
    (rows.into_iter().map(|(rest, _)| rest).collect(), cursor)
}

/// The lines, the first `heading` ones and empty ones left out.
pub(crate) fn of_lines(text: &str, heading: usize) -> Vec<String> {
    text.lines().skip(heading).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// What begins with lines that begin with `mark`.
pub(crate) fn of_blocks(text: &str, mark: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with(mark) {
            blocks.push(String::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push_str(line);
            block.push('\n');
        }
    }
    blocks.iter().map(|block| block.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{of_blocks, of_csv, of_json};

    #[test]
    fn records_are_cut_out_as_they_stand() {
        assert_eq!(of_json(r#"{"a": [1.0, {"b":  2}]}"#, "a"), ["1.0", r#"{"b":  2}"#]);
        assert!(of_json("no JSON", "a").is_empty());
        let (rows, cursor) = of_csv("A,Cursor\n\"x,\ny\"\"z\",\nw,next\n");
        assert_eq!((rows, cursor.as_str()), (vec!["\"x,\ny\"\"z\"".to_owned(), "w".to_owned()], "next"));
        assert_eq!(of_blocks("head\n- a\n  b\n- c\n\n", "- "), ["- a\n  b", "- c"]);
    }
}
