//! Arguments that a tool wants mirrored in headers (`x-mcp-header`). On stdio there are no headers, so a client need not know
//! of them: the bridge finds out which arguments are meant when the gateway misses them (2026-07-28 server/tools).

use super::{Bridge, gateway::Headers, reopen::answer_in, trouble::Trouble};
use protocol::{Id, Members, Message, Request, code, headers, meta, method, param_headers::ParamHeaders};
use reqwest::Response;
use serde_json::value::RawValue;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Pages of a list of tools that are read.
const PAGES_MAX: u64 = 256;

/// The tools with mirrored arguments, by name, as far as known.
#[derive(Default)]
pub(super) struct Mirror(Mutex<HashMap<String, ParamHeaders>>);

impl Mirror {
    fn headers(&self, request: &Request) -> Headers {
        let name = request.params.read::<String>("name").unwrap_or_default();
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&name).map(|params| params.headers(request.params.get("arguments"))).unwrap_or_default()
    }

    fn learn(&self, tools: HashMap<String, ParamHeaders>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = tools;
    }
}

impl Bridge {
    /// Sends a modern request with the headers it needs.
    pub(super) async fn mirrored(&self, request: &Request, body: String) -> Result<Response, Trouble> {
        if request.method != method::TOOLS_CALL {
            return self.gateway.post(headers::of(request), body).await;
        }
        let all = || [headers::of(request), self.mirror.headers(request)].concat();
        match self.gateway.post(all(), body.clone()).await {
            Err(Trouble::Said(error)) if error.code == code::HEADER_MISMATCH => {
                self.mirror.learn(self.tools(request).await?);
                self.gateway.post(all(), body).await
            }
            other => other,
        }
    }

    /// Lists the tools as the client that sent `request` may see them, and keeps what is mirrored.
    async fn tools(&self, request: &Request) -> Result<HashMap<String, ParamHeaders>, Trouble> {
        let mut meta = meta::of(&request.params);
        meta.remove(meta::PROGRESS_TOKEN);
        let mut found = HashMap::new();
        let mut cursor: Option<Box<RawValue>> = None;
        for page in 0..PAGES_MAX {
            let mut params = method::params_with_meta(&meta);
            if let Some(cursor) = cursor.take() {
                params.set_raw("cursor", cursor);
            }
            let id = Id::Text(format!("mcpctl-list-{page}"));
            let list = Request { id, method: method::TOOLS_LIST.to_owned(), params };
            let response = self.gateway.post(headers::of(&list), Message::Request(list.clone()).to_json()).await?;
            let mut result = match answer_in(response, &list.id).await?.payload {
                Ok(result) => Members::open(&result).unwrap_or_default(),
                Err(error) => return Err(Trouble::Said(error)),
            };
            for tool in result.read::<Vec<Members>>("tools").unwrap_or_default() {
                let params = tool.get("inputSchema").and_then(|schema| ParamHeaders::of_tool(schema).ok());
                if let (Some(name), Some(params)) = (tool.read("name"), params.filter(|params| !params.is_empty())) {
                    found.insert(name, params);
                }
            }
            cursor = result.remove("nextCursor");
            if cursor.is_none() {
                break;
            }
        }
        Ok(found)
    }
}
