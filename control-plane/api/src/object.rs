//! The object envelope: kind, name, revision, spec. (*Object*, because *resource* is MCP's word.)

use crate::{
    access::UserSpec, issuer::IssuerSpec, name::Name, oauth::ConnectionSpec, pin::PinSpec, profile::ProfileSpec,
    project::ProjectSpec, runtime::Orders, secret::SecretSpec, server::ServerSpec,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An MCP server as configured.
    Server,
    /// Which definitions of a server's tools are trusted; made with the server and by approval, never applied.
    Pin,
    /// An access token for a server, sealed to a gateway; only in snapshots.
    Connection,
    /// What may be done with one server.
    Profile,
    /// Profiles and members: what a client connects to.
    Project,
    /// A person or machine with roles and tokens.
    User,
    /// A credential, encrypted in the store and sealed to a gateway on the wire.
    Secret,
    /// An authorization server whose access tokens are accepted.
    Issuer,
}

impl Kind {
    /// Every kind, in the order in which objects depend on each other.
    pub const ALL: [Self; 8] = [
        Self::Secret,
        Self::Server,
        Self::Pin,
        Self::Connection,
        Self::Profile,
        Self::Project,
        Self::User,
        Self::Issuer,
    ];

    /// The kinds that are applied, in that order; secrets, pins and connections have ways of their own.
    pub const APPLIED: [Self; 5] = [Self::Server, Self::Profile, Self::User, Self::Project, Self::Issuer];

    /// The word used on the wire, in the store and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Pin => "pin",
            Self::Connection => "connection",
            Self::Profile => "profile",
            Self::Project => "project",
            Self::User => "user",
            Self::Secret => "secret",
            Self::Issuer => "issuer",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Name, revision and spec of one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Named<S> {
    /// Unique among objects of its kind.
    pub name: Name,
    /// Revision of the whole configuration at which this object last changed; 0 in a file that was never applied.
    #[serde(default)]
    pub revision: u64,
    /// What the object says.
    pub spec: S,
}

/// One object of any kind: `{"kind": "profile", "name": …, "revision": …, "spec": {…}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[expect(clippy::large_enum_variant, reason = "servers are most of what there is, and lists of objects are short")]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Object {
    /// See [`ServerSpec`].
    Server(Named<ServerSpec>),
    /// See [`PinSpec`].
    Pin(Named<PinSpec>),
    /// See [`ConnectionSpec`].
    Connection(Named<ConnectionSpec>),
    /// See [`ProfileSpec`].
    Profile(Named<ProfileSpec>),
    /// See [`ProjectSpec`].
    Project(Named<ProjectSpec>),
    /// See [`UserSpec`].
    User(Named<UserSpec>),
    /// See [`SecretSpec`].
    Secret(Named<SecretSpec>),
    /// See [`IssuerSpec`].
    Issuer(Named<IssuerSpec>),
}

impl Object {
    /// Kind and name of this object.
    #[must_use]
    pub fn reference(&self) -> ObjectRef {
        let (kind, name) = match self {
            Self::Server(o) => (Kind::Server, &o.name),
            Self::Pin(o) => (Kind::Pin, &o.name),
            Self::Connection(o) => (Kind::Connection, &o.name),
            Self::Profile(o) => (Kind::Profile, &o.name),
            Self::Project(o) => (Kind::Project, &o.name),
            Self::User(o) => (Kind::User, &o.name),
            Self::Secret(o) => (Kind::Secret, &o.name),
            Self::Issuer(o) => (Kind::Issuer, &o.name),
        };
        ObjectRef { kind, name: name.clone() }
    }

    /// The revision at which this object last changed.
    #[must_use]
    pub fn revision(&self) -> u64 {
        match self {
            Self::Server(o) => o.revision,
            Self::Pin(o) => o.revision,
            Self::Connection(o) => o.revision,
            Self::Profile(o) => o.revision,
            Self::Project(o) => o.revision,
            Self::User(o) => o.revision,
            Self::Secret(o) => o.revision,
            Self::Issuer(o) => o.revision,
        }
    }
}

impl Object {
    /// This object at `revision` as somebody says it who applies it: without what only the control plane says.
    #[must_use]
    pub fn declared(mut self, revision: u64) -> Self {
        match &mut self {
            Self::Server(o) => {
                o.revision = revision;
                o.spec.orders = Orders::default();
                o.spec.central = false;
                if let Some(oauth) = &mut o.spec.oauth {
                    oauth.connect_url = None;
                }
            }
            Self::Pin(o) => o.revision = revision,
            Self::Connection(o) => o.revision = revision,
            Self::Profile(o) => o.revision = revision,
            Self::Project(o) => o.revision = revision,
            Self::Secret(o) => o.revision = revision,
            Self::Issuer(o) => o.revision = revision,
            Self::User(o) => {
                o.revision = revision;
                o.spec.tokens.clear();
            }
        }
        self
    }
}

/// Kind and name: what a removal, a violation and an audit event speak of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct ObjectRef {
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub name: Name,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}
