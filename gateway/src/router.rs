//! The router: exposed name → (server, its own name), by a table compiled from what the servers list.
//!
//! Names are looked up, never split. Two servers of a project that would expose the same name expose neither. A table is
//! compiled anew when a server's lists change; a lookup is one load of a pointer and one hash.

mod connecting;
pub mod mirroring;
mod more;
pub mod table;
pub(crate) mod template;

use crate::{
    catalog::Catalog,
    originals::Store,
    servers::{PROBLEMS_MAX, Server},
};
use arc_swap::ArcSwap;
use control_plane_api::{
    argument::Declared, gateway::ServerStatus, name::Name, project::ProjectSpec, snapshot::Snapshot,
};
use filters::{
    Exchange, Filter, LocalReply, Names, Principal, Step, Target,
    originals::{self, Owner},
    relevance_policy::RelevancePolicy,
};
use futures::future::{Either, join_all};
use protocol::{
    Members,
    method::{self, Primitive},
};
use std::{
    collections::{BTreeMap, HashMap},
    future::ready,
    ops::ControlFlow,
    sync::Arc,
    time::Duration,
};
use table::{Collision, Table};
use tokio::sync::watch;

/// The servers of one snapshot and the tables over them: one for each project, so that no server gets in the way of
/// another that no client sees beside it; and one over all of them, for clients that name no project.
pub struct Router {
    servers: BTreeMap<Name, Arc<Server>>,
    projects: HashMap<String, Project>,
    all: ArcSwap<Table>,
    lists: watch::Receiver<u64>,
    list_timeout: Duration,
    own: Own,
}

/// What the gateway offers of its own.
pub struct Own {
    /// What the gateway is called.
    pub gateway: Name,
    /// Where results are shortened, and there is more of them.
    pub policy: Arc<RelevancePolicy>,
}

/// What one project is made of, and for whom.
struct Project {
    members: Vec<Name>,
    servers: Vec<Name>,
    table: ArcSwap<Table>,
}

