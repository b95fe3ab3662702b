//! The event streams of one session, kept so that a client that lost its connection hears the rest of them.
//!
//! Whoever works for the session writes; the connection that is there follows. Stream 0 is for what belongs to no
//! request; every request that is answered with a stream gets its own number. The bytes of all of them together are
//! bounded: what was read makes room first, then writers wait. Deliberately unknown here: HTTP, and what is written.

use super::lock;
use control_plane_api::limits::Limits;
use filters::LocalReply;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// The stream for what belongs to no request.
pub(super) const STANDALONE: u64 = 0;

/// One event of a stream.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// Its place in the stream.
    pub(super) seq: u64,
    /// A JSON-RPC message (or a batch of them) as JSON.
    pub(super) json: Arc<str>,
    /// Whether it is the answer the stream was opened for.
    pub(super) last: bool,
    /// An answer that has a status of its own, while the reply has none yet.
    pub(super) refusal: Option<Arc<LocalReply>>,
}

/// Nobody reads the stream any more, or the session is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Abandoned;

/// All streams of one session.
pub(super) struct Streams {
    inner: Mutex<Inner>,
    /// Woken when bytes were let go of.
    room: Notify,
    bytes_max: usize,
    kept: Duration,
}

#[derive(Default)]
struct Inner {
    lines: BTreeMap<u64, Line>,
    next: u64,
    bytes: usize,
    closed: bool,
}

struct Line {
    events: VecDeque<Event>,
    next_seq: u64,
    /// Every event before it was handed to a connection.
    read: u64,
    /// Which connection follows; a newer one takes the place of an older one.
    reader: u64,
    connected: bool,
    /// When the last connection went away, or the stream was opened.
    left: Instant,
    ended: Option<Instant>,
    news: Arc<Notify>,
}

impl Line {
    fn new() -> Self {
        Self {
            events: VecDeque::new(),
            next_seq: 1,
            read: 1,
            reader: 0,
            connected: false,
            left: Instant::now(),
            ended: None,
            news: Arc::new(Notify::new()),
        }
    }

    fn unread(&self) -> bool {
        self.read < self.next_seq
    }

    /// Lets go of the oldest event, if it was read.
    fn let_go(&mut self, even_unread: bool) -> Option<usize> {
        let oldest = self.events.front()?;
        if !even_unread && oldest.seq >= self.read {
            return None;
        }
        let gone = self.events.pop_front()?;
        self.read = self.read.max(gone.seq + 1);
        Some(gone.json.len())
    }
}

