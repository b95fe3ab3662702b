//! Many objects at once: `POST /api/v1/apply`, what `mcpctl apply -f` sends.

use crate::object::{Object, ObjectRef};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Creates or changes objects, all of them or none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// The objects as they shall be. Secrets are not among them: they have a route of their own.
    pub objects: Vec<Object>,
    /// Only says what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

/// The answer to an [`ApplyRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApplyReply {
    /// Revision of the whole configuration afterwards; with `dry_run`, as it is.
    pub revision: u64,
    /// What became of each object, in the order of the request.
    pub objects: Vec<Applied>,
}

/// What became of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// Which one.
    pub object: ObjectRef,
    /// What happened to it.
    pub effect: Effect,
}

/// What applying did to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It was not there before.
    Created,
    /// It was different before.
    Configured,
    /// It was the same before; nothing was written.
    Unchanged,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Unchanged => "unchanged",
        })
    }
}
