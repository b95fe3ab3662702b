//! Which records of a synthetic collection are about what. Kept aside: no tool of a demo server shows it, so a filter
//! can be measured against it.

use serde::{Deserialize, Serialize};

use crate::phrasebook::{
    Phrasebook,
    marks::{Marks, Weight},
};

/// The truth a relevance filter is measured against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// Identifiers (`ts` of a message, key of a ticket) of the records about security, in the order of the collection.
    pub security: Vec<String>,
    /// Number of records in the whole collection.
    pub total: usize,
    /// The same for everything else somebody may ask for.
    #[serde(default)]
    pub contexts: Vec<Context>,
}

/// Something an agent may be asked for, and the records that answer it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// The subject, as the phrase files mark it.
    pub name: String,
    /// How a developer would say it; all mean the same records.
    pub asked: Vec<String>,
    /// Records that may be kept: those of `core`, and what is only related (small talk in such a thread, a passing
    /// mention). Precision counts against these.
    pub relevant: Vec<String>,
    /// Records that have to be kept. Recall counts these.
    pub core: Vec<String>,
}

/// Subject of [`Labels::security`].
const SECURITY: &str = "security";

impl Labels {
    /// Labels `records` (identifier and marks) for every topic of `contexts`, whose openings say how it is asked for.
    pub(crate) fn of(records: &[(&str, &Marks)], contexts: &Phrasebook) -> Self {
        let contexts: Vec<Context> = contexts
            .topics
            .iter()
            .map(|topic| Context {
                name: topic.name.clone(),
                asked: topic.openings.iter().map(|opening| opening.text.clone()).collect(),
                relevant: marked(records, &topic.name, Weight::Related),
                core: marked(records, &topic.name, Weight::Central),
            })
            .collect();
        Self { security: marked(records, SECURITY, Weight::Central), total: records.len(), contexts }
    }
}

/// Identifiers of the records that have at least that weight for the subject.
fn marked(records: &[(&str, &Marks)], subject: &str, least: Weight) -> Vec<String> {
    let there = records.iter().filter(|(_, marks)| marks.weight(subject).is_some_and(|weight| weight >= least));
    there.map(|(id, _)| (*id).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{Labels, Marks, Phrasebook};

    #[test]
    fn related_records_may_stay_and_central_ones_have_to() {
        let contexts = Phrasebook::parse(&["[tea]\n- Find tea\n- Who makes tea?\n[cake]\n- Find cake\n"]).unwrap();
        let marks = [&["tea", "security"][..], &["tea?"], &["cake?", "security?"], &[]];
        let marks = marks.map(|list| Marks::read(list.iter().copied()));
        let labels = Labels::of(&[("1", &marks[0]), ("2", &marks[1]), ("3", &marks[2]), ("4", &marks[3])], &contexts);
        assert_eq!((labels.total, &labels.security[..]), (4, &["1".to_owned()][..]));
        let tea = &labels.contexts[0];
        assert_eq!((tea.asked.len(), tea.relevant.join(","), tea.core.join(",")), (2, "1,2".into(), "1".into()));
        assert_eq!((labels.contexts[1].relevant.join(","), labels.contexts[1].core.len()), ("3".into(), 0));
    }
}
