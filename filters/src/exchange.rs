//! One request and everything known about it. Small; every field has one writer, named beside it.

use crate::rate_limit::Hold;
use control_plane_api::{access::Role, argument::Declared, audit::RelevanceOutcome, name::Name};
use http::HeaderMap;
use issuers::Speaker;
use protocol::{Request, method::Primitive};
use scrubber::Redacted;
use std::{net::SocketAddr, sync::Arc};

/// One exchange: from a request's arrival to its reply's last byte.
#[derive(Debug)]
pub struct Exchange {
    /// The client's address. Writer: edge.
    pub peer: Option<SocketAddr>,
    /// The request's headers; authentication takes the credential out. Writer: edge.
    pub headers: HeaderMap,
    /// Path of the endpoint as in the URL a client is given: `/mcp`, `/projects/<name>/mcp`, or that of an event stream.
    /// Writer: edge.
    pub endpoint: String,
    /// The project in the request's path; none on `/mcp`. Writer: edge.
    pub project: Option<String>,
    /// The client's session, where it has one: what narrows a server's memory of this user. Writer: edge.
    pub affinity: Option<Arc<str>>,
    /// What is asked for. Writer: edge; relevance takes `_context` out, routing puts the server's own name in.
    pub request: Request,
    /// The tool, prompt or resource by the name the client uses. Writer: edge.
    pub primitive: Option<Primitive>,
    /// Who asks. Writer: authentication.
    pub principal: Principal,
    /// By what the principal was recognised, to be judged again while the exchange lasts. Writer: authentication.
    pub credential: Credential,
    /// Whose primitive it is, by the server's own name for it. Writer: routing.
    pub target: Option<Target>,
    /// What ties the request to what was handed out sealed. Writer: sealing.
    pub sealed: Sealed,
    /// What the client is looking for, from `_context`. Writer: relevance.
    pub intent: Option<String>,
    /// By which profile the exchange was allowed. Writer: permissions.
    pub allowed_by: Option<Name>,
    /// What relevance filtering, or the budget of results, did. Writer: relevance.
    pub relevance: Option<RelevanceOutcome>,
    /// Which credentials were blotted out of what left for the client. Writer: redaction.
    pub redacted: Redacted,
    /// What counts the exchange among those of its user, as long as it lasts. Writers: the rate limits.
    pub holds: Vec<Hold>,
    /// Set where it is refused for being too much. Writers: the rate limits.
    pub limited: Option<Limited>,
}

/// How an exchange was too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    /// One word, for counting.
    pub reason: &'static str,
    /// Not to be written down by itself: how many there were is told later.
    pub counted: bool,
}

impl Exchange {
    /// A fresh exchange about `request`: nobody asks, nothing is decided.
    #[must_use]
    pub fn new(request: Request, headers: HeaderMap) -> Self {
        Self {
            peer: None,
            headers,
            endpoint: "/mcp".to_owned(),
            project: None,
            affinity: None,
            primitive: Primitive::of(&request),
            request,
            principal: Principal::Anonymous,
            credential: Credential::None,
            target: None,
            sealed: Sealed::default(),
            intent: None,
            allowed_by: None,
            relevance: None,
            redacted: Redacted::new(),
            holds: Vec::new(),
            limited: None,
        }
    }
}

/// See [`Exchange::sealed`].
#[derive(Debug, Clone, Default)]
pub struct Sealed {
    /// Digest of what is asked, as the client asked it: a state handed out for it is good for nothing else.
    pub digest: Option<[u8; 32]>,
    /// The tasks the exchange is about: the sealed id the client has, and whose task it is. Of a listen, permissions takes
    /// out those of servers that are not open any more.
    pub tasks: Vec<(String, Target)>,
}

/// By what a principal was recognised. Never the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Credential {
    /// By nothing.
    #[default]
    None,
    /// By a token or session of the control plane with this public id.
    Own(String),
    /// By an access token of an issuer.
    Of(Speaker),
}

/// Who asks. `Anonymous` holds no grants anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Principal {
    /// Nobody the gateway knows.
    #[default]
    Anonymous,
    /// A user who presented a valid token.
    User {
        /// Which user.
        name: Name,
        /// The user's roles.
        roles: Vec<Role>,
        /// Public id of the token.
        token_id: String,
    },
}

impl Principal {
    /// The user's name; none for `Anonymous`.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        match self {
            Self::Anonymous => None,
            Self::User { name, .. } => Some(name),
        }
    }

    /// Whether the user is an administrator.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        matches!(self, Self::User { roles, .. } if roles.contains(&Role::Admin))
    }
}

/// A primitive at its server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The server.
    pub server: Name,
    /// The server's own name (or URI) for it.
    pub name: String,
    /// It is no tool of the server, but the gateway's own by which a user connects it.
    pub connects: bool,
}

impl Target {
    /// What `server` calls `name`.
    #[must_use]
    pub fn new(server: Name, name: impl Into<String>) -> Self {
        Self { server, name: name.into(), connects: false }
    }

    /// The gateway's tool `name` by which a user connects `server`.
    #[must_use]
    pub fn connecting(server: Name, name: impl Into<String>) -> Self {
        Self { server, name: name.into(), connects: true }
    }
}

/// Looks exposed names up. The gateway's router implements it over a compiled table; names are never split.
pub trait Names: Send + Sync {
    /// Whose primitive it is in `project` (without one: among all servers); none when nobody offers it.
    fn target(&self, project: Option<&str>, primitive: &Primitive) -> Option<Target>;

    /// Why `primitive`, which a server has, is offered by nobody; none where there is no more to say.
    fn withheld(&self, _project: Option<&str>, _primitive: &Primitive) -> Option<String> {
        None
    }

    /// What the schema of the tool `primitive` declares about its arguments; none where that is not known.
    fn declared(&self, _project: Option<&str>, _primitive: &Primitive) -> Option<Arc<Declared>> {
        None
    }

    /// The name of the gateway's own tool in `project` by which clients get the rest of results that were shortened; none
    /// where none are.
    fn more(&self, _project: Option<&str>) -> Option<String> {
        None
    }
}
