//! Blots the values a server was given out of what it says: not every server keeps its tokens to itself.
//!
//! For what is kept and logged about a server. What it answers to clients is the redaction filter's affair.

use super::{Credentials, Endpoint};
use control_plane_api::server::{Transport, Value};
use std::sync::Arc;

/// Values shorter than this are blotted out only when they are secrets: `1` and `true` are everywhere.
const PLAIN_VALUE_BYTES_MIN: usize = 4;

/// Blots out the values a server was given.
#[derive(Clone)]
pub(super) struct Redactor {
    values: Arc<[String]>,
    tokens: Arc<dyn Credentials>,
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
        Self { values: values.into(), tokens: endpoint.tokens.clone() }
    }

    /// `text` without the values.
    pub(super) fn redact(&self, text: &str) -> String {
        let text = self.values.iter().fold(text.to_owned(), |text, value| text.replace(value, "***"));
        self.tokens.redact(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::testing::endpoint;
    use control_plane_api::limits::Limits;
    use serde_json::json;

    fn check(text: &str) -> String {
        let env = json!({
            "TOKEN": {"secret": "t", "prefix": "Bearer "}, "PIN": {"secret": "p"}, "MODE": "on", "SITE": "acme.example",
            "KEY": {"secret": "k"},
        });
        let transport = json!({"type": "stdio", "command": "x", "env": env});
        let values = [
            ("TOKEN", "Bearer xoxb-1"),
            ("PIN", "77"),
            ("MODE", "on"),
            ("SITE", "acme.example"),
            ("KEY", "abc\ndef\n"),
        ];
        Redactor::new(&endpoint(transport, &values, Limits::default())).redact(text)
    }

    #[test]
    fn values_are_blotted_out_with_and_without_their_prefix() {
        assert_eq!(check("token xoxb-1 (Bearer xoxb-1), pin 77"), "token *** (Bearer ***), pin ***");
        assert_eq!(check("key abc def"), "key *** ***");
    }

    #[test]
    fn a_short_value_that_is_no_secret_stays() {
        assert_eq!(check("mode on, site acme.example"), "mode on, site ***");
    }
}
