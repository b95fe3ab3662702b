//! The one trait every filter implements, and what a filter can answer.

use crate::{Cause, Exchange};
use futures::future::{BoxFuture, Either};
use http::{HeaderName, HeaderValue, StatusCode};
use protocol::{Message, RpcError};
use std::{
    future::{Ready, ready},
    ops::ControlFlow,
    sync::Arc,
};

/// What a filter comes to: at once in most cases, and then nothing is allocated for it.
pub type Step<'a, T> = Either<Ready<T>, BoxFuture<'a, T>>;

/// One stage of the chain. Defaults let everything pass, so that a filter writes only the direction it is about: as
/// [`Self::admit`] or [`Self::amend`] where it waits for nothing, else as [`Self::on_request`] or [`Self::on_message`].
pub trait Filter: Send + Sync {
    /// One word, the same in metrics, logs and documentation.
    fn name(&self) -> &'static str;

    /// Judges the request on its way in. `Break` answers the client here; nothing reaches the upstream.
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a, ControlFlow<LocalReply>> {
        Either::Left(ready(self.admit(exchange)))
    }

    /// [`Self::on_request`] of a filter that waits for nothing.
    fn admit(&self, _exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        ControlFlow::Continue(())
    }

    /// Whether the response has to be held for [`Self::on_message`]. A filter that says no to an exchange may be shown of a
    /// large result only the members in [`protocol::transit::RIM`], those that come late in a message of their own.
    fn needs_whole(&self, _exchange: &Exchange) -> bool {
        true
    }

    /// Sees every message on its way out: notifications, and last the response.
    fn on_message<'a>(&'a self, exchange: &'a mut Exchange, message: &'a mut Message) -> Step<'a, Verdict> {
        Either::Left(ready(self.amend(exchange, message)))
    }

    /// [`Self::on_message`] of a filter that waits for nothing.
    fn amend(&self, _exchange: &mut Exchange, _message: &mut Message) -> Verdict {
        Verdict::Pass
    }
}

/// One filter that others ask as well.
impl<T: Filter + ?Sized> Filter for Arc<T> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a, ControlFlow<LocalReply>> {
        (**self).on_request(exchange)
    }

    fn needs_whole(&self, exchange: &Exchange) -> bool {
        (**self).needs_whole(exchange)
    }

    fn on_message<'a>(&'a self, exchange: &'a mut Exchange, message: &'a mut Message) -> Step<'a, Verdict> {
        (**self).on_message(exchange, message)
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
