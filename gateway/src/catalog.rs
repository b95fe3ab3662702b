//! What the gateway answers itself: `server/discover`, the merged lists, and `subscriptions/listen`.
//!
//! A [`View`] of it is an upstream like any other for whatever is no list, so that the pipeline has no special case there. It
//! offers what the servers of the projects open to the client offer; permissions prune it. Deliberately unknown here: grants.

mod capabilities;
mod cursor;
mod listen;
pub mod listing;
mod watch;

use crate::{
    router::{Router, table::Table},
    seal::Sealer,
    servers::{Server, lists::implementation, offer::Listed},
    upstream::{Caller, Health, Reply, Tokens, Upstream, UpstreamError},
};
use async_trait::async_trait;
use control_plane_api::{gateway::ServerState, limits::Limits, name::Name};
use filters::{Exchange, Principal, Target};
use futures::{StreamExt as _, stream};
use protocol::{Members, Message, Request, Response, Revision, meta, method};
use std::sync::Arc;
use tokio::sync::watch as changes;
use tokio_util::sync::CancellationToken;

/// Longest merged instructions in bytes: clients cut them there.
const INSTRUCTIONS_BYTES_MAX: usize = 2_048;

/// The catalog of one pipeline.
pub struct Catalog {
    router: Arc<Router>,
    sealer: Arc<Sealer>,
    superseded: CancellationToken,
    limits: Limits,
    tokens: Tokens,
}

/// The catalog as one exchange sees it.
pub struct View {
    catalog: Arc<Catalog>,
    project: Option<String>,
    principal: Principal,
    /// The tasks a listen is about, as the client knows them.
    watched: Vec<(String, Target)>,
    /// The client is of the legacy era: other things mean something to it.
    legacy: bool,
}

impl Catalog {
    /// Over `router`'s table; streams end when `superseded` is cancelled. `tokens` say who has connected what.
    #[must_use]
    pub fn new(
        router: Arc<Router>,
        sealer: Arc<Sealer>,
        superseded: CancellationToken,
        limits: Limits,
        tokens: Tokens,
    ) -> Self {
        Self { router, sealer, superseded, limits, tokens }
    }

    /// Whether `method` is answered here.
    #[must_use]
    pub fn answers(method: &str) -> bool {
        method == method::DISCOVER || method == method::LISTEN || method::list_member(method).is_some()
    }

    /// As the client of `exchange` sees it.
    #[must_use]
    pub fn of(self: &Arc<Self>, exchange: &Exchange) -> View {
        View {
            catalog: self.clone(),
            project: exchange.project.clone(),
            principal: exchange.principal.clone(),
            watched: exchange.sealed.tasks.clone(),
            legacy: exchange.affinity.is_some(),
        }
    }
}

impl View {
    fn servers(&self) -> Vec<&Arc<Server>> {
        self.catalog.router.servers_open_to(&self.principal, self.project.as_deref())
    }

    /// The tools by which this client's user connects the servers that it has not connected.
    fn connecting<'t>(&self, servers: &[&Arc<Server>], table: &'t Table) -> Vec<&'t Arc<Listed>> {
        let Some(user) = self.principal.name() else { return Vec::new() };
        let caller = Caller { principal: Some(user.clone()), affinity: None };
        let open = |listed: &&Arc<Listed>| servers.iter().any(|server| server.name == listed.server);
        let missing = |listed: &&Arc<Listed>| !self.catalog.tokens.suffice(&listed.server, &caller);
        table.connecting.iter().filter(open).filter(missing).collect()
    }

    /// The tool for the rest of results, for who has a server whose results may be shortened.
    fn more<'t>(&self, servers: &[&Arc<Server>], table: &'t Table) -> Option<&'t Arc<Listed>> {
        table.more.as_ref().filter(|_| !servers.is_empty())
    }

    fn capabilities(&self, servers: &[&Arc<Server>], table: &Table) -> Members {
        let more = self.more(servers, table).is_some();
        let own = capabilities::Own { tools: more || !self.connecting(servers, table).is_empty(), resources: more };
        capabilities::union(servers, self.legacy, own)
    }

    fn discover(&self, table: &Table) -> Members {
        let servers = self.servers();
        let mut result = Members::new();
        result.set("supportedVersions", &[Revision::MODERN.as_str()]);
        result.set("capabilities", &self.capabilities(&servers, table));
        if let Some(text) =
            instructions(table.instructions().filter(|(name, _)| servers.iter().any(|server| server.name == **name)))
        {
            result.set("instructions", &text);
        }
        complete(result, self.ttl_ms(table))
    }

    /// How long what is told may be kept: no time at all while a server has not answered yet.
    fn ttl_ms(&self, table: &Table) -> u64 {
        if table.complete { self.catalog.limits.list_ttl_ms } else { 0 }
    }
}

/// The envelope of a complete, cacheable result (2026-07-28 caching): private, because it depends on who asks.
fn complete(mut result: Members, ttl_ms: u64) -> Members {
    result.set("resultType", "complete");
    result.set("ttlMs", &ttl_ms);
    result.set("cacheScope", "private");
    let mut meta = Members::new();
    meta.set_raw(meta::SERVER_INFO, implementation());
    result.set("_meta", &meta);
    result
}

/// The servers' instructions under their names, cut where clients would cut them; those of a single server as they are.
fn instructions<'a>(all: impl Iterator<Item = (&'a Name, &'a str)>) -> Option<String> {
    let all: Vec<_> = all.collect();
    let mut text: String = match all.as_slice() {
        [(_, only)] => (*only).to_owned(),
        several => several.iter().map(|(server, text)| format!("## {server}\n{}\n", text.trim())).collect(),
    };
    let end = (0..=INSTRUCTIONS_BYTES_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    (!text.is_empty()).then_some(text)
}

#[async_trait]
impl Upstream for View {
    async fn call(&self, request: Request, caller: &Caller) -> Result<Reply, UpstreamError> {
        if request.method == method::LISTEN {
            return Ok(listen::open(self, request, caller));
        }
        let table = self.catalog.router.table(self.project.as_deref());
        let payload = Ok(self.discover(&table).to_raw());
        let response = Message::Response(Response { id: Some(request.id), payload });
        Ok(stream::once(async { Ok(response.into()) }).boxed())
    }

    fn health(&self) -> Health {
        Health { state: ServerState::Ready, era: None, error: None, restarts: 0, pid: None, unconfined: None }
    }

    fn changes(&self) -> changes::Receiver<u64> {
        self.catalog.router.changes()
    }

    async fn close(&self) {}
}
