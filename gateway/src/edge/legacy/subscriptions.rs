//! What a legacy client hears without having asked: one modern `subscriptions/listen` per session.
//!
//! It carries all changes of lists and the resources the client subscribed to, and writes to the stream that belongs to no
//! request. It outlives the client's connection for as long as events are kept, and configurations: when one takes the
//! place of another it listens again, and tells that everything may have changed.

use super::{call::Call, envelope, session::Session, shape, streams::STANDALONE};
use crate::{
    edge::{Edge, OUTGOING_MAX, request::Inbound},
    pipeline::{Outgoing, Pipeline},
};
use protocol::{Id, Members, Message, Notification, Request, RpcError, code, meta, method};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

/// `resources/subscribe`.
pub(super) const SUBSCRIBE: &str = "resources/subscribe";
/// `resources/unsubscribe`.
pub(super) const UNSUBSCRIBE: &str = "resources/unsubscribe";
/// `resources/read` and the like of something that is not there, as legacy servers say it.
const RESOURCE_NOT_FOUND: i64 = -32_002;
/// What is told after a gap in which changes may have been missed.
const LIST_CHANGED: [&str; 3] =
    [method::TOOLS_CHANGED, "notifications/prompts/list_changed", "notifications/resources/list_changed"];
/// Waits before listening again after a failure: the first, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How often it is looked whether anybody still wants to hear.
const LOOK: Duration = Duration::from_secs(5);

/// What one session wants to hear of.
#[derive(Default)]
pub(super) struct Subscriptions {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    uris: BTreeSet<String>,
    open: Option<Listening>,
    /// Whether it was listened for this session before: then there is a gap to tell of.
    before: bool,
}

/// A running `subscriptions/listen`; dropping it ends it.
struct Listening {
    over: CancellationToken,
    _stop: DropGuard,
}

impl State {
    fn is_listening(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.over.is_cancelled())
    }
}

/// Who listens.
struct Listener {
    edge: Arc<Edge>,
    session: Arc<Session>,
    inbound: Arc<Inbound>,
    uris: BTreeSet<String>,
    since: Instant,
}

/// Listens for `session`, unless that is done already.
pub(super) async fn ensure(edge: &Arc<Edge>, session: &Arc<Session>, inbound: &Arc<Inbound>) {
    let mut state = session.subscriptions.state.lock().await;
    if state.is_listening() {
        return;
    }
    let uris = state.uris.clone();
    let gap = state.before;
    let listener = Listener::new(edge, session, inbound, uris);
    (state.open, state.before) = (Some(listener.start(None, gap)), true);
}

/// `resources/subscribe`: the larger filter is acknowledged before the smaller one is let go of, so nothing is missed.
pub(super) async fn subscribe(call: &Call) -> Result<(), RpcError> {
    let uri = uri_of(&call.request)?;
    let limits = call.edge.live.limits();
    let mut state = call.session.subscriptions.state.lock().await;
    if state.uris.contains(&uri) && state.is_listening() {
        return Ok(());
    }
    let mut uris = state.uris.clone();
    uris.insert(uri.clone());
    if uris.len() > usize::try_from(limits.subscriptions_max).unwrap_or(usize::MAX) {
        let told = format!("no more than {} resources can be subscribed to", limits.subscriptions_max);
        return Err(RpcError::new(code::INVALID_PARAMS, told));
    }
    let gap = state.before && !state.is_listening();
    let (sender, acknowledged) = oneshot::channel();
    let listener = Listener::new(&call.edge, &call.session, &call.inbound, uris.clone());
    let listening = listener.start(Some(sender), gap);
    let patience = Duration::from_millis(limits.upstream_open_timeout_ms);
    let acknowledged = match tokio::time::timeout(patience, acknowledged).await {
        Ok(Ok(Ok(acknowledged))) => acknowledged,
        Ok(Ok(Err(error))) => return Err(shape::error(SUBSCRIBE, error)),
        Ok(Err(_)) | Err(_) => {
            return Err(RpcError::new(code::INTERNAL_ERROR, "the subscription was not acknowledged"));
        }
    };
    if !honours(&acknowledged, &uri) {
        let told = format!("resource `{uri}` does not exist or cannot be subscribed to");
        return Err(RpcError::new(RESOURCE_NOT_FOUND, told).with_data(&serde_json::json!({"uri": uri})));
    }
    *state = State { uris, open: Some(listening), before: true };
    Ok(())
}

