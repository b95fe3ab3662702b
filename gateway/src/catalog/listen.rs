//! `subscriptions/listen` over all servers: acknowledged as soon as they watch, or soon without
//! those that do not answer, then fed by the table's changes and by one stream per server that has something to watch.

use super::{View, watch};
use crate::{
    servers::{Kind, Server},
    upstream::{Caller, Reply},
};
use control_plane_api::name::Name;
use futures::{StreamExt as _, stream};
use protocol::{
    Id, Members, Message, Notification, Request, Response, meta,
    method::{self, Primitive},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::task::AbortOnDropHandle;

/// The flags of `subscriptions/listen` that are honoured, the lists each is about, and the notification it asks for.
const LISTENABLE: [(&str, Kind, &str); 3] = [
    ("toolsListChanged", Kind::Tools, method::TOOLS_CHANGED),
    ("promptsListChanged", Kind::Prompts, "notifications/prompts/list_changed"),
    ("resourcesListChanged", Kind::Resources, "notifications/resources/list_changed"),
];
/// Time the servers have to begin watching before the client is told that they do.
const ACKNOWLEDGE_PATIENCE: Duration = Duration::from_secs(2);
/// Updates on their way to a client that reads slowly.
const UPDATES_MAX: usize = 64;

/// Acknowledges first, then tells of changes until a newer pipeline is in force, then completes.
pub(super) fn open(view: &View, request: Request, caller: &Caller) -> Reply {
    let catalog = &view.catalog;
    let wanted = request.params.object("notifications").unwrap_or_default();
    let mut honoured = Members::new();
    let mut kinds = Vec::new();
    for (flag, kind, notification) in LISTENABLE.into_iter().filter(|(flag, ..)| wanted.read(flag) == Some(true)) {
        honoured.set(flag, &true);
        kinds.push((kind, notification));
    }
    let watched = watchable(view, &wanted);
    if wanted.get(watch::RESOURCES).is_some() {
        let uris: Vec<&String> = watched.values().flat_map(|subject| &subject.uris).collect();
        honoured.set(watch::RESOURCES, &uris);
    }
    let heard_of: Vec<&String> = watched.values().flat_map(|subject| subject.tasks.values()).collect();
    if !heard_of.is_empty() {
        honoured.set(method::TASK_IDS, &heard_of);
    }
    let mut params = tagged(&request.id);
    params.set("notifications", &honoured);
    let acknowledged = Message::Notification(Notification { method: method::ACKNOWLEDGED.to_owned(), params });

    let (told, updates) = mpsc::channel(UPDATES_MAX);
    let (beginning, mut begun) = mpsc::channel(1);
    let watching: Vec<_> = watched
        .into_iter()
        .filter_map(|(server, subject)| {
            let upstream = catalog.router.server(&server)?.upstream();
            let watch = watch::Watch {
                upstream,
                caller: caller.clone(),
                request: request.clone(),
                subject,
                beginning: Some(beginning.clone()),
            };
            Some(AbortOnDropHandle::new(tokio::spawn(watch.run(told.clone()))))
        })
        .collect();
    drop(beginning);
    let acknowledged = stream::once(async move {
        // All have begun once nobody holds the other end any more. A slow server is not waited for.
        let _ = timeout(ACKNOWLEDGE_PATIENCE, begun.recv()).await;
        acknowledged
    });
    let id = request.id.clone();
    let complete = stream::once(async move {
        let mut result = tagged(&id);
        result.set("resultType", "complete");
        Message::Response(Response::ok(id, result.to_raw()))
    });
    // The sender stays with the stream, so that it does not end when there is nothing to watch.
    let changes = changes(view, request.id, kinds, (updates, told, watching));
    acknowledged.chain(changes).chain(complete).map(|message| Ok(message.into())).boxed()
}

/// What of `wanted` can be watched, by server: resources of servers that take subscriptions, and the view's tasks.
fn watchable(view: &View, wanted: &Members) -> BTreeMap<Name, watch::Subject> {
    let catalog = &view.catalog;
    let table = catalog.router.table(view.project.as_deref());
    let uris: Vec<String> = wanted.read(watch::RESOURCES).unwrap_or_default();
    let watched_max = usize::try_from(catalog.limits.subscriptions_max).unwrap_or(usize::MAX);
    let mut by_server: BTreeMap<Name, watch::Subject> = BTreeMap::new();
    for uri in uris.into_iter().take(watched_max) {
        let Some(target) = table.target(&Primitive::Resource(uri.clone())) else { continue };
        let server = catalog.router.server(&target.server);
        let lists = server.and_then(|server| server.lists());
        if lists.is_some_and(|lists| lists.can("resources", Some("subscribe"))) {
            by_server.entry(target.server).or_default().uris.push(uri);
        }
    }
    for (sealed, task) in view.watched.iter().take(watched_max) {
        by_server.entry(task.server.clone()).or_default().tasks.insert(task.name.clone(), sealed.clone());
    }
    by_server
}

type Updates = (mpsc::Receiver<Message>, mpsc::Sender<Message>, Vec<AbortOnDropHandle<()>>);

/// What changes, until a newer pipeline is in force.
fn changes(
    view: &View,
    id: Id,
    kinds: Vec<(Kind, &'static str)>,
    updates: Updates,
) -> impl futures::Stream<Item = Message> + Send + use<> {
    let (mut changes, superseded) = (view.catalog.router.changes(), view.catalog.superseded.clone());
    changes.mark_unchanged();
    let news = News::since(view.servers().into_iter().cloned().collect(), kinds);
    let state = (changes, superseded, updates, news, false);
    stream::unfold(state, move |(mut changes, superseded, mut updates, mut news, ended)| {
        let id = id.clone();
        async move {
            if ended {
                return None;
            }
            let notify = |method: &'static str| {
                Message::Notification(Notification { method: method.to_owned(), params: tagged(&id) })
            };
            let (messages, ended): (Vec<Message>, bool) = tokio::select! {
                () = superseded.cancelled() => (news.all().map(notify).collect(), true),
                changed = changes.changed() => (news.take().into_iter().map(notify).collect(), changed.is_err()),
                Some(update) = updates.0.recv() => (vec![update], false),
            };
            Some((stream::iter(messages), (changes, superseded, updates, news, ended)))
        }
    })
    .flatten()
}

/// What has changed since it was last asked for. Servers that this client does not see are no news to it.
struct News {
    servers: Vec<Arc<Server>>,
    kinds: Vec<(Kind, &'static str)>,
    /// Of each kind, the revisions of the servers' lists that the client was told of.
    told: Vec<Vec<u64>>,
}

impl News {
    fn since(servers: Vec<Arc<Server>>, kinds: Vec<(Kind, &'static str)>) -> Self {
        let mut news = Self { servers, kinds, told: Vec::new() };
        news.take();
        news
    }

    /// The notifications of all kinds.
    fn all(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.iter().map(|(_, notification)| *notification)
    }

    /// The notifications of the kinds that changed.
    fn take(&mut self) -> Vec<&'static str> {
        let revisions = |kind: Kind| self.servers.iter().map(|server| server.revision(kind)).collect();
        let now: Vec<Vec<u64>> = self.kinds.iter().map(|(kind, _)| revisions(*kind)).collect();
        let told = std::mem::replace(&mut self.told, now);
        let changed = self.told.iter().zip(told.iter()).map(|(now, told)| now != told);
        self.all().zip(changed).filter(|(_, changed)| *changed).map(|(notification, _)| notification).collect()
    }
}

/// Members holding only `_meta` with the id of the subscription they belong to.
fn tagged(id: &Id) -> Members {
    let mut meta = Members::new();
    meta.set(meta::SUBSCRIPTION_ID, id);
    method::params_with_meta(&meta)
}
