//! Patterns over primitive names: literal text in which `*` stands for any run of characters.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// A glob over tool, prompt or resource names. Case-sensitive; `*` matches any run, also an empty one; nothing else
/// is special. Matching is linear in the name for every pattern (greedy with one point of return).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, example = "conversations_*")]
pub struct Pattern(String);

impl Pattern {
    /// Whether `name` as a whole matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        let Some(mut middle) = rest.strip_suffix(last) else {
            return false;
        };
        for part in parts {
            match middle.find(part) {
                Some(at) => middle = middle.get(at + part.len()..).unwrap_or_default(),
                None => return false,
            }
        }
        true
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, name: &str, expected: bool) {
        assert_eq!(Pattern::from(pattern).matches(name), expected, "{pattern} ~ {name}");
    }

    #[test]
    fn a_star_stands_for_any_run_and_everything_else_for_itself() {
        check("slack_get_messages", "slack_get_messages", true);
        check("slack_get_messages", "slack_get_message", false);
        check("slack_get_*", "slack_get_messages", true);
        check("*_get_*", "slack_get_messages", true);
        check("*", "", true);
        check("a*a", "a", false);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-c-b", false);
        check("", "x", false);
        check("A*", "abc", false);
    }
}
