//! One conversation with a legacy server, whatever carries it: a child's pipes, Streamable HTTP, HTTP+SSE.
//!
//! Transports implement it and know nothing of what is said; the legacy rim speaks through it and knows nothing of how.
//! Ids and progress tokens are the transport's affair on both ways.

use super::{Declared, Memory, Welcome};
use crate::upstream::{Long, UpstreamError};
use async_trait::async_trait;
use futures::{StreamExt as _, stream::BoxStream};
use protocol::{Id, Members, Message, Notification, Request, Response};
use std::time::Duration;
use tokio::{sync::broadcast, time::timeout};

/// Time for a server to answer what nobody waits for, in milliseconds.
const LEAVE_TIMEOUT_MS: u64 = 10_000;

/// What a legacy server says while it works on a request.
#[derive(Debug)]
pub(in crate::upstream) enum Heard {
    /// About the request: progress under the client's own token, log messages, a question taken back
    /// (`notifications/cancelled`), whatever came on its channel but what is for [`Session::notices`].
    Note(Notification),
    /// Wants an answer before it goes on: a [`Response`] with this very id, given to [`Session::tell`].
    Question(Request),
    /// The answer, under the client's own id; nothing comes after it.
    Response(Response),
    /// The answer, which is still coming: a result. Only to calls, reads and prompts.
    Long(Long),
}

/// What is heard of one request. Dropping it before the response takes the request back. It has no deadline of its own.
pub(in crate::upstream) type Hearing = BoxStream<'static, Result<Heard, UpstreamError>>;

/// See the module.
#[async_trait]
pub(in crate::upstream) trait Session: Send + Sync + 'static {
    /// What the server said to `initialize`.
    fn welcome(&self) -> &Welcome;

    /// What the legacy rim remembers of this session; the transport keeps it, made by `Memory::default()`.
    fn memory(&self) -> &Memory;

    /// Sends `request`, which is in the server's own dialect already.
    ///
    /// # Errors
    /// [`UpstreamError::Forgotten`] when the server did not look at it because it does not know the session any more;
    /// others as they are.
    async fn send(&self, request: Request) -> Result<Hearing, UpstreamError>;

    /// Sends a notification, or the answer to a question. What cannot be delivered is logged and lost.
    async fn tell(&self, message: Message);

    /// Notifications that belong to no request: `notifications/resources/updated`, list changes (besides counting
    /// them), the state of tasks, log messages nobody can be found for. A reader that is too slow misses some.
    fn notices(&self) -> broadcast::Receiver<Notification>;

    /// Resolves when the session is over for good, whoever still holds it.
    async fn ended(&self);
}

impl dyn Session {
    /// What the server answers to a request of the gateway's own; what it says besides is not wanted.
    ///
    /// # Errors
    /// As [`Session::send`] and the hearing; none is an answer that ended early.
    pub(super) async fn ask(&self, method: &str, params: Members) -> Result<Option<Response>, UpstreamError> {
        let mut hearing = self.send(Request { id: Id::Number(0), method: method.to_owned(), params }).await?;
        while let Some(heard) = hearing.next().await {
            match heard? {
                Heard::Note(_) => {}
                Heard::Question(question) => self.tell(super::answer(&question, &Declared::default())).await,
                Heard::Response(response) => return Ok(Some(response)),
                // To nothing that the gateway asks by itself.
                Heard::Long(_) => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Asks for what nobody waits for any more, and lets the server answer in peace, for a while.
    pub(super) async fn take_leave(&self, method: &str, params: Members) {
        tokio::select! {
            _ = timeout(Duration::from_millis(LEAVE_TIMEOUT_MS), self.ask(method, params)) => {}
            () = self.ended() => {}
        }
    }
}
