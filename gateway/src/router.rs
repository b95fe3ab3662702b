//! The router: exposed name → (server, its own name), by a table compiled from what the servers list.
//!
//! Names are looked up, never split. Two servers that would expose the same name expose neither. The table is compiled
//! anew when a server's lists change; a lookup is one load of a pointer and one hash.

pub mod table;
mod template;

use crate::{catalog::Catalog, servers::Server};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use control_plane_api::{name::Name, snapshot::Snapshot};
use filters::{Exchange, Filter, LocalReply, Names, Target};
use futures::future::join_all;
use http::StatusCode;
use protocol::{
    Members, code,
    method::{self, Primitive},
};
use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
    sync::Arc,
    time::Duration,
};
use table::Table;
use tokio::sync::watch;

/// The servers of one snapshot and the table over them.
pub struct Router {
    servers: BTreeMap<Name, Arc<Server>>,
    projects: HashMap<String, Vec<Name>>,
    table: ArcSwap<Table>,
    lists: watch::Receiver<u64>,
    list_timeout: Duration,
}

impl Router {
    /// Over `servers`, for the projects of `snapshot`. `lists` counts up whenever the lists of any server change.
    #[must_use]
    pub fn new(servers: BTreeMap<Name, Arc<Server>>, snapshot: &Snapshot, lists: watch::Receiver<u64>) -> Self {
        let by_profile: HashMap<&Name, &Name> = snapshot.profiles().map(|(name, spec)| (name, &spec.server)).collect();
        let servers_of =
            |profiles: &[Name]| profiles.iter().filter_map(|p| by_profile.get(p).copied().cloned()).collect();
        Self {
            projects: snapshot.projects().map(|(name, spec)| (name.to_string(), servers_of(&spec.profiles))).collect(),
            table: ArcSwap::from_pointee(Table::compile(&servers, 0)),
            servers,
            lists,
            list_timeout: Duration::from_millis(snapshot.limits.upstream_list_timeout_ms),
        }
    }

    /// The server of that name.
    #[must_use]
    pub fn server(&self, name: &Name) -> Option<&Arc<Server>> {
        self.servers.get(name)
    }

    /// Every server, in the order of their names.
    pub fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.servers.values()
    }

    /// Waits, bounded, until every server of `project` (without one: every server) has been asked for its lists once.
    /// One that is dead or slow holds nobody up after its first time.
    pub async fn prepare(&self, project: Option<&str>) {
        join_all(self.servers_of(project).into_iter().map(|server| server.listed(self.list_timeout))).await;
        self.table();
    }

    /// The servers of `project`, in the order of their names; without one, every server.
    #[must_use]
    pub fn servers_of(&self, project: Option<&str>) -> Vec<&Arc<Server>> {
        match project {
            Some(project) => {
                let names = self.projects.get(project).map(Vec::as_slice).unwrap_or_default();
                self.servers.values().filter(|server| names.contains(&server.name)).collect()
            }
            None => self.servers.values().collect(),
        }
    }

    /// Whose `method` it is, which the gateway does not know: the only server of `project` that declares something of its
    /// namespace, else the only server there is.
    #[must_use]
    pub fn owner_of(&self, method: &str, project: Option<&str>) -> Option<Name> {
        let namespace = method.split('/').next().filter(|namespace| namespace.len() < method.len());
        let servers = self.servers_of(project);
        let declares = |server: &&&Arc<Server>| {
            let lists = server.lists();
            namespace.is_some_and(|namespace| lists.is_some_and(|lists| lists.declares(namespace)))
        };
        let mut declaring = servers.iter().filter(declares);
        match (declaring.next(), declaring.next(), servers.as_slice()) {
            (Some(server), None, _) => Some(server.name.clone()),
            (None, _, [server]) => Some(server.name.clone()),
            _ => None,
        }
    }

    /// The table over the lists as they are now.
    pub fn table(&self) -> Arc<Table> {
        let epoch = *self.lists.borrow();
        let table = self.table.load_full();
        if table.epoch == epoch {
            return table;
        }
        let fresh = Arc::new(Table::compile(&self.servers, epoch));
        self.table.store(fresh.clone());
        fresh
    }

    /// Counts up whenever the table may have changed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.lists.clone()
    }
}

impl Names for Router {
    fn target(&self, primitive: &Primitive) -> Option<Target> {
        self.table().target(primitive)
    }
}

/// The filter that routes: sets the exchange's target, and puts the server's own name into the request.
pub struct Routing {
    router: Arc<Router>,
}

impl Routing {
    /// Routes by `router`.
    #[must_use]
    pub fn new(router: Arc<Router>) -> Self {
        Self { router }
    }
}

#[async_trait]
impl Filter for Routing {
    fn name(&self) -> &'static str {
        "routing"
    }

    async fn on_request(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        self.router.prepare(exchange.project.as_deref()).await;
        exchange.target = exchange.primitive.as_ref().and_then(|primitive| self.router.target(primitive));
        if let (Some(primitive), Some(target)) = (&exchange.primitive, &exchange.target) {
            rename(&mut exchange.request.params, primitive, &target.name);
        }
        let name = exchange.request.method.as_str();
        if exchange.primitive.is_none() && !Catalog::answers(name) && !method::is_about_task(name) {
            let server = self.router.owner_of(name, exchange.project.as_deref());
            exchange.target = server.map(|server| Target { server, name: name.to_owned() });
        }
        match self.mirrored_wrongly(exchange) {
            Some(reply) => ControlFlow::Break(reply),
            None => ControlFlow::Continue(()),
        }
    }
}

impl Routing {
    /// The refusal of a call whose headers do not say what its arguments say (2026-07-28 transports, custom headers). Older
    /// clients send no such headers.
    fn mirrored_wrongly(&self, exchange: &Exchange) -> Option<LocalReply> {
        let Some(Primitive::Tool(exposed)) = exchange.primitive.as_ref().filter(|_| exchange.affinity.is_none()) else {
            return None;
        };
        let table = self.router.table();
        let mirrored = table.mirrored(exposed)?;
        let error = mirrored.check(exchange.request.params.get("arguments"), &exchange.headers).err()?;
        let mut reply = LocalReply::refusal(code::HEADER_MISMATCH, error.to_string(), error.to_string());
        reply.status = StatusCode::BAD_REQUEST;
        Some(reply)
    }
}

/// Puts the server's own name where the request names the primitive.
fn rename(params: &mut Members, primitive: &Primitive, own: &str) {
    let field = if matches!(primitive, Primitive::Resource(_)) { "uri" } else { "name" };
    match params.object("ref") {
        Some(mut reference) => {
            reference.set(field, own);
            params.set("ref", &reference);
        }
        None => params.set(field, own),
    }
}
