//! Everything behind the chain: a request goes in, a stream of messages comes out.
//!
//! Modern on this side whatever the server speaks: `upstream/legacy` translates at the rim. Upstreams know nothing of
//! clients, projects and permissions.

mod breaker;
mod caller;
pub mod central;
pub mod connect;
pub mod credentials;
mod duplex;
mod era;
pub mod http;
mod idle;
mod legacy;
pub(crate) mod long;
mod modern;
pub mod more;
mod pool;
mod pulse;
mod remap;
mod slot;
pub mod stdio;
mod strays;
#[cfg(test)]
mod testing;

pub use caller::Caller;
pub use credentials::{Credentials, Tokens};
pub use long::Long;

use crate::{confine::Confiner, keys::Secret, metrics::Metrics};
use async_trait::async_trait;
use control_plane_api::{
    gateway::ServerState,
    instance::LogLine,
    limits::Limits,
    name::Name,
    server::{Era, ServerSpec, Transport},
    timestamp::Timestamp,
};
use futures::stream::BoxStream;
use protocol::{Message, Request};
use scrubber::Scrubber;
use serde_json::value::RawValue;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::watch;

/// What an upstream answers: notifications about the request, then one response, then the end. A stream that ends without
/// a response lost its upstream on the way. Dropping it cancels the request at the upstream.
pub type Reply = BoxStream<'static, Result<Said, UpstreamError>>;

/// What an upstream says.
#[derive(Debug)]
pub enum Said {
    /// A message: a notification, or a [`Message::Response`].
    Message(Message),
    /// A response that is still coming; to a call, a read or a prompt only.
    Long(Long),
}

impl From<Message> for Said {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

/// A place requests can be sent to.
#[async_trait]
pub trait Upstream: Send + Sync {
    /// Sends a modern `request` on behalf of `caller`. The response carries the request's own id again; progress tokens
    /// likewise.
    async fn call(&self, request: Request, caller: &Caller) -> Result<Reply, UpstreamError>;

    /// Told the server's tools, whenever they were listed anew.
    fn learn(&self, _tools: &[Box<RawValue>]) {}

    /// How it is, for reports.
    fn health(&self) -> Health;

    /// What is known of its process; nothing where there is none of ours.
    fn life(&self) -> Life {
        Life::default()
    }

    /// Counts up whenever the upstream says that its lists changed, comes back after a failure, or changes its health.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Lets go of the server for good: ends its process or its session, and waits for that. Later calls fail. Dropping
    /// the upstream does the same without waiting, once the last reply in flight has ended.
    async fn close(&self);
}

/// How an upstream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether it answers.
    pub state: ServerState,
    /// The era it was found to speak.
    pub era: Option<Era>,
    /// The last failure, for people.
    pub error: Option<String>,
    /// How often its process was started again.
    pub restarts: u32,
    /// Its process id.
    pub pid: Option<u32>,
    /// What is missing of the confinement asked for, for people.
    pub unconfined: Option<String>,
}

/// What is known of the process behind an upstream, over all of its lives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Life {
    /// When its state last changed.
    pub since: Option<Timestamp>,
    /// The last lines it wrote to stderr, secrets blotted out.
    pub stderr: Vec<LogLine>,
}

/// Why an upstream gave no answer. `Display` names no credential and is fit for the audit log and for the owner.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UpstreamError {
    /// It cannot be started or connected to; nothing was sent.
    #[error("server `{server}` cannot be reached: {reason}")]
    Unreachable {
        /// Which server.
        server: Name,
        /// Why, with what to do about it.
        reason: String,
    },
    /// It went away with the request in flight; whether it acted on it is not known.
    #[error("server `{server}` went away before it answered: {reason}")]
    Lost {
        /// Which server.
        server: Name,
        /// What is known about it, for example its exit status and last words.
        reason: String,
    },
    /// It did not answer in time; whether it acted on the request is not known.
    #[error("server `{server}` did not answer within {} ms", after.as_millis())]
    TimedOut {
        /// Which server.
        server: Name,
        /// The bound that was passed.
        after: Duration,
    },
    /// It answered something that is not MCP, or too much of it.
    #[error("server `{server}` answered what cannot be used: {reason}")]
    Unusable {
        /// Which server.
        server: Name,
        /// What was wrong.
        reason: String,
    },
    /// It wants a token of the user on whose behalf it is asked, and there is none, or none that may do this.
    #[error("server `{server}` needs the user's consent")]
    NeedsConsent {
        /// Which server.
        server: Name,
        /// The scopes it named.
        scopes: Vec<String>,
    },
    /// It refuses the token in force of the user on whose behalf it is asked, and no other one can be obtained now.
    #[error("server `{server}` refused its access token, and another one cannot be obtained now: try again later")]
    TokenRefused {
        /// Which server.
        server: Name,
    },
    /// It does not know the session any more; it did not look at the request.
    #[error("server `{server}` has forgotten its session")]
    Forgotten {
        /// Which server.
        server: Name,
    },
}

/// The word of [`UpstreamError::Lost`].
const LOST: &str = "lost";

impl UpstreamError {
    /// One word of a closed list, for counting.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Lost { .. } => LOST,
            Self::TimedOut { .. } => "timed_out",
            Self::Unusable { .. } => "unusable",
            Self::NeedsConsent { .. } => "needs_consent",
            Self::TokenRefused { .. } => "token_refused",
            Self::Forgotten { .. } => "forgotten",
        }
    }

    /// What happened, without the server's name in front.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Unreachable { reason, .. } | Self::Lost { reason, .. } | Self::Unusable { reason, .. } => {
                reason.clone()
            }
            Self::NeedsConsent { .. } => "it needs the user's consent".to_owned(),
            Self::TokenRefused { .. } => "it refused its access token, and there is no other one now".to_owned(),
            Self::Forgotten { .. } => "it has forgotten its session".to_owned(),
            Self::TimedOut { after, .. } => format!("it did not answer within {} ms", after.as_millis()),
        }
    }
}

/// What is needed to reach one server, secrets already opened.
#[derive(Clone)]
pub struct Endpoint {
    /// Which server.
    pub name: Name,
    /// As configured.
    pub spec: ServerSpec,
    /// Environment of the child, or headers of the request.
    pub values: BTreeMap<String, Secret>,
    /// Bounds in force.
    pub limits: Limits,
    /// The tokens its requests carry. They change without the server being opened anew.
    pub tokens: Arc<dyn Credentials>,
    /// Keeps credentials out of what is said about it.
    pub scrubber: Scrubber,
    /// Where what it does wrong is counted.
    pub metrics: Metrics,
    /// Starts its process, if it has one.
    pub confiner: Confiner,
}

/// How upstreams are opened: [`open`]; where no server is to be reached, something else that answers.
pub type Opener = fn(Endpoint) -> Arc<dyn Upstream>;

/// The upstream for `endpoint`. Nothing is started or connected before the first call.
#[must_use]
pub fn open(endpoint: Endpoint) -> Arc<dyn Upstream> {
    if let Some(idle) = idle::open(&endpoint) {
        return idle;
    }
    let upstream = match &endpoint.spec.transport {
        Transport::Stdio { .. } => stdio::open(endpoint.clone()),
        Transport::Http { .. } => http::open(endpoint.clone()),
    };
    breaker::around(upstream, &endpoint)
}
