//! What is trusted of a server's tools: the definition each was first seen with, or that somebody approved since.
//!
//! A tool whose definition is another one now is offered to nobody until that one is approved. Gateways find definitions
//! and pin them on first use; the control plane keeps the pins and tells every gateway.

use crate::{name::Name, timestamp::Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Tools of one server that are pinned; further ones are offered to nobody.
pub const PINS_MAX: usize = 4_096;
/// Longest definition that is kept word for word beside its digest, in bytes.
pub const PINNED_DEFINITION_BYTES_MAX: usize = 64 << 10;
/// Definitions of one server that are kept word for word, in bytes; of further ones only the digests are.
pub const PINNED_DEFINITIONS_BYTES_MAX: usize = 1 << 20;

/// The pins of one server; the object is called as the server is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PinSpec {
    /// The revision at which the server was made. One that is made again under the same name has another: nothing that was
    /// trusted of the old one is trusted of it. 0 where a configuration file takes the control plane's place.
    #[serde(default)]
    pub made_at: u64,
    /// By the server's own name of the tool.
    #[serde(default)]
    pub tools: BTreeMap<String, Pin>,
}

/// The definition of one tool that is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Hex SHA-256 of the canonical definition.
    pub digest: String,
    /// The canonical definition (JSON text); absent where it is longer than what is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// Since when it is trusted.
    pub pinned_at: Timestamp,
    /// Who approved it; absent: nobody, it was the first one seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<Name>,
}

/// A tool that is offered to nobody, because its definition is not the pinned one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quarantine {
    /// Digest of the definition found.
    pub digest: String,
    /// The definition found (canonical JSON text); absent where it is longer than what is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// Where it differs from the pinned one, a line for each place.
    #[serde(default)]
    pub differences: Vec<String>,
}

/// Definitions a gateway saw for the first time: `POST /api/v1/gateways/{name}/pins`. Tools that are pinned already stay so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PinReport {
    /// Whose they are.
    pub server: Name,
    /// [`PinSpec::made_at`] of the server the gateway knows.
    pub made_at: u64,
    /// By the server's own name of the tool.
    pub tools: BTreeMap<String, Pin>,
}

/// Approves the definitions that gateways find now: `POST /api/v1/pins/{name}`. All or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The digest of the definition that was looked at, by the server's own name of the tool.
    pub tools: BTreeMap<String, String>,
}

impl PinSpec {
    /// Bytes of the definitions kept word for word.
    #[must_use]
    pub fn definition_bytes(&self) -> usize {
        self.tools.values().filter_map(|pin| pin.definition.as_ref()).map(String::len).sum()
    }

    /// Trusts `pin` as the definition of `tool`, in place of what was trusted; without its words where they are too many.
    /// Whether there was room for it.
    pub fn put(&mut self, tool: &str, mut pin: Pin) -> bool {
        let known = self.tools.remove(tool);
        if known.is_none() && self.tools.len() >= PINS_MAX {
            return false;
        }
        let room =
            PINNED_DEFINITIONS_BYTES_MAX.saturating_sub(self.definition_bytes()).min(PINNED_DEFINITION_BYTES_MAX);
        pin.definition = pin.definition.filter(|text| text.len() <= room);
        self.tools.insert(tool.to_owned(), pin);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(bytes: usize) -> Pin {
        Pin {
            digest: String::new(),
            definition: Some("x".repeat(bytes)),
            pinned_at: Timestamp::from_millis(0),
            approved_by: None,
        }
    }

    fn check(spec: &mut PinSpec, tool: &str, bytes: usize, kept: bool) {
        assert!(spec.put(tool, pin(bytes)));
        assert_eq!(spec.tools[tool].definition.is_some(), kept, "{tool}");
    }

    #[test]
    fn definitions_are_kept_word_for_word_as_long_as_there_is_room() {
        let mut spec = PinSpec::default();
        check(&mut spec, "long", PINNED_DEFINITION_BYTES_MAX + 1, false);
        for n in 0..PINNED_DEFINITIONS_BYTES_MAX / PINNED_DEFINITION_BYTES_MAX {
            check(&mut spec, &n.to_string(), PINNED_DEFINITION_BYTES_MAX, true);
        }
        check(&mut spec, "further", 1, false);
        check(&mut spec, "0", PINNED_DEFINITION_BYTES_MAX, true);
    }

    #[test]
    fn a_server_has_so_many_pins_and_no_more() {
        let mut spec = PinSpec::default();
        for n in 0..PINS_MAX {
            assert!(spec.put(&n.to_string(), pin(0)));
        }
        assert!(!spec.put("further", pin(0)));
        assert!(spec.put("0", pin(0)), "in place of another");
        assert_eq!(spec.tools.len(), PINS_MAX);
    }
}
