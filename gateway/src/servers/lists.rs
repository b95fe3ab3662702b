//! What one server offers, fetched page by page.

use super::{Kind, offer::is_tool_name};
use crate::{
    pins::Definitions,
    upstream::{Caller, Said, Upstream, UpstreamError},
};
use control_plane_api::limits::Limits;
use futures::StreamExt as _;
use protocol::{Definition, Id, Members, Message, Request, Response, meta, method};
use serde_json::value::RawValue;

/// The lists of one server, entries as it gave them.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    /// `tools/list`.
    pub tools: Vec<Box<RawValue>>,
    /// `prompts/list`.
    pub prompts: Vec<Box<RawValue>>,
    /// `resources/list`.
    pub resources: Vec<Box<RawValue>>,
    /// `resources/templates/list`.
    pub templates: Vec<Box<RawValue>>,
    /// What it can do, in its own words.
    pub capabilities: Members,
    /// What it says about itself.
    pub instructions: Option<String>,
    /// The definitions of its tools, by name; of one that is listed twice the first.
    pub definitions: Definitions,
}

impl Lists {
    /// Whether those of `kind` are others than in `new`.
    #[must_use]
    pub fn differ(&self, new: &Self, kind: Kind) -> bool {
        match kind {
            Kind::Tools => differ(&self.tools, &new.tools),
            Kind::Prompts => differ(&self.prompts, &new.prompts),
            Kind::Resources => differ(&self.resources, &new.resources) || differ(&self.templates, &new.templates),
        }
    }

    /// Whether the server says something else about itself in `new`.
    #[must_use]
    pub fn is_described_otherwise(&self, new: &Self) -> bool {
        self.instructions != new.instructions || self.capabilities.to_raw().get() != new.capabilities.to_raw().get()
    }

    /// Whether the server declares `capability`, and in it `part` if one is named.
    #[must_use]
    pub fn can(&self, capability: &str, part: Option<&str>) -> bool {
        match (self.capabilities.object(capability), part) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(declared), Some(part)) => declared.read::<bool>(part) == Some(true),
        }
    }

    /// Whether the server declares something that methods of `namespace` belong to: a capability of that name, or an
    /// extension that ends in it.
    #[must_use]
    pub fn declares(&self, namespace: &str) -> bool {
        let extensions = self.capabilities.object("extensions").unwrap_or_default();
        let ends = |id: &str| id.rsplit('/').next() == Some(namespace);
        self.capabilities.get(namespace).is_some() || extensions.iter().any(|(id, _)| ends(id))
    }

    /// Name and `readOnlyHint` of every tool.
    #[must_use]
    pub fn tool_facts(&self) -> Vec<(String, Option<bool>)> {
        let facts = |tool: &RawValue| {
            let tool = Members::open(tool).ok()?;
            let hint = tool.object("annotations").and_then(|annotations| annotations.read("readOnlyHint"));
            Some((tool.read("name")?, hint))
        };
        self.tools.iter().filter_map(|tool| facts(tool)).collect()
    }
}

#[cfg(test)]
impl Lists {
    /// Of a server that has these tools and nothing else.
    pub(crate) fn of_tools(tools: serde_json::Value) -> Self {
        let tools: Vec<Box<RawValue>> = serde_json::from_value(tools).unwrap();
        Self { definitions: definitions(&tools, u64::MAX), tools, ..Self::default() }
    }
}

fn differ(known: &[Box<RawValue>], new: &[Box<RawValue>]) -> bool {
    known.len() != new.len() || known.iter().zip(new).any(|(known, new)| known.get() != new.get())
}

/// Asks `upstream` what it can do, then for every list it says it has.
///
/// # Errors
/// [`UpstreamError`] when it cannot be reached or a list it claims to have cannot be read.
pub async fn fetch(upstream: &dyn Upstream, limits: &Limits) -> Result<Lists, UpstreamError> {
    let discovered = ask(upstream, method::DISCOVER, None).await?;
    let discovered = discovered.result().unwrap_or_default();
    let capabilities = discovered.object("capabilities").unwrap_or_default();
    let instructions = discovered.read("instructions");
    let mut lists = Lists { instructions, capabilities: capabilities.clone(), ..Lists::default() };
    if capabilities.get("tools").is_some() {
        lists.tools = pages(upstream, method::TOOLS_LIST, limits).await?;
        lists.definitions = definitions(&lists.tools, limits.definition_bytes_max);
    }
    if capabilities.get("prompts").is_some() {
        lists.prompts = pages(upstream, method::PROMPTS_LIST, limits).await?;
    }
    if capabilities.get("resources").is_some() {
        lists.resources = pages(upstream, method::RESOURCES_LIST, limits).await?;
        lists.templates = pages(upstream, method::TEMPLATES_LIST, limits).await?;
    }
    Ok(lists)
}

