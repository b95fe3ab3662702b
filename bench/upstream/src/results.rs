//! What the server answers with, made once.

use bytes::Bytes;
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// What it says about itself.
pub(super) const DISCOVERED: &str = r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"bench-upstream","version":"1"},"ttlMs":3600000,"cacheScope":"private"}"#;

/// Messages in one result of the tool `messages`.
const MESSAGES: usize = 1_000;
/// Results with messages that are remembered.
const REMEMBERED_MAX: usize = 64;
const WORDS: [&str; 40] = [
    "the", "server", "was", "late", "again", "and", "nobody", "knows", "why", "build", "of", "this", "service",
    "failed", "after", "a", "change", "to", "network", "rules", "please", "look", "into", "it", "before", "lunch",
    "today", "we", "found", "an", "open", "port", "on", "machine", "that", "should", "be", "closed", "since", "monday",
];

/// Every result there is.
pub(super) struct Results {
    texts: HashMap<&'static str, Bytes>,
    /// The tools with results of their own.
    tools: Bytes,
    lists: Mutex<HashMap<usize, Bytes>>,
    messages: Mutex<HashMap<u64, Bytes>>,
}

impl Default for Results {
    fn default() -> Self {
        let sizes = [("text_1k", 1 << 10), ("text_100k", 100 << 10), ("text_1m", 1 << 20)];
        let names = sizes.iter().map(|(name, _)| (*name).to_owned()).chain(["messages".to_owned()]);
        Self {
            texts: sizes.into_iter().map(|(name, bytes)| (name, text_result(bytes))).collect(),
            tools: list_of(names),
            lists: Mutex::default(),
            messages: Mutex::default(),
        }
    }
}

impl Results {
    /// The list of `count` tools, or of those with results of their own.
    pub(super) fn list(&self, count: Option<usize>) -> Bytes {
        let Some(count) = count else { return self.tools.clone() };
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.entry(count).or_insert_with(|| list_of((0..count).map(|n| format!("tool_{n}")))).clone()
    }

    /// What every tool of a numbered list answers.
    pub(super) fn short(&self) -> Bytes {
        self.texts.get("text_1k").cloned().unwrap_or_default()
    }

    /// What `tool` answers; none for a tool that is not there.
    pub(super) fn of(&self, tool: &str, seed: u64) -> Option<Bytes> {
        if tool != "messages" {
            return self.texts.get(tool).cloned();
        }
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        if messages.len() >= REMEMBERED_MAX {
            messages.clear();
        }
        Some(messages.entry(seed).or_insert_with(|| messages_result(seed)).clone())
    }
}

/// A result that has `bytes` bytes, in one text.
fn text_result(bytes: usize) -> Bytes {
    let result =
        |text: &str| json!({"resultType": "complete", "content": [{"type": "text", "text": text}]}).to_string();
    let text: String = "a word and another ".chars().cycle().take(bytes.saturating_sub(result("").len())).collect();
    Bytes::from(result(&text))
}

fn list_of(names: impl Iterator<Item = String>) -> Bytes {
    let tool = |name: String| {
        json!({"name": name, "title": "Read messages", "description": "Reads the messages of a channel, newest first.",
            "inputSchema": {"type": "object", "properties": {
                "channel": {"type": "string", "description": "Name of the channel, without #"},
                "limit": {"type": "integer", "description": "Most messages that are returned", "minimum": 1},
                "seed": {"type": "integer", "description": "Which messages there are"}}},
            "annotations": {"readOnlyHint": true}})
    };
    let tools: Vec<_> = names.map(tool).collect();
    let list = json!({"resultType": "complete", "tools": tools, "ttlMs": 3_600_000, "cacheScope": "private"});
    Bytes::from(list.to_string())
}

/// A chat of ordinary words, another one for every seed (splitmix64).
fn messages_result(seed: u64) -> Bytes {
    let mut state = seed;
    let mut below = |bound: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from(mixed >> 33).unwrap_or_default() % bound
    };
    let mut message = |n: usize| {
        let words: Vec<&str> =
            (0..8 + below(24)).map(|_| WORDS.get(below(WORDS.len())).copied().unwrap_or_default()).collect();
        json!({"ts": format!("17600{n:05}.000100"), "user": format!("U{:03}", below(26)), "text": words.join(" ")})
    };
    let messages: Vec<_> = (0..MESSAGES).map(&mut message).collect();
    let text = json!({"ok": true, "messages": messages}).to_string();
    Bytes::from(json!({"resultType": "complete", "content": [{"type": "text", "text": text}]}).to_string())
}