impl Streams {
    /// With the bounds of `limits`; the standalone stream is there at once.
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        let mut inner = Inner { next: STANDALONE + 1, ..Inner::default() };
        inner.lines.insert(STANDALONE, Line::new());
        Arc::new(Self {
            inner: Mutex::new(inner),
            room: Notify::new(),
            bytes_max: usize::try_from(limits.replay_bytes_max).unwrap_or(usize::MAX),
            kept: Duration::from_millis(limits.replay_timeout_ms),
        })
    }

    /// A new stream, and the connection that follows it from its start.
    pub(super) fn open(self: &Arc<Self>) -> (Writer, Follower) {
        let mut inner = lock(&self.inner);
        let number = inner.next;
        inner.next += 1;
        let mut line = Line::new();
        (line.reader, line.connected) = (1, true);
        inner.lines.insert(number, line);
        (Writer { streams: self.clone(), number, ends: true }, Follower { streams: self.clone(), number, reader: 1 })
    }

    /// Writes to the standalone stream.
    pub(super) fn standalone(self: &Arc<Self>) -> Writer {
        Writer { streams: self.clone(), number: STANDALONE, ends: false }
    }

    /// Follows stream `number` in place of whoever did: what comes after event `seq`, or what nobody has read; none when
    /// the stream or some of those events are gone.
    pub(super) fn follow(self: &Arc<Self>, number: u64, seq: Option<u64>) -> Option<Follower> {
        self.prune();
        let mut inner = lock(&self.inner);
        let closed = inner.closed;
        let line = inner.lines.get_mut(&number).filter(|_| !closed)?;
        if let Some(seq) = seq {
            let first = line.events.front().map_or(line.next_seq, |event| event.seq);
            if seq + 1 < first || seq >= line.next_seq {
                return None;
            }
            line.read = seq + 1;
        }
        line.reader += 1;
        line.connected = true;
        line.news.notify_waiters();
        Some(Follower { streams: self.clone(), number, reader: line.reader })
    }

    /// Whether somebody follows stream `number` right now.
    pub(super) fn is_followed(&self, number: u64) -> bool {
        lock(&self.inner).lines.get(&number).is_some_and(|line| line.connected)
    }

    /// Whether anybody follows anything right now.
    pub(super) fn any_followed(&self) -> bool {
        lock(&self.inner).lines.values().any(|line| line.connected)
    }

    /// Whether nobody has followed stream `number` for as long as events are kept, nor since `since`.
    pub(super) fn is_abandoned(&self, number: u64, since: Instant) -> bool {
        let inner = lock(&self.inner);
        inner.lines.get(&number).is_none_or(|line| !line.connected && line.left.max(since).elapsed() > self.kept)
    }

    /// Sends away whoever follows stream `number`.
    pub(super) fn disconnect(&self, number: u64) {
        if let Some(line) = lock(&self.inner).lines.get_mut(&number) {
            line.reader += 1;
            line.connected = false;
            line.news.notify_waiters();
        }
    }

    /// The session is over: writers and followers are sent away.
    pub(super) fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.closed = true;
        for line in inner.lines.values() {
            line.news.notify_waiters();
        }
        drop(inner);
        self.room.notify_waiters();
    }

    /// Lets go of streams that ended long enough ago.
    pub(super) fn prune(&self) {
        let mut inner = lock(&self.inner);
        let kept = self.kept;
        let mut freed = 0;
        inner.lines.retain(|_, line| {
            let stays = line.connected || line.ended.is_none_or(|ended| ended.elapsed() < kept);
            if !stays {
                freed += line.events.iter().map(|event| event.json.len()).sum::<usize>();
            }
            stays
        });
        inner.bytes = inner.bytes.saturating_sub(freed);
        drop(inner);
        self.room.notify_waiters();
    }

    fn forget(&self, number: u64, reader: u64) {
        let mut inner = lock(&self.inner);
        if inner.lines.get(&number).is_some_and(|line| line.reader == reader)
            && let Some(line) = inner.lines.remove(&number)
        {
            inner.bytes = inner.bytes.saturating_sub(line.events.iter().map(|event| event.json.len()).sum());
        }
        drop(inner);
        self.room.notify_waiters();
    }

    /// Adds `event` if there is room for it. A stream without anything unread always has room: an event larger than the
    /// bound could otherwise never be told.
    fn add(&self, number: u64, event: &Event, lossy: bool) -> Result<bool, Abandoned> {
        let mut guard = lock(&self.inner);
        let inner = &mut *guard;
        if inner.closed {
            return Err(Abandoned);
        }
        let length = event.json.len();
        if inner.bytes + length > self.bytes_max {
            make_room(inner, length, self.bytes_max);
        }
        if lossy && inner.bytes + length > self.bytes_max {
            let mut freed = 0;
            if let Some(line) = inner.lines.get_mut(&number) {
                while inner.bytes - freed + length > self.bytes_max {
                    match line.let_go(true) {
                        Some(bytes) => freed += bytes,
                        None => break,
                    }
                }
            }
            inner.bytes = inner.bytes.saturating_sub(freed);
        }
        let full = inner.bytes + length > self.bytes_max;
        let line = inner.lines.get_mut(&number).ok_or(Abandoned)?;
        if full && line.unread() {
            let left = !line.connected && line.left.elapsed() > self.kept;
            return if left { Err(Abandoned) } else { Ok(false) };
        }
        let mut event = event.clone();
        event.seq = line.next_seq;
        line.next_seq += 1;
        line.events.push_back(event);
        line.news.notify_waiters();
        inner.bytes += length;
        Ok(true)
    }
}

