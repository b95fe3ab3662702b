//! The rest of results that were shortened: the gateway's own tool for it, and reads of the whole, answered in place of a
//! server.
//!
//! An id is good for whom it was given to, for as long as its result is kept, and for as long as they may make the call it
//! came from. Whatever it is not good for, the answer is the same.

mod contents;

use super::{Caller, Health, Reply, Upstream, UpstreamError};
use crate::originals::{Opened, Store};
use async_trait::async_trait;
use control_plane_api::gateway::ServerState;
use filters::{
    Exchange, Principal,
    originals::{self, Owner},
    permissions::{Asked, Permissions},
    relevance_policy::RelevancePolicy,
};
use filters_relevance::{
    Relevance,
    intent::Intent,
    relevance::{Kept, More as Ask, Wanted},
    result::note::Handle,
};
use futures::{StreamExt as _, stream};
use protocol::{
    Members, Message, Request, Response, RpcError, code,
    method::{self, Primitive},
};
use serde::Deserialize;
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::sync::watch;

/// What a client is told that has no result under the id it gave.
const UNKNOWN: &str =
    "no result is kept under this id: it may be too old, or not yours. Call the tool it came from again.";

/// What the rest of results is served with.
#[derive(Clone)]
pub struct Rests {
    /// Where they are kept.
    pub store: Arc<Store>,
    /// Cuts and judges them.
    pub relevance: Arc<Relevance>,
    /// How, and by which budget.
    pub policy: Arc<RelevancePolicy>,
    /// Who may make which call.
    pub permissions: Arc<Permissions>,
}

/// Answers one exchange about kept results.
pub struct More {
    rests: Rests,
    principal: Principal,
    owner: Option<Owner>,
    /// The tool's name as the client knows it.
    tool: String,
}

/// The tool's arguments.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    id: String,
    query: Option<String>,
    #[serde(default)]
    all: bool,
    range: Option<String>,
}

impl More {
    /// For `exchange`, whose client knows the tool as `tool`.
    #[must_use]
    pub fn new(rests: Rests, exchange: &Exchange, tool: String) -> Self {
        Self { rests, principal: exchange.principal.clone(), owner: Owner::of(exchange), tool }
    }

    /// The result kept under `id`, if it is for who asks.
    async fn open(&self, id: &str) -> Option<(Owner, Opened)> {
        let (owner, store, id) = (self.owner.clone()?, self.rests.store.clone(), id.to_owned());
        let opening = move || store.get(&owner, &id).map(|opened| (owner, opened));
        let (owner, opened) = tokio::task::spawn_blocking(opening).await.ok()??;
        let (project, origin) = (owner.project.as_deref(), &opened.origin);
        let arguments = origin.arguments.as_deref().map(serde_json::from_str).transpose().ok()?;
        let call = (&origin.primitive, Some(&origin.target));
        let decided = self.rests.permissions.decide(&self.principal, project, call, Asked::Used(arguments));
        decided.is_ok().then_some((owner, opened))
    }

    /// The tool's result.
    ///
    /// # Errors
    /// What the tool says instead.
    async fn call_tool(&self, arguments: Option<&RawValue>) -> Result<Box<RawValue>, String> {
        let arguments = arguments.map_or("{}", RawValue::get);
        let Arguments { id, query, all, range } =
            serde_json::from_str(arguments).map_err(|error| format!("the arguments cannot be read: {error}"))?;
        // A client that fills every argument says nothing by an empty one.
        let given = |text: &String| !text.trim().is_empty();
        let (query, range) = (query.filter(given), range.filter(given));
        if usize::from(all) + usize::from(query.is_some()) + usize::from(range.is_some()) > 1 {
            return Err("pass one of query, all and range".to_owned());
        }
        let range = range.map(|range| originals::range(&range)).transpose()?;
        let (owner, Opened { original, origin, rest }) = self.open(&id).await.ok_or(UNKNOWN)?;
        let everything: BTreeSet<usize> =
            rest.indices.iter().filter_map(|index| usize::try_from(*index).ok()).collect();
        let query = query.map(|query| Intent::read(&query));
        let wanted = match (query, range) {
            (Some(Some(intent)), _) => Wanted::Query(intent),
            (None, Some(range)) => Wanted::Range(range),
            (None, None) if !all => Wanted::Next,
            _ => {
                self.rests.store.shown(&owner, &id, &everything);
                return RawValue::from_string(original).map_err(|_| UNKNOWN.to_owned());
            }
        };
        let settings = self.rests.policy.of_tool(owner.project.as_deref(), &origin.target).unwrap_or_default();
        let handle = Handle { id: id.clone(), tool: self.tool.clone() };
        let kept = Kept { original, rest, handle };
        let served = self.rests.relevance.more(Ask { kept, wanted, settings }).await?;
        self.rests.store.shown(&owner, &id, &served.shown);
        Ok(served.result)
    }

    /// The whole of the result at `uri`.
    async fn read(&self, uri: &str) -> Result<Box<RawValue>, RpcError> {
        let resource = Primitive::Resource(uri.to_owned());
        let opened = match originals::id_of(&resource) {
            Some(id) => self.open(id).await,
            None => None,
        };
        let unknown = || {
            let error = RpcError::new(code::INVALID_PARAMS, UNKNOWN);
            // As for any resource that is not there (2026-07-28 server/resources).
            error.with_data(&BTreeMap::from([("uri", uri)]))
        };
        let (_, opened) = opened.ok_or_else(unknown)?;
        let mut result = Members::new();
        result.set("resultType", "complete");
        result.set("contents", &contents::of(uri, &opened.original));
        result.set("ttlMs", &0);
        result.set("cacheScope", "private");
        Ok(result.to_raw())
    }
}

#[async_trait]
impl Upstream for More {
    async fn call(&self, request: Request, _caller: &Caller) -> Result<Reply, UpstreamError> {
        let payload = match request.method.as_str() {
            method::RESOURCES_READ => self.read(&request.params.read::<String>("uri").unwrap_or_default()).await,
            _ => match self.call_tool(request.params.get("arguments")).await {
                Ok(result) => Ok(result),
                Err(told) => refused(&told),
            },
        };
        let response = Message::Response(Response { id: Some(request.id), payload });
        Ok(stream::once(async { Ok(response.into()) }).boxed())
    }

    fn health(&self) -> Health {
        Health { state: ServerState::Ready, era: None, error: None, restarts: 0, pid: None, unconfined: None }
    }

    fn changes(&self) -> watch::Receiver<u64> {
        // Nothing of it ever changes.
        watch::channel(0).1
    }

    async fn close(&self) {}
}

fn refused(told: &str) -> Result<Box<RawValue>, RpcError> {
    let content = [json!({"type": "text", "text": told})];
    let result = json!({"resultType": "complete", "isError": true, "content": content});
    to_raw_value(&result).map_err(|_| RpcError::new(code::INTERNAL_ERROR, told))
}
