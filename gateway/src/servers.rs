//! The running servers: one per configured server, kept over snapshots as long as its configuration stays the same.
//!
//! Each has a lister that asks it for its lists at once, again when it says they changed, and again when they are old, so
//! that no client waits for a list but the very first time. A server that fails keeps the lists it last gave.

pub mod lists;

use crate::{
    router::table::exposed_name,
    upstream::{self, Credentials, Endpoint, Upstream},
};
use control_plane_api::{
    gateway::{ServerStatus, ToolStatus},
    limits::Limits,
    name::Name,
    server::ServerSpec,
};
use futures::future::join_all;
use lists::Lists;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};
use tokio_util::task::AbortOnDropHandle;

/// One configured server.
pub struct Server {
    /// Its name.
    pub name: Name,
    /// As configured.
    pub spec: ServerSpec,
    running: Arc<Running>,
}

/// What goes on while only the description of a server changes: its connection or process, and its lister.
struct Running {
    upstream: Arc<dyn Upstream>,
    values: BTreeMap<String, String>,
    limits: Limits,
    listing: watch::Receiver<Listing>,
    _lister: AbortOnDropHandle<()>,
}

/// What is known of a server's lists.
#[derive(Debug, Clone, Default)]
struct Listing {
    /// The last lists it gave.
    lists: Option<Arc<Lists>>,
    /// Whether it has answered, or failed to, since it was configured.
    asked: bool,
}

impl Server {
    fn open(endpoint: Endpoint, epoch: watch::Sender<u64>) -> Self {
        let upstream = upstream::open(endpoint.clone());
        let (publish, listing) = watch::channel(Listing::default());
        let lister = Lister {
            name: endpoint.name.clone(),
            upstream: upstream.clone(),
            limits: endpoint.limits.clone(),
            tokens: endpoint.tokens.clone(),
            publish,
            epoch,
        };
        let lister = AbortOnDropHandle::new(tokio::spawn(lister.run()));
        let running = Running { upstream, values: endpoint.values, limits: endpoint.limits, listing, _lister: lister };
        Self { name: endpoint.name, spec: endpoint.spec, running: Arc::new(running) }
    }

    /// Where its requests go.
    #[must_use]
    pub fn upstream(&self) -> Arc<dyn Upstream> {
        self.running.upstream.clone()
    }

    /// The lists it last gave; none before it gave any.
    #[must_use]
    pub fn lists(&self) -> Option<Arc<Lists>> {
        self.running.listing.borrow().lists.clone()
    }

    /// Waits until it has been asked for its lists once, at most `patience`.
    pub async fn listed(&self, patience: Duration) {
        let mut listing = self.running.listing.clone();
        let _ = tokio::time::timeout(patience, listing.wait_for(|listing| listing.asked)).await;
    }

    /// How it is, for reports.
    #[must_use]
    pub fn status(&self) -> ServerStatus {
        let health = self.running.upstream.health();
        let prefix = self.spec.prefix_for(&self.name);
        let tools = self.lists().map(|lists| lists.tool_facts()).unwrap_or_default();
        let tool = |(name, read_only_hint): (String, Option<bool>)| ToolStatus {
            exposed: exposed_name(prefix, &name),
            class: self.spec.class_of(&name),
            name,
            read_only_hint,
        };
        ServerStatus {
            name: self.name.clone(),
            state: health.state,
            era: health.era,
            error: health.error,
            restarts: health.restarts,
            pid: health.pid,
            tools: tools.into_iter().map(tool).collect(),
        }
    }

    /// Whether `endpoint` is reached just as this one is: then what runs goes on, under the new description.
    fn is_reached_as(&self, endpoint: &Endpoint) -> bool {
        self.spec.transport == endpoint.spec.transport
            && self.spec.era == endpoint.spec.era
            && self.running.values == endpoint.values
            && self.running.limits == endpoint.limits
    }
}

/// All running servers.
pub struct Servers {
    running: BTreeMap<Name, Arc<Server>>,
    epoch: watch::Sender<u64>,
}

impl Default for Servers {
    fn default() -> Self {
        Self { running: BTreeMap::new(), epoch: watch::channel(0).0 }
    }
}

impl Servers {
    /// Makes the running servers those of `endpoints`: starts new ones, lets go of gone ones, keeps unchanged ones.
    pub fn reconcile(&mut self, endpoints: Vec<Endpoint>) -> BTreeMap<Name, Arc<Server>> {
        let keep = |endpoint: Endpoint| match self.running.get(&endpoint.name) {
            Some(server) if server.is_reached_as(&endpoint) => {
                Server { name: endpoint.name, spec: endpoint.spec, running: server.running.clone() }
            }
            _ => Server::open(endpoint, self.epoch.clone()),
        };
        let next: BTreeMap<Name, Arc<Server>> =
            endpoints.into_iter().map(|e| (e.name.clone(), Arc::new(keep(e)))).collect();
        self.running = next.clone();
        self.epoch.send_modify(|epoch| *epoch += 1);
        next
    }

    /// Stops every server and waits for it.
    pub async fn close(&mut self) {
        let running = std::mem::take(&mut self.running);
        join_all(running.values().map(|server| server.running.upstream.close())).await;
    }

    /// Counts up whenever the lists or the health of any server change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.epoch.subscribe()
    }
}

struct Lister {
    name: Name,
    upstream: Arc<dyn Upstream>,
    limits: Limits,
    tokens: Arc<dyn Credentials>,
    publish: watch::Sender<Listing>,
    epoch: watch::Sender<u64>,
}

impl Lister {
    async fn run(self) {
        let (mut changes, mut tokens) = (self.upstream.changes(), self.tokens.changes());
        let mut backoff = Duration::from_millis(self.limits.restart_backoff_ms);
        loop {
            tokens.borrow_and_update();
            let fetched = lists::fetch(&*self.upstream, &self.limits).await;
            let failed = fetched.is_err();
            // Its own contact with the server is not news.
            changes.borrow_and_update();
            let wait = match fetched {
                Ok(lists) => {
                    self.upstream.learn(&lists.tools);
                    backoff = Duration::from_millis(self.limits.restart_backoff_ms);
                    self.publish.send_modify(|l| *l = Listing { lists: Some(Arc::new(lists)), asked: true });
                    Duration::from_millis(self.limits.list_ttl_ms)
                }
                Err(error) => {
                    tracing::warn!(server = %self.name, %error, "lists of the server could not be fetched");
                    self.publish.send_modify(|listing| listing.asked = true);
                    backoff = (backoff * 2).min(Duration::from_millis(self.limits.restart_backoff_max_ms));
                    backoff
                }
            };
            self.epoch.send_modify(|epoch| *epoch += 1);
            let next = Instant::now() + wait;
            let woken = async {
                tokio::select! {
                    _ = changes.changed() => {}
                    // It may have been for want of a token.
                    _ = tokens.changed(), if failed => {}
                }
            };
            let _ = tokio::time::timeout_at(next, woken).await;
        }
    }
}