/// `resources/unsubscribe`: of something that was not subscribed to is no error.
pub(super) async fn unsubscribe(call: &Call) -> Result<(), RpcError> {
    let uri = uri_of(&call.request)?;
    let mut state = call.session.subscriptions.state.lock().await;
    if state.uris.remove(&uri) && state.is_listening() {
        let uris = state.uris.clone();
        let (sender, acknowledged) = oneshot::channel();
        let listening = Listener::new(&call.edge, &call.session, &call.inbound, uris).start(Some(sender), false);
        let patience = Duration::from_millis(call.edge.live.limits().upstream_open_timeout_ms);
        // However the smaller filter fares, the resource is not subscribed to any more.
        let _ = tokio::time::timeout(patience, acknowledged).await;
        state.open = Some(listening);
    }
    Ok(())
}

fn uri_of(request: &Request) -> Result<String, RpcError> {
    let uri = request.params.read::<String>("uri").filter(|uri| !uri.is_empty());
    uri.ok_or_else(|| RpcError::new(code::INVALID_PARAMS, "`uri` is required"))
}

/// Whether an acknowledgement's `notifications` cover `uri`.
fn honours(acknowledged: &Members, uri: &str) -> bool {
    acknowledged.read::<Vec<String>>("resourceSubscriptions").is_some_and(|uris| uris.iter().any(|known| known == uri))
}

type Acknowledged = Result<Members, RpcError>;

/// How listening ended.
enum End {
    /// Listening again may work.
    Lost,
    /// It was refused, and nobody waited to be told.
    Refused,
    /// It was refused, and who waited was told.
    Told,
}

impl Listener {
    fn new(edge: &Arc<Edge>, session: &Arc<Session>, inbound: &Arc<Inbound>, uris: BTreeSet<String>) -> Self {
        Self { edge: edge.clone(), session: session.clone(), inbound: inbound.clone(), uris, since: Instant::now() }
    }

    /// Listens from now on; who waits for the acknowledgement gets it, with `gap` the client is told of one.
    fn start(self, acknowledged: Option<oneshot::Sender<Acknowledged>>, gap: bool) -> Listening {
        let (stop, over) = (self.session.ended.child_token(), CancellationToken::new());
        let (stopped, ended) = (stop.clone(), over.clone().drop_guard());
        tokio::spawn(async move {
            let _ended = ended;
            tokio::select! {
                biased;
                () = stopped.cancelled() => {}
                () = self.run(acknowledged, gap) => {}
            }
        });
        Listening { over, _stop: stop.drop_guard() }
    }

    async fn run(&self, mut acknowledged: Option<oneshot::Sender<Acknowledged>>, mut gap: bool) {
        let mut pause = BACKOFF.0;
        let mut look = tokio::time::interval(LOOK);
        while let Some(pipeline) = self.edge.live.pipeline().filter(|pipeline| !pipeline.is_drained()) {
            let opened = Instant::now();
            let mut once = Box::pin(self.once(&pipeline, &mut acknowledged, gap));
            let end = loop {
                tokio::select! {
                    end = &mut once => break end,
                    _ = look.tick() => {
                        // Nobody will ask for what is heard: the next one who listens is told of the gap.
                        if self.session.streams.is_abandoned(STANDALONE, self.since) {
                            return;
                        }
                    }
                }
            };
            drop(once);
            match end {
                End::Lost => {}
                End::Told => return,
                // Whoever follows learns why when it comes back.
                End::Refused => return self.session.streams.disconnect(STANDALONE),
            }
            gap = true;
            if !pipeline.superseded.is_cancelled() {
                pause = if opened.elapsed() > BACKOFF.1 { BACKOFF.0 } else { (pause * 2).min(BACKOFF.1) };
                back_off(pause).await;
            }
        }
    }

