//! Why something was refused, as one word of a closed list: what is counted by. What people are told is another text, and
//! nobody reads the word out of it.

use crate::permissions::Denial;

/// See the module. Set where the refusal is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Nothing by which somebody is recognised.
    Unauthenticated,
    /// A token that is too old.
    Expired,
    /// A token without a scope that is needed.
    Scope,
    /// The project is not there, or not open to who asks.
    NoProject,
    /// Nobody offers a primitive of that name.
    NotOffered,
    /// A server has it, and it is not trusted.
    Quarantined,
    /// No profile of the project is about the server.
    NoProfile,
    /// The profile's ceiling is lower than the tool's class.
    ReadOnly,
    /// The profile does not grant it.
    Tool,
    /// A profile denies it.
    Denied,
    /// Not with these arguments.
    Argument,
    /// The configuration was confirmed too long ago.
    Stale,
    /// More than its user may use.
    Limited,
    /// What must not flow together.
    Flow,
    /// The request holds a credential.
    Secret,
    /// What was handed out sealed is not what comes back.
    Sealed,
    /// Not what the protocol asks for.
    Malformed,
    /// A method that is not of this revision.
    Method,
    /// It was allowed when it began, and is not any more.
    Revoked,
    /// The gateway is being drained.
    Draining,
    /// There is no room, or nothing in force yet.
    Unavailable,
    /// It cannot be written down.
    Unrecorded,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Unauthenticated,
        Self::Expired,
        Self::Scope,
        Self::NoProject,
        Self::NotOffered,
        Self::Quarantined,
        Self::NoProfile,
        Self::ReadOnly,
        Self::Tool,
        Self::Denied,
        Self::Argument,
        Self::Stale,
        Self::Limited,
        Self::Flow,
        Self::Secret,
        Self::Sealed,
        Self::Malformed,
        Self::Method,
        Self::Revoked,
        Self::Draining,
        Self::Unavailable,
        Self::Unrecorded,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Expired => "expired",
            Self::Scope => "scope",
            Self::NoProject => "no_project",
            Self::NotOffered => "not_offered",
            Self::Quarantined => "quarantined",
            Self::NoProfile => "no_profile",
            Self::ReadOnly => "read_only",
            Self::Tool => "tool",
            Self::Denied => "denied",
            Self::Argument => "argument",
            Self::Stale => "stale",
            Self::Limited => "limited",
            Self::Flow => "flow",
            Self::Secret => "secret",
            Self::Sealed => "sealed",
            Self::Malformed => "malformed",
            Self::Method => "method",
            Self::Revoked => "revoked",
            Self::Draining => "draining",
            Self::Unavailable => "unavailable",
            Self::Unrecorded => "unrecorded",
        }
    }
}

impl From<&Denial> for Cause {
    fn from(denial: &Denial) -> Self {
        match denial {
            Denial::Project(_) => Self::NoProject,
            Denial::NotOffered(_) => Self::NotOffered,
            Denial::Withheld { .. } => Self::Quarantined,
            Denial::NoProfile(_) => Self::NoProfile,
            Denial::Ceiling { .. } => Self::ReadOnly,
            Denial::NotGranted { .. } => Self::Tool,
            Denial::Denied { .. } => Self::Denied,
            Denial::Arguments { .. } => Self::Argument,
            Denial::Stale { .. } => Self::Stale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_cause_has_a_word_of_its_own() {
        let words: HashSet<&str> = Cause::ALL.into_iter().map(Cause::as_str).collect();
        assert_eq!(words.len(), Cause::ALL.len());
        assert!(
            words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')),
            "{words:?}"
        );
    }
}
