//! A session with a legacy server over Streamable HTTP (2025-03-26 … 2025-11-25 basic/transports): requests are posted, and a
//! GET stream brings what belongs to none of them.

use super::{
    connection::Connection,
    heed::{Call, Withdrawal},
    remote::{Fault, Remote},
    running::{Mark, Running},
};
use crate::upstream::{
    UpstreamError,
    legacy::{
        self, Memory, Welcome,
        session::{Heard, Hearing},
    },
    pool::{Kept, Key},
    remap::Remap,
};
use async_trait::async_trait;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use http::{HeaderMap, HeaderValue};
use protocol::{Id, Message, Notification, Request, headers};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

/// Notices kept for listeners that are slow.
const NOTICES_MAX: usize = 256;

/// See the module.
pub(super) struct Streamable {
    pub(super) remote: Arc<Remote>,
    key: Key,
    welcome: Welcome,
    id: Option<HeaderValue>,
    notices: broadcast::Sender<Notification>,
    running: Arc<Running>,
    /// No new calls: it was let go of, or the server has forgotten it.
    over: CancellationToken,
    forgotten: AtomicBool,
}

/// The session as it is kept. What is in flight keeps [`Streamable`] alone, so that it ends when both are gone.
pub(super) struct StreamableSession {
    session: Arc<Streamable>,
    memory: Memory,
}

impl StreamableSession {
    /// Opens a session of `key`.
    pub(super) async fn open(remote: &Arc<Remote>, key: &Key) -> Result<Self, Fault> {
        let request = legacy::initialize(Id::Number(0), &key.declared);
        let (response, id) = remote.ask(HeaderMap::new(), request, &key.caller).await?;
        let welcome = Welcome::read(&response).map_err(|reason| remote.unusable(&reason))?;
        let id = match id {
            Some(id) => Some(session_id(&id).ok_or_else(|| remote.unusable("its session id is no visible ASCII"))?),
            None => None,
        };
        let session = Arc::new(Streamable {
            remote: Arc::clone(remote),
            key: key.clone(),
            welcome,
            id,
            notices: broadcast::channel(NOTICES_MAX).0,
            running: Arc::default(),
            over: CancellationToken::new(),
            forgotten: AtomicBool::new(false),
        });
        session.tell(legacy::initialized()).await;
        super::listener::follow(&session).await;
        Ok(Self { session, memory: Memory::default() })
    }
}

impl Streamable {
    pub(super) fn over(&self) -> &CancellationToken {
        &self.over
    }

    /// The stream of what belongs to no request, or the rest of one that broke after the event `last`; none where the
    /// server offers none.
    pub(super) async fn stream(&self, last: Option<&str>) -> Result<Option<Connection>, UpstreamError> {
        self.remote.stream(self.headers(), last, &self.key.caller).await
    }

    pub(super) async fn tell(&self, message: Message) {
        self.remote.tell(self.headers(), message, &self.key.caller).await;
    }

    /// [`Self::tell`] without waiting for it.
    pub(super) fn tell_later(&self, message: Message) {
        self.remote.tell_later(self.headers(), message, self.key.caller.clone());
    }

    /// Something that belongs to no request.
    pub(super) fn notice(&self, note: Notification) {
        // Nobody may be there to hear it.
        let _ = self.notices.send(note);
    }

