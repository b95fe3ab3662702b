//! The legacy era (2025-11-25 and before): one session, opened by the client's `initialize`, ended with the bridge.

use super::{Bridge, gateway::Headers, relay::Until, running::Ticket, trouble::Trouble};
use http::HeaderValue;
use protocol::{Id, Members, Message, Notification, Request, headers, method};
use reqwest::{Response, StatusCode};
use std::{sync::Arc, time::Duration};

/// Time for the gateway to end a session.
const DELETE_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for the gateway to take what wants no answer. Later lines wait as long.
const TELL_TIMEOUT: Duration = Duration::from_secs(30);

impl Bridge {
    /// Passes on `initialize`. Waited for, so that what follows finds the session.
    pub(super) async fn open(self: &Arc<Self>, request: Request, body: String) {
        let id = request.id.clone();
        let mut replaced = None;
        let opened = async {
            let response = self.gateway.post(Headers::new(), body).await?;
            let session = session_of(&response);
            let keep = |answer: &_| replaced = self.legacy.keep(request, session, answer);
            self.relay(response, Until::Answer(&id), None, keep).await
        };
        let opened: Result<(), Trouble> = opened.await;
        if let Err(trouble) = opened {
            self.answer(Some(id), trouble.to_error()).await;
        }
        if let Some(session) = replaced {
            let bridge = Arc::clone(self);
            self.tasks.spawn(async move { bridge.end(session.headers(), session.id.is_some()).await });
        }
    }

    /// Passes on a request, in a new session if the gateway has forgotten this one. A cancelled one gets no answer.
    pub(super) async fn legacy_request(
        self: &Arc<Self>,
        request: &Request,
        body: String,
        ticket: &Ticket,
    ) -> Result<(), Trouble> {
        let mut sending = Box::pin(self.send(body));
        let response = tokio::select! {
            biased;
            () = ticket.cancelled() => {
                // The cancellation went another way and may have come first: it is said again once the request is there.
                if sending.await.is_ok_and(|response| response.status() != StatusCode::NO_CONTENT) {
                    self.legacy_tell(cancellation(&request.id)).await;
                }
                return Ok(());
            }
            response = &mut sending => response?,
        };
        let note = |answer: &protocol::Response| {
            if answer.payload.is_ok() {
                self.legacy.note(request);
            }
        };
        tokio::select! {
            biased;
            () = ticket.cancelled() => Ok(()),
            answered = self.relay(response, Until::Answer(&request.id), Some(self.legacy.headers()), note) => answered,
        }
    }

    /// Passes on what wants no answer: a notification, an answer, or a batch of them.
    pub(super) async fn legacy_tell(self: &Arc<Self>, body: String) {
        let told = async {
            let response = self.send(body).await?;
            self.relay(response, Until::End, None, |_| {}).await
        };
        let told = tokio::time::timeout(TELL_TIMEOUT, told).await;
        if let Err(trouble) = told.unwrap_or_else(|_| Err(Trouble::Lost("no answer in time".to_owned()))) {
            tracing::warn!(error = %trouble.to_error().message, "a message was not delivered");
        }
    }

    /// Sends `body` in the session, in a new one if the gateway has forgotten it.
    pub(super) async fn send(self: &Arc<Self>, body: String) -> Result<Response, Trouble> {
        let Some(session) = self.legacy.current() else {
            return self.gateway.post(Headers::new(), body).await;
        };
        match self.gateway.post(session.headers(), body.clone()).await {
            Err(trouble) if trouble.is_not_found() && session.id.is_some() => {
                self.reopen(session.generation).await?;
                self.gateway.post(self.legacy.headers(), body).await
            }
            other => other,
        }
    }

    /// Ends the session, as far as there is one and somebody to tell.
    pub(super) async fn legacy_close(&self) {
        if let Some(session) = self.legacy.current() {
            self.end(session.headers(), session.id.is_some()).await;
        }
    }

    async fn end(&self, headers: Headers, has_id: bool) {
        if has_id {
            let ended = tokio::time::timeout(DELETE_TIMEOUT, self.gateway.delete(headers)).await;
            tracing::debug!(ended = matches!(ended, Ok(Ok(_))), "the session is over");
        }
    }
}

/// The session that a reply to `initialize` opens.
pub(super) fn session_of(response: &Response) -> Option<HeaderValue> {
    response.headers().get(headers::SESSION_ID).cloned()
}

fn cancellation(id: &Id) -> String {
    let mut params = Members::new();
    params.set("requestId", id);
    Message::Notification(Notification { method: method::CANCELLED.to_owned(), params }).to_json()
}
