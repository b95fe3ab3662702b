//! The pieces that words are made of, each a row of the table: WordPiece, greedy from the front, longest piece first.

use std::collections::HashMap;

/// How a piece that continues a word is marked in the list.
const CONTINUES: &str = "##";

/// The vocabulary.
pub struct Pieces {
    starts: HashMap<String, u32>,
    continuations: HashMap<String, u32>,
    count: usize,
    /// Bytes of the longest piece.
    longest: usize,
}

impl Pieces {
    /// Reads a list of pieces, one a line in the order of the rows; those that continue a word start with `##`.
    #[must_use]
    pub fn new(list: &str) -> Self {
        let mut pieces = Self { starts: HashMap::new(), continuations: HashMap::new(), count: 0, longest: 0 };
        for (row, piece) in (0_u32..).zip(list.lines()) {
            let (map, piece) = match piece.strip_prefix(CONTINUES).filter(|rest| !rest.is_empty()) {
                Some(rest) => (&mut pieces.continuations, rest),
                None => (&mut pieces.starts, piece),
            };
            map.insert(piece.to_owned(), row);
            pieces.count += 1;
            pieces.longest = pieces.longest.max(piece.len());
        }
        pieces
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The rows of the pieces of a folded word. What no piece covers is left out, character by character: it has no
    /// vector, and the rest of the word may.
    #[must_use]
    pub fn of(&self, word: &str) -> Vec<u32> {
        let mut rows = Vec::with_capacity(2);
        let mut rest = word;
        while let Some(first) = rest.chars().next() {
            let map = if rest.len() == word.len() { &self.starts } else { &self.continuations };
            let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= self.longest);
            let ends: Vec<usize> = ends.collect();
            let longest = ends.iter().rev().find_map(|end| Some((*end, *map.get(rest.get(..*end)?)?)));
            rows.extend(longest.map(|(_, row)| row));
            let end = longest.map_or(first.len_utf8(), |(end, _)| end);
            rest = rest.get(end..).unwrap_or_default();
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, rows: &[u32]) {
        assert_eq!(Pieces::new("fire\nfirewall\n##wall\n##s\n##w\nö").of(word), rows, "{word}");
    }

    #[test]
    fn the_longest_piece_wins() {
        check("firewall", &[1]);
        check("firewalls", &[1, 3]);
        check("firew", &[0, 4]);
        check("wall", &[]);
        check("öwall", &[5, 2]);
    }

    #[test]
    fn what_no_piece_covers_is_left_out() {
        check("xs", &[3]);
        check("firezs", &[0, 3]);
        check("", &[]);
    }
}
