//! What the gateway answers itself: `server/discover`, the merged lists, and `subscriptions/listen`.
//!
//! An upstream like any other, so that the pipeline has no special case. It offers everything the router's table holds;
//! permissions prune it on the way out. Deliberately unknown here: who asks.

use crate::{
    router::{Router, table::Table},
    servers::lists::implementation,
    upstream::{Caller, Health, Reply, Upstream, UpstreamError},
};
use async_trait::async_trait;
use control_plane_api::gateway::ServerState;
use futures::{StreamExt as _, stream};
use protocol::{Id, Members, Message, Notification, Request, Response, Revision, RpcError, code, meta, method};
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Longest merged instructions in bytes: clients cut them there.
const INSTRUCTIONS_BYTES_MAX: usize = 2_048;

/// The catalog of one pipeline.
pub struct Catalog {
    router: Arc<Router>,
    superseded: CancellationToken,
    ttl_ms: u64,
}

impl Catalog {
    /// Over `router`'s table; streams end when `superseded` is cancelled.
    #[must_use]
    pub fn new(router: Arc<Router>, superseded: CancellationToken, ttl_ms: u64) -> Self {
        Self { router, superseded, ttl_ms }
    }

    /// Whether `method` is answered here.
    #[must_use]
    pub fn answers(method: &str) -> bool {
        method == method::DISCOVER || method == method::LISTEN || method::list_member(method).is_some()
    }

    fn discover(&self, table: &Table) -> Members {
        let mut result = Members::new();
        result.set("supportedVersions", &[Revision::MODERN.as_str()]);
        result.set(
            "capabilities",
            &serde_json::json!({"tools": {"listChanged": true}, "prompts": {"listChanged": true},
                "resources": {"listChanged": true}, "completions": {}}),
        );
        if let Some(text) = instructions(table) {
            result.set("instructions", &text);
        }
        self.complete(result, table)
    }

    fn list(&self, request: &Request, table: &Table) -> Result<Members, RpcError> {
        if request.params.get("cursor").is_some_and(|cursor| cursor.get() != "null") {
            return Err(RpcError::new(code::INVALID_PARAMS, "the cursor is not one of this gateway's"));
        }
        let entries: &[Box<RawValue>] = match request.method.as_str() {
            method::TOOLS_LIST => &table.tools,
            method::PROMPTS_LIST => &table.prompts,
            method::RESOURCES_LIST => &table.resources,
            _ => &table.templates,
        };
        let mut result = Members::new();
        result.set(method::list_member(&request.method).unwrap_or_default(), entries);
        Ok(self.complete(result, table))
    }

    /// The envelope of a complete, cacheable result (2026-07-28 caching): private, because it depends on who asks, and
    /// good for no time at all while a server has not answered yet.
    fn complete(&self, mut result: Members, table: &Table) -> Members {
        result.set("resultType", "complete");
        result.set("ttlMs", &if table.complete { self.ttl_ms } else { 0 });
        result.set("cacheScope", "private");
        let mut meta = Members::new();
        meta.set_raw(meta::SERVER_INFO, implementation());
        result.set("_meta", &meta);
        result
    }

    /// Acknowledges first, then tells of changes until a newer pipeline is in force, then completes.
    fn listen(&self, request: Request) -> Reply {
        let wanted = request.params.object("notifications").unwrap_or_default();
        let kinds: Vec<&'static str> =
            LISTENABLE.iter().filter(|(flag, _)| wanted.read(flag) == Some(true)).map(|(_, n)| *n).collect();
        let mut honoured = Members::new();
        for (flag, _) in LISTENABLE.iter().filter(|(_, notification)| kinds.contains(notification)) {
            honoured.set(flag, &true);
        }
        let mut params = tagged(&request.id);
        params.set("notifications", &honoured);
        let acknowledged = Message::Notification(Notification { method: method::ACKNOWLEDGED.to_owned(), params });
        let (id, mut changes, superseded) = (request.id, self.router.changes(), self.superseded.clone());
        changes.mark_unchanged();
        let last_id = id.clone();
        let told = stream::unfold((changes, superseded, false), move |(mut changes, superseded, ended)| {
            let (id, kinds) = (id.clone(), kinds.clone());
            async move {
                if ended {
                    return None;
                }
                let ended = tokio::select! {
                    () = superseded.cancelled() => true,
                    changed = changes.changed() => changed.is_err(),
                };
                let notify = |method: &&str| {
                    Message::Notification(Notification { method: (*method).to_owned(), params: tagged(&id) })
                };
                let messages: Vec<Message> = kinds.iter().map(notify).collect();
                Some((stream::iter(messages), (changes, superseded, ended)))
            }
        });
        let complete = stream::once(async move {
            let mut result = tagged(&last_id);
            result.set("resultType", "complete");
            Message::Response(Response::ok(last_id, result.to_raw()))
        });
        stream::once(async { acknowledged }).chain(told.flatten()).chain(complete).map(Ok).boxed()
    }
}

/// The flags of `subscriptions/listen` that are honoured, and the notification each asks for.
const LISTENABLE: [(&str, &str); 3] = [
    ("toolsListChanged", method::TOOLS_CHANGED),
    ("promptsListChanged", "notifications/prompts/list_changed"),
    ("resourcesListChanged", "notifications/resources/list_changed"),
];

/// Members holding only `_meta` with the id of the subscription they belong to.
fn tagged(id: &Id) -> Members {
    let mut meta = Members::new();
    meta.set(meta::SUBSCRIPTION_ID, id);
    method::params_with_meta(&meta)
}

/// The servers' instructions under their names, cut where clients would cut them.
fn instructions(table: &Table) -> Option<String> {
    let sections = table.instructions.iter().map(|(server, text)| format!("## {server}\n{}\n", text.trim()));
    let mut text: String = sections.collect();
    let end = (0..=INSTRUCTIONS_BYTES_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    (!text.is_empty()).then_some(text)
}

#[async_trait]
impl Upstream for Catalog {
    async fn call(&self, request: Request, _caller: &Caller) -> Result<Reply, UpstreamError> {
        let table = self.router.table();
        let payload = match request.method.as_str() {
            method::LISTEN => return Ok(self.listen(request)),
            method::DISCOVER => Ok(self.discover(&table)),
            _ => self.list(&request, &table),
        };
        let payload = payload.map(|result| result.to_raw());
        let response = Message::Response(Response { id: Some(request.id), payload });
        Ok(stream::once(async { Ok(response) }).boxed())
    }

    fn health(&self) -> Health {
        Health { state: ServerState::Ready, era: None, error: None, restarts: 0, pid: None }
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.router.changes()
    }

    async fn close(&self) {}
}