    /// What the server says on a stream of its own.
    pub(super) fn hear(&self, message: Message) {
        match message {
            Message::Request(question) => {
                if let Some(question) = self.running.ask(question) {
                    self.tell_later(legacy::answer(&question, &self.key.declared));
                }
            }
            Message::Notification(note) => {
                if legacy::is_list_change(&note) {
                    self.remote.pulse.lists_changed();
                }
                if let Some(note) = self.running.tell(note) {
                    self.notice(note);
                }
            }
            Message::Response(response) => self.running.answer(response),
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        map.insert(headers::PROTOCOL_VERSION, HeaderValue::from_static(self.welcome.revision.as_str()));
        if let Some(id) = &self.id {
            map.insert(headers::SESSION_ID, id.clone());
        }
        map
    }

    /// Posts `request`; what is said to it elsewhere belongs to its answer.
    async fn send(self: &Arc<Self>, mut request: Request) -> Result<Hearing, UpstreamError> {
        let own = self.remote.next_id();
        let remap = Remap::outgoing(&mut request, own);
        let answered = Arc::<AtomicBool>::default();
        let (mark, mut elsewhere) = self.running.enter(own, &request.method, (remap.clone(), answered.clone()));
        let call = Call {
            remote: Arc::clone(&self.remote),
            session: Some(Arc::clone(self)),
            own,
            remap,
            withdrawal: Some(Withdrawal::new(self, own, answered)),
            probes: false,
        };
        let session = Arc::clone(self);
        let mut posting: BoxFuture<'static, Result<Hearing, UpstreamError>> = Box::pin(async move {
            let headers = session.headers();
            match session.remote.post_request(call, headers, request, &session.key.caller).await {
                Ok(answer) => Ok(answer.hearing),
                Err(Fault::SessionGone) if session.id.is_some() => {
                    session.forgotten.store(true, Ordering::Relaxed);
                    session.over.cancel();
                    Err(UpstreamError::Forgotten { server: session.remote.endpoint.name.clone() })
                }
                Err(fault) => Err(fault.into_error(&session.remote)),
            }
        });
        // A server may ask before it begins to answer.
        tokio::select! {
            biased;
            answer = &mut posting => Ok(merged(answer?, None, (mark, elsewhere))),
            Some(first) = elsewhere.recv() => {
                let answer = posting.map(|answer| answer.unwrap_or_else(|error| Box::pin(stream::iter([Err(error)]))));
                Ok(merged(Box::pin(stream::once(answer).flatten()), Some(first), (mark, elsewhere)))
            }
        }
    }
}

/// `answer`, and what is said elsewhere meanwhile; `first` came already.
fn merged(answer: Hearing, first: Option<Heard>, elsewhere: (Mark, mpsc::Receiver<Heard>)) -> Hearing {
    let rest = stream::unfold(Some((answer, elsewhere)), |state| async {
        let (mut answer, (mark, mut elsewhere)) = state?;
        tokio::select! {
            biased;
            Some(heard) = elsewhere.recv() => {
                let last = matches!(heard, Heard::Response(_));
                Some((Ok(heard), if last { None } else { Some((answer, (mark, elsewhere))) }))
            }
            item = answer.next() => {
                let item = item?;
                let last = !matches!(item, Ok(Heard::Note(_) | Heard::Question(_)));
                Some((item, if last { None } else { Some((answer, (mark, elsewhere))) }))
            }
        }
    });
    Box::pin(stream::iter(first.map(Ok)).chain(rest))
}

impl Drop for Streamable {
    /// The last call is over: a session that the server keeps is given back.
    fn drop(&mut self) {
        self.over.cancel();
        if self.id.is_some() && !self.forgotten.load(Ordering::Relaxed) {
            self.remote.leave_later(self.headers(), self.key.caller.clone());
        }
    }
}

#[async_trait]
impl legacy::Session for StreamableSession {
    fn welcome(&self) -> &Welcome {
        &self.session.welcome
    }

    fn memory(&self) -> &Memory {
        &self.memory
    }

    async fn send(&self, request: Request) -> Result<Hearing, UpstreamError> {
        self.session.send(request).await
    }

    async fn tell(&self, message: Message) {
        self.session.tell(message).await;
    }

    fn notices(&self) -> broadcast::Receiver<Notification> {
        self.session.notices.subscribe()
    }

    async fn ended(&self) {
        self.session.over.cancelled().await;
    }
}

impl Kept for StreamableSession {
    fn is_open(&self) -> bool {
        !self.session.over.is_cancelled()
    }

    fn retire(&self) {
        self.session.over.cancel();
    }
}

/// A session id as servers may choose it: visible ASCII (2025-11-25 transports, session management).
fn session_id(text: &str) -> Option<HeaderValue> {
    let visible = !text.is_empty() && text.bytes().all(|b| (0x21..=0x7e).contains(&b));
    let mut value = HeaderValue::from_str(text).ok().filter(|_| visible)?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    #[test]
    fn session_ids_are_visible_ascii() {
        assert!(super::session_id("a-1_B~").is_some());
        for bad in ["", "a b", "a\tb", "é"] {
            assert!(super::session_id(bad).is_none(), "{bad}");
        }
    }
}
