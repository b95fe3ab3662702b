//! The tools by which users connect servers: the gateway's own, one for each server that wants a token of every user. A
//! client makes no call that would show its user the link as long as it knows of no tool to call.
//!
//! Who sees one is the catalog's affair, who may call it permissions', and what it answers `upstream/connect`'s.

use crate::servers::offer::Listed;
use control_plane_api::{
    name::Name,
    oauth::{OauthMode, OauthSettings},
    server::ServerSpec,
};
use protocol::{Members, method::Primitive};
use serde_json::json;

/// The names the tool for `server` may have, in the order in which they are tried; none where no user can connect it.
pub(super) fn names(server: &Name, spec: &ServerSpec) -> Vec<String> {
    let by_users = |oauth: &OauthSettings| oauth.mode == OauthMode::PerUser && oauth.connect_url.is_some();
    if !spec.oauth.as_ref().is_some_and(by_users) {
        return Vec::new();
    }
    let prefix = spec.prefix_for(server);
    let prefixed = (!prefix.is_empty()).then(|| format!("{prefix}_connect"));
    prefixed.into_iter().chain([format!("connect_{server}")]).collect()
}

/// The tool for `server`, called `name`.
pub(super) fn tool(server: &Name, name: &str) -> Listed {
    let description = format!(
        "Connect your account at {server}: gives the link to open. The tools of this server appear once you have connected."
    );
    let mut entry = Members::new();
    entry.set("name", name);
    entry.set("title", &format!("Connect {server}"));
    entry.set("description", &description);
    entry.set("inputSchema", &json!({"type": "object", "properties": {}, "additionalProperties": false}));
    entry.set("annotations", &json!({"readOnlyHint": false, "openWorldHint": true}));
    Listed::new(server, name.to_owned(), Primitive::Tool(name.to_owned()), entry.to_raw())
}
