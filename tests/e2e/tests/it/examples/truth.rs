//! What is true of the records of a tool, and how much of it an answer holds.

use e2e::labels::Labels;
use std::collections::BTreeSet;

/// Which records are about what was asked for.
pub(crate) struct Truth {
    /// What stands before a record's id in an answer, without spaces and backslashes.
    marker: &'static str,
    /// Records that may be kept.
    relevant: BTreeSet<String>,
    /// Those of them that somebody who asks would miss.
    core: BTreeSet<String>,
}

impl Truth {
    pub(crate) fn new(marker: &'static str, relevant: BTreeSet<String>) -> Self {
        Self { marker, core: relevant.clone(), relevant }
    }

    /// What the labels say of several subjects together.
    pub(crate) fn of(marker: &'static str, labels: &Labels, subjects: &[&str]) -> Self {
        let asked = || labels.contexts.iter().filter(|context| subjects.contains(&context.name.as_str()));
        assert_eq!(asked().count(), subjects.len(), "the labels know {subjects:?}");
        let relevant = asked().flat_map(|context| context.relevant.iter().cloned()).collect();
        Self { marker, relevant, core: asked().flat_map(|context| context.core.iter().cloned()).collect() }
    }

    /// Counts the records in an answer, whatever a client wrapped it in.
    pub(crate) fn count(&self, answer: &str) -> Counted {
        let plain: String = answer.chars().filter(|c| !matches!(c, ' ' | '\\')).collect();
        let id = |part: &str| {
            let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-').unwrap_or(part.len());
            part[..end].trim_end_matches('-').to_owned()
        };
        // Ids have digits; without one it is the name of the field in a text that explains the records.
        let is_id = |id: &String| id.contains(|c: char| c.is_ascii_digit());
        let ids: BTreeSet<String> = plain.split(self.marker).skip(1).map(id).filter(is_id).collect();
        Counted {
            bytes: answer.len(),
            relevant: ids.intersection(&self.relevant).count(),
            core: ids.intersection(&self.core).count(),
            core_all: self.core.len(),
            ids,
        }
    }
}

/// What an answer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) bytes: usize,
    pub(crate) ids: BTreeSet<String>,
    /// How many of them are about it.
    pub(crate) relevant: usize,
    /// How many are among those that would be missed, of how many.
    pub(crate) core: usize,
    pub(crate) core_all: usize,
}

impl Counted {
    pub(crate) fn records(&self) -> usize {
        self.ids.len()
    }
}

#[test]
fn records_are_counted_in_every_wrapping() {
    let truth = Truth::new("\"key\":\"", ["PLAT-1", "PLAT-12"].map(str::to_owned).into());
    for answer in [r#"{"key":"PLAT-12"},{"key":"WEB-1"}"#, r#"{\n \"key\": \"PLAT-12\", \"key\": \"WEB-1\"}"#] {
        let counted = truth.count(answer);
        assert_eq!((counted.records(), counted.relevant, counted.core_all), (2, 1, 2), "{counted:?}");
    }
}
