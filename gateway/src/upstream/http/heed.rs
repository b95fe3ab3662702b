//! One POST and what comes back for it: a JSON message or a stream of events, until the response.
//!
//! Pulled by whoever hears it; nothing is read ahead. Dropping it closes the connection, which takes a modern request back;
//! a legacy one is taken back by a notification (2025-11-25 transports: closing is not cancelling). A legacy server may
//! close a stream and go on with it later: it is asked for the rest (2025-11-25 transports, resumability). A large response
//! may be heard before its end ([`super::passing`]); where its stream breaks then, half of it is gone and it cannot go on.

use super::{
    connection::{Broken, Connection},
    passing::{Begun, Source},
    remote::Remote,
    streamable::Streamable,
};
use crate::upstream::{
    UpstreamError, legacy,
    legacy::session::{Heard, Hearing},
    remap::{self, Remap},
};
use bytes::Bytes;
use futures::stream;
use protocol::{
    Id, Message, Notification, Response,
    sse::{Decoder, Event, Tail},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::timeout;

/// Time for a stream to end after its response, in milliseconds; then its connection is given up.
const TRAILING_TIMEOUT_MS: u64 = 1_000;
/// Bytes that may follow a response.
const TRAILING_BYTES_MAX: usize = 4 << 10;
/// Wait before a stream is asked for again, where the server named none, in milliseconds.
const RESUME_WAIT_MS: u64 = 1_000;
/// Longest wait a server can ask for, in milliseconds.
const RESUME_WAIT_MS_MAX: u64 = 30_000;
/// Shortest wait a server can ask for, in milliseconds: one that names none and closes at once would be asked without end.
const RESUME_WAIT_MS_MIN: u64 = 100;
/// Times in a row that a stream is asked for and brings nothing, not even the place to go on.
const RESUMES_MAX: u32 = 5;

/// A request in flight.
pub(super) struct Call {
    pub(super) remote: Arc<Remote>,
    /// The session it belongs to; none with a modern server.
    pub(super) session: Option<Arc<Streamable>>,
    /// Its id towards the server.
    pub(super) own: i64,
    pub(super) remap: Remap,
    /// Takes it back when dropped early; set for legacy servers.
    pub(super) withdrawal: Option<Withdrawal>,
    /// It asks which era the server speaks: what it is answered is evidence and no fault.
    pub(super) probes: bool,
}

/// Tells a legacy server that a request is taken back, unless disarmed.
pub(super) struct Withdrawal {
    session: Arc<Streamable>,
    own: i64,
    answered: Arc<AtomicBool>,
}

impl Withdrawal {
    /// For request `own`; disarmed by `answered`, too.
    pub(super) fn new(session: &Arc<Streamable>, own: i64, answered: Arc<AtomicBool>) -> Self {
        Self { session: Arc::clone(session), own, answered }
    }
}

impl Drop for Withdrawal {
    fn drop(&mut self) {
        if !self.answered.load(Ordering::Relaxed) {
            self.session.tell_later(legacy::cancelled(self.own));
        }
    }
}

impl Call {
    /// Gives a message from the server back to the client's side; none if it is not the client's.
    fn sort(&self, message: Message) -> Option<Heard> {
        match message {
            Message::Response(response) => self.response(response).map(Heard::Response),
            Message::Notification(note) => self.note(note).map(Heard::Note),
            // A modern server asks nothing here (2026-07-28 transports).
            Message::Request(question) => self.session.is_some().then_some(Heard::Question(question)),
        }
    }

    pub(super) fn response(&self, response: Response) -> Option<Response> {
        let mine = match response.id {
            Some(Id::Number(id)) => id == self.own,
            Some(Id::Text(_)) => false,
            // An error about a request whose id could not be read: there is only this one.
            None => response.payload.is_err(),
        };
        mine.then(|| self.remap.response(response))
    }

    fn note(&self, note: Notification) -> Option<Notification> {
        if legacy::is_list_change(&note) {
            self.remote.pulse.lists_changed();
            if let Some(session) = &self.session {
                session.notice(note);
            }
            return None;
        }
        if note.method == remap::PROGRESS {
            if remap::token_of(&note.params) == Some(self.own) {
                return self.remap.progress(note);
            }
            // Some legacy servers tell it on whatever stream is open.
            if let Some(session) = &self.session {
                session.hear(Message::Notification(note));
            }
            return None;
        }
        match (remap::subscription_of(&note.params), &self.session) {
            (Some(own), _) if own == self.own => Some(self.remap.subscription(note)),
            (Some(_), _) => None,
            (None, Some(session)) if note.method == protocol::method::RESOURCE_UPDATED => {
                session.notice(note);
                None
            }
            (None, _) => Some(note),
        }
    }

    pub(super) fn disarm(&mut self) {
        if let Some(withdrawal) = &mut self.withdrawal {
            withdrawal.answered.store(true, Ordering::Relaxed);
        }
    }

    /// The one message of a JSON body; from `long` bytes on it need not be held.
    pub(super) fn single(mut self, mut connection: Connection, long: usize) -> Hearing {
        Box::pin(stream::once(async move {
            let remote = Arc::clone(&self.remote);
            let (mut body, whole) = (Vec::new(), remote.message_bytes_max());
            let broken = |broken| remote.broken(broken);
            if !connection.fill(&mut body, long.min(whole)).await.map_err(broken)? {
                if body.len() > long {
                    let text = Bytes::from(body);
                    if let Some(begun) = self.begun(&text) {
                        return Ok(Heard::Long(begun.pass(Source::Body(self, connection))));
                    }
                    body = text.into();
                }
                if !connection.fill(&mut body, whole).await.map_err(broken)? {
                    return Err(remote.too_large());
                }
            }
            connection.release().await;
            self.disarm();
            let message = Message::parse(&body).map_err(|error| remote.unusable(&format!("its answer is {error}")))?;
            match self.sort(message) {
                Some(Heard::Response(response)) => Ok(Heard::Response(response)),
                _ => Err(remote.unusable("its answer is not the response to the request")),
            }
        }))
    }

    /// What comes as a stream of events; an event of more than `long` bytes need not be held.
    pub(super) fn events(self, connection: Connection, long: usize) -> Hearing {
        let streaming = Streaming {
            decoder: Decoder::new(self.remote.message_bytes_max()),
            call: self,
            connection: Some(connection),
            bookmark: Bookmark::default(),
            resumes: 0,
            long,
            judged: false,
        };
        Box::pin(stream::unfold(Some(Box::new(streaming)), |streaming| async {
            let mut streaming = streaming?;
            let item = match streaming.next().await {
                Ok(Next::Heard(heard)) => Ok(heard),
                Ok(Next::Begun(all)) => {
                    let (begun, connection, tail) = *all;
                    let long = begun.pass(Source::Event(streaming, connection, tail));
                    return Some((Ok(Heard::Long(long)), None));
                }
                Err(error) => Err(error),
            };
            let last = !matches!(item, Ok(Heard::Note(_) | Heard::Question(_)));
            Some((item, if last { None } else { Some(streaming) }))
        }))
    }
}

/// Where a stream can be gone on with, and when (2025-11-25 transports, resumability).
#[derive(Default)]
pub(super) struct Bookmark {
    last: Option<String>,
    wait: Option<u64>,
}

impl Bookmark {
    /// The last event that had an id.
    pub(super) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// Reads what `event` says of itself.
    pub(super) fn note(&mut self, event: &Event) {
        if let Some(id) = &event.id {
            // An empty one takes the place back (WHATWG HTML, server-sent events).
            self.last = Some(id.clone()).filter(|id| !id.is_empty());
        }
        self.wait = event.retry_ms.or(self.wait);
    }

    /// Gives the place up; whether there was one.
    pub(super) fn forget(&mut self) -> bool {
        self.last.take().is_some()
    }

    /// Waits as long as the server asked for, within bounds, or else `otherwise` milliseconds.
    pub(super) async fn pause(&self, otherwise: u64) {
        let wait = self.wait.map_or(otherwise, |wait| wait.clamp(RESUME_WAIT_MS_MIN, RESUME_WAIT_MS_MAX));
        // Nothing ends this wait early but the end of who waits.
        let _ = timeout(Duration::from_millis(wait), std::future::pending::<()>()).await;
    }
}

/// A stream of events that goes on.
pub(super) struct Streaming {
    pub(super) call: Call,
    pub(super) connection: Option<Connection>,
    decoder: Decoder,
    bookmark: Bookmark,
    resumes: u32,
    /// Size from which on an event need not be held.
    long: usize,
    /// Whether the event that is coming was looked at.
    judged: bool,
}

/// What comes of the next event.
enum Next {
    Heard(Heard),
    /// It is a response to be passed on while it comes.
    Begun(Box<(Begun, Connection, Tail)>),
}

impl Streaming {
    async fn next(&mut self) -> Result<Next, UpstreamError> {
        loop {
            while let Some(event) = self.decoder.next_event() {
                self.judged = false;
                if let Some(heard) = self.read(event)? {
                    if matches!(heard, Heard::Response(_)) {
                        self.finish();
                    }
                    return Ok(Next::Heard(heard));
                }
            }
            if let Some(begun) = self.begun() {
                return Ok(begun);
            }
            let chunk = match &mut self.connection {
                Some(connection) => connection.chunk().await,
                None => Ok(None),
            };
            match chunk {
                Ok(Some(chunk)) => self.decoder.push(&chunk).map_err(|_| self.call.remote.too_large())?,
                Ok(None) => self.resume(ended()).await?,
                Err(broken) => self.resume(broken).await?,
            }
        }
    }

    /// The event that is coming, if it is a response to be passed on.
    fn begun(&mut self) -> Option<Next> {
        if self.decoder.unfinished() <= self.long || std::mem::replace(&mut self.judged, true) {
            return None;
        }
        let (tail, data) = self.decoder.tail().ok()?;
        let begun = self.call.begun(&data)?;
        self.decoder = Decoder::new(0);
        Some(Next::Begun(Box::new((begun, self.connection.take()?, tail))))
    }

    fn read(&mut self, event: Event) -> Result<Option<Heard>, UpstreamError> {
        self.bookmark.note(&event);
        if event.id.is_some() || !event.data.is_empty() {
            self.resumes = 0;
        }
        // Events without data open a stream or carry its reconnection time.
        if event.data.is_empty() || !matches!(event.event.as_str(), "" | "message") {
            return Ok(None);
        }
        let message = Message::parse(event.data.as_bytes())
            .map_err(|error| self.call.remote.unusable(&format!("an event of its answer is {error}")))?;
        Ok(self.call.sort(message))
    }

    /// Asks for the rest of a stream that ended before the response, where the server can give it.
    async fn resume(&mut self, broken: Broken) -> Result<(), UpstreamError> {
        self.connection = None;
        self.decoder = Decoder::new(self.call.remote.message_bytes_max());
        self.judged = false;
        let (Some(session), Some(last)) = (self.call.session.clone(), self.bookmark.last().map(str::to_owned)) else {
            return Err(self.call.remote.broken(broken));
        };
        while self.resumes < RESUMES_MAX {
            self.resumes += 1;
            self.bookmark.pause(RESUME_WAIT_MS).await;
            match session.stream(Some(&last)).await {
                Ok(Some(connection)) => {
                    self.connection = Some(connection);
                    return Ok(());
                }
                // It cannot go on, now or ever.
                Ok(None) => break,
                // It may be there again in a moment.
                Err(_) => {}
            }
        }
        Err(self.call.remote.broken(broken))
    }

    /// The response is there: the request is not taken back any more, and the connection is kept if the stream ends now.
    pub(super) fn finish(&mut self) {
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
