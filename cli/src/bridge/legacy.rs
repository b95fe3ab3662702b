//! The legacy era (2025-11-25 and before): one session, opened by the client's `initialize`, opened again without the
//! client's noticing when the gateway has forgotten it, and a stream for what belongs to no request.

use super::{
    Bridge,
    gateway::Headers,
    relay::{events, messages},
    trouble::Trouble,
};
use crate::pause::back_off;
use futures::StreamExt as _;
use http::{HeaderName, HeaderValue};
use protocol::{Id, Message, Request, Response as Answer, headers};
use reqwest::{Response, StatusCode};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Before a stream that ended is opened again.
const RECONNECT_BACK_OFF: Duration = Duration::from_secs(1);
/// Time for the gateway to end a session.
const DELETE_TIMEOUT: Duration = Duration::from_secs(2);

/// The session of this bridge.
#[derive(Default)]
pub(super) struct Legacy {
    session: Mutex<Option<Session>>,
    /// Held while a forgotten session is opened again.
    reopening: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Session {
    /// Counts the sessions of this bridge.
    generation: u64,
    id: Option<HeaderValue>,
    version: Option<String>,
    /// The client's `initialize`, to be sent again.
    initialize: Request,
    listening: bool,
}

impl Session {
    fn headers(&self) -> Headers {
        let id = self.id.clone().map(|id| (headers::SESSION_ID, id));
        let version = self.version.as_deref().map(|version| (headers::PROTOCOL_VERSION, headers::encode(version)));
        id.into_iter().chain(version).collect()
    }
}

impl Legacy {
    /// Whether the client has initialized.
    pub(super) fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session's headers and number; none and 0 without a session.
    fn current(&self) -> (Headers, u64, bool) {
        match &*self.lock() {
            Some(session) => (session.headers(), session.generation, session.id.is_some()),
            None => (Headers::new(), 0, false),
        }
    }

    /// Keeps the session that `answer` to `initialize` opens; an error opens none.
    fn keep(&self, initialize: Request, id: Option<HeaderValue>, answer: &Answer) {
        let Some(result) = answer.result() else { return };
        let mut session = self.lock();
        let generation = session.as_ref().map_or(0, |session| session.generation) + 1;
        let version = result.read("protocolVersion");
        *session = Some(Session { generation, id, version, initialize, listening: false });
    }
}

impl Bridge {
    /// Passes on `initialize`. Waited for, so that what follows finds the session.
    pub(super) async fn open(&self, request: Request, body: String) {
        let id = request.id.clone();
        let opened = async {
            let response = self.gateway.post(Headers::new(), body).await?;
            let session = session_of(&response);
            self.relay(response, Some(&id), |answer| self.legacy.keep(request, session, answer)).await
        };
        let opened: Result<(), Trouble> = opened.await;
        if let Err(trouble) = opened {
            self.answer(Some(id), trouble.to_error()).await;
        }
    }

    /// Passes on a request, in a new session if the gateway has forgotten this one.
    pub(super) async fn legacy_request(self: &Arc<Self>, request: &Request, body: String) -> Result<(), Trouble> {
        let response = self.send(body).await?;
        self.relay(response, Some(&request.id), |_| {}).await
    }

    /// Passes on a notification or an answer.
    pub(super) async fn legacy_tell(self: &Arc<Self>, body: String) {
        let told = async {
            let response = self.send(body).await?;
            self.relay(response, None, |_| {}).await
        };
        let told: Result<(), Trouble> = told.await;
        if let Err(trouble) = told {
            tracing::warn!(error = %trouble.to_error().message, "a notification was not delivered");
        }
    }

    async fn send(self: &Arc<Self>, body: String) -> Result<Response, Trouble> {
        let (headers, generation, has_id) = self.legacy.current();
        match self.gateway.post(headers, body.clone()).await {
            Err(trouble) if trouble.is_not_found() && has_id => {
                self.reopen(generation).await?;
                self.gateway.post(self.legacy.current().0, body).await
            }
            other => other,
        }
    }

    /// Opens a new session in place of number `generation`, unless somebody just did.
    async fn reopen(self: &Arc<Self>, generation: u64) -> Result<(), Trouble> {
        let _alone = self.legacy.reopening.lock().await;
        let Some(old) = self.legacy.lock().clone().filter(|session| session.generation == generation) else {
            return Ok(());
        };
        tracing::info!("the gateway has forgotten the session: opening a new one");
        let request = Request { id: Id::Text(format!("mcpctl-reopen-{generation}")), ..old.initialize.clone() };
        let body = Message::Request(request.clone()).to_json();
        let response = self.gateway.post(Headers::new(), body).await?;
        let session = session_of(&response);
        let answer = answer_in(response, &request.id).await?;
        if let Err(error) = answer.payload {
            return Err(Trouble::Said(error));
        }
        self.legacy.keep(old.initialize, session, &answer);
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned();
        self.gateway.post(self.legacy.current().0, initialized).await?;
        if old.listening {
            self.listen();
        }
        Ok(())
    }

    /// Opens the stream for what belongs to no request, once per session, where the gateway offers one.
    pub(super) fn listen(self: &Arc<Self>) {
        let generation = {
            let mut session = self.legacy.lock();
            let Some(session) = session.as_mut().filter(|session| !session.listening) else { return };
            session.listening = true;
            session.generation
        };
        let bridge = Arc::clone(self);
        self.tasks.spawn(async move {
            tokio::select! {
                () = bridge.closing.cancelled() => {}
                () = bridge.follow(generation) => {}
            }
        });
    }

    async fn follow(&self, generation: u64) {
        const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
        let mut last: Option<HeaderValue> = None;
        loop {
            let (mut headers, now, _) = self.legacy.current();
            if now != generation {
                return;
            }
            headers.extend(last.clone().map(|last| (LAST_EVENT_ID, last)));
            match self.gateway.get(headers).await {
                Ok(response) if response.status() == StatusCode::OK => {
                    let mut events = Box::pin(events(response));
                    while let Some(Ok(event)) = events.next().await {
                        last = event.id.as_deref().and_then(|id| HeaderValue::from_str(id).ok()).or(last);
                        if !event.data.is_empty() {
                            self.writer.send(event.data).await;
                        }
                    }
                }
                // 405: the gateway offers no such stream.
                Ok(_) => return,
                // Nothing listens, or the connection broke: it may come back.
                Err(Trouble::Unreachable { .. } | Trouble::Lost(_)) => {}
                // A session that is gone is opened again by the next request.
                Err(_) => return,
            }
            back_off(RECONNECT_BACK_OFF).await;
        }
    }

    /// Ends the session, as far as there is one and somebody to tell.
    pub(super) async fn legacy_close(&self) {
        let (headers, _, has_id) = self.legacy.current();
        if has_id {
            let ended = tokio::time::timeout(DELETE_TIMEOUT, self.gateway.delete(headers)).await;
            tracing::debug!(ended = matches!(ended, Ok(Ok(_))), "the session is over");
        }
    }
}

fn session_of(response: &Response) -> Option<HeaderValue> {
    response.headers().get(headers::SESSION_ID).cloned()
}

/// The answer to request `id` in a reply that the client does not see.
async fn answer_in(response: Response, id: &Id) -> Result<Answer, Trouble> {
    let mut messages = Box::pin(messages(response));
    while let Some(text) = messages.next().await {
        if let Ok(Message::Response(answer)) = Message::parse(text?.as_bytes())
            && answer.id.as_ref() == Some(id)
        {
            return Ok(answer);
        }
    }
    Err(Trouble::Lost("the reply ended early".to_owned()))
}
