//! `_meta`: the keys the protocol reserves, and reading and writing them (2026-07-28 basic).

use crate::{Members, Revision, View};
use serde_json::value::RawValue;

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

/// `name version` of an implementation object (`clientInfo`, `serverInfo`), cut to 100 characters.
#[must_use]
pub fn implementation(raw: &RawValue) -> Option<String> {
    let members = View::open(raw).ok()?;
    let name = members.read::<String>("name")?;
    let version = members.read::<String>("version").unwrap_or_default();
    Some(format!("{name} {version}").trim_end().chars().take(100).collect())
}
