//! What can go wrong between bridge and gateway, as the client is told: a JSON-RPC error with a way out.

use super::lost;
use crate::failure::Failure;
use control_plane_api::name::Name;
use protocol::{Message, RpcError};
use reqwest::{Response, StatusCode};
use serde_json::json;
use url::Url;

/// Our own codes lie outside the range JSON-RPC reserves (MCP basic, error codes).
const UNREACHABLE: i64 = -31_001;
const UNAUTHENTICATED: i64 = -31_002;
const UNKNOWN_PROJECT: i64 = -31_003;
const REFUSED: i64 = -31_004;

/// Largest error body that is read, in bytes.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// Why a request has no answer from the gateway.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nothing listens.
    Unreachable { url: Url, reason: String },
    /// The connection broke.
    Lost(String),
    /// No token, a damaged record: said before anything was sent.
    Local(Failure),
    /// The token is refused.
    Unauthenticated { origin: String, said: String },
    /// There is no such project.
    UnknownProject(Name),
    /// The session is gone (legacy), or the method is unknown: in the gateway's own words.
    NotFound(RpcError),
    /// The gateway's own JSON-RPC error.
    Said(RpcError),
    /// Any other status.
    Refused(StatusCode, String),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Local(failure)
    }
}

impl Trouble {
    /// What a response with an error status means.
    pub(super) async fn refused(response: Response, project: &Name, origin: &str) -> Self {
        let status = response.status();
        let body = body_of(response).await;
        let said = match Message::parse(&body) {
            Ok(Message::Response(response)) => response.payload.err(),
            _ => None,
        };
        let text = || said.as_ref().map_or_else(|| short(&body), |error| error.message.clone());
        match (status, said.clone()) {
            (StatusCode::UNAUTHORIZED, _) => Self::Unauthenticated { origin: origin.to_owned(), said: text() },
            (StatusCode::NOT_FOUND, Some(said)) => Self::NotFound(said),
            (StatusCode::NOT_FOUND, None) => Self::UnknownProject(project.clone()),
            (_, Some(said)) => Self::Said(said),
            (_, None) => Self::Refused(status, text()),
        }
    }

    /// Whether it may mean that the gateway has forgotten the session.
    pub(super) fn is_not_found(&self) -> bool {
        match self {
            Self::UnknownProject(_) => true,
            Self::NotFound(said) => said.code != protocol::code::METHOD_NOT_FOUND,
            _ => false,
        }
    }

    /// What the client is told.
    pub(super) fn to_error(&self) -> RpcError {
        match self {
            Self::Unreachable { url, reason } => told(
                UNREACHABLE,
                format!("the mcpctl gateway at {url} cannot be reached: {reason}"),
                "start it with `mcpctl daemon start`, then try again",
            ),
            Self::Lost(reason) => RpcError { message: format!("{} ({reason})", lost().message), ..lost() },
            Self::Local(failure) => {
                let hint = failure.hint.as_deref().unwrap_or("run `mcpctl doctor`");
                told(UNAUTHENTICATED, failure.message.clone(), hint)
            }
            Self::Unauthenticated { origin, said } => told(
                UNAUTHENTICATED,
                format!("the mcpctl gateway refused the token from {origin}: {said}"),
                "log in again with `mcpctl login`, or put a valid token there; `mcpctl token create` makes one",
            ),
            Self::UnknownProject(project) => told(
                UNKNOWN_PROJECT,
                format!("the mcpctl gateway does not know project `{project}`"),
                "`mcpctl project list` shows those there are",
            ),
            Self::NotFound(said) | Self::Said(said) => said.clone(),
            Self::Refused(status, text) => {
                told(REFUSED, format!("the mcpctl gateway answered {status}: {text}"), "run `mcpctl doctor`")
            }
        }
    }
}

fn told(code: i64, message: String, hint: &str) -> RpcError {
    RpcError::new(code, format!("{message}; {hint}")).with_data(&json!({"hint": hint}))
}

async fn body_of(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > ERROR_BYTES_MAX {
            break;
        }
    }
    body
}

fn short(body: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(body).trim().chars().take(200).collect();
    if text.is_empty() { "no reason given".to_owned() } else { text }
}
