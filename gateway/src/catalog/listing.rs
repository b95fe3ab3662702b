//! One page of a merged list, before it is text.

use super::{
    View,
    cursor::{Cursor, Page},
};
use crate::{servers::offer::Listed, upstream::Caller};
use control_plane_api::server::Era;
use protocol::{
    Members, Request, RpcError, code,
    method::{self, Primitive},
};
use serde_json::value::RawValue;
use std::sync::Arc;

/// See the module. Equal ones are the same text.
#[derive(PartialEq)]
pub struct Listing {
    method: &'static str,
    entries: Vec<Shown>,
    /// The cursor of the page behind it; sealed anew each time.
    next: Option<String>,
    ttl_ms: u64,
}

/// An entry as one client sees it.
struct Shown {
    listed: Arc<Listed>,
    /// Without how a legacy server runs a tool as a task, which means nothing to modern clients.
    without_execution: bool,
}

impl Listing {
    /// Without the entries that are not `granted`.
    #[must_use]
    pub fn pruned(mut self, granted: impl Fn(&Primitive) -> bool) -> Self {
        self.entries.retain(|entry| granted(&entry.listed.primitive));
        self
    }

    /// Whether it is all of the list, or the last page of it.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.next.is_none()
    }

    /// The result of the request for it.
    #[must_use]
    pub fn to_raw(&self) -> Box<RawValue> {
        let entries: Vec<Box<RawValue>> = self.entries.iter().map(Shown::entry).collect();
        let mut result = Members::new();
        result.set(method::list_member(self.method).unwrap_or_default(), &entries);
        if let Some(next) = &self.next {
            result.set("nextCursor", next);
        }
        super::complete(result, self.ttl_ms).to_raw()
    }
}

#[cfg(test)]
impl Listing {
    /// All of a list that `method` asks for.
    pub(crate) fn of(method: &'static str, entries: &[&Arc<Listed>]) -> Self {
        let shown = |listed: &&Arc<Listed>| Shown { listed: Arc::clone(listed), without_execution: false };
        Self { method, entries: entries.iter().map(shown).collect(), next: None, ttl_ms: 0 }
    }
}

impl Shown {
    fn entry(&self) -> Box<RawValue> {
        if self.without_execution
            && let Ok(mut entry) = Members::open(&self.listed.entry)
        {
            entry.remove("execution");
            return entry.to_raw();
        }
        self.listed.entry.clone()
    }
}

impl PartialEq for Shown {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.listed, &other.listed) && self.without_execution == other.without_execution
    }
}

impl View {
    /// The page that `request` asks for, of everything the servers open to the client have; permissions prune it.
    ///
    /// # Errors
    /// `-32601` where no server has such lists, `-32602` for a cursor that is not of this list.
    pub fn list(&self, request: &Request, caller: &Caller) -> Result<Listing, RpcError> {
        let table = &*self.catalog.router.table(self.project.as_deref());
        let servers = self.servers();
        let (method, capability, entries) = match request.method.as_str() {
            method::TOOLS_LIST => (method::TOOLS_LIST, "tools", &table.tools),
            method::PROMPTS_LIST => (method::PROMPTS_LIST, "prompts", &table.prompts),
            method::RESOURCES_LIST => (method::RESOURCES_LIST, "resources", &table.resources),
            _ => (method::TEMPLATES_LIST, "resources", &table.templates),
        };
        if self.capabilities(&servers, table).get(capability).is_none() {
            let told = format!("no server of this project has {capability}");
            return Err(RpcError::new(code::METHOD_NOT_FOUND, told));
        }
        let open = |listed: &&Arc<Listed>| servers.iter().any(|server| server.name == listed.server);
        let mut shown: Vec<&Arc<Listed>> = entries.iter().filter(open).collect();
        if method == method::TOOLS_LIST {
            shown.extend(self.connecting(&servers, table));
            shown.extend(self.more(&servers, table));
        }
        if method == method::TEMPLATES_LIST && self.more(&servers, table).is_some() {
            shown.extend(table.results.as_ref());
        }
        let cursor = Cursor { sealer: &self.catalog.sealer, method, project: self.project.as_deref() };
        let page_entries_max = usize::try_from(self.catalog.limits.list_page_entries_max).unwrap_or(usize::MAX);
        let Page { entries, next } = cursor.page(request.params.get("cursor"), &shown, page_entries_max, caller)?;
        let entries = entries.into_iter().map(|listed| self.shown(capability, listed)).collect();
        Ok(Listing { method, entries, next, ttl_ms: self.ttl_ms(table) })
    }

    fn shown(&self, capability: &str, listed: &Arc<Listed>) -> Shown {
        let server = self.catalog.router.server(&listed.server);
        let of_legacy = || server.is_some_and(|server| server.upstream().health().era == Some(Era::Legacy));
        let without_execution = !self.legacy && capability == "tools" && listed.runs_as_task && of_legacy();
        Shown { listed: listed.clone(), without_execution }
    }
}
