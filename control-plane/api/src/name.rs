//! The name of an object: what a person types and what the wire carries.

use serde::{Deserialize, Serialize, Serializer};
use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};
use utoipa::ToSchema;

/// Longest name in bytes.
pub const NAME_BYTES_MAX: usize = 63;

/// A validated name: `[a-z0-9][a-z0-9_-]{0,62}`. Safe in a URL path, a metric label, a file name and a tool prefix.
// Shared, because every call has copies of the names of its user, project and server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9_-]{0,62}$", example = "weekly_reports")]
pub struct Name(Arc<str>);

/// Why a text is not a [`Name`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{text}` is not a valid name: use 1 to {NAME_BYTES_MAX} characters of a-z, 0-9, `_` and `-`, beginning with a letter or digit"
)]
pub struct InvalidName {
    text: String,
}

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let body = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_' || *b == b'-';
        let head = text.as_bytes().first().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if head && text.len() <= NAME_BYTES_MAX && text.as_bytes().iter().all(body) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName { text: text.chars().take(80).collect() })
        }
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, valid: bool) {
        assert_eq!(text.parse::<Name>().is_ok(), valid, "{text:?}");
    }

    #[test]
    fn names_are_lower_case_and_path_safe() {
        check("slack", true);
        check("slack-read-only", true);
        check("weekly_reports", true);
        check("9lives", true);
        for bad in ["", "-x", "_x", "Slack", "a b", "a/b", "..", "ä", &"x".repeat(64)] {
            check(bad, false);
        }
    }
}
