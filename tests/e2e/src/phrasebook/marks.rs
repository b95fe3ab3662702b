//! What a record is about. A record may be about several subjects; in each it is either central (whoever asks for the
//! subject misses it when it is gone) or related (it may stay or go: small talk in a thread on the subject, a passing
//! mention).

use std::collections::BTreeMap;

/// How much a record has to say on a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    Related,
    Central,
}

/// Subjects by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    subjects: BTreeMap<String, Weight>,
}

impl Marks {
    /// Reads `a,b?`: central for `a`, related to `b`.
    pub fn read<'a>(list: impl IntoIterator<Item = &'a str>) -> Self {
        let names = list.into_iter().map(str::trim).filter(|name| !name.is_empty());
        let subjects = names.map(|name| match name.strip_suffix('?') {
            Some(name) => (name.to_owned(), Weight::Related),
            None => (name.to_owned(), Weight::Central),
        });
        Self { subjects: subjects.collect() }
    }

    /// What the record has to say on `subject`; `None` when it is about other things.
    pub fn weight(&self, subject: &str) -> Option<Weight> {
        self.subjects.get(subject).copied()
    }

    /// The subjects that are marked.
    pub fn subjects(&self) -> impl Iterator<Item = &str> {
        self.subjects.keys().map(String::as_str)
    }

    /// The same subjects, each only related.
    pub fn weakened(&self) -> Self {
        Self { subjects: self.subjects.keys().map(|name| (name.clone(), Weight::Related)).collect() }
    }

    /// Adds what `other` is about; the greater weight wins.
    pub fn add(&mut self, other: &Self) {
        for (name, weight) in &other.subjects {
            let own = self.subjects.entry(name.clone()).or_insert(*weight);
            *own = (*own).max(*weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Marks, Weight};

    #[test]
    fn a_question_mark_means_related() {
        let marks = Marks::read(["a", "b?", ""]);
        assert_eq!(
            ["a", "b", "c"].map(|name| marks.weight(name)),
            [Some(Weight::Central), Some(Weight::Related), None]
        );
        assert_eq!(marks.weakened().weight("a"), Some(Weight::Related));
    }

    #[test]
    fn the_greater_weight_wins() {
        let mut marks = Marks::read(["a?", "b"]);
        marks.add(&Marks::read(["a", "b?", "c?"]));
        assert_eq!(marks, Marks::read(["a", "b", "c?"]));
    }
}
