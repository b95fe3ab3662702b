//! The one trait every filter implements, and what a filter can answer.

use crate::{Cause, Exchange};
use async_trait::async_trait;
use http::{HeaderName, HeaderValue, StatusCode};
use protocol::{Message, RpcError};
use std::{ops::ControlFlow, sync::Arc};

/// One stage of the chain. Defaults let everything pass, so that a filter writes only the direction it is about.
#[async_trait]
pub trait Filter: Send + Sync {
    /// One word, the same in metrics, logs and documentation.
    fn name(&self) -> &'static str;

    /// Judges the request on its way in. `Break` answers the client here; nothing reaches the upstream.
    async fn on_request(&self, _exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        ControlFlow::Continue(())
    }

    /// Whether the response has to be held for [`Self::on_message`]. A filter that says no to an exchange may be shown of a
    /// large result only the members in [`protocol::transit::RIM`], those that come late in a message of their own.
    fn needs_whole(&self, _exchange: &Exchange) -> bool {
        true
    }

    /// Sees every message on its way out: notifications, and last the response.
    async fn on_message(&self, _exchange: &mut Exchange, _message: &mut Message) -> Verdict {
        Verdict::Pass
    }
}

/// One filter that others ask as well.
#[async_trait]
impl<T: Filter + ?Sized> Filter for Arc<T> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    async fn on_request(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        (**self).on_request(exchange).await
    }

    fn needs_whole(&self, exchange: &Exchange) -> bool {
        (**self).needs_whole(exchange)
    }

    async fn on_message(&self, exchange: &mut Exchange, message: &mut Message) -> Verdict {
        (**self).on_message(exchange, message).await
    }
}

/// What becomes of a message on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Goes on, as it now is.
    Pass,
    /// Goes no further.
    Drop,
}

/// An answer given by a filter instead of the upstream.
#[derive(Debug, Clone)]
pub struct LocalReply {
    /// The HTTP status.
    pub status: StatusCode,
    /// Headers besides the usual.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What the client is told.
    pub error: RpcError,
    /// What the audit log is told.
    pub reason: String,
    /// What it is counted by.
    pub cause: Cause,
}

impl LocalReply {
    /// A refusal inside the protocol, for `cause`: HTTP 200 with a JSON-RPC error.
    pub fn refusal(cause: Cause, code: i64, told: impl Into<String>, reason: impl Into<String>) -> Self {
        let (headers, error) = (Vec::new(), RpcError::new(code, told));
        Self { status: StatusCode::OK, headers, error, reason: reason.into(), cause }
    }
}
