//! One request and what comes back for it: a JSON message or a stream of events, until the response.
//!
//! Pulled by whoever reads the reply; nothing is read ahead. Dropping it closes the connection, which takes a modern
//! request back; a legacy one is taken back by a notification (2025-11-25 transports: closing is not cancelling).

use super::{
    connection::{Broken, Connection},
    remote::Remote,
    session::Session,
};
use crate::upstream::{Reply, UpstreamError, legacy, remap, remap::Remap};
use futures::stream;
use protocol::{
    Id, Message, Notification, Response,
    sse::{Decoder, Event},
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};

/// Time for a stream to end after its response, in milliseconds; then its connection is given up.
const TRAILING_TIMEOUT_MS: u64 = 1_000;
/// Bytes that may follow a response.
const TRAILING_BYTES_MAX: usize = 4 << 10;

/// A request in flight.
pub(super) struct Call {
    pub(super) remote: Arc<Remote>,
    pub(super) session: Session,
    /// Its id towards the server.
    pub(super) own: i64,
    pub(super) remap: Remap,
    pub(super) legacy: Option<legacy::Call>,
    pub(super) deadline: Instant,
    /// How long it was given.
    pub(super) limit: Duration,
    /// Takes it back when dropped early; set for legacy servers.
    pub(super) withdrawal: Option<Withdrawal>,
}

/// Tells a legacy server that a request is taken back, unless disarmed.
pub(super) struct Withdrawal {
    remote: Arc<Remote>,
    session: Session,
    own: Option<i64>,
}

impl Withdrawal {
    pub(super) fn new(remote: &Arc<Remote>, session: &Session, own: i64) -> Self {
        Self { remote: Arc::clone(remote), session: session.clone(), own: Some(own) }
    }

    pub(super) fn disarm(&mut self) {
        self.own = None;
    }
}

impl Drop for Withdrawal {
    fn drop(&mut self) {
        if let Some(own) = self.own {
            self.remote.tell_later(&self.session, legacy::cancelled(own));
        }
    }
}

impl Call {
    /// Gives a message from the server back to the client's side; none if it is not the client's.
    fn sort(&self, message: Message) -> Option<Message> {
        match message {
            Message::Response(response) => self.response(response).map(Message::Response),
            Message::Notification(note) => self.note(note).map(Message::Notification),
            Message::Request(request) => {
                if self.legacy.is_some() {
                    self.remote.tell_later(&self.session, legacy::answer(&request, &legacy::Declared::default()));
                }
                None
            }
        }
    }

    pub(super) fn response(&self, response: Response) -> Option<Response> {
        let mine = match response.id {
            Some(Id::Number(id)) => id == self.own,
            Some(Id::Text(_)) => false,
            // An error about a request whose id could not be read: there is only this one.
            None => response.payload.is_err(),
        };
        if !mine {
            return None;
        }
        let mut response = self.remap.response(response);
        if let Some(call) = &self.legacy {
            call.incoming(&mut response);
        }
        Some(response)
    }

    fn note(&self, note: Notification) -> Option<Notification> {
        if legacy::is_list_change(&note) {
            self.remote.pulse.lists_changed();
            return None;
        }
        if note.method == remap::PROGRESS {
            return if remap::token_of(&note.params) == Some(self.own) { self.remap.progress(note) } else { None };
        }
        let wanted = self.legacy.as_ref().is_none_or(|call| call.wants(&note));
        wanted.then_some(note)
    }

    fn late(&self) -> UpstreamError {
        UpstreamError::TimedOut { server: self.remote.endpoint.name.clone(), after: self.limit }
    }

    pub(super) fn disarm(&mut self) {
        if let Some(withdrawal) = &mut self.withdrawal {
            withdrawal.disarm();
        }
    }

    /// Reads the one message of a JSON body.
    pub(super) async fn single(&mut self, connection: Connection) -> Result<Response, UpstreamError> {
        let remote = Arc::clone(&self.remote);
        let body = timeout_at(self.deadline, connection.collect(remote.message_bytes_max())).await;
        let body = match body {
            Err(_) => return Err(self.late()),
            Ok(Err(broken)) => return Err(remote.broken(broken)),
            Ok(Ok(None)) => return Err(remote.too_large()),
            Ok(Ok(Some(body))) => body,
        };
        self.disarm();
        let message = Message::parse(&body).map_err(|error| remote.unusable(&format!("its answer is {error}")))?;
        match self.sort(message) {
            Some(Message::Response(response)) => Ok(response),
            _ => Err(remote.unusable("its answer is not the response to the request")),
        }
    }

    /// The reply that comes as a stream of events.
    pub(super) fn events(self, connection: Connection) -> Reply {
        let decoder = Decoder::new(self.remote.message_bytes_max());
        let streaming = Streaming { call: self, connection: Some(connection), decoder };
        Box::pin(stream::unfold(Some(streaming), |streaming| async {
            let mut streaming = streaming?;
            let item = streaming.next().await;
            let last = !matches!(item, Ok(Message::Notification(_)));
            Some((item, if last { None } else { Some(streaming) }))
        }))
    }
}

struct Streaming {
    call: Call,
    connection: Option<Connection>,
    decoder: Decoder,
}

impl Streaming {
    async fn next(&mut self) -> Result<Message, UpstreamError> {
        loop {
            while let Some(event) = self.decoder.next_event() {
                if let Some(message) = self.read(&event)? {
                    if matches!(message, Message::Response(_)) {
                        self.finish();
                    }
                    return Ok(message);
                }
            }
            let Some(connection) = &mut self.connection else {
                return Err(self.call.remote.broken(ended()));
            };
            match timeout_at(self.call.deadline, connection.chunk()).await {
                Err(_) => return Err(self.call.late()),
                Ok(Err(broken)) => return Err(self.call.remote.broken(broken)),
                Ok(Ok(None)) => return Err(self.call.remote.broken(ended())),
                Ok(Ok(Some(chunk))) => self.decoder.push(&chunk).map_err(|_| self.call.remote.too_large())?,
            }
        }
    }

    fn read(&self, event: &Event) -> Result<Option<Message>, UpstreamError> {
        // Events without data open a stream or carry its reconnection time.
        if event.data.is_empty() || !matches!(event.event.as_str(), "" | "message") {
            return Ok(None);
        }
        let message = Message::parse(event.data.as_bytes())
            .map_err(|error| self.call.remote.unusable(&format!("an event of its answer is {error}")))?;
        Ok(self.call.sort(message))
    }

    /// The response is there: the request is not taken back any more, and the connection is kept if the stream ends now.
    fn finish(&mut self) {
        self.call.disarm();
        if let Some(connection) = self.connection.take() {
            let rest = connection.collect(TRAILING_BYTES_MAX);
            self.call.remote.tasks.spawn(timeout(Duration::from_millis(TRAILING_TIMEOUT_MS), rest));
        }
    }
}

fn ended() -> Broken {
    Broken::Lost("its answer ended before the response".to_owned())
}
