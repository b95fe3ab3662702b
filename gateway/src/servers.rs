//! The running servers: one per configured server, kept over snapshots as long as its configuration stays the same.
//!
//! Each has a lister that asks it for its lists at once, again when it says they changed, and again when they are old, so
//! that no client waits for a list but the very first time. A server that fails keeps the lists it last gave.

mod declared;
mod lister;
pub mod lists;
pub mod offer;
mod probe;

use crate::{
    pins::{Pins, Withheld},
    traces::{self, Traces},
    upstream::{Endpoint, Opener, Upstream},
};
use control_plane_api::{
    gateway::{ServerState, ServerStatus, ToolStatus},
    limits::Limits,
    name::Name,
    secret::Secret,
    server::{Probed, ServerSpec, Transport},
};
use futures::future::join_all;
use lister::Lister;
use lists::Lists;
use offer::{Offer, exposed_name};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::task::AbortOnDropHandle;

/// Problems of one server that are logged and reported.
pub const PROBLEMS_MAX: usize = 20;

/// One configured server.
pub struct Server {
    /// Its name.
    pub name: Name,
    /// As configured.
    pub spec: ServerSpec,
    running: Arc<Running>,
    pins: Arc<Pins>,
    /// What was made of the lists beside it.
    offer: Mutex<Option<(Arc<Lists>, Arc<Offer>)>>,
}

/// What goes on while only the description of a server changes: its connection or process, and its lister.
struct Running {
    upstream: Arc<dyn Upstream>,
    values: BTreeMap<String, Secret>,
    limits: Limits,
    listing: watch::Receiver<Listing>,
    /// For who asks it: how it is described, and the newest order to ask it again.
    spec: watch::Sender<ServerSpec>,
    /// The newest order that was carried out, and what came of the call that was made then.
    tested: watch::Receiver<(u64, Option<Probed>)>,
    since: Instant,
    _lister: AbortOnDropHandle<()>,
}

/// What a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Tools.
    Tools,
    /// Prompts.
    Prompts,
    /// Resources and resource templates.
    Resources,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Tools, Self::Prompts, Self::Resources];
}

/// What is known of a server's lists.
#[derive(Debug, Clone, Default)]
struct Listing {
    /// The last lists it gave.
    lists: Option<Arc<Lists>>,
    /// Whether it has answered, or failed to, since it was configured.
    asked: bool,
    /// How often its lists have changed, in the order of [`Kind::ALL`].
    revisions: [u64; 3],
}

impl Listing {
    /// Takes `lists` in; whether anything is new. A server that said that its lists changed is believed: what it meant may
    /// be something that lists do not show.
    fn heard(&mut self, lists: Lists, said_so: bool) -> bool {
        let mut changed = Kind::ALL.map(|kind| self.lists.as_ref().is_none_or(|known| known.differ(&lists, kind)));
        let described = self.lists.as_ref().is_none_or(|known| known.is_described_otherwise(&lists));
        if said_so && !changed.contains(&true) {
            changed = [true; 3];
        }
        for (revision, changed) in self.revisions.iter_mut().zip(changed) {
            *revision += u64::from(changed);
        }
        let news = described || changed.contains(&true);
        // What was made of lists that stay the same goes on being used.
        if news {
            self.lists = Some(Arc::new(lists));
        }
        !std::mem::replace(&mut self.asked, true) || news
    }

    /// How a server is whose process or endpoint is as `reached`. One that answers and has not said yet what it offers is
    /// starting: slow ones take seconds for that, and who waits until it is ready would find no tools.
    fn state(&self, reached: ServerState) -> ServerState {
        if reached == ServerState::Ready && !self.asked { ServerState::Starting } else { reached }
    }
}

