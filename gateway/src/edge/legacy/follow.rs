//! A connection that follows a stream of its session: as one JSON object where that is all there is, as events otherwise.

use super::{
    Session, bad,
    streams::{self, Event, Follower, STANDALONE},
};
use crate::edge::{Hangup, KEEP_ALIVE, reply};
use filters::LocalReply;
use http::{HeaderMap, HeaderName};
use pingora_core::protocols::http::ServerSession;
use protocol::{Revision, sse};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, interval_at};

/// An answer that takes longer than this is worth a stream: its client can come back to it.
const STREAM_AFTER: Duration = Duration::from_millis(500);
/// When a client that lost its connection should come back, in milliseconds.
const RETRY_MS: u64 = 1_000;
/// `Last-Event-ID`.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The stream a GET with `headers` asks for.
pub(super) fn wanted(session: &Session, headers: &HeaderMap) -> Result<Follower, LocalReply> {
    let mut ids = headers.get_all(LAST_EVENT_ID).iter();
    let (number, seq) = match (ids.next(), ids.next()) {
        (None, _) => (STANDALONE, None),
        (Some(id), None) if session.resumes() => match id.to_str().ok().and_then(streams::read_event_id) {
            Some((number, seq)) => (number, Some(seq)),
            None => return Err(bad("`Last-Event-ID` is not one of this session's")),
        },
        _ => return Err(bad("`Last-Event-ID` cannot be used here")),
    };
    let follower = session.streams.follow(number, seq);
    // What belongs to no request may have been lost; going on with what comes is better than nothing.
    let follower =
        follower.or_else(|| if number == STANDALONE { session.streams.follow(STANDALONE, None) } else { None });
    follower.ok_or_else(|| bad("the events after this `Last-Event-ID` are not kept any more"))
}

/// Answers a POST with what its stream holds.
pub(super) async fn reply(
    http: &mut ServerSession,
    mut follower: Follower,
    session: &Arc<Session>,
    streams: bool,
) -> Result<(), Hangup> {
    http.set_abort_on_close(true);
    let mut late = interval_at(Instant::now() + STREAM_AFTER, STREAM_AFTER);
    let first = loop {
        tokio::select! {
            biased;
            event = follower.next() => match event {
                // Cancelled before there was anything to say.
                None => {
                    follower.forget();
                    return reply::no_content(http).await;
                }
                Some(event) if event.last => {
                    follower.forget();
                    return object(http, event).await;
                }
                Some(event) if streams => break Some(event),
                Some(_) => {}
            },
            _ = http.read_body_or_idle(true) => return Err(Hangup),
            _ = late.tick(), if streams => break None,
        }
    };
    let mut events = Events::open(http, &follower, session).await?;
    if let Some(event) = first {
        events.write(http, event).await?;
    }
    events.follow(http, follower).await
}

/// Answers a GET with what comes on its stream.
pub(super) async fn stream(http: &mut ServerSession, follower: Follower, session: &Arc<Session>) -> Result<(), Hangup> {
    http.set_abort_on_close(true);
    Events::open(http, &follower, session).await?.follow(http, follower).await
}

/// The one answer there is, with a status of its own.
async fn object(http: &mut ServerSession, event: Event) -> Result<(), Hangup> {
    match event.refusal {
        Some(refusal) => reply::respond(http, refusal.status, &refusal.headers, event.json.to_string()).await,
        None => reply::json(http, event.json.to_string(), &[]).await,
    }
}

/// An open event stream.
pub(super) struct Events {
    number: u64,
    ids: bool,
}

impl Events {
    /// Writes its head; later revisions are told at once where to come back to.
    pub(super) async fn open(http: &mut ServerSession, follower: &Follower, session: &Session) -> Result<Self, Hangup> {
        reply::open_stream(http).await?;
        let events = Self { number: follower.number(), ids: session.resumes() };
        if session.revision() >= Revision::V2025_11_25 && events.ids {
            let id = Some(streams::event_id(events.number, follower.position()));
            let priming = sse::Event { id, retry_ms: Some(RETRY_MS), ..sse::Event::default() };
            reply::body(http, priming.encode(), false).await?;
        }
        Ok(events)
    }

    async fn write(&self, http: &mut ServerSession, event: Event) -> Result<(), Hangup> {
        let id = self.ids.then(|| streams::event_id(self.number, event.seq));
        let event =
            sse::Event { event: "message".to_owned(), data: event.json.as_ref().to_owned(), id, retry_ms: None };
        reply::body(http, event.encode(), false).await
    }

    /// Writes what comes until the stream ends or the client goes away.
    pub(super) async fn follow(&mut self, http: &mut ServerSession, mut follower: Follower) -> Result<(), Hangup> {
        let mut silence = interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        loop {
            tokio::select! {
                biased;
                event = follower.next() => match event {
                    Some(event) => self.write(http, event).await?,
                    None => return reply::body(http, bytes::Bytes::new(), true).await,
                },
                _ = http.read_body_or_idle(true) => return Err(Hangup),
                _ = silence.tick() => reply::body(http, sse::KEEP_ALIVE, false).await?,
            }
        }
    }
}
