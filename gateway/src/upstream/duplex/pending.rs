//! A request in flight on a duplex channel, as who waits for it sees it.

use super::super::{
    UpstreamError,
    legacy::session::{Heard, Hearing},
};
use futures::stream;
use protocol::Response;
use tokio::sync::{mpsc, oneshot};

/// Takes a request back when it is dropped; made by the transport.
pub(in crate::upstream) type Withdraw = Box<dyn FnOnce() + Send>;

/// A request in flight. Dropping it takes the request back.
pub(in crate::upstream) struct Pending {
    said: mpsc::Receiver<Heard>,
    response: oneshot::Receiver<Result<Response, UpstreamError>>,
    /// What is said of a channel that went away without a word.
    gone: UpstreamError,
    guard: Guard,
}

struct Guard(Option<Withdraw>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(withdraw) = self.0.take() {
            withdraw();
        }
    }
}

impl Pending {
    /// Of the receiving ends; `withdraw` is absent for what is never taken back.
    pub(in crate::upstream) fn new(
        said: mpsc::Receiver<Heard>,
        response: oneshot::Receiver<Result<Response, UpstreamError>>,
        gone: UpstreamError,
        withdraw: Option<Withdraw>,
    ) -> Self {
        Self { said, response, gone, guard: Guard(withdraw) }
    }

    /// The answer; what is said besides is dropped.
    pub(in crate::upstream) async fn response(mut self) -> Result<Response, UpstreamError> {
        self.answer().await
    }

    /// All that is heard, up to the response.
    pub(in crate::upstream) fn into_hearing(self) -> Hearing {
        Box::pin(stream::unfold(Some(self), |pending| async {
            let mut pending = pending?;
            // Closed the moment the answer is there, and not before.
            if let Some(heard) = pending.said.recv().await {
                return Some((Ok(heard), Some(pending)));
            }
            Some((pending.answer().await.map(Heard::Response), None))
        }))
    }

    async fn answer(&mut self) -> Result<Response, UpstreamError> {
        let answer = (&mut self.response).await;
        self.guard.0 = None;
        answer.unwrap_or_else(|_| Err(self.gone.clone()))
    }
}
