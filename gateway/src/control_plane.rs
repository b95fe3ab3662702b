//! The control plane as a gateway sees it: the six requests it makes, with deadlines, and why one failed.
//!
//! Used by enrolment, the configuration stream, the reports, the shipping of audit records, the pins and whoever had an access
//! token refused. Deliberately unknown here: what to do about a failure. Who asks decides whether to try again, with [`Backoff`] in between.
//!
//! A base URL without TLS needs no certificate store; a loopback one never goes through a proxy.

mod backoff;
#[cfg(test)]
pub(crate) mod fake;
mod replicas;

pub use backoff::Backoff;

use crate::keys::Secret;
use control_plane_api::{
    audit::{AuditBatch, receipt::SignedText},
    gateway::{EnrolReply, EnrolRequest, GatewayStatus},
    name::Name,
    oauth::{TokenRefusal, TokenRefusalReply},
    pin::PinReport,
    problem::Problem,
};
use http::{HeaderValue, Method, header::ACCEPT};
use replicas::Replicas;
use reqwest::{RequestBuilder, Response};
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// Time to connect, in milliseconds.
const CONNECT_TIMEOUT_MS: u64 = 3_000;
/// Time for one request and its whole answer, in milliseconds; of the configuration stream only the head counts.
const REQUEST_TIMEOUT_MS: u64 = 15_000;
/// Time for the configuration stream to begin, in milliseconds.
const STREAM_BEGIN_TIMEOUT_MS: u64 = 3_000;
/// A configuration stream silent for this long is taken for dead, in milliseconds; mcpd sends a comment every second.
const STREAM_IDLE_TIMEOUT_MS: u64 = 5_000;
/// Longest time for which a connection is kept for the next request, in milliseconds: one that a firewall has forgotten
/// meanwhile costs a whole request timeout. mcpd closes it after 10 s, which is also the time between two reports: of a fleet,
/// some would be sent just then and be lost.
const CONNECTION_IDLE_TIMEOUT_MS: u64 = 5_000;
/// Largest answer read, in bytes.
const REPLY_BYTES_MAX: usize = 1 << 20;

/// The control plane, seen as one gateway. Cheap to clone.
#[derive(Clone)]
pub struct ControlPlane {
    replicas: Replicas,
    gateway: Name,
    token: Secret,
}

/// Why a request to the control plane failed.
#[derive(Debug, thiserror::Error)]
pub enum ControlPlaneError {
    /// No HTTP client can be made, or the URL is of no use.
    #[error("`{url}` cannot be used as control plane: {reason}")]
    Unusable {
        /// The URL as given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It does not answer, or breaks off: worth trying again.
    #[error("the control plane does not answer: {0}")]
    Unreachable(String),
    /// It answered with an error.
    #[error("the control plane refused ({status}): {detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The problem's own words, and its hint.
        detail: String,
    },
    /// It answered something that is not its contract.
    #[error("the control plane's answer cannot be read: {0}")]
    BadReply(String),
}

impl ControlPlaneError {
    /// Whether the same request may succeed later without anybody doing anything.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 408 || *status == 429,
            Self::Unusable { .. } | Self::BadReply(_) => false,
        }
    }
}

impl ControlPlane {
    /// The control plane, any of whose replicas answers at one of `bases`, for the gateway `gateway`, which shows `token`
    /// (its own, or a join token).
    ///
    /// # Errors
    /// [`ControlPlaneError::Unusable`].
    pub fn new(bases: &[Url], gateway: &Name, token: Secret) -> Result<Self, ControlPlaneError> {
        Ok(Self { replicas: Replicas::new(bases)?, gateway: gateway.clone(), token })
    }

    /// Which gateway asks.
    #[must_use]
    pub fn gateway(&self) -> &Name {
        &self.gateway
    }

    /// Exchanges the join token for an identity.
    ///
    /// # Errors
    /// Any [`ControlPlaneError`].
    pub async fn enrol(&self, request: &EnrolRequest) -> Result<EnrolReply, ControlPlaneError> {
        self.reply("enrol", |asked| asked.json(request)).await
    }

    /// Opens the configuration stream. With the revision `in_force` it goes on from there as far as the control plane still
    /// knows what has changed since; else it begins with a whole snapshot.
    ///
    /// # Errors
    /// Any [`ControlPlaneError`].
    pub async fn config_stream(&self, in_force: Option<u64>) -> Result<Response, ControlPlaneError> {
        let begin = Duration::from_millis(STREAM_BEGIN_TIMEOUT_MS);
        self.send(Method::GET, "config", begin, |asked| {
            let asked = asked.header(ACCEPT, "text/event-stream");
            // The words of the WHATWG for a client that comes back to an event stream.
            in_force.into_iter().fold(asked, |asked, revision| asked.header("last-event-id", revision))
        })
        .await
    }

