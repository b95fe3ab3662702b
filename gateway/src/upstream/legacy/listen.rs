//! `subscriptions/listen` at a legacy server: an acknowledgement of what it can tell, then what it tells.
//!
//! Resources are watched by `resources/subscribe`, once per session however many listen; the last one to leave takes it
//! back.

use super::{Rim, Session};
use crate::upstream::{Reply, UpstreamError, era};
use futures::{StreamExt as _, stream};
use protocol::{Id, Members, Message, Notification, Request, Response, meta, method, subscription};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};
use tokio::{
    runtime::Handle,
    sync::broadcast::{self, error::RecvError},
    time::timeout,
};

pub(super) const UPDATED: &str = "notifications/resources/updated";
pub(super) const PROMPTS_CHANGED: &str = "notifications/prompts/list_changed";
pub(super) const RESOURCES_CHANGED: &str = "notifications/resources/list_changed";
const SUBSCRIBE: &str = "resources/subscribe";
const UNSUBSCRIBE: &str = "resources/unsubscribe";
/// Resources one listener asks to be watched at once.
const SUBSCRIBING_AT_ONCE_MAX: usize = 16;
/// The member that asks for a list's changes, and the notification of them.
const LISTS: [(&str, &str); 3] = [
    ("toolsListChanged", method::TOOLS_CHANGED),
    ("promptsListChanged", PROMPTS_CHANGED),
    ("resourcesListChanged", RESOURCES_CHANGED),
];

/// Listens in `session` as `request` asks.
pub(super) async fn open(rim: &Arc<Rim>, session: Arc<dyn Session>, request: Request) -> Result<Reply, UpstreamError> {
    let wanted = request.params.object("notifications").unwrap_or_default();
    // Before anything is subscribed to: what is told from then on is heard.
    let notices = session.notices();
    let capabilities = session.welcome().capabilities();
    let told = era::told_lists(&capabilities);
    let on = |of: &Members, member: &str| of.read::<bool>(member) == Some(true);
    let lists: Vec<_> = LISTS.into_iter().filter(|(member, _)| on(&told, member) && on(&wanted, member)).collect();
    let watches = capabilities.object("resources").is_some_and(|resources| on(&resources, "subscribe"));
    let uris: BTreeSet<String> =
        if watches { wanted.read("resourceSubscriptions").unwrap_or_default() } else { BTreeSet::new() };
    let uris: Vec<String> = uris.into_iter().take(rim.bounds.subscriptions_max).collect();
    let mut watch = Watch { session: Arc::clone(&session), uris: Vec::new() };
    timeout(rim.bounds.call_timeout, watch.begin(uris)).await.map_err(|_| rim.timed_out())??;
    let mut listener = Listener { id: request.id, lists, watch, notices, due: VecDeque::new() };
    let first = listener.acknowledgement(wanted.get("resourceSubscriptions").is_some());
    listener.due.push_back(first);
    Ok(Box::pin(stream::unfold(Some(listener), |listener| async {
        let mut listener = listener?;
        match listener.next().await {
            Some(note) => Some((Ok(Message::Notification(note).into()), Some(listener))),
            None => Some((Ok(Message::Response(listener.result()).into()), None)),
        }
    })))
}

struct Listener {
    id: Id,
    lists: Vec<(&'static str, &'static str)>,
    watch: Watch,
    notices: broadcast::Receiver<Notification>,
    due: VecDeque<Notification>,
}

impl Listener {
    fn acknowledgement(&self, watching: bool) -> Notification {
        let mut honoured = Members::new();
        for (member, _) in &self.lists {
            honoured.set(member, &true);
        }
        if watching {
            honoured.set("resourceSubscriptions", &self.watch.uris);
        }
        let mut params = Members::new();
        params.set("notifications", &honoured);
        Notification { method: method::ACKNOWLEDGED.to_owned(), params }
    }

    fn result(&self) -> Response {
        let mut result = Members::new();
        result.set("resultType", "complete");
        self.tag(&mut result);
        Response::ok(self.id.clone(), result.to_raw())
    }

