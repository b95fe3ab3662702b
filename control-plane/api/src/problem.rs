//! Errors of the REST API on the wire: RFC 9457 problem details.

use crate::validate::Violation;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `application/problem+json`, RFC 9457, with a hint and, for bad objects, the violations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// URI of the kind of problem: `about:blank`, or `urn:mcpctl:problem:<word>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status phrase, or the kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What failed and why, for this request.
    pub detail: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What is wrong with the object, field by field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
}
