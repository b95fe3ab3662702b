//! A session with a legacy server over HTTP+SSE (2024-11-05 basic/transports): one stream brings everything, beginning with
//! the address to post to. The session is the stream.

mod posting;

use super::{
    connection::{Broken, Connection},
    remote::Remote,
    target::Target,
};
use crate::upstream::{
    UpstreamError,
    duplex::{Calls, Outgoing, Pending, Sorted, Withdraw},
    legacy::{self, Declared, Memory, Welcome, session::Hearing},
    pool::{Kept, Key},
};
use async_trait::async_trait;
use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;
use protocol::{Id, Message, Notification, Request, Response, headers, sse::Decoder};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Notices kept for listeners that are slow.
const NOTICES_MAX: usize = 256;
/// What waits for one caller to hear it; beyond it notifications are lost, and questions are refused.
const SAID_MAX: usize = 64;
/// Longest wait for the first event, in milliseconds: a page that is no such stream may never end.
const ENDPOINT_TIMEOUT_MS: u64 = 10_000;

/// See the module.
pub(super) struct SseSession {
    wire: Arc<Wire>,
    welcome: Welcome,
    memory: Memory,
}

impl Drop for SseSession {
    fn drop(&mut self) {
        self.wire.over.cancel();
    }
}

/// What calls and the reader of the stream share.
struct Wire {
    remote: Arc<Remote>,
    key: Key,
    /// Where messages are posted.
    place: Target,
    calls: Mutex<Calls>,
    notices: broadcast::Sender<Notification>,
    over: CancellationToken,
    /// No new calls; those in flight keep it.
    retired: CancellationToken,
}

impl SseSession {
    /// Opens a session of `key`.
    pub(super) async fn open(remote: &Arc<Remote>, key: &Key) -> Result<Self, UpstreamError> {
        let limit = remote.open_timeout().min(Duration::from_millis(ENDPOINT_TIMEOUT_MS));
        let opened = timeout(limit, opened(remote, key)).await.unwrap_or_else(|_| Err(remote.late(limit)));
        let (connection, decoder, place) = opened?;
        let wire = Arc::new(Wire {
            remote: Arc::clone(remote),
            key: key.clone(),
            place,
            calls: Mutex::new(Calls::new(Some(key.declared))),
            notices: broadcast::channel(NOTICES_MAX).0,
            over: CancellationToken::new(),
            retired: CancellationToken::new(),
        });
        let reading = read(Arc::downgrade(&wire), wire.over.clone(), connection, decoder);
        let stop = remote.stop.clone();
        remote.tasks.spawn(async move { stop.run_until_cancelled_owned(reading).await });
        let welcome = wire.greet(&key.declared).await;
        match welcome {
            Ok(welcome) => Ok(Self { wire, welcome, memory: Memory::default() }),
            Err(error) => {
                wire.over.cancel();
                Err(error)
            }
        }
    }
}

/// The stream, what of it was read already, and the place it names.
async fn opened(remote: &Arc<Remote>, key: &Key) -> Result<(Connection, Decoder, Target), UpstreamError> {
    let mut connection = remote.needed_stream(&key.caller).await?;
    let mut decoder = Decoder::new(remote.message_bytes_max());
    loop {
        while let Some(event) = decoder.next_event() {
            if event.event == "endpoint" {
                let place = remote.target().map_err(|broken| remote.broken(broken))?.resolve(event.data.trim());
                return Ok((connection, decoder, place.map_err(|reason| remote.unusable(&reason))?));
            }
        }
        match connection.chunk().await.map_err(|broken| remote.broken(broken))? {
            Some(chunk) => decoder.push(&chunk).map_err(|_| remote.too_large())?,
            None => return Err(remote.unusable("its event stream ended before it named an address to post to")),
        }
    }
}

/// Takes what comes on the stream until it ends; then the session is over, and everybody who waits is told.
async fn read(wire: std::sync::Weak<Wire>, over: CancellationToken, mut connection: Connection, mut decoder: Decoder) {
    loop {
        while let Some(event) = decoder.next_event() {
            let Some(wire) = wire.upgrade() else { return };
            if let Some(message) = wire.remote.message(&event) {
                wire.hear(message);
            }
        }
        let chunk = tokio::select! {
            () = over.cancelled() => break,
            chunk = connection.chunk() => chunk,
        };
        match chunk {
            Ok(Some(chunk)) if decoder.push(&chunk).is_ok() => {}
            _ => break,
        }
    }
    over.cancel();
    if let Some(wire) = wire.upgrade() {
        let error = wire.remote.broken(Broken::Lost("its event stream ended".to_owned()));
        wire.calls.lock().fail(None, &error);
    }
}