    /// Listens until the stream ends.
    async fn once(
        &self,
        pipeline: &Arc<Pipeline>,
        acknowledged: &mut Option<oneshot::Sender<Acknowledged>>,
        gap: bool,
    ) -> End {
        let mut exchange = self.inbound.exchange(self.request());
        exchange.affinity = Some(self.session.id.clone());
        let record = pipeline.record(exchange, method::LISTEN, 0);
        let (client, mut outgoing) = mpsc::channel::<Outgoing>(OUTGOING_MAX);
        let mut serve = Box::pin(pipeline.serve(record, client));
        let mut served = false;
        loop {
            let told = tokio::select! {
                biased;
                told = outgoing.recv() => told,
                () = &mut serve, if !served => {
                    served = true;
                    continue;
                }
            };
            match told {
                Some(Outgoing::Message(Message::Notification(note))) if note.method == method::ACKNOWLEDGED => {
                    let honoured = note.params.object("notifications").unwrap_or_default();
                    if let Some(waiting) = acknowledged.take() {
                        let _ = waiting.send(Ok(honoured));
                    }
                    if gap {
                        self.tell_gap();
                    }
                }
                Some(Outgoing::Message(Message::Notification(note))) => self.tell(note),
                Some(Outgoing::Message(Message::Response(response))) => {
                    return match response.payload {
                        Err(error) => refused(acknowledged, error, gap),
                        Ok(_) => End::Lost,
                    };
                }
                Some(Outgoing::Message(Message::Request(_)) | Outgoing::Piece { .. }) => {}
                Some(Outgoing::Local(reply)) => {
                    let again = reply.status.is_server_error();
                    return refused(acknowledged, reply.error, again);
                }
                None => return End::Lost,
            }
        }
    }

    fn request(&self) -> Request {
        let mut params = Members::new();
        let mut wanted = Members::new();
        for flag in ["toolsListChanged", "promptsListChanged", "resourcesListChanged"] {
            wanted.set(flag, &true);
        }
        if !self.uris.is_empty() {
            wanted.set("resourceSubscriptions", &self.uris);
        }
        params.set("notifications", &wanted);
        envelope::modernise(&mut params, Some(&self.session));
        let mut meta = meta::of(&params);
        meta.remove(meta::LOG_LEVEL);
        params.set("_meta", &meta);
        Request { id: Id::Text(super::session::random()), method: method::LISTEN.to_owned(), params }
    }

    fn tell(&self, note: Notification) {
        if let Some(note) = shape::notification(self.session.revision(), note) {
            self.session.standalone().push_lossy(Message::Notification(note).to_json());
        }
    }

    fn tell_gap(&self) {
        for method in LIST_CHANGED {
            self.tell(Notification { method: method.to_owned(), params: Members::new() });
        }
        for uri in &self.uris {
            let mut params = Members::new();
            params.set("uri", uri);
            self.tell(Notification { method: "notifications/resources/updated".to_owned(), params });
        }
    }
}

/// Tells who waits of `error`; with nobody waiting it may be worth to listen `again`.
fn refused(acknowledged: &mut Option<oneshot::Sender<Acknowledged>>, error: RpcError, again: bool) -> End {
    match acknowledged.take() {
        Some(waiting) => {
            let _ = waiting.send(Err(error));
            End::Told
        }
        None if again => End::Lost,
        None => End::Refused,
    }
}

#[expect(clippy::disallowed_methods, reason = "a back-off after a failure: time itself is the condition")]
async fn back_off(pause: Duration) {
    tokio::time::sleep(pause).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_holds_only_when_it_was_acknowledged() {
        let check = |acknowledged: &str| honours(&serde_json::from_str(acknowledged).unwrap(), "file:///a");
        assert!(check(r#"{"toolsListChanged":true,"resourceSubscriptions":["file:///b","file:///a"]}"#));
        assert!(!check(r#"{"resourceSubscriptions":["file:///ab"]}"#));
        assert!(!check(r#"{"toolsListChanged":true}"#));
    }
}
