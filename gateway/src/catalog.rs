//! What the gateway answers itself: `server/discover`, the merged lists, and `subscriptions/listen`.
//!
//! A [`View`] of it is an upstream like any other, so that the pipeline has no special case. It offers what the servers of
//! the projects open to the client offer; permissions prune it on the way out. Deliberately unknown here: grants.

mod capabilities;
mod cursor;
mod listen;
mod watch;

use crate::{
    router::{Router, table::Table},
    seal::Sealer,
    servers::{Server, lists::implementation, offer::Listed},
    upstream::{Caller, Health, Reply, Tokens, Upstream, UpstreamError},
};
use async_trait::async_trait;
use control_plane_api::{gateway::ServerState, limits::Limits, name::Name, server::Era};
use cursor::{Cursor, Page};
use filters::{Exchange, Principal, Target};
use futures::{StreamExt as _, stream};
use protocol::{Members, Message, Request, Response, Revision, RpcError, code, meta, method};
use serde_json::value::RawValue;
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
    fn connecting<'t>(&self, servers: &[&Arc<Server>], table: &'t Table) -> Vec<&'t Listed> {
        let Some(user) = self.principal.name() else { return Vec::new() };
        let caller = Caller { principal: Some(user.clone()), affinity: None };
        let open = |listed: &&Listed| servers.iter().any(|server| server.name == listed.server);
        let missing = |listed: &&Listed| !self.catalog.tokens.suffice(&listed.server, &caller);
        table.connecting.iter().map(Arc::as_ref).filter(open).filter(missing).collect()
    }

    /// The tool for the rest of results, for who has a server whose results may be shortened.
    fn more<'t>(&self, servers: &[&Arc<Server>], table: &'t Table) -> Option<&'t Listed> {
        table.more.as_deref().filter(|_| !servers.is_empty())
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
        self.complete(result, table)
    }

    fn list(&self, request: &Request, table: &Table, caller: &Caller) -> Result<Members, RpcError> {
        let servers = self.servers();
        let (capability, entries) = match request.method.as_str() {
            method::TOOLS_LIST => ("tools", &table.tools),
            method::PROMPTS_LIST => ("prompts", &table.prompts),
            method::RESOURCES_LIST => ("resources", &table.resources),
            _ => ("resources", &table.templates),
        };
        if self.capabilities(&servers, table).get(capability).is_none() {
            let told = format!("no server of this project has {capability}");
            return Err(RpcError::new(code::METHOD_NOT_FOUND, told));
        }
        let mut shown: Vec<&Listed> = entries
            .iter()
            .map(Arc::as_ref)
            .filter(|listed| servers.iter().any(|server| server.name == listed.server))
            .collect();
        if request.method == method::TOOLS_LIST {
            shown.extend(self.connecting(&servers, table));
            shown.extend(self.more(&servers, table));
        }
        if request.method == method::TEMPLATES_LIST && self.more(&servers, table).is_some() {
            shown.extend(table.results.as_deref());
        }
        let cursor = Cursor { sealer: &self.catalog.sealer, method: &request.method, project: self.project.as_deref() };
        let page_entries_max = usize::try_from(self.catalog.limits.list_page_entries_max).unwrap_or(usize::MAX);
        let Page { entries, next } = cursor.page(request.params.get("cursor"), &shown, page_entries_max, caller)?;
        let entries: Vec<Box<RawValue>> = entries.iter().map(|listed| self.shown(capability, listed)).collect();
        let mut result = Members::new();
        result.set(method::list_member(&request.method).unwrap_or_default(), &entries);
        if let Some(next) = next {
            result.set("nextCursor", &next);
        }
        Ok(self.complete(result, table))
    }

    /// The entry as this client sees it: how a legacy server runs a tool as a task means nothing to modern ones.
    fn shown(&self, capability: &str, listed: &Listed) -> Box<RawValue> {
        let server = self.catalog.router.server(&listed.server);
        let of_legacy = || server.is_some_and(|server| server.upstream().health().era == Some(Era::Legacy));
        if !self.legacy
            && capability == "tools"
            && listed.entry.get().contains("\"execution\"")
            && of_legacy()
            && let Ok(mut entry) = Members::open(&listed.entry)
        {
            entry.remove("execution");
            return entry.to_raw();
        }
        listed.entry.clone()
    }

    /// The envelope of a complete, cacheable result (2026-07-28 caching): private, because it depends on who asks, and
    /// good for no time at all while a server has not answered yet.
    fn complete(&self, mut result: Members, table: &Table) -> Members {
        result.set("resultType", "complete");
        result.set("ttlMs", &if table.complete { self.catalog.limits.list_ttl_ms } else { 0 });
        result.set("cacheScope", "private");
        let mut meta = Members::new();
        meta.set_raw(meta::SERVER_INFO, implementation());
        result.set("_meta", &meta);
        result
    }
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
        let table = self.catalog.router.table(self.project.as_deref());
        let payload = match request.method.as_str() {
            method::LISTEN => return Ok(listen::open(self, request, caller)),
            method::DISCOVER => Ok(self.discover(&table)),
            _ => self.list(&request, &table, caller),
        };
        let payload = payload.map(|result| result.to_raw());
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