impl Wire {
    async fn greet(self: &Arc<Self>, declared: &Declared) -> Result<Welcome, UpstreamError> {
        let limit = self.remote.open_timeout();
        let asked = async {
            let pending = self.begin(legacy::initialize(Id::Number(0), declared), true).await?;
            pending.response().await
        };
        let response: Response = timeout(limit, asked).await.unwrap_or_else(|_| Err(self.remote.late(limit)))?;
        let welcome = Welcome::read(&response).map_err(|reason| self.remote.unusable(&reason))?;
        self.tell(legacy::initialized()).await;
        Ok(welcome)
    }

    /// Posts `request`; it is taken back when nobody waits for it any more, unless it is the one that `opens` the session.
    async fn begin(self: &Arc<Self>, request: Request, opens: bool) -> Result<Pending, UpstreamError> {
        let own = self.remote.next_id();
        let ((said, said_rx), (response, response_rx)) = (mpsc::channel(SAID_MAX), oneshot::channel());
        let outgoing = Outgoing { own, request, said, response };
        let gone = self.remote.broken(Broken::Lost("its event stream ended".to_owned()));
        let message = self.calls.lock().begin(outgoing);
        let pending = Pending::new(said_rx, response_rx, gone, (!opens).then(|| withdraw(self, own)));
        if let Some(message) = message
            && let Err(error) = self.post(&message, opens).await
        {
            if !matches!(error, UpstreamError::Lost { .. }) {
                // It was not taken: there is nothing to take back.
                self.calls.lock().cancel(own);
            }
            return Err(error);
        }
        if self.over.is_cancelled() {
            return Err(self.forgotten());
        }
        Ok(pending)
    }

    fn forgotten(&self) -> UpstreamError {
        UpstreamError::Forgotten { server: self.remote.endpoint.name.clone() }
    }

    async fn tell(&self, message: Message) {
        self.remote.tell_at(Ok(&self.place), headers_of(), message, &self.key.caller).await;
    }

    fn tell_later(self: &Arc<Self>, message: Message) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let wire = Arc::clone(self);
            self.remote.tasks.spawn_on(async move { wire.tell(message).await }, &runtime);
        }
    }

    fn hear(self: &Arc<Self>, message: Message) {
        let sorted = self.calls.lock().hear(message);
        match sorted {
            Sorted::Done => {}
            Sorted::ListsChanged(note) => {
                self.remote.pulse.lists_changed();
                let _ = self.notices.send(note);
            }
            Sorted::Answer(answer) => self.tell_later(answer),
            // Nobody may be there to hear it.
            Sorted::Notice(note) => drop(self.notices.send(note)),
        }
    }
}

fn withdraw(wire: &Arc<Wire>, own: i64) -> Withdraw {
    let wire = Arc::clone(wire);
    Box::new(move || {
        if wire.calls.lock().cancel(own) {
            wire.tell_later(legacy::cancelled(own));
        }
    })
}

/// The first servers of this transport know nothing of a version header; later ones read it.
fn headers_of() -> HeaderMap {
    let mut map = HeaderMap::new();
    map.insert(headers::PROTOCOL_VERSION, HeaderValue::from_static(protocol::Revision::V2024_11_05.as_str()));
    map
}

#[async_trait]
impl legacy::Session for SseSession {
    fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    fn memory(&self) -> &Memory {
        &self.memory
    }

    async fn send(&self, request: Request) -> Result<Hearing, UpstreamError> {
        Ok(self.wire.begin(request, false).await?.into_hearing())
    }

    async fn tell(&self, message: Message) {
        self.wire.tell(message).await;
    }

    fn notices(&self) -> broadcast::Receiver<Notification> {
        self.wire.notices.subscribe()
    }

    async fn ended(&self) {
        tokio::select! {
            () = self.wire.over.cancelled() => {}
            () = self.wire.retired.cancelled() => {}
        }
    }
}

impl Kept for SseSession {
    fn is_open(&self) -> bool {
        !self.wire.over.is_cancelled() && !self.wire.retired.is_cancelled()
    }

    fn retire(&self) {
        self.wire.retired.cancel();
    }
}
