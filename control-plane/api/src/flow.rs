//! Where information may flow: what a tool brings in or lets out, and whether a project keeps these apart.
//!
//! Text that strangers wrote, data that is not for everyone, and a way out: an agent that has all three can be talked into
//! carrying the second out through the third by the first.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What calling a tool means for the flow of information.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// Its results hold text that strangers may have written: web pages, public issues, incoming mail.
    Untrusted,
    /// Its results hold what is not for everyone.
    Private,
    /// What it is given can be seen by strangers: a public comment, a mail, a request to any URL.
    Public,
}

/// Whether a project keeps the three apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlowRule {
    /// Every flow is open.
    #[default]
    Open,
    /// Who read what is untrusted and what is private may for some time ([`crate::limits::Limits::flow_window_ms`]) not
    /// call what is public.
    Apart,
}

impl FlowRule {
    /// Whether every flow is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::Open
    }
}