    fn tag(&self, members: &mut Members) {
        let mut meta = meta::of(members);
        meta.set(meta::SUBSCRIPTION_ID, &self.id);
        members.set("_meta", &meta);
    }

    /// The next notification, tagged; none when the session is over.
    async fn next(&mut self) -> Option<Notification> {
        loop {
            if let Some(mut note) = self.due.pop_front() {
                self.tag(&mut note.params);
                return Some(note);
            }
            let heard = tokio::select! {
                biased;
                heard = self.notices.recv() => heard,
                () = self.watch.session.ended() => return None,
            };
            match heard {
                Ok(note) if self.wants(&note) => self.due.push_back(note),
                Ok(_) => {}
                // What was missed is not known, so everything may have changed.
                Err(RecvError::Lagged(_)) => self.due = self.everything(),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn wants(&self, note: &Notification) -> bool {
        if note.method == UPDATED {
            return note.params.read::<String>("uri").is_some_and(|uri| self.watch.covers(&uri));
        }
        self.lists.iter().any(|(_, changed)| note.method == *changed)
    }

    fn everything(&self) -> VecDeque<Notification> {
        let lists = self
            .lists
            .iter()
            .map(|(_, changed)| Notification { method: (*changed).to_owned(), params: Members::new() });
        let resources =
            self.watch.uris.iter().map(|uri| Notification { method: UPDATED.to_owned(), params: naming(uri) });
        lists.chain(resources).collect()
    }
}

/// Resources that are watched for one listener; dropping it takes them back.
struct Watch {
    session: Arc<dyn Session>,
    uris: Vec<String>,
}

impl Watch {
    /// Has the server watch `uris`; those it refuses are left out.
    async fn begin(&mut self, uris: Vec<String>) -> Result<(), UpstreamError> {
        let session = Arc::clone(&self.session);
        let mut watched = session.memory().watched.lock().await;
        let (known, new): (Vec<_>, Vec<_>) = uris.into_iter().partition(|uri| watched.contains_key(uri));
        for uri in known {
            watched.entry(uri.clone()).and_modify(|count| *count += 1);
            self.uris.push(uri);
        }
        let asking = new.into_iter().map(|uri| {
            let session = Arc::clone(&session);
            async move {
                let answer = session.ask(SUBSCRIBE, naming(&uri)).await;
                (uri, answer)
            }
        });
        let mut answers = stream::iter(asking).buffer_unordered(SUBSCRIBING_AT_ONCE_MAX);
        while let Some((uri, answer)) = answers.next().await {
            match answer {
                Ok(Some(response)) if response.payload.is_ok() => {
                    watched.insert(uri.clone(), 1);
                    self.uris.push(uri);
                }
                Err(error @ UpstreamError::Forgotten { .. }) => return Err(error),
                Ok(_) | Err(_) => tracing::debug!(uri, "a server does not let a resource be watched"),
            }
        }
        drop(answers);
        drop(watched);
        self.uris.sort();
        Ok(())
    }

    /// An update may name a part of what is watched (2025-11-25 server/resources).
    fn covers(&self, uri: &str) -> bool {
        self.uris.iter().any(|watched| subscription::covers(watched, uri))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let (session, uris) = (Arc::clone(&self.session), std::mem::take(&mut self.uris));
        // Without a runtime the whole process ends, and the session with it.
        if let Ok(runtime) = Handle::try_current()
            && !uris.is_empty()
        {
            runtime.spawn(leave(session, uris));
        }
    }
}

async fn leave(session: Arc<dyn Session>, uris: Vec<String>) {
    let mut watched = session.memory().watched.lock().await;
    for uri in uris {
        let last = watched.get_mut(&uri).is_some_and(|count| {
            *count = count.saturating_sub(1);
            *count == 0
        });
        if !last {
            continue;
        }
        watched.remove(&uri);
        session.take_leave(UNSUBSCRIBE, naming(&uri)).await;
    }
}

fn naming(uri: &str) -> Members {
    let mut params = Members::new();
    params.set("uri", uri);
    params
}
