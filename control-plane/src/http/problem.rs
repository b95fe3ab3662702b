//! The one table that turns errors into HTTP: status, problem details, and a hint what to do next.

use crate::{
    configure::ConfigureError,
    identity::{LoginError, PasswordError},
    oauth::OauthError,
    secrets::EnvelopeError,
    store::StoreError,
};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use control_plane_api::{problem::Problem, validate::Violation};

/// A request that is not answered as asked.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    /// Word of a `urn:mcpctl:problem:…`; absent: the status says it all.
    kind: Option<&'static str>,
    detail: String,
    hint: Option<String>,
    violations: Vec<Violation>,
    challenge: Option<&'static str>,
    /// Seconds after which it may be tried again.
    retry_after_s: Option<u32>,
}

/// When to ask again while the database does not answer; a fleet spreads its own retries.
const RETRY_AFTER_S: u32 = 2;

impl ApiError {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            kind: None,
            detail: detail.into(),
            hint: None,
            violations: Vec::new(),
            challenge: None,
            retry_after_s: None,
        }
    }

    /// Says what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn kind(mut self, kind: &'static str) -> Self {
        self.kind = Some(kind);
        self
    }

    /// No token at all.
    pub(crate) fn token_missing() -> Self {
        let this = Self::new(StatusCode::UNAUTHORIZED, "this needs a token, and the request has none");
        let this = this.hint("send `Authorization: Bearer <token>`; the first token is in `~/.mcpctl/admin-token`");
        Self { challenge: Some("Bearer realm=\"mcpd\""), ..this }
    }

    /// A token that is good for nothing; which of the reasons is nobody's business.
    pub(crate) fn token_refused() -> Self {
        let this = Self::new(StatusCode::UNAUTHORIZED, "the token is unknown, expired or revoked");
        let this = this.hint("ask an administrator for a new one, or run `mcpd reset-admin-token`");
        Self { challenge: Some("Bearer realm=\"mcpd\", error=\"invalid_token\""), ..this }
    }

    /// A join token that is good for nothing here.
    pub(crate) fn join_token_refused() -> Self {
        Self::token_refused().hint("a join token is good once, for one gateway, for some minutes; issue another one")
    }

    /// A good token of somebody who may not do this.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail).hint("ask an administrator for the role that this needs")
    }

    /// Nothing there.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail).hint("check the spelling; the list one level up shows what there is")
    }

    /// There, but not for this method.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not know this method")
            .hint("`GET /api/v1/openapi.json` lists every path and its methods")
    }

    /// The request cannot be read.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
            .kind("malformed")
            .hint("`GET /api/v1/openapi.json` describes what every route takes")
    }

    /// The body is larger than any of ours.
    pub(crate) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large").hint("send it in several parts")
    }

    /// The request can be read, but what it says cannot be.
    pub(crate) fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).kind("invalid").hint("correct it and send it again")
    }

    /// It can be read and understood, and does not go with what there is.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail).kind("conflict")
    }

    /// What is asked on the caller's behalf does not answer.
    pub(crate) fn bad_gateway(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, detail).hint("look after what it names, and try again")
    }

    /// The database does not answer now.
    pub(crate) fn unavailable() -> Self {
        let this = Self::new(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer");
        Self { retry_after_s: Some(RETRY_AFTER_S), ..this.hint("try again; mcpd's log says why") }
    }
}

impl From<ConfigureError> for ApiError {
    fn from(error: ConfigureError) -> Self {
        let detail = error.to_string();
        match error {
            ConfigureError::Invalid(violations) => Self {
                violations,
                ..Self::unprocessable(detail).hint("correct what `violations` lists; nothing was changed")
            },
            ConfigureError::InUse { .. } => {
                Self::new(StatusCode::CONFLICT, detail).kind("in-use").hint("change or delete what refers to it first")
            }
            ConfigureError::LastAdministrator => Self::new(StatusCode::CONFLICT, detail)
                .kind("last-administrator")
                .hint("give another user the role admin first"),
            ConfigureError::Stale { .. } => Self::new(StatusCode::PRECONDITION_FAILED, detail)
                .kind("stale")
                .hint("read it again, look at what has changed, and send the change with the new revision"),
            ConfigureError::Missing(_) => Self::not_found(detail),
            ConfigureError::Store(error) => error.into(),
        }
    }
}

impl From<LoginError> for ApiError {
    fn from(error: LoginError) -> Self {
        let detail = error.to_string();
        match error {
            // Constant: which of the reasons is nobody's business.
            LoginError::Refused => {
                let this = Self::new(StatusCode::UNAUTHORIZED, detail).kind("login-refused");
                this.hint("try again, or ask an administrator to set a password: `mcpctl user passwd`")
            }
            LoginError::TooMany(wait) => Self {
                retry_after_s: Some(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1)),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail)
                    .kind("too-many-logins")
                    .hint("wait as long as `Retry-After` says; a token still works")
            },
            LoginError::Password(PasswordError::Busy) => Self {
                retry_after_s: Some(1),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).hint("try again in a moment")
            },
            LoginError::Password(PasswordError::Hash(_)) => {
                tracing::error!(detail, "A password could not be hashed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "mcpd could not hash the password")
                    .hint("mcpd's log says why")
            }
            LoginError::Password(PasswordError::TooShort | PasswordError::TooLong) => Self::unprocessable(detail),
            LoginError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "A request failed in the store");
        match error {
            StoreError::Database(_) | StoreError::Silent(_) => Self::unavailable(),
            StoreError::Unreadable { .. } => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "mcpd could not read its own database")
                    .hint("mcpd's log says what")
            }
        }
    }
}

impl From<OauthError> for ApiError {
    fn from(error: OauthError) -> Self {
        match error {
            OauthError::Store(error) => error.into(),
            OauthError::Envelope(error) => error.into(),
            other => Self::unprocessable(other.to_string()),
        }
    }
}

impl From<EnvelopeError> for ApiError {
    fn from(error: EnvelopeError) -> Self {
        tracing::error!(%error, "A request failed over a secret");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "mcpd could not encrypt or decrypt the secret")
            .hint("mcpd's log says why; setting the secret again may help")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let phrase = self.status.canonical_reason().unwrap_or("Error");
        let problem = Problem {
            kind: self.kind.map_or_else(|| "about:blank".to_owned(), |kind| format!("urn:mcpctl:problem:{kind}")),
            title: self.kind.map_or_else(|| phrase.to_owned(), |kind| kind.replace('-', " ")),
            status: self.status.as_u16(),
            detail: self.detail,
            hint: self.hint,
            violations: self.violations,
        };
        let mut response = (self.status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(challenge) = self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