impl Router {
    /// Over `servers`, for the projects of `snapshot`. `lists` counts up whenever the lists of any server change.
    #[must_use]
    pub fn new(
        servers: BTreeMap<Name, Arc<Server>>,
        snapshot: &Snapshot,
        lists: watch::Receiver<u64>,
        own: Own,
    ) -> Self {
        let by_profile: HashMap<&Name, &Name> = snapshot.profiles().map(|(name, spec)| (name, &spec.server)).collect();
        let servers_of =
            |profiles: &[Name]| profiles.iter().filter_map(|p| by_profile.get(p).copied().cloned()).collect();
        let project = |spec: &ProjectSpec| Project {
            members: spec.members.clone(),
            servers: servers_of(&spec.profiles),
            table: ArcSwap::default(),
        };
        Self {
            projects: snapshot.projects().map(|(name, spec)| (name.to_string(), project(spec))).collect(),
            all: ArcSwap::default(),
            servers,
            lists,
            list_timeout: Duration::from_millis(snapshot.limits.upstream_list_timeout_ms),
            own,
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

    /// Whether nothing that `exchange` may meet has to be waited for.
    #[must_use]
    pub fn is_prepared(&self, exchange: &Exchange) -> bool {
        let servers = self.servers_open_to(&exchange.principal, exchange.project.as_deref());
        servers.into_iter().all(|server| server.is_listed(self.list_timeout))
    }

    /// Waits, bounded, until every server `exchange` may meet has been asked for its lists once. One that is dead or slow
    /// holds nobody up after its first time.
    pub async fn prepare(&self, exchange: &Exchange) {
        let servers = self.servers_open_to(&exchange.principal, exchange.project.as_deref());
        join_all(servers.into_iter().map(|server| server.listed(self.list_timeout))).await;
    }

    /// The servers `principal` may meet through `project`, in the order of their names; without one, through any project
    /// that is open to it. What it may do there, permissions decide.
    #[must_use]
    pub fn servers_open_to(&self, principal: &Principal, project: Option<&str>) -> Vec<&Arc<Server>> {
        let meant = |(name, _): &(&String, &Project)| project.is_none_or(|project| project == *name);
        let may = |project: &&Project| {
            principal.is_admin() || principal.name().is_some_and(|user| project.members.contains(user))
        };
        let open: Vec<&Project> = self.projects.iter().filter(meant).map(|(_, project)| project).filter(may).collect();
        let met = |server: &&Arc<Server>| open.iter().any(|project| project.servers.contains(&server.name));
        self.servers.values().filter(met).collect()
    }

    /// Whose the method of `exchange` is, which the gateway does not know: of the servers it may meet the only one that
    /// declares something of the method's namespace, else the only one there is. Nobody's, if it is about tasks: what the
    /// gateway does not know of them might tell of tasks of others.
    #[must_use]
    pub fn owner_of(&self, exchange: &Exchange) -> Option<Name> {
        let method = exchange.request.method.as_str();
        let namespace = method.split('/').next().filter(|namespace| namespace.len() < method.len());
        if namespace == Some(method::TASKS) {
            return None;
        }
        let servers = self.servers_open_to(&exchange.principal, exchange.project.as_deref());
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

    /// The table of `project` over the lists as they are now; of one that does not exist an empty one.
    pub fn table(&self, project: Option<&str>) -> Arc<Table> {
        let (place, of) = match project {
            None => (&self.all, None),
            Some(project) => match self.projects.get(project) {
                Some(project) => (&project.table, Some(&project.servers)),
                None => return Arc::default(),
            },
        };
        let epoch = *self.lists.borrow();
        let table = place.load_full();
        if table.epoch == epoch {
            return table;
        }
        let seen = self.servers.values().filter(|server| of.is_none_or(|servers| servers.contains(&server.name)));
        let seen: Vec<&Arc<Server>> = seen.collect();
        let mut fresh = Table::merge(seen.iter().map(|server| server.offer()).collect(), epoch);
        for server in seen {
            fresh.offer_connecting(&server.name, connecting::names(&server.name, &server.spec));
        }
        if self.own.policy.shortens(project) {
            fresh.offer_more(&self.own.gateway);
        }
        let fresh = Arc::new(fresh);
        place.store(fresh.clone());
        fresh
    }

    /// How every server is, for reports; with what no client of a project sees because another server is in the way.
    #[must_use]
    pub fn status(&self) -> Vec<ServerStatus> {
        let mut all: Vec<ServerStatus> = self.servers.values().map(|server| server.status()).collect();
        let mut projects: Vec<&String> = self.projects.keys().collect();
        projects.sort();
        for project in projects {
            for Collision { first, second, name } in &self.table(Some(project)).collisions {
                for (server, other) in [(first, second), (second, first)] {
                    let told = format!(
                        "`{name}` is offered to nobody in project `{project}`, because `{other}` has it too: \
                         give one of the servers another prefix, or a project of its own"
                    );
                    all.iter_mut().filter(|status| status.name == *server).for_each(|s| s.problems.push(told.clone()));
                }
            }
        }
        for status in &mut all {
            let more = status.problems.len().saturating_sub(PROBLEMS_MAX);
            status.problems.truncate(PROBLEMS_MAX);
            if more > 0 {
                status.problems.push(format!("and {more} more"));
            }
        }
        all
    }

    /// Counts up whenever the table may have changed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.lists.clone()
    }
}

impl Names for Router {
    fn target(&self, project: Option<&str>, primitive: &Primitive) -> Option<Target> {
        self.table(project).target(primitive)
    }

    fn withheld(&self, project: Option<&str>, primitive: &Primitive) -> Option<String> {
        match primitive {
            Primitive::Tool(name) => self.table(project).withheld(name).map(str::to_owned),
            Primitive::Prompt(_) | Primitive::Resource(_) => None,
        }
    }

    fn declared(&self, project: Option<&str>, tool: &Primitive) -> Option<Arc<Declared>> {
        self.table(project).declared(tool)
    }

    fn more(&self, project: Option<&str>) -> Option<String> {
        self.table(project).more.as_ref().map(|more| more.exposed().to_owned())
    }
}

/// The filter that routes: sets the exchange's target, and puts the server's own name into the request.
pub struct Routing {
    router: Arc<Router>,
    store: Arc<Store>,
}

impl Routing {
    /// Routes by `router`, and what is kept in `store` nowhere.
    #[must_use]
    pub fn new(router: Arc<Router>, store: Arc<Store>) -> Self {
        Self { router, store }
    }

    /// Whether `exchange` is about a result that is kept here. A server that is a gateway has such resources too: those
    /// that are not here are its own.
    fn is_kept(&self, exchange: &Exchange) -> bool {
        let id = exchange.primitive.as_ref().and_then(originals::id_of);
        id.zip(Owner::of(exchange)).is_some_and(|(id, owner)| self.store.holds(&owner, id))
    }
}

impl Filter for Routing {
    fn name(&self) -> &'static str {
        "routing"
    }

    fn needs_whole(&self, _exchange: &Exchange) -> bool {
        false
    }

    /// Waits only where lists are not known yet.
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a, ControlFlow<LocalReply>> {
        if self.router.is_prepared(exchange) {
            return Either::Left(ready(self.admit(exchange)));
        }
        Either::Right(Box::pin(async {
            self.router.prepare(exchange).await;
            self.admit(exchange)
        }))
    }

    fn admit(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        if self.is_kept(exchange) {
            return ControlFlow::Continue(());
        }
        let table = self.router.table(exchange.project.as_deref());
        exchange.target = exchange.primitive.as_ref().and_then(|primitive| table.target(primitive));
        if let (Some(primitive), Some(target)) = (&exchange.primitive, &exchange.target) {
            rename(&mut exchange.request.params, primitive, &target.name);
        }
        let name = exchange.request.method.as_str();
        if exchange.primitive.is_none() && !Catalog::answers(name) && !method::is_about_task(name) {
            let server = self.router.owner_of(exchange);
            exchange.target = server.map(|server| Target::new(server, name));
        }
        ControlFlow::Continue(())
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
