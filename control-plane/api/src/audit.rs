//! The audit event: one per exchange, told twice (intent before anything leaves, outcome before anything returns).
//!
//! Events stand in a [`chain`], whose [`verify`]ing names the first record that was tampered with; a [`receipt`] is the
//! control plane's signature that it has them.

pub mod chain;
pub mod receipt;
pub mod verify;

use crate::{name::Name, timestamp::Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who asked for what through whom, what was decided, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEvent {
    /// Unique id of the exchange; intent and outcome share it.
    pub id: String,
    /// The gateway that recorded it.
    pub gateway: Name,
    /// Position in the gateway's own log; grows with every record.
    pub seq: u64,
    /// When the exchange began.
    pub time: Timestamp,
    /// Intent or outcome.
    pub phase: Phase,
    /// What kind of thing was asked for.
    pub action: Action,
    /// The MCP method.
    pub method: String,
    /// Who asked; absent: nobody the gateway knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Name>,
    /// Id of the token presented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
    /// The project it was asked through; absent on `/mcp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The server it was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Name>,
    /// The tool, prompt or resource by the name the client used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Allowed or denied.
    pub decision: Decision,
    /// Why it was denied, or by which profile it was allowed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Hex SHA-256 of the arguments as they were sent upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments_digest: Option<String>,
    /// The arguments themselves, where the profile asks for it: bounded, and with a keyed digest in place of whatever looks
    /// like a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<serde_json::Value>,
    /// Name and version the client gave itself; unverified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The client's JSON-RPC id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// W3C trace id, when the client sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Configuration revision under which it was decided.
    pub revision: u64,
    /// Age of that configuration in seconds, since the control plane last confirmed it; absent up to a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_s: Option<u64>,
    /// From the request's arrival to the reply's last byte, in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
    /// Size of the request body, in bytes.
    #[serde(default)]
    pub request_bytes: u64,
    /// Size of the reply as sent to the client, in bytes.
    #[serde(default)]
    pub reply_bytes: u64,
    /// Hex SHA-256 of what left of a result that is passed on while it comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_digest: Option<String>,
    /// What relevance filtering did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relevance: Option<RelevanceOutcome>,
    /// The credentials that a server gave back and that were blotted out of the reply, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redacted: Vec<String>,
}

/// When in the life of the exchange the record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before anything left for an upstream.
    Intent,
    /// Before the result left for the client.
    Outcome,
}

/// What kind of thing was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// `tools/call`.
    McpCall,
    /// `resources/read`.
    McpRead,
    /// `prompts/get`.
    McpPrompt,
    /// Any list.
    McpList,
    /// `server/discover`, `initialize`.
    McpOpen,
    /// Anything else a client sends.
    McpOther,
    /// A change made in the control plane.
    Admin,
}

impl Action {
    /// The word on the wire and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::McpCall => "mcp_call",
            Self::McpRead => "mcp_read",
            Self::McpPrompt => "mcp_prompt",
            Self::McpList => "mcp_list",
            Self::McpOpen => "mcp_open",
            Self::McpOther => "mcp_other",
            Self::Admin => "admin",
        }
    }
}

/// Allowed or denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Went on to the upstream.
    Allow,
    /// Nothing left the gateway.
    Deny,
}

/// What became of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered.
    Ok,
    /// Answered with a question, or a state: the client is to ask again, and that will be another exchange.
    InputRequired,
    /// Answered by the tool with `isError`.
    ToolError,
    /// Answered with a JSON-RPC error, or the upstream failed.
    Error,
    /// Refused by a filter.
    Denied,
    /// The client went away before it was sent anything of the result.
    Cancelled,
    /// Part of the result left for the client, and then it went away or the server broke off.
    Partial,
    /// Only the intent is known: the gateway stopped in between.
    Unknown,
}

impl Outcome {
    /// The word on the wire and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::InputRequired => "input_required",
            Self::ToolError => "tool_error",
            Self::Error => "error",
            Self::Denied => "denied",
            Self::Cancelled => "cancelled",
            Self::Partial => "partial",
            Self::Unknown => "unknown",
        }
    }
}

/// What relevance filtering, or the budget of results, did to one result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RelevanceOutcome {
    /// Records kept.
    pub kept: u64,
    /// Records there were.
    pub total: u64,
    /// Size of the result before, in bytes.
    pub bytes_before: u64,
    /// Size of the result after, in bytes.
    pub bytes_after: u64,
    /// Time it took, in milliseconds.
    pub elapsed_ms: u64,
    /// Which scorers had their say, for example `minilm+bm25`; `order`: the first ones were kept; `none`: nothing was left
    /// out.
    pub tier: String,
    /// Why less was done than the settings ask for; absent: nothing was in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
}

/// Why a result was judged by less than there is, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// The model is not there.
    ModelMissing,
    /// Time ran out.
    Deadline,
    /// Too many results were being judged.
    QueueFull,
    /// Judging failed.
    Failed,
    /// A judge elsewhere did not answer.
    RemoteDown,
    /// It is larger than its budget, and cannot be cut consistently.
    Uncuttable,
}

impl Fallback {
    /// The word on the wire, and the metric's label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ModelMissing => "model_missing",
            Self::Deadline => "deadline",
            Self::QueueFull => "queue_full",
            Self::Failed => "failed",
            Self::RemoteDown => "remote_down",
            Self::Uncuttable => "uncuttable",
        }
    }
}

/// Records a gateway ships: `POST /api/v1/gateways/{name}/audit`. Sending one again changes nothing. The answer is a
/// signed [`receipt::Receipt`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditBatch {
    /// Hex Ed25519 public key that the gateway signs its checkpoints with.
    pub key: String,
    /// The very texts of [`chain::Entry`] records, in the order of `seq`.
    pub records: Vec<String>,
}

/// Records as they are stored, oldest first: `GET /api/v1/audit/records`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordPage {
    /// The very texts of [`chain::Entry`] records; fewer than asked for: there are no more.
    pub records: Vec<String>,
}

/// A page of the audit log, newest first: `GET /api/v1/audit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The events.
    pub events: Vec<AuditEvent>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_written_before_there_were_fallbacks_is_read() {
        let old = r#"{"kept":1,"total":2,"bytes_before":3,"bytes_after":4,"elapsed_ms":5,"tier":"bm25"}"#;
        let read: RelevanceOutcome = serde_json::from_str(old).unwrap();
        assert_eq!(read.fallback, None);
        assert_eq!(serde_json::to_string(&read).unwrap(), old);
        let new = RelevanceOutcome { fallback: Some(Fallback::QueueFull), ..read };
        let text = serde_json::to_string(&new).unwrap();
        assert!(text.ends_with(&format!(r#""fallback":"{}"}}"#, Fallback::QueueFull.as_str())), "{text}");
    }
}
