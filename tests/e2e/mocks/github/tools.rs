//! The tools of the demo GitHub. Unknown arguments are refused, as strict servers do: what a gateway adds for itself must
//! not arrive here.

use std::sync::Arc;

use e2e::{
    estate::{Hit, PAGE_MAX, estate, search},
    mock::Journal,
};
use rmcp::{
    ServerHandler,
    handler::server::{router::tool::ToolRouter, wrapper::Parameters},
    schemars::{self, JsonSchema},
    tool, tool_handler, tool_router,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const PAGE_DEFAULT: usize = 30;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Search {
    /// Words that must all occur, and qualifiers such as `org:acme`.
    query: String,
    /// Results on a page, at most 100; 30 when absent.
    #[serde(default)]
    per_page: Option<usize>,
    /// Which page, from 1.
    #[serde(default)]
    page: Option<usize>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Write {
    owner: String,
    repo: String,
    path: String,
    content: String,
    message: String,
    branch: String,
}

/// One per connection; all share the code.
#[derive(Clone)]
pub(crate) struct GithubServer {
    hits: Arc<[Hit]>,
    journal: Arc<Journal>,
    router: ToolRouter<Self>,
}

#[tool_router(router = tools)]
impl GithubServer {
    pub(crate) fn new(journal: Journal) -> Self {
        Self { hits: estate().into(), journal: Arc::new(journal), router: Self::tools() }
    }

    #[tool(
        name = "search_code",
        description = "Search code in all repositories; every hit comes with the lines around it",
        annotations(title = "Search code", read_only_hint = true)
    )]
    fn search_code(&self, Parameters(asked): Parameters<Search>) -> String {
        let found = search(&self.hits, &asked.query);
        let size = asked.per_page.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
        let page = found.iter().skip(asked.page.unwrap_or(1).saturating_sub(1) * size).take(size);
        let items: Vec<Value> = page.map(|hit| item(hit)).collect();
        json!({"total_count": found.len(), "incomplete_results": false, "items": items}).to_string()
    }

    #[tool(
        name = "create_or_update_file",
        description = "Create or update a file",
        annotations(title = "Write a file", read_only_hint = false)
    )]
    fn create_or_update_file(&self, Parameters(write): Parameters<Write>) -> Result<String, String> {
        let written = json!({"content": {"path": &write.path}});
        let recorded = self.journal.record("create_or_update_file", &json!(write), &written);
        recorded.map_err(|error| format!("the write cannot be recorded: {error}"))?;
        Ok(written.to_string())
    }
}

/// A hit as the real server shows it.
fn item(hit: &Hit) -> Value {
    let name = hit.path.rsplit('/').next().unwrap_or_default();
    let matched = json!({
        "object_type": "FileContent", "property": "content", "fragment": hit.fragment,
        "matches": [{"text": "aws_s3_bucket", "indices": [0, 13]}],
    });
    json!({"name": name, "path": hit.path, "sha": hit.sha, "repository": hit.repository, "text_matches": [matched]})
}

#[tool_handler(router = self.router, name = "mock-github", instructions = "A demo GitHub with made-up infrastructure code.")]
impl ServerHandler for GithubServer {}
