//! What a child writes to stderr: its last lines are kept for error messages, those of all lives together for reports, and
//! all of them go to the debug log.
//!
//! Credentials are blotted out before anything is kept or logged. Not every server keeps its tokens
//! to itself.

use super::lines::{Line, Lines};
use control_plane_api::{instance::LogLine, name::Name, timestamp::Timestamp};
use scrubber::Scrubber;
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
/// Lines and bytes kept for reports, over all lives.
const LOG_LINES_MAX: usize = 100;
const LOG_BYTES_MAX: usize = 16 << 10;
/// Lines quoted in an error message.
const QUOTED_LINES_MAX: usize = 5;

/// The last lines of all children of one server. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<VecDeque<LogLine>>>);

impl Log {
    pub(super) fn lines(&self) -> Vec<LogLine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn push(&self, text: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_back(LogLine { at: Timestamp::now(), text });
        while lines.len() > LOG_LINES_MAX || lines.iter().map(|line| line.text.len()).sum::<usize>() > LOG_BYTES_MAX {
            lines.pop_front();
        }
    }
}

/// The last lines of a child. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Tail {
    lines: Arc<Mutex<VecDeque<String>>>,
    log: Log,
}

impl Tail {
    /// One that writes into `log` too.
    pub(super) fn of(log: Log) -> Self {
        Self { lines: Arc::default(), log }
    }

    /// Reads `stderr` to its end.
    pub(super) async fn follow(self, stderr: impl AsyncRead + Unpin, server: Name, scrubber: Scrubber) {
        let mut lines = Lines::new(stderr, LINE_BYTES_MAX);
        while let Ok(Some(line)) = lines.next().await {
            let text = match line {
                Line::Whole(bytes) => scrubber.text(&String::from_utf8_lossy(&bytes)).into_owned(),
                Line::TooLong { head, .. } => scrubber.beginning(&String::from_utf8_lossy(&head)).into_owned(),
            };
            let text = text.trim_end();
            if text.is_empty() {
                continue;
            }
            tracing::debug!(%server, "stderr: {text}");
            self.push(text);
        }
    }

    fn push(&self, text: &str) {
        let kept: String = text.chars().filter(|c| !c.is_control()).collect();
        let cut = kept.char_indices().map(|(at, _)| at).take_while(|at| *at <= KEPT_LINE_BYTES_MAX).last();
        let kept = if kept.len() > KEPT_LINE_BYTES_MAX { kept.get(..cut.unwrap_or(0)).unwrap_or("") } else { &kept };
        self.log.push(kept.to_owned());
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
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::testing::endpoint;
    use control_plane_api::limits::Limits;
    use serde_json::json;
    use tokio::io::AsyncReadExt as _;

    async fn check(stderr: impl AsyncRead + Unpin) -> String {
        let tail = Tail::default();
        let env = json!({"TOKEN": {"secret": "token"}});
        let transport = json!({"type": "stdio", "command": "x", "env": env});
        let endpoint = endpoint(transport, &[("TOKEN", "xoxb-1")], Limits::default());
        tail.clone().follow(stderr, endpoint.name, endpoint.scrubber).await;
        tail.text()
    }

    #[tokio::test]
    async fn s_02_credentials_are_blotted_out_also_where_a_line_is_cut() {
        assert_eq!(check(&b"bad token: xoxb-1\n"[..]).await, "bad token: [redacted:TOKEN]");
        // Of a line that is too long the first 64 bytes are kept, here half a credential at their end.
        let (line, rest) = (format!("{} xoxb-1", "y".repeat(59)), " ".repeat(LINE_BYTES_MAX));
        assert_eq!(check(line.as_bytes().chain(rest.as_bytes())).await, "y".repeat(59));
    }

    #[tokio::test]
    async fn what_a_child_said_is_still_there_when_the_next_one_speaks() {
        let log = Log::default();
        for (life, words) in [("first", 150), ("second", 1)] {
            let text: String = (0..words).map(|n| format!("{life} {n}\n")).collect();
            Tail::of(log.clone()).follow(text.as_bytes(), "x".parse().unwrap(), Scrubber::default()).await;
        }
        let lines = log.lines();
        assert_eq!((lines.len(), lines[0].text.as_str(), lines[99].text.as_str()), (100, "first 51", "second 0"));
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