impl Server {
    /// `before`: the one before it, by whose lists calls to what does not run are told whose they are. What runs is believed
    /// only what it says itself, unless it is the same with another credential: calls wait for its start, and do not fail.
    fn open(
        (endpoint, open): (Endpoint, Opener),
        epoch: watch::Sender<u64>,
        (pins, traces): (Arc<Pins>, &Traces),
        before: Option<&Self>,
    ) -> Self {
        let upstream = traces::around(traces, open(endpoint.clone()), &endpoint);
        let runs = !matches!(upstream.health().state, ServerState::Stopped | ServerState::Starting);
        let known = before.filter(|before| !runs || before.is_with_another_credential(&endpoint));
        let lists = known.and_then(Self::lists);
        let (publish, listing) = watch::channel(Listing { lists, ..Listing::default() });
        let spec = watch::Sender::new(endpoint.spec.clone());
        let (done, tested) = watch::channel((0, None));
        let lister = Lister {
            name: endpoint.name.clone(),
            upstream: upstream.clone(),
            limits: endpoint.limits.clone(),
            tokens: endpoint.tokens.clone(),
            pins: pins.clone(),
            publish,
            spec: spec.subscribe(),
            tested: done,
            scrubber: endpoint.scrubber.clone(),
            epoch,
        };
        let lister = AbortOnDropHandle::new(tokio::spawn(lister.run()));
        let (values, limits, since) = (endpoint.values, endpoint.limits, Instant::now());
        let running = Running { upstream, values, limits, listing, spec, tested, since, _lister: lister };
        Self::new(endpoint.name, endpoint.spec, Arc::new(running), pins)
    }

    fn new(name: Name, spec: ServerSpec, running: Arc<Running>, pins: Arc<Pins>) -> Self {
        Self { name, spec, running, pins, offer: Mutex::new(None) }
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

    /// What it offers under the names clients see; none before it gave any lists.
    #[must_use]
    pub fn offer(&self) -> Option<Arc<Offer>> {
        let lists = self.lists()?;
        let mut made = self.offer.lock();
        if let Some((of, offer)) = &*made
            && Arc::ptr_eq(of, &lists)
        {
            return Some(offer.clone());
        }
        let withheld = self.pins.withheld(&self.name, &lists.definitions);
        let offer = Arc::new(Offer::compile(&self.name, self.spec.prefix_for(&self.name), &lists, &withheld));
        for problem in offer.problems.iter().take(PROBLEMS_MAX) {
            tracing::warn!(server = %self.name, "{problem}");
        }
        *made = Some((lists, offer.clone()));
        Some(offer)
    }

    /// How often its lists of that kind have changed.
    #[must_use]
    pub fn revision(&self, kind: Kind) -> u64 {
        let revisions = self.running.listing.borrow().revisions;
        Kind::ALL.into_iter().zip(revisions).find(|(of, _)| *of == kind).map_or(0, |(_, revision)| revision)
    }

    /// Whether [`Self::listed`] has nothing to wait for.
    #[must_use]
    pub fn is_listed(&self, patience: Duration) -> bool {
        self.running.listing.borrow().asked || self.running.since + patience <= Instant::now()
    }

    /// Waits until it has been asked for its lists once, at most until `patience` after it was first configured: what it
    /// costs others that a server does not answer, it costs them once.
    pub async fn listed(&self, patience: Duration) {
        let mut listing = self.running.listing.clone();
        let _ = tokio::time::timeout_at(self.running.since + patience, listing.wait_for(|listing| listing.asked)).await;
    }

    /// How it is, for reports.
    #[must_use]
    pub fn status(&self) -> ServerStatus {
        let (health, life) = (self.running.upstream.health(), self.running.upstream.life());
        let state = self.running.listing.borrow().state(health.state);
        let prefix = self.spec.prefix_for(&self.name);
        let (lists, offer) = (self.lists().unwrap_or_default(), self.offer());
        let offered: HashSet<&str> =
            offer.iter().flat_map(|offer| &offer.tools).map(|listed| listed.own.as_str()).collect();
        let mut withheld = self.pins.withheld(&self.name, &lists.definitions);
        let declared = |name: &str| offer.as_ref()?.declared(&exposed_name(prefix, name)).map(|of| (**of).clone());
        let tool = |(name, read_only_hint): (String, Option<bool>)| ToolStatus {
            exposed: exposed_name(prefix, &name),
            class: self.spec.class_of(&name),
            arguments: declared(&name),
            offered: offered.contains(name.as_str()),
            quarantine: match withheld.remove(&name) {
                Some(Withheld::Changed(quarantine)) => Some(quarantine),
                _ => None,
            },
            name,
            read_only_hint,
        };
        let (tested, probed) = self.running.tested.borrow().clone();
        let problems = offer.as_ref().map(|offer| offer.problems.clone()).unwrap_or_default();
        ServerStatus {
            name: self.name.clone(),
            state,
            era: health.era,
            error: health.error,
            restarts: health.restarts,
            pid: health.pid,
            since: life.since,
            stderr: life.stderr,
            tested,
            probed,
            tools: lists.tool_facts().into_iter().map(tool).collect(),
            problems: health.unconfined.into_iter().chain(problems).collect(),
        }
    }

    /// Whether `endpoint` is reached just as this one is: then what runs goes on, under the new description.
    fn is_reached_as(&self, endpoint: &Endpoint) -> bool {
        let (now, then) = (&self.spec, &endpoint.spec);
        // What a tool does says whether its calls may be repeated over HTTP.
        let is_repeated_alike = now.tools == then.tools || matches!(now.transport, Transport::Stdio { .. });
        let is_run_alike =
            (now.desired, &now.runtime, now.orders.restarts) == (then.desired, &then.runtime, then.orders.restarts);
        is_repeated_alike
            && is_run_alike
            && self.spec.transport == endpoint.spec.transport
            && self.spec.era == endpoint.spec.era
            && self.running.values == endpoint.values
            && self.running.limits == endpoint.limits
    }

    /// Whether `endpoint` is this server but for the values of its secrets.
    fn is_with_another_credential(&self, endpoint: &Endpoint) -> bool {
        let (now, then) = (&self.spec, &endpoint.spec);
        now.transport == then.transport
            && (now.era, now.desired, now.orders.restarts) == (then.era, then.desired, then.orders.restarts)
            && now.runtime == then.runtime
            && self.running.values != endpoint.values
    }
}

/// All running servers.
pub struct Servers {
    running: BTreeMap<Name, Arc<Server>>,
    epoch: watch::Sender<u64>,
    pins: Arc<Pins>,
    traces: Traces,
    open: Opener,
}

impl Servers {
    /// None yet; of those to come, whose upstreams `open` opens, only what `pins` trust is offered, and what they are asked is
    /// in `traces`.
    #[must_use]
    pub fn new(open: Opener, pins: Arc<Pins>, traces: Traces) -> Self {
        Self { running: BTreeMap::new(), epoch: watch::channel(0).0, pins, traces, open }
    }

