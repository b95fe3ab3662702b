//! What a child writes to stderr: its last lines are kept for error messages, all of them go to the debug log.
//!
//! The values the child was given are blotted out before anything is kept or logged. Not every server keeps its tokens
//! to itself.

use super::super::Endpoint;
use super::lines::{Line, Lines};
use control_plane_api::{
    name::Name,
    server::{Transport, Value},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::io::AsyncRead;

/// Lines kept.
const TAIL_LINES_MAX: usize = 20;
/// Bytes kept, over all lines.
const TAIL_BYTES_MAX: usize = 8 << 10;
/// Bytes read of one line.
const LINE_BYTES_MAX: usize = 16 << 10;
/// Bytes kept of one line.
const KEPT_LINE_BYTES_MAX: usize = 1 << 10;
/// Lines quoted in an error message.
const QUOTED_LINES_MAX: usize = 5;
/// Values shorter than this are blotted out only when they are secrets: `1` and `true` are everywhere.
const PLAIN_VALUE_BYTES_MIN: usize = 4;

/// Blots out the values a server was given.
#[derive(Clone)]
pub(super) struct Redactor {
    values: Arc<[String]>,
}

impl Redactor {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        let configured = match &endpoint.spec.transport {
            Transport::Stdio { env, .. } => env,
            Transport::Http { headers, .. } => headers,
        };
        let mut values: Vec<String> = Vec::new();
        for (key, value) in &endpoint.values {
            let prefix = match configured.get(key) {
                Some(Value::Secret { prefix, .. }) => Some(prefix.as_str()),
                Some(Value::Plain(_)) => None,
                None => Some(""),
            };
            let bare = value.strip_prefix(prefix.unwrap_or("")).unwrap_or(value);
            let bytes_min = if prefix.is_some() { 1 } else { PLAIN_VALUE_BYTES_MIN };
            // A value of several lines (a key) shows up line by line.
            values.extend(bare.lines().map(str::trim).filter(|line| line.len() >= bytes_min).map(str::to_owned));
        }
        // The longest first: one value may hold another.
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self { values: values.into() }
    }

    /// `text` without the values.
    pub(super) fn redact(&self, text: &str) -> String {
        self.values.iter().fold(text.to_owned(), |text, value| text.replace(value, "***"))
    }
}

/// The last lines of a child. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    /// Reads `stderr` to its end.
    pub(super) async fn follow(self, stderr: impl AsyncRead + Unpin, server: Name, redactor: Redactor) {
        let mut lines = Lines::new(stderr, LINE_BYTES_MAX);
        while let Ok(Some(line)) = lines.next().await {
            let bytes = match line {
                Line::Whole(bytes) => bytes,
                Line::TooLong { head, .. } => head,
            };
            let text = redactor.redact(String::from_utf8_lossy(&bytes).trim_end());
            if text.is_empty() {
                continue;
            }
            tracing::debug!(%server, "stderr: {text}");
            self.push(&text);
        }
    }

    fn push(&self, text: &str) {
        let kept: String = text.chars().filter(|c| !c.is_control()).collect();
        let cut = kept.char_indices().map(|(at, _)| at).take_while(|at| *at <= KEPT_LINE_BYTES_MAX).last();
        let kept = if kept.len() > KEPT_LINE_BYTES_MAX { kept.get(..cut.unwrap_or(0)).unwrap_or("") } else { &kept };
        let mut lines = self.lock();
        lines.push_back(kept.to_owned());
        while lines.len() > TAIL_LINES_MAX || lines.iter().map(String::len).sum::<usize>() > TAIL_BYTES_MAX {
            lines.pop_front();
        }
    }

    /// All that is kept, for the log.
    pub(super) fn text(&self) -> String {
        Vec::from(self.lock().clone()).join("\n")
    }

    /// The last lines for an error message: empty, or `; its last words: …`.
    pub(super) fn last_words(&self) -> String {
        let lines = self.lock();
        let quoted: Vec<&str> =
            lines.iter().skip(lines.len().saturating_sub(QUOTED_LINES_MAX)).map(String::as_str).collect();
        if quoted.is_empty() { String::new() } else { format!("; its last words: {}", quoted.join(" / ")) }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control_plane_api::{limits::Limits, server::ServerSpec};
    use std::collections::BTreeMap;

    fn redactor() -> Redactor {
        let env = serde_json::json!({
            "TOKEN": {"secret": "t", "prefix": "Bearer "}, "PIN": {"secret": "p"}, "MODE": "on", "SITE": "acme.example"
        });
        let spec: ServerSpec =
            serde_json::from_value(serde_json::json!({"transport": {"type": "stdio", "command": "x", "env": env}}))
                .unwrap();
        let values = [("TOKEN", "Bearer xoxb-1"), ("PIN", "77"), ("MODE", "on"), ("SITE", "acme.example")];
        let values: BTreeMap<_, _> = values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Redactor::new(&Endpoint { name: "x".parse().unwrap(), spec, values, limits: Limits::default() })
    }

    async fn check(stderr: &[u8]) -> String {
        let tail = Tail::default();
        tail.clone().follow(stderr, "x".parse().unwrap(), redactor()).await;
        tail.text()
    }

    #[tokio::test]
    async fn values_are_blotted_out() {
        let text = check(b"token xoxb-1 (Bearer xoxb-1), pin 77, mode on, site acme.example\n").await;
        assert_eq!(text, "token *** (Bearer ***), pin ***, mode on, site ***");
    }

    #[tokio::test]
    async fn only_the_last_lines_are_kept() {
        let many: String = (0..1_000).map(|n| format!("line {n}\n")).collect();
        let text = check(many.as_bytes()).await;
        assert_eq!(text.lines().count(), TAIL_LINES_MAX);
        assert!(text.ends_with("line 999"));
        let long = check("é".repeat(100_000).as_bytes()).await;
        assert!(long.len() <= KEPT_LINE_BYTES_MAX);
        let fat = format!("{}\n", "x".repeat(1_000)).repeat(20);
        assert!(check(fat.as_bytes()).await.len() <= TAIL_BYTES_MAX + TAIL_LINES_MAX);
    }
}
