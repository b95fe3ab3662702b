//! Who calls: access rules, new tokens and sessions, passwords, and the first administrator.
//!
//! How a caller's bearer token reaches this code is `http/authenticate`'s business.

mod access;
mod bootstrap;
mod login;
mod passwords;
mod peppers;
mod recognise;
mod sessions;
mod throttle;
mod tokens;
mod uses;

pub use access::Access;
pub(crate) use bootstrap::{BootstrapError, bootstrap, reset_admin_token};
pub(crate) use login::{LoginError, Logins};
pub(crate) use passwords::PasswordError;
pub(crate) use peppers::{found as found_pepper, load as load_peppers, rotate as rotate_pepper};
pub(crate) use recognise::{session as recognise_session, token as recognise_token};
pub(crate) use sessions::{Opening, open as open_session, open_for as open_laptop_session};
pub(crate) use tokens::{issue, new_bearer, new_id};
pub(crate) use uses::Uses;

use control_plane_api::{access::Role, name::Name};

/// A user whose token was accepted, and what it was accepted for.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) user: Name,
    pub(crate) roles: Vec<Role>,
    /// The session that was presented; absent: it was a token.
    pub(crate) session: Option<String>,
    pub(crate) actor: Actor,
}

/// Who makes a change, as the audit log will name them.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    /// Absent: a gateway that enrols, or mcpd itself.
    pub(crate) user: Option<Name>,
    /// Public id of the token or session.
    pub(crate) token_id: Option<String>,
    /// HTTP method and path, or the subcommand of mcpd.
    pub(crate) method: String,
    pub(crate) peer: Option<String>,
}
