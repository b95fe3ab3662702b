//! Messages of ordinary words for measuring speed: never seen before, the same in every run, and about nothing.

use serde_json::json;

/// Tokens of a message, the two that every text gets included.
const TOKENS_MIN: usize = 10;
const TOKENS_MAX: usize = 60;
/// What the messages of [`result`] are asked for.
pub const INTENT: &str = "open ports on a machine";
/// Each of them one token of the model.
const WORDS: [&str; 40] = [
    "the", "server", "was", "late", "again", "and", "nobody", "knows", "why", "build", "of", "this", "service",
    "failed", "after", "a", "change", "to", "network", "rules", "please", "look", "into", "it", "before", "lunch",
    "today", "we", "found", "an", "open", "port", "on", "machine", "that", "should", "be", "closed", "since", "monday",
];

/// How long messages are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengths {
    /// Short ones are the most frequent: 22 tokens in the mean, as in chats.
    Chat,
    /// Every length from 10 to 60 tokens as frequent as any other: 35 tokens in the mean.
    Uniform,
}

/// A source of messages (xorshift); every draw gives others.
#[derive(Debug)]
pub struct Messages(u64);

impl Default for Messages {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Messages {
    /// The next `count` messages.
    pub fn draw(&mut self, count: usize, lengths: Lengths) -> Vec<String> {
        (0..count).map(|_| self.message(lengths)).collect()
    }

    /// The next `count` messages of a chat, as a tool returns them: a `tools/call` result with JSON as its text.
    pub fn result(&mut self, count: usize) -> String {
        let message = |(n, text): (usize, String)| json!({"ts": format!("17600{n:05}.000100"), "text": text});
        let messages: Vec<_> = self.draw(count, Lengths::Chat).into_iter().enumerate().map(message).collect();
        json!({"content": [{"type": "text", "text": json!({"messages": messages}).to_string()}]}).to_string()
    }

    fn message(&mut self, lengths: Lengths) -> String {
        let longest = TOKENS_MAX - TOKENS_MIN + 1;
        let more = match lengths {
            Lengths::Uniform => self.below(longest),
            Lengths::Chat => longest * self.below(100).pow(3) / 1_000_000,
        };
        let words = (2..TOKENS_MIN + more).map(|_| WORDS.get(self.below(WORDS.len())).copied().unwrap_or_default());
        words.collect::<Vec<_>>().join(" ")
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::ToolResult;

    #[test]
    fn messages_differ_and_every_run_has_the_same() {
        let mut source = Messages::default();
        let (first, second) = (source.draw(100, Lengths::Chat), source.draw(100, Lengths::Chat));
        assert_ne!(first, second);
        assert_eq!(first, Messages::default().draw(100, Lengths::Chat));
        let words: usize = source.draw(1_000, Lengths::Uniform).iter().map(|text| text.split(' ').count() + 2).sum();
        assert!((33_000..37_000).contains(&words), "{words}");
    }

    #[test]
    fn a_result_has_as_many_records_as_messages() {
        let source = Messages::default().result(50);
        assert_eq!(ToolResult::open(&source).unwrap().find().unwrap().records().len(), 50);
    }
}