/// Lets go of events that were read, those of the oldest streams first.
fn make_room(inner: &mut Inner, length: usize, bytes_max: usize) {
    let mut freed = 0;
    for line in inner.lines.values_mut() {
        while inner.bytes - freed + length > bytes_max {
            match line.let_go(false) {
                Some(bytes) => freed += bytes,
                None => break,
            }
        }
    }
    inner.bytes = inner.bytes.saturating_sub(freed);
}

/// Writes to one stream; dropping it ends the stream.
pub(super) struct Writer {
    streams: Arc<Streams>,
    number: u64,
    ends: bool,
}

impl Writer {
    /// Writes a message, waiting for room.
    ///
    /// # Errors
    /// [`Abandoned`] when nobody will read it.
    pub(super) async fn push(&self, json: String) -> Result<(), Abandoned> {
        self.write(Event { seq: 0, json: json.into(), last: false, refusal: None }).await
    }

    /// Writes the answer the stream was opened for.
    ///
    /// # Errors
    /// [`Abandoned`] when nobody will read it.
    pub(super) async fn answer(&self, json: String, refusal: Option<Arc<LocalReply>>) -> Result<(), Abandoned> {
        self.write(Event { seq: 0, json: json.into(), last: true, refusal }).await
    }

    /// Writes a message that may be lost: older ones make room, and it is not waited for.
    pub(super) fn push_lossy(&self, json: String) {
        let event = Event { seq: 0, json: json.into(), last: false, refusal: None };
        let _ = self.streams.add(self.number, &event, true);
    }

    /// Whether somebody follows.
    pub(super) fn is_followed(&self) -> bool {
        self.streams.is_followed(self.number)
    }

    async fn write(&self, event: Event) -> Result<(), Abandoned> {
        loop {
            let room = self.streams.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if self.streams.add(self.number, &event, false)? {
                return Ok(());
            }
            // Also looks again once events have been kept for long enough without a reader.
            let _ = tokio::time::timeout(self.streams.kept + Duration::from_millis(1), room).await;
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.ends
            && let Some(line) = lock(&self.streams.inner).lines.get_mut(&self.number)
        {
            line.ended = Some(Instant::now());
            line.news.notify_waiters();
        }
    }
}

/// Reads one stream for one connection; dropping it leaves the stream to the next one.
pub(super) struct Follower {
    streams: Arc<Streams>,
    number: u64,
    reader: u64,
}

impl Follower {
    /// The stream's number.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The last event that was handed to a connection.
    pub(super) fn position(&self) -> u64 {
        lock(&self.streams.inner).lines.get(&self.number).map_or(0, |line| line.read.saturating_sub(1))
    }

    /// The next event; none when the stream has ended, or another connection follows it now. Safe to drop while waiting.
    pub(super) async fn next(&mut self) -> Option<Event> {
        loop {
            let news = lock(&self.streams.inner).lines.get(&self.number)?.news.clone();
            let changed = news.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut inner = lock(&self.streams.inner);
                let closed = inner.closed;
                let line = inner.lines.get_mut(&self.number)?;
                if line.reader != self.reader {
                    return None;
                }
                let at = line.events.iter().position(|event| event.seq >= line.read);
                if let Some(event) = at.and_then(|at| line.events.get(at)).cloned() {
                    line.read = event.seq + 1;
                    drop(inner);
                    self.streams.room.notify_waiters();
                    return Some(event);
                }
                if closed || line.ended.is_some() {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// Nothing of the stream will ever be asked for again, unless another connection follows it by now.
    pub(super) fn forget(self) {
        self.streams.forget(self.number, self.reader);
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if let Some(line) = lock(&self.streams.inner).lines.get_mut(&self.number)
            && line.reader == self.reader
        {
            line.connected = false;
            line.left = Instant::now();
        }
    }
}

/// The id under which a client names event `seq` of stream `number`.
pub(super) fn event_id(number: u64, seq: u64) -> String {
    format!("{number}-{seq}")
}

/// Stream and event that `id` names.
pub(super) fn read_event_id(id: &str) -> Option<(u64, u64)> {
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let (number, seq) = id.split_once('-')?;
    Some((plain(number)?, plain(seq)?))
}

#[cfg(test)]
mod tests;
