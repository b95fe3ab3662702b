//! The result of a tool, looked into: its records, its size as a model reads it, the gateway's note.

use std::time::Duration;

use serde_json::Value;

/// How the gateway's note begins.
const NOTE_MARK: &str = "[mcpctl]";
/// A common estimate for English and JSON.
const BYTES_PER_TOKEN: usize = 4;

/// What a tool answered, and how long it took.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The result as it came over the wire.
    pub result: Value,
    /// From the call to the whole result.
    pub elapsed: Duration,
}

impl Answer {
    pub(super) fn new(result: Value, elapsed: Duration) -> Self {
        Self { result, elapsed }
    }

    /// The text blocks, one after the other.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let blocks = self.result.get("content").and_then(Value::as_array).into_iter().flatten();
        blocks.filter_map(|block| block.get("text").and_then(Value::as_str))
    }

    /// Whether the tool says that it failed.
    pub fn is_error(&self) -> bool {
        self.result.get("isError").and_then(Value::as_bool).unwrap_or_default()
    }

    /// The array called `member` in the JSON of the first text block.
    pub fn records(&self, member: &str) -> Vec<Value> {
        let document = self.texts().next().and_then(|text| serde_json::from_str::<Value>(text).ok());
        document.and_then(|document| document.get(member)?.as_array().cloned()).unwrap_or_default()
    }

    /// What the gateway says it did, in words.
    pub fn note(&self) -> Option<&str> {
        self.texts().find(|text| text.starts_with(NOTE_MARK))
    }

    /// Size of the text a model reads, in bytes.
    pub fn bytes(&self) -> usize {
        self.texts().map(str::len).sum()
    }

    /// The same in tokens, estimated.
    pub fn tokens_estimate(&self) -> usize {
        self.bytes().div_ceil(BYTES_PER_TOKEN)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::Answer;

    fn answer(result: Value) -> Answer {
        Answer::new(result, Duration::ZERO)
    }

    #[test]
    fn records_and_note_are_found_apart() {
        let texts = [r#"{"messages": [{"ts": "1"}]}"#, "[mcpctl] kept 1 of 9"];
        let answer = answer(json!({"content": texts.map(|text| json!({"type": "text", "text": text}))}));
        assert_eq!(answer.records("messages"), [json!({"ts": "1"})]);
        assert_eq!(answer.note(), Some("[mcpctl] kept 1 of 9"));
        assert_eq!((answer.bytes(), answer.tokens_estimate()), (47, 12));
        assert!(!answer.is_error());
    }

    #[test]
    fn what_is_not_there_is_empty() {
        let answer = answer(json!({"isError": true}));
        assert!(answer.records("messages").is_empty() && answer.note().is_none() && answer.is_error());
    }
}
