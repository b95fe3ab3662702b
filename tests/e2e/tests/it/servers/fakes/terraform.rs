//! The public registry of Terraform: modules, page by page, and the documentation of a provider; and what HCP Terraform needs
//! to make a workspace.

use super::{page, texts};
use crate::servers::site::{Asked, Reply};
use e2e::provider_docs::{Doc, PROVIDER, docs};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// The hosts it answers for.
pub(crate) const HOSTS: [&str; 2] = [REGISTRY, "app.terraform.io"];
/// The registry, which asks nobody who they are.
pub(crate) const REGISTRY: &str = "registry.terraform.io";
/// Modules on a page.
pub(crate) const PAGE: usize = 100;
const MODULES: usize = 300;

/// Whether the request changes nothing.
pub(crate) fn is_read(asked: &Asked) -> bool {
    asked.method == Method::GET
}

/// Answers as both.
pub(crate) fn answer() -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let modules: Vec<Value> = texts(MODULES, 17).iter().enumerate().map(|(index, text)| module(index, text)).collect();
    let docs = docs().unwrap();
    move |asked| of_provider(asked, &docs).unwrap_or_else(|| reply(asked, &modules))
}

fn reply(asked: &Asked, modules: &[Value]) -> Reply {
    match (&asked.method, asked.path.as_str()) {
        (&Method::GET, "/v1/modules/search") => {
            let start = asked.number("offset", 0);
            let (found, next) = page(modules, start, PAGE);
            Reply::json(
                &json!({"meta": {"limit": PAGE, "current_offset": start, "next_offset": next}, "modules": found}),
            )
        }
        (&Method::GET, "/api/v2/ping") => Reply::text(String::new()).with_status(StatusCode::NO_CONTENT),
        (&Method::POST, "/api/v2/organizations/acme/workspaces") => {
            let workspace = json!({"id": "ws-1", "type": "workspaces", "attributes": {"name": "made"}});
            Reply::api(&json!({"data": workspace})).with_status(StatusCode::CREATED)
        }
        _ => Reply::not_found(),
    }
}

/// What is asked of the provider, if anything is: its newest version, the list of its pages, or one of them.
fn of_provider(asked: &Asked, docs: &[Doc]) -> Option<Reply> {
    let (namespace, name, version) = PROVIDER;
    let newest = format!("/v1/providers/{namespace}/{name}");
    if let Some(id) = asked.path.strip_prefix("/v2/provider-docs/") {
        let doc = docs.iter().find(|doc| doc.id == id)?;
        let attributes = json!({"category": "resources", "language": "hcl", "slug": doc.slug, "title": doc.slug, "content": doc.content});
        return Some(Reply::json(&json!({"data": {"type": "provider-docs", "id": id, "attributes": attributes}})));
    }
    let entry = |doc: &Doc| json!({"id": doc.id, "title": doc.slug, "slug": doc.slug, "category": "resources", "language": "hcl"});
    let pages: Vec<Value> = match asked.path.strip_prefix(&newest)? {
        "" => Vec::new(),
        rest if rest.trim_start_matches('/') == version => docs.iter().map(entry).collect(),
        _ => return None,
    };
    Some(Reply::json(&json!({"namespace": namespace, "name": name, "version": version, "docs": pages})))
}

fn module(index: usize, text: &str) -> Value {
    json!({
        "id": format!("acme/m{index}/aws/1.0.0"), "owner": "ada", "namespace": "acme", "name": format!("m{index}"), "version": "1.0.0",
        "provider": "aws", "description": text.replace('\n', " "), "source": "https://github.com/acme/m", "tag": "v1.0.0",
        "published_at": "2026-11-01T09:00:00Z", "downloads": MODULES - index, "verified": true,
    })
}
