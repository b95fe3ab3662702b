//! A synthetic collection as labelled cases for a scorer: the form of the sets in `bench/relevance`, of which two are
//! written here (`mock-slack --print-cases`, `mock-jira --print-cases`).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::labels::{Context, Labels};

/// One record, as a scorer sees it.
pub(crate) struct Record<'a> {
    pub(crate) id: &'a str,
    pub(crate) text: String,
    pub(crate) author: &'a str,
    /// What the thread it belongs to is called; `None` outside threads.
    pub(crate) thread: Option<&'a str>,
}

/// Something asked for, the records, and which of them answer it. Only the first case carries the records.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Case {
    pub intent: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts: Option<Vec<String>>,
    /// Line, from 0, of the case that carries the records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts_of: Option<usize>,
    /// Indices of the records that may be kept.
    pub relevant: Vec<usize>,
    /// Indices of the records that have to be kept.
    pub core: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authors: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<Vec<Option<String>>>,
}

/// One case for every way in which a context is asked for.
pub(crate) fn cases(records: &[Record<'_>], labels: &Labels) -> Vec<Case> {
    let places: BTreeMap<&str, usize> = records.iter().map(|record| record.id).zip(0..).collect();
    let asked = labels.contexts.iter().flat_map(|context| context.asked.iter().map(move |intent| (context, intent)));
    asked.enumerate().map(|(line, (context, intent))| case(records, &places, (line, context, intent))).collect()
}

fn case(
    records: &[Record<'_>],
    places: &BTreeMap<&str, usize>,
    (line, context, intent): (usize, &Context, &str),
) -> Case {
    let indices = |ids: &[String]| ids.iter().filter_map(|id| places.get(id.as_str()).copied()).collect();
    let first = line == 0;
    let has_threads = records.iter().any(|record| record.thread.is_some());
    Case {
        intent: intent.to_owned(),
        texts: first.then(|| records.iter().map(|record| record.text.clone()).collect()),
        texts_of: (!first).then_some(0),
        relevant: indices(&context.relevant),
        core: indices(&context.core),
        authors: first.then(|| records.iter().map(|record| record.author.to_owned()).collect()),
        threads: (first && has_threads)
            .then(|| records.iter().map(|record| record.thread.map(str::to_owned)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Case;
    use crate::{jira_tickets::Site, slack_messages::Workspace};

    /// The committed set holds what the demo server serves and what its labels say.
    fn check(set: &str, program: &str, cases: &[Case]) {
        let path = format!("{}/../../bench/relevance/{set}.jsonl", env!("CARGO_MANIFEST_DIR"));
        let committed = fs::read_to_string(&path).unwrap();
        let lines: Vec<String> = cases.iter().map(|case| serde_json::to_string(case).unwrap()).collect();
        let same = committed.lines().eq(lines.iter().map(String::as_str));
        assert!(same, "the set is behind the demo: {program} --print-cases > bench/relevance/{set}.jsonl");
    }

    #[test]
    fn the_committed_sets_are_those_of_the_demo() {
        check("slack_demo", "mock-slack", &Workspace::generate().unwrap().cases());
        check("jira_demo", "mock-jira", &Site::generate("https://jira.example.test").unwrap().cases());
    }

    #[test]
    fn only_the_first_case_carries_the_records() {
        let cases = Workspace::generate().unwrap().cases();
        let records = cases[0].texts.as_ref().unwrap().len();
        assert_eq!(
            (cases[0].threads.as_ref().unwrap().len(), cases[0].authors.as_ref().unwrap().len()),
            (records, records)
        );
        for case in &cases[1..] {
            assert_eq!((&case.texts, &case.authors, case.texts_of), (&None, &None, Some(0)));
        }
        assert!(cases.iter().all(|case| !case.core.is_empty() && case.relevant.iter().all(|at| *at < records)));
    }
}