/// Every entry of every page. A list that answers with an error counts as empty: some servers claim a capability and then
/// know nothing of one of its methods.
async fn pages(upstream: &dyn Upstream, list: &str, limits: &Limits) -> Result<Vec<Box<RawValue>>, UpstreamError> {
    let member = method::list_member(list).unwrap_or_default();
    let mut entries: Vec<Box<RawValue>> = Vec::new();
    let mut cursor = None;
    let mut bytes_left = limits.list_bytes_max;
    for _ in 0..limits.list_pages_max {
        let response = ask(upstream, list, cursor.as_deref()).await?;
        let Some(result) = response.result() else { break };
        for entry in result.read::<Vec<Box<RawValue>>>(member).unwrap_or_default() {
            match bytes_left.checked_sub(bytes(&entry)) {
                Some(left) => bytes_left = left,
                None => {
                    tracing::warn!(
                        list,
                        bytes_max = limits.list_bytes_max,
                        "a list is too long: what comes after is left out"
                    );
                    return Ok(entries);
                }
            }
            entries.push(entry);
        }
        cursor = result.read::<String>("nextCursor");
        if cursor.is_none() {
            break;
        }
    }
    Ok(entries)
}

/// The definitions of the `tools` that have a name clients can say.
fn definitions(tools: &[Box<RawValue>], bytes_max: u64) -> Definitions {
    let mut definitions = Definitions::new();
    for tool in tools {
        let name = Members::open(tool).ok().and_then(|tool| tool.read::<String>("name"));
        let Some(name) = name.filter(|name| is_tool_name(name)) else { continue };
        definitions.entry(name).or_insert_with(|| match bytes(tool) {
            long if long > bytes_max => Err(format!("its definition has {long} bytes, and {bytes_max} are the most")),
            _ => Definition::of(tool).map_err(|error| format!("its definition has {error}")),
        });
    }
    definitions
}

fn bytes(entry: &RawValue) -> u64 {
    u64::try_from(entry.get().len()).unwrap_or(u64::MAX)
}

async fn ask(upstream: &dyn Upstream, what: &str, cursor: Option<&str>) -> Result<Response, UpstreamError> {
    let mut params = method::params_with_meta(&meta::modern(Some(&implementation()), Some(&askable())));
    if let Some(cursor) = cursor {
        params.set("cursor", cursor);
    }
    let request = Request { id: Id::Number(0), method: what.to_owned(), params };
    let mut reply = upstream.call(request, &Caller::GATEWAY).await?;
    while let Some(said) = reply.next().await {
        if let Said::Message(Message::Response(response)) = said? {
            return Ok(response);
        }
    }
    Ok(Response::error(None, protocol::RpcError::new(protocol::code::INTERNAL_ERROR, "no answer")))
}

/// What the gateway calls itself, downstream and upstream.
#[must_use]
pub fn implementation() -> Box<RawValue> {
    let mut members = Members::new();
    members.set("name", "mcp-gateway");
    members.set("title", "mcpctl gateway");
    members.set("version", env!("CARGO_PKG_VERSION"));
    members.to_raw()
}

/// All that a client may be asked: some servers offer a tool only to who can answer its questions. Whether the client of a call
/// can is seen when it calls; questions outside of calls are answered by the gateway.
fn askable() -> Box<RawValue> {
    let mut capabilities = Members::new();
    for (name, parts) in [("roots", &[][..]), ("sampling", &["context", "tools"]), ("elicitation", &["form", "url"])] {
        let mut declared = Members::new();
        parts.iter().for_each(|part| declared.set(part, &Members::new()));
        capabilities.set(name, &declared);
    }
    capabilities.to_raw()
}
