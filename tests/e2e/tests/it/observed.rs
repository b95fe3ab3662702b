//! What a client saw of the main workflow, and what it has to be, whoever the client is.

use e2e::{jira_tickets::Site, labels::Labels, slack_messages::Workspace};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(crate) const CONTEXT: &str = "Find security-related messages";

/// A call of a tool.
pub(crate) struct Call {
    pub(crate) tool: &'static str,
    pub(crate) arguments: Value,
}

/// What every client calls, in this order; the refused write is the last.
pub(crate) fn calls() -> Vec<Call> {
    let call = |tool, arguments| Call { tool, arguments };
    vec![
        call("slack_get_messages", json!({"_context": "all"})),
        call("jira_search", json!({"jql": "", "limit": 500, "_context": "all"})),
        call("jira_search", json!({"jql": "", "limit": 500, "_context": "Find security-related tickets"})),
        call("slack_get_messages", json!({"_context": CONTEXT})),
        call("slack_post_message", json!({"channel": "general", "text": "written by a test"})),
    ]
}

/// What a client saw.
pub(crate) struct Observed {
    /// The tools it was offered.
    pub(crate) tools: Vec<Value>,
    /// One for each of [`calls`]: a result, or the message of an error.
    pub(crate) answers: Vec<Result<Value, String>>,
}

impl Observed {
    pub(crate) fn check(&self) {
        self.check_offer();
        let [messages, tickets, some_tickets, some_messages, refused] = &self.answers[..] else {
            panic!("{} answers", self.answers.len());
        };
        let result = |answer: &Result<Value, String>| answer.clone().unwrap_or_else(|error| panic!("{error}"));
        let slack = Workspace::generate().unwrap();
        let (messages, some_messages) = (result(messages), result(some_messages));
        assert_eq!(records(&messages, "messages"), json!(slack.messages).as_array().unwrap().clone());
        check_kept(&messages, &some_messages, &Collection::slack());

        let (tickets, some_tickets) = (result(tickets), result(some_tickets));
        check_kept(&tickets, &some_tickets, &Collection::jira());

        let error = refused.as_ref().expect_err("a write through a read-only profile is refused");
        assert!(error.contains("permission denied") && error.contains("slack-read-only"), "{error}");
    }

    /// Readers are offered and take `_context`; writers are not there at all.
    fn check_offer(&self) {
        for name in ["slack_get_messages", "jira_search"] {
            let tool = self.tools.iter().find(|tool| tool["name"] == name);
            let schema = &tool.unwrap_or_else(|| panic!("{name} is not offered"))["inputSchema"];
            assert_eq!(schema["properties"]["_context"]["type"], "string", "{schema}");
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            assert!(!required.contains(&json!("_context")), "{schema}");
        }
        for name in ["slack_post_message", "jira_create_issue"] {
            assert!(self.tools.iter().all(|tool| tool["name"] != name), "{name} is offered");
        }
    }
}

/// The truth about one kind of records.
pub(crate) struct Collection {
    member: &'static str,
    id: &'static str,
    /// Of the labelled records at least this many in a hundred are kept.
    recall_percent: usize,
    /// Fewer than this are kept.
    kept_max: usize,
    labels: Labels,
}

impl Collection {
    pub(crate) fn slack() -> Self {
        let labels = Workspace::generate().unwrap().labels();
        // How much the encoder has read by then depends on the machine; with everything read it is above 95.
        Self { member: "messages", id: "ts", recall_percent: 85, kept_max: labels.total / 4 + 2, labels }
    }

    fn jira() -> Self {
        let labels = Site::generate("https://jira.example.test").unwrap().labels();
        Self { member: "issues", id: "key", recall_percent: 75, kept_max: labels.total / 2, labels }
    }

    /// Not too many are kept, and enough of the labelled records are among them.
    pub(crate) fn check(&self, ids: &BTreeSet<String>) {
        assert!(ids.len() < self.kept_max, "{} of {} {} were kept", ids.len(), self.labels.total, self.member);
        let labelled = &self.labels.security;
        let (kept, all) = (labelled.iter().filter(|id| ids.contains(*id)).count(), labelled.len());
        let wanted = self.recall_percent;
        assert!(kept * 100 >= all * wanted, "{kept} of {all} labelled {} were kept: not {wanted} %", self.member);
    }
}

/// Few records were kept, among them the labelled ones, each as it was and in the order it was in, and both forms of
/// the result say the same.
fn check_kept(before: &Value, after: &Value, collection: &Collection) {
    let (all, kept) = (records(before, collection.member), records(after, collection.member));
    assert_eq!(all.len(), collection.labels.total);
    let mut rest = all.iter();
    assert!(kept.iter().all(|record| rest.any(|other| other == record)), "something was changed or moved");
    collection.check(&kept.iter().filter_map(|record| record[collection.id].as_str().map(str::to_owned)).collect());

    let note = after["content"].as_array().unwrap().last().unwrap()["text"].as_str().unwrap();
    assert!(note.starts_with(&format!("[mcpctl] kept {} of {} records", kept.len(), all.len())), "{note}");
    let report = &after["_meta"]["mcpctl/relevance"];
    assert_eq!((&report["kept"], &report["total"]), (&json!(kept.len()), &json!(all.len())));
    assert!(before["_meta"]["mcpctl/relevance"].is_null() && before["content"].as_array().unwrap().len() == 1);
}

/// The records in both forms of a result, which have to agree.
fn records(result: &Value, member: &str) -> Vec<Value> {
    let text = result["content"][0]["text"].as_str().unwrap();
    let in_text: Value = serde_json::from_str(text).unwrap();
    match &result["structuredContent"]["result"] {
        Value::String(same) => assert_eq!(same, text),
        _ => assert_eq!(result["structuredContent"], in_text),
    }
    in_text[member].as_array().unwrap().clone()
}
