//! One line of a phrase file behind its sign: perhaps marks in brackets, then the words.

use super::marks::Marks;

/// A sentence that may be said, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The template.
    pub text: String,
    /// For a reply in a conversation that is written as it stands: it is said by whoever began.
    pub by_opener: bool,
    about: About,
}

/// Where the marks of a sentence come from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    /// Nothing is said: as what it belongs to.
    Inherited,
    /// `[?]`: as what it belongs to, but only related.
    Weakened,
    /// `[a,b?]`, or `[]` for none at all.
    Own(Marks),
}

impl Sentence {
    /// Reads what stands behind the sign. A bracket that is not closed is part of the words.
    pub(super) fn read(line: &str, by_opener: bool) -> Self {
        let marked = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
        let (about, text) = match marked {
            None => (About::Inherited, line),
            Some(("?", text)) => (About::Weakened, text),
            Some((list, text)) => (About::Own(Marks::read(list.split(','))), text),
        };
        Self { text: text.trim().to_owned(), by_opener, about }
    }

    /// What it is about, where `parent` is what its topic or the opening of its thread is about.
    pub fn marks(&self, parent: &Marks) -> Marks {
        match &self.about {
            About::Inherited => parent.clone(),
            About::Weakened => parent.weakened(),
            About::Own(marks) => marks.clone(),
        }
    }

    /// What it adds to the record it becomes a part of.
    pub fn added(&self) -> Marks {
        match &self.about {
            About::Own(marks) => marks.clone(),
            About::Inherited | About::Weakened => Marks::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Marks, Sentence};

    #[test]
    fn marks_stand_in_brackets_before_the_words() {
        let parent = Marks::read(["tea"]);
        let check = |line: &str, text: &str, marks: &[&str]| {
            let sentence = Sentence::read(line, false);
            assert_eq!((sentence.text.as_str(), sentence.marks(&parent)), (text, Marks::read(marks.iter().copied())));
        };
        check("Tea is ready.", "Tea is ready.", &["tea"]);
        check("[?] Thanks!", "Thanks!", &["tea?"]);
        check("[] The lift is stuck.", "The lift is stuck.", &[]);
        check("[cake,tea?] Cake too.", "Cake too.", &["cake", "tea?"]);
        check("[open", "[open", &["tea"]);
    }

    #[test]
    fn a_sequel_adds_only_its_own_marks() {
        assert_eq!(Sentence::read("More.", false).added(), Marks::default());
        assert_eq!(Sentence::read("[cake] More.", false).added(), Marks::read(["cake"]));
    }
}