    /// Makes the running servers those of `endpoints`: starts new ones, lets go of gone ones, keeps unchanged ones.
    pub fn reconcile(&mut self, endpoints: Vec<Endpoint>) -> BTreeMap<Name, Arc<Server>> {
        let keep = |endpoint: Endpoint| match self.running.get(&endpoint.name) {
            Some(server) if server.is_reached_as(&endpoint) => {
                server.running.spec.send_replace(endpoint.spec.clone());
                Server::new(endpoint.name, endpoint.spec, server.running.clone(), self.pins.clone())
            }
            before => {
                let (opened, trust) = ((endpoint, self.open), (self.pins.clone(), &self.traces));
                Server::open(opened, self.epoch.clone(), trust, before.map(AsRef::as_ref))
            }
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

    /// Counts up whenever the lists, the description or the health of any server change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.epoch.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(tool: &str) -> Lists {
        let tool = serde_json::value::to_raw_value(&serde_json::json!({"name": tool})).unwrap();
        Lists { tools: vec![tool], ..Lists::default() }
    }

    #[test]
    fn only_what_changed_is_new() {
        let mut listing = Listing::default();
        assert!(listing.heard(lists("a"), false));
        let first = listing.lists.clone().unwrap();
        assert!(!listing.heard(lists("a"), false));
        assert!(Arc::ptr_eq(&first, listing.lists.as_ref().unwrap()));
        assert_eq!(listing.revisions, [1, 1, 1]);
        assert!(listing.heard(lists("b"), false));
        assert_eq!(listing.revisions, [2, 1, 1]);
        assert!(listing.heard(Lists { instructions: Some("be nice".to_owned()), ..lists("b") }, false));
        assert_eq!(listing.revisions, [2, 1, 1]);
    }

    #[test]
    fn what_has_not_said_what_it_offers_is_not_ready() {
        let mut listing = Listing::default();
        assert_eq!(listing.state(ServerState::Ready), ServerState::Starting);
        assert_eq!(listing.state(ServerState::Stopped), ServerState::Stopped);
        listing.heard(Lists::default(), false);
        assert_eq!(listing.state(ServerState::Ready), ServerState::Ready);
    }

    #[test]
    fn a_server_that_says_its_lists_changed_is_believed() {
        let mut listing = Listing::default();
        listing.heard(lists("a"), false);
        assert!(listing.heard(lists("a"), true));
        assert_eq!(listing.revisions, [2, 2, 2]);
        assert!(listing.heard(lists("b"), true));
        assert_eq!(listing.revisions, [3, 2, 2]);
    }
}
