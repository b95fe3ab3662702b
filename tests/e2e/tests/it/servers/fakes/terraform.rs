//! The public registry of Terraform, page by page, and what HCP Terraform needs to make a workspace.

use super::{page, texts};
use crate::servers::site::{Asked, Reply};
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
    move |asked| reply(asked, &modules)
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

fn module(index: usize, text: &str) -> Value {
    json!({
        "id": format!("acme/m{index}/aws/1.0.0"), "owner": "ada", "namespace": "acme", "name": format!("m{index}"), "version": "1.0.0",
        "provider": "aws", "description": text.replace('\n', " "), "source": "https://github.com/acme/m", "tag": "v1.0.0",
        "published_at": "2026-11-01T09:00:00Z", "downloads": MODULES - index, "verified": true,
    })
}
