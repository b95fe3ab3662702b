//! Which arguments of a server's tools are mirrored in headers (2026-07-28 transports/streamable-http, custom headers): learnt
//! from its lists, and again when it finds a call at odds with them.

use super::remote::Remote;
use crate::upstream::{Caller, legacy::session::Heard};
use arc_swap::ArcSwap;
use futures::StreamExt as _;
use http::{HeaderName, HeaderValue};
use protocol::{Id, Members, Request, Response, meta, method, param_headers::ParamHeaders};
use serde_json::value::RawValue;
use std::{collections::HashMap, sync::Arc};

/// By the names of the tools; those that mirror nothing are left out.
#[derive(Default)]
pub(super) struct Mirrored(ArcSwap<HashMap<String, ParamHeaders>>);

impl Mirrored {
    /// These are all the tools there are.
    pub(super) fn learn(&self, tools: &[Box<RawValue>]) {
        self.0.store(Arc::new(tools.iter().filter_map(|tool| read(tool)).filter(|(_, it)| !it.is_empty()).collect()));
    }

    /// These are some of the tools: a list can be another for another caller.
    fn learn_some(&self, tools: &[Box<RawValue>]) {
        let some: Vec<_> = tools.iter().filter_map(|tool| read(tool)).collect();
        self.0.rcu(|known| {
            let mut all = HashMap::clone(known);
            for (name, headers) in &some {
                if headers.is_empty() {
                    all.remove(name);
                } else {
                    all.insert(name.clone(), headers.clone());
                }
            }
            all
        });
    }

    /// The headers of `request`; none unless it calls a tool that mirrors something.
    pub(super) fn headers(&self, request: &Request) -> Vec<(HeaderName, HeaderValue)> {
        let known = self.0.load();
        let name = request.params.text("name").filter(|_| request.method == method::TOOLS_CALL);
        let mirrored = name.and_then(|name| known.get(&*name));
        mirrored.map(|it| it.headers(request.params.get("arguments"))).unwrap_or_default()
    }
}

/// Name and headers of a tool. One whose annotations break the rules is not exposed, so never called.
fn read(tool: &RawValue) -> Option<(String, ParamHeaders)> {
    let tool = Members::open(tool).ok()?;
    let headers = ParamHeaders::of_tool(tool.get("inputSchema")?).ok()?;
    Some((tool.read("name")?, headers))
}

impl Remote {
    /// Asks for the tools anew, as the caller of `request` sees them; whether that changes the headers of `request`.
    pub(super) async fn relearn(self: &Arc<Self>, request: &Request, caller: &Caller) -> bool {
        let before = self.mirrored.headers(request);
        let mut cursor = None;
        for _ in 0..self.endpoint.limits.list_pages_max {
            let Some(page) = self.tools(request, cursor, caller).await.and_then(|response| response.result()) else {
                break;
            };
            self.mirrored.learn_some(&page.read::<Vec<Box<RawValue>>>("tools").unwrap_or_default());
            cursor = page.get("nextCursor").filter(|cursor| cursor.get() != "null").map(ToOwned::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        self.mirrored.headers(request) != before
    }

    /// One page of the tools; none if it cannot be had. Asked in the words of the client of `request`.
    async fn tools(
        self: &Arc<Self>,
        request: &Request,
        cursor: Option<Box<RawValue>>,
        caller: &Caller,
    ) -> Option<Response> {
        let mut meta = meta::of(&request.params);
        meta.remove(meta::PROGRESS_TOKEN);
        let mut params = method::params_with_meta(&meta);
        if let Some(cursor) = cursor {
            params.set_raw("cursor", cursor);
        }
        let list = Request { id: Id::Number(0), method: method::TOOLS_LIST.to_owned(), params };
        let mut hearing = self.modern(list, caller).await.ok()?;
        while let Some(heard) = hearing.next().await {
            if let Heard::Response(response) = heard.ok()? {
                return Some(response);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The headers of a call of `t` with `x` once `tools` were learnt one after another.
    fn check(learn: impl FnOnce(&Mirrored)) -> usize {
        let mirrored = Mirrored::default();
        learn(&mirrored);
        let params = serde_json::from_str(r#"{"name":"t","arguments":{"x":"y"}}"#).unwrap();
        mirrored.headers(&Request { id: Id::Number(1), method: method::TOOLS_CALL.to_owned(), params }).len()
    }

    fn tool(name: &str, annotated: bool) -> Vec<Box<RawValue>> {
        let property =
            if annotated { json!({"type": "string", "x-mcp-header": "X"}) } else { json!({"type": "string"}) };
        let tool = json!({"name": name, "inputSchema": {"type": "object", "properties": {"x": property}}});
        vec![serde_json::value::to_raw_value(&tool).unwrap()]
    }

    #[test]
    fn a_whole_list_replaces_what_was_known_and_a_part_adds_to_it() {
        assert_eq!(check(|_| {}), 0);
        assert_eq!(check(|it| it.learn(&tool("t", true))), 1);
        assert_eq!(check(|it| [tool("t", true), tool("u", true)].iter().for_each(|list| it.learn(list))), 0);
        assert_eq!(check(|it| [tool("t", true), tool("u", true)].iter().for_each(|list| it.learn_some(list))), 1);
        assert_eq!(check(|it| [tool("t", true), tool("t", false)].iter().for_each(|list| it.learn_some(list))), 0);
    }
}
