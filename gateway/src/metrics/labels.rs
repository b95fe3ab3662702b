//! The labels, and the words they may have.

use control_plane_api::audit::Outcome;
use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use protocol::method;
use std::{fmt, sync::Arc};

/// The name of a server or a tool; made once, in [`super::places`].
pub(super) type Word = Arc<str>;

/// What stands for everything that has no label of its own.
pub(super) const OTHER: &str = "other";

/// Methods that are a label of their own.
pub(super) const METHODS: [&str; 18] = [
    method::DISCOVER,
    method::INITIALIZE,
    method::PING,
    method::TOOLS_LIST,
    method::TOOLS_CALL,
    method::PROMPTS_LIST,
    method::PROMPTS_GET,
    method::RESOURCES_LIST,
    method::TEMPLATES_LIST,
    method::RESOURCES_READ,
    method::COMPLETE,
    method::LISTEN,
    method::SET_LEVEL,
    "resources/subscribe",
    "resources/unsubscribe",
    "tasks/get",
    "tasks/cancel",
    method::TASKS_RESULT,
];

/// Words of `error_type` where the gateway serves; empty: all is well.
pub(super) const OUTCOMES: [&str; 8] =
    ["", "input_required", "tool_error", "error", "denied", "cancelled", "partial", "unknown"];

/// Who had a say in what is left of a result: the first tiers, alone or before a last one.
pub(super) const TIERS: [&str; 12] = [
    "none",
    "order",
    "static+bm25",
    "static+bm25+openai",
    "static+bm25+gemini-cli",
    "static+bm25+cross-encoder",
    "static+bm25+llm",
    "minilm+static+bm25",
    "minilm+static+bm25+openai",
    "minilm+static+bm25+gemini-cli",
    "minilm+static+bm25+cross-encoder",
    "minilm+static+bm25+llm",
];

/// The place of `method` among [`METHODS`]; behind the last one: none of them.
pub(super) fn method_index(method: &str) -> usize {
    METHODS.iter().position(|known| *known == method).unwrap_or(METHODS.len())
}

/// The word for the method at that place.
pub(super) fn method_word(index: usize) -> &'static str {
    METHODS.get(index).copied().unwrap_or(OTHER)
}

/// The place of `outcome` among [`OUTCOMES`].
pub(super) fn outcome_index(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Ok => 0,
        Outcome::InputRequired => 1,
        Outcome::ToolError => 2,
        Outcome::Error => 3,
        Outcome::Denied => 4,
        Outcome::Cancelled => 5,
        Outcome::Partial => 6,
        Outcome::Unknown => 7,
    }
}

/// The id of a trace, in hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId([u8; 32]);

impl TraceId {
    /// None where `hex` is no such id.
    #[must_use]
    pub fn new(hex: &str) -> Option<Self> {
        let bytes: [u8; 32] = hex.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_hexdigit).then_some(Self(bytes))
    }
}

/// The labels of an exemplar.
impl EncodeLabelSet for TraceId {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        [("trace_id", std::str::from_utf8(&self.0).unwrap_or_default())].encode(encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Build {
    pub(super) version: &'static str,
    pub(super) component: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Served {
    pub(super) mcp_method_name: &'static str,
    pub(super) gen_ai_tool_name: Word,
    pub(super) server: Word,
    pub(super) error_type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfUpstream {
    pub(super) mcp_method_name: &'static str,
    pub(super) server: Word,
    pub(super) error_type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct InPhase {
    pub(super) phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfFilter {
    pub(super) filter: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Decided {
    pub(super) decision: &'static str,
    pub(super) reason: &'static str,
    pub(super) server: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Items {
    pub(super) action: &'static str,
    pub(super) server: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Stage {
    pub(super) stage: &'static str,
    pub(super) server: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfServer {
    pub(super) server: Word,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfTier {
    pub(super) tier: &'static str,
}

impl OfTier {
    pub(super) fn of(tier: &str) -> Self {
        Self { tier: TIERS.into_iter().find(|known| *known == tier).unwrap_or(OTHER) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Reason {
    pub(super) reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Taken {
    pub(super) from: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Limit {
    pub(super) limit: &'static str,
}
