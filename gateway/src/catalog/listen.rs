//! `subscriptions/listen` over all servers of a project: acknowledged at once from what the servers said they can do, then
//! fed by the table's changes and by one stream per server that has something to watch.

use super::{Catalog, watch};
use crate::upstream::{Caller, Reply};
use control_plane_api::name::Name;
use futures::{StreamExt as _, stream};
use protocol::{
    Id, Members, Message, Notification, Request, Response, meta,
    method::{self, Primitive},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::task::AbortOnDropHandle;

/// The flags of `subscriptions/listen` that are honoured, and the notification each asks for.
const LISTENABLE: [(&str, &str); 3] = [
    ("toolsListChanged", method::TOOLS_CHANGED),
    ("promptsListChanged", "notifications/prompts/list_changed"),
    ("resourcesListChanged", "notifications/resources/list_changed"),
];
/// Time the servers have to begin watching before the client is told that they do.
const ACKNOWLEDGE_PATIENCE: Duration = Duration::from_secs(2);
/// Updates on their way to a client that reads slowly.
const UPDATES_MAX: usize = 64;

/// Acknowledges first, then tells of changes until a newer pipeline is in force, then completes.
pub(super) fn open(catalog: &Arc<Catalog>, request: Request, caller: &Caller) -> Reply {
    let wanted = request.params.object("notifications").unwrap_or_default();
    let kinds: Vec<&'static str> =
        LISTENABLE.iter().filter(|(flag, _)| wanted.read(flag) == Some(true)).map(|(_, n)| *n).collect();
    let mut honoured = Members::new();
    for (flag, _) in LISTENABLE.iter().filter(|(_, notification)| kinds.contains(notification)) {
        honoured.set(flag, &true);
    }
    let watched = watchable(catalog, &wanted);
    if wanted.get(watch::RESOURCES).is_some() {
        let uris: Vec<&String> = watched.values().flatten().collect();
        honoured.set(watch::RESOURCES, &uris);
    }
    let mut params = tagged(&request.id);
    params.set("notifications", &honoured);
    let acknowledged = Message::Notification(Notification { method: method::ACKNOWLEDGED.to_owned(), params });

    let (told, updates) = mpsc::channel(UPDATES_MAX);
    let (beginning, mut begun) = mpsc::channel(1);
    let watching: Vec<_> = watched
        .into_iter()
        .filter_map(|(server, uris)| {
            let upstream = catalog.router.server(&server)?.upstream();
            let watch = watch::Watch {
                upstream,
                caller: caller.clone(),
                request: request.clone(),
                uris,
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
    let changes = changes(catalog, request.id, kinds, (updates, told, watching));
    acknowledged.chain(changes).chain(complete).map(Ok).boxed()
}

/// What of `wanted` can be watched, by server: resources of servers that take subscriptions.
fn watchable(catalog: &Catalog, wanted: &Members) -> BTreeMap<Name, Vec<String>> {
    let table = catalog.router.table();
    let uris: Vec<String> = wanted.read(watch::RESOURCES).unwrap_or_default();
    let uris_max = usize::try_from(catalog.limits.subscriptions_max).unwrap_or(usize::MAX);
    let mut by_server: BTreeMap<Name, Vec<String>> = BTreeMap::new();
    for uri in uris.into_iter().take(uris_max) {
        let Some(target) = table.target(&Primitive::Resource(uri.clone())) else { continue };
        let server = catalog.router.server(&target.server);
        let lists = server.and_then(|server| server.lists());
        if lists.is_some_and(|lists| lists.can("resources", Some("subscribe"))) {
            by_server.entry(target.server).or_default().push(uri);
        }
    }
    by_server
}

type Updates = (mpsc::Receiver<Message>, mpsc::Sender<Message>, Vec<AbortOnDropHandle<()>>);

/// What changes, until a newer pipeline is in force.
fn changes(
    catalog: &Catalog,
    id: Id,
    kinds: Vec<&'static str>,
    updates: Updates,
) -> impl futures::Stream<Item = Message> + Send + use<> {
    let (mut changes, superseded) = (catalog.router.changes(), catalog.superseded.clone());
    changes.mark_unchanged();
    let state = (changes, superseded, updates, false);
    stream::unfold(state, move |(mut changes, superseded, mut updates, ended)| {
        let (id, kinds) = (id.clone(), kinds.clone());
        async move {
            if ended {
                return None;
            }
            let notify = |method: &&str| {
                Message::Notification(Notification { method: (*method).to_owned(), params: tagged(&id) })
            };
            let (messages, ended): (Vec<Message>, bool) = tokio::select! {
                () = superseded.cancelled() => (kinds.iter().map(notify).collect(), true),
                changed = changes.changed() => (kinds.iter().map(notify).collect(), changed.is_err()),
                Some(update) = updates.0.recv() => (vec![update], false),
            };
            Some((stream::iter(messages), (changes, superseded, updates, ended)))
        }
    })
    .flatten()
}

/// Members holding only `_meta` with the id of the subscription they belong to.
fn tagged(id: &Id) -> Members {
    let mut meta = Members::new();
    meta.set(meta::SUBSCRIPTION_ID, id);
    method::params_with_meta(&meta)
}
