//! `_meta`: the keys the protocol reserves, and reading and writing them (2026-07-28 basic).

use crate::{Members, Mention, Revision, View, json};
use serde_json::value::RawValue;
use std::{borrow::Cow, sync::LazyLock};

/// Revision a modern request is written in; required.
pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// What the client can do; required on modern requests.
pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// What the client calls itself; unverified.
pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// Lowest level of log messages wanted on this request's stream.
pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// What the server calls itself; unverified.
pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// The id of the `subscriptions/listen` request a notification belongs to.
pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
/// The tasks extension, as capabilities name it.
pub const TASKS_EXTENSION: &str = "io.modelcontextprotocol/tasks";
/// Where progress of this request is to be reported.
pub const PROGRESS_TOKEN: &str = "progressToken";
/// W3C trace context.
pub const TRACEPARENT: &str = "traceparent";
/// What tracing systems add to it.
pub const TRACESTATE: &str = "tracestate";

/// The `_meta` of `params`, to look into; empty when absent or not an object.
#[must_use]
pub fn view(params: &Members) -> View<'_> {
    params.get("_meta").and_then(|raw| View::open(raw).ok()).unwrap_or_default()
}

/// Where the sender of `params` wants to hear of progress.
#[must_use]
pub fn progress_token(params: &Members) -> Option<&RawValue> {
    static MENTION: LazyLock<Mention> = LazyLock::new(|| Mention::of(&[PROGRESS_TOKEN]));
    rare(params, &MENTION, PROGRESS_TOKEN)
}

/// The W3C trace context that the sender of `params` gives.
#[must_use]
pub fn traceparent(params: &Members) -> Option<Cow<'_, str>> {
    static MENTION: LazyLock<Mention> = LazyLock::new(|| Mention::of(&[TRACEPARENT]));
    rare(params, &MENTION, TRACEPARENT).and_then(|raw| json::text(raw.get()))
}

/// A key that few messages have: `_meta` is taken apart only where it may be there.
fn rare<'a>(params: &'a Members, mention: &Mention, key: &str) -> Option<&'a RawValue> {
    let raw = params.get("_meta").filter(|raw| mention.is_in(raw))?;
    View::open(raw).ok()?.get(key)
}

/// The `_meta` of `params`, to change; empty when absent or not an object.
#[must_use]
pub fn of(params: &Members) -> Members {
    params.object("_meta").unwrap_or_default()
}

/// Whether the sender of `params` declares the tasks extension.
#[must_use]
pub fn declares_tasks(params: &Members) -> bool {
    let declared = view(params).object(CLIENT_CAPABILITIES).unwrap_or_default();
    declared.object("extensions").is_some_and(|extensions| extensions.get(TASKS_EXTENSION).is_some())
}

/// The `_meta` of a modern request sent by the gateway on its own account or for a legacy client.
#[must_use]
pub fn modern(client: Option<&RawValue>, capabilities: Option<&RawValue>) -> Members {
    let mut meta = Members::new();
    meta.set(PROTOCOL_VERSION, Revision::MODERN.as_str());
    if let Some(client) = client {
        meta.set(CLIENT_INFO, client);
    }
    match capabilities {
        Some(capabilities) => meta.set(CLIENT_CAPABILITIES, capabilities),
        None => meta.set(CLIENT_CAPABILITIES, &Members::new()),
    }
    meta
}

/// Takes out of `params._meta` what only modern peers read; other keys stay. `_meta` vanishes when nothing is left.
pub fn strip_envelope(params: &mut Members) {
    let mut meta = of(params);
    for key in [PROTOCOL_VERSION, CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL] {
        meta.remove(key);
    }
    if meta.is_empty() {
        params.remove("_meta");
    } else {
        params.set("_meta", &meta);
    }
}

/// Longest name with version that is kept of an implementation, in characters.
const IMPLEMENTATION_CHARS_MAX: usize = 100;

/// `name version` of an implementation object (`clientInfo`, `serverInfo`), cut to 100 characters.
#[must_use]
pub fn implementation(raw: &RawValue) -> Option<String> {
    let members = View::open(raw).ok()?;
    let name = members.text("name")?;
    let version = members.text("version").unwrap_or_default();
    let mut told = format!("{name} {version}");
    let end = told.char_indices().nth(IMPLEMENTATION_CHARS_MAX).map_or(told.len(), |(at, _)| at);
    told.truncate(told.get(..end).unwrap_or_default().trim_end().len());
    Some(told)
}
