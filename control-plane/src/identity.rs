//! Who calls: access rules, new tokens, and the first administrator.
//!
//! How a caller's bearer token reaches this code is `http/authenticate`'s business.

mod access;
mod bootstrap;
mod tokens;

pub use access::Access;
pub(crate) use bootstrap::{BootstrapError, bootstrap, reset_admin_token};
pub(crate) use tokens::{issue, new_bearer, new_id};

use control_plane_api::{access::Role, name::Name};

/// A user whose token was accepted, and what it was accepted for.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) user: Name,
    pub(crate) roles: Vec<Role>,
    pub(crate) actor: Actor,
}

/// Who makes a change, as the audit log will name them.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    /// Absent: a gateway that enrols, or mcpd itself.
    pub(crate) user: Option<Name>,
    pub(crate) token_id: Option<String>,
    /// HTTP method and path, or the subcommand of mcpd.
    pub(crate) method: String,
    pub(crate) peer: Option<String>,
}
