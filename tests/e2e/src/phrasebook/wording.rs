//! Turns a template into words: `{list}` is a word from that list, `{2-9}` a number, `{a|b}` one of two (or more)
//! texts, which may hold braces again. Anything else in braces stands for itself, so `{15}` is `15`.

use std::collections::BTreeMap;

use super::Phrasebook;
use crate::random::Dice;

/// The words of one record. A word once taken from a list is kept, so that a ticket and its comments, or a message
/// and its thread, speak of the same things; numbers are thrown anew each time.
#[derive(Debug)]
pub struct Wording<'book> {
    book: &'book Phrasebook,
    kept: BTreeMap<String, String>,
}

impl<'book> Wording<'book> {
    /// Nothing is chosen yet.
    pub fn new(book: &'book Phrasebook) -> Self {
        Self { book, kept: BTreeMap::new() }
    }

    /// The template with every brace resolved.
    pub fn render(&mut self, template: &str, dice: &mut Dice) -> String {
        let mut text = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let (inner, tail) = split_at_closing(after);
            text.push_str(&self.resolve(inner, dice));
            rest = tail;
        }
        text.push_str(rest);
        text
    }

    fn resolve(&mut self, inner: &str, dice: &mut Dice) -> String {
        let choices = split_choices(inner);
        if choices.len() > 1 {
            let choice = dice.pick(&choices).copied().unwrap_or_default();
            return self.render(choice, dice);
        }
        if let Some(word) = self.word(inner, dice) {
            return word;
        }
        match number_range(inner) {
            Some((low, high)) => dice.number(low..=high).to_string(),
            None => inner.to_owned(),
        }
    }

    /// A word of the list, never one that another list of this record has given already (`person` and `other` are
    /// two people).
    fn word(&mut self, list: &str, dice: &mut Dice) -> Option<String> {
        if let Some(word) = self.kept.get(list) {
            return Some(word.clone());
        }
        let taken: Vec<&String> = self.kept.values().collect();
        let free: Vec<&String> = self.book.words.get(list)?.iter().filter(|word| !taken.contains(word)).collect();
        let word = dice.pick(&free).map(|word| (*word).clone())?;
        self.kept.insert(list.to_owned(), word.clone());
        Some(word)
    }
}

/// Splits behind the brace that closes the one already read; a missing one closes at the end.
fn split_at_closing(after: &str) -> (&str, &str) {
    let mut depth = 1_usize;
    for (at, sign) in after.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let (inner, tail) = after.split_at(at);
            return (inner, tail.strip_prefix('}').unwrap_or(tail));
        }
    }
    (after, "")
}

/// The alternatives of a brace; bars inside nested braces belong to those.
fn split_choices(inner: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    inner
        .split(|sign| {
            match sign {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            sign == '|' && depth == 0
        })
        .collect()
}

fn number_range(inner: &str) -> Option<(u64, u64)> {
    let (low, high) = inner.split_once('-')?;
    Some((low.parse().ok()?, high.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::Wording;
    use crate::{phrasebook::Phrasebook, random::Dice};

    fn check(template: &str, allowed: &[&str]) {
        let book = Phrasebook::parse(&["= a: x | y\n= b: x | y\n"]).unwrap();
        for seed in 0..40 {
            let text = Wording::new(&book).render(template, &mut Dice::new(seed));
            assert!(allowed.contains(&text.as_str()), "`{template}` gave `{text}`");
        }
    }

    #[test]
    fn a_word_is_kept_and_two_lists_differ() {
        check("{a}{a}", &["xx", "yy"]);
        check("{a}{b}", &["xy", "yx"]);
    }

    #[test]
    fn numbers_and_choices_nest() {
        check("{1-2}", &["1", "2"]);
        check("{p|q{1-2}|}", &["p", "q1", "q2", ""]);
    }

    #[test]
    fn anything_else_stands_for_itself() {
        check("{15}:{00|30}", &["15:00", "15:30"]);
        check("open {brace", &["open brace"]);
    }
}