    /// Reports how this gateway is.
    ///
    /// # Errors
    /// Any [`ControlPlaneError`].
    pub async fn put_status(&self, status: &GatewayStatus) -> Result<(), ControlPlaneError> {
        let within = request_timeout();
        let sent = self.send(Method::PUT, "status", within, |asked| asked.json(status).timeout(within));
        sent.await.map(drop)
    }

    /// Reports definitions of tools that were seen for the first time.
    pub(crate) async fn post_pins(&self, report: &PinReport) -> Result<(), ControlPlaneError> {
        let within = request_timeout();
        let sent = self.send(Method::POST, "pins", within, |asked| asked.json(report).timeout(within));
        sent.await.map(drop)
    }

    /// Hands over audit records; the signed receipt says how far they are stored.
    pub(crate) async fn post_audit(&self, batch: &AuditBatch) -> Result<SignedText, ControlPlaneError> {
        self.reply("audit", |asked| asked.json(batch)).await
    }

    /// Says that a server refused an access token; hears whether there is another.
    pub(crate) async fn token_refused(&self, refusal: &TokenRefusal) -> Result<TokenRefusalReply, ControlPlaneError> {
        self.reply("refused-token", |asked| asked.json(refusal)).await
    }

    /// Asks the replica whose turn it is, which has to begin its answer `within`. One that does not, or answers only with
    /// what is wrong with it, is asked no more until the others have failed as well.
    async fn send(
        &self,
        method: Method,
        what: &str,
        within: Duration,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, ControlPlaneError> {
        let (turn, replica) = self.replicas.current().ok_or_else(|| unusable("", "no URL is given"))?;
        let mut url = replica.base.clone();
        match url.path_segments_mut() {
            Ok(mut path) => path.pop_if_empty().extend(["api", "v1", "gateways", self.gateway.as_str(), what]),
            Err(()) => return Err(unusable(replica.base.as_str(), "it has no path")),
        };
        let bearer = zeroize::Zeroizing::new(format!("Bearer {}", self.token.expose()));
        let mut bearer = HeaderValue::from_str(&bearer)
            .map_err(|_| unusable(replica.base.as_str(), "the token has characters no header can carry"))?;
        bearer.set_sensitive(true);
        let request = replica.http.request(method, url).header(http::header::AUTHORIZATION, bearer);
        let answer = match timeout(within, complete(request).send()).await {
            Ok(Ok(response)) => accepted(response).await,
            Ok(Err(error)) => Err(unreachable(error)),
            Err(_) => Err(ControlPlaneError::Unreachable(format!("no answer within {within:?}"))),
        };
        answer.inspect_err(|error| {
            if error.is_passing() {
                self.replicas.failed(turn);
            }
        })
    }

    async fn reply<T: DeserializeOwned>(
        &self,
        what: &str,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<T, ControlPlaneError> {
        let within = request_timeout();
        let response = self.send(Method::POST, what, within, |asked| complete(asked).timeout(within)).await?;
        let body = body(response).await?;
        serde_json::from_slice(&body).map_err(|error| ControlPlaneError::BadReply(error.to_string()))
    }
}

fn unusable(url: &str, reason: &str) -> ControlPlaneError {
    ControlPlaneError::Unusable { url: url.to_owned(), reason: reason.to_owned() }
}

/// Passes a 2xx on; turns everything else into the problem it reports.
async fn accepted(response: Response) -> Result<Response, ControlPlaneError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = body(response).await.unwrap_or_default();
    let detail = match serde_json::from_slice::<Problem>(&body) {
        Ok(Problem { detail, hint: Some(hint), .. }) => format!("{detail}: {hint}"),
        Ok(problem) => problem.detail,
        Err(_) => status.canonical_reason().unwrap_or("no reason given").to_lowercase(),
    };
    Err(ControlPlaneError::Refused { status: status.as_u16(), detail })
}

async fn body(mut response: Response) -> Result<Vec<u8>, ControlPlaneError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&chunk);
        if body.len() > REPLY_BYTES_MAX {
            return Err(ControlPlaneError::BadReply(format!("it is longer than {REPLY_BYTES_MAX} bytes")));
        }
    }
    Ok(body)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape map_err asks for")]
pub(crate) fn unreachable(error: reqwest::Error) -> ControlPlaneError {
    ControlPlaneError::Unreachable(chain(&error))
}

/// An error and its causes in one line: reqwest keeps "connection refused" two levels down.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn request_timeout() -> Duration {
    Duration::from_millis(REQUEST_TIMEOUT_MS)
}
