//! On whose behalf a request is sent: what keeps sessions, processes and questions of several people apart.
//!
//! Opaque to upstreams: they compare it and never look into it. What it may do was decided before.

use control_plane_api::name::Name;
use std::sync::Arc;

/// Two requests of equal callers may share what a server remembers; others never do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The user; none is the gateway itself.
    pub principal: Option<Name>,
    /// Narrower than the user: the client's session, where it has one.
    pub affinity: Option<Arc<str>>,
}

impl Caller {
    /// The gateway on its own account: lists, probes, health.
    pub const GATEWAY: Self = Self { principal: None, affinity: None };
}
