//! The tools of the demo registry. Unknown arguments are refused, as strict servers do: what a gateway adds for itself must
//! not arrive here.

use std::sync::Arc;

use e2e::provider_docs::{Doc, PROVIDER};
use rmcp::{
    ServerHandler,
    handler::server::{router::tool::ToolRouter, wrapper::Parameters},
    schemars::{self, JsonSchema},
    tool, tool_handler, tool_router,
};
use serde::Deserialize;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Search {
    /// The provider, such as `aws`.
    provider_name: String,
    /// Who publishes it, such as `hashicorp`.
    provider_namespace: String,
    /// A part of the name of the resource, such as `s3_bucket`.
    service_slug: String,
    /// Only `resources` are here.
    #[serde(default)]
    provider_document_type: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Details {
    /// A `providerDocID` of `search_providers`.
    provider_doc_id: String,
}

/// One per connection; all share the pages.
#[derive(Clone)]
pub(crate) struct TerraformServer {
    docs: Arc<[Doc]>,
    router: ToolRouter<Self>,
}

#[tool_router(router = tools)]
impl TerraformServer {
    pub(crate) fn new(docs: Vec<Doc>) -> Self {
        Self { docs: docs.into(), router: Self::tools() }
    }

    #[tool(
        name = "search_providers",
        description = "Find pages of a provider's documentation by a part of the resource's name",
        annotations(title = "Search providers", read_only_hint = true)
    )]
    fn search_providers(&self, Parameters(asked): Parameters<Search>) -> Result<String, String> {
        let (namespace, name, version) = PROVIDER;
        if (asked.provider_namespace.as_str(), asked.provider_name.as_str()) != (namespace, name) {
            return Err(format!("there is only {namespace}/{name} here"));
        }
        let category = asked.provider_document_type.unwrap_or_else(|| "resources".to_owned());
        let page = |doc: &Doc| {
            let (id, slug, description) = (&doc.id, &doc.slug, &doc.description);
            format!(
                "- providerDocID: {id}\n- Title: {slug}\n- Category: {category}\n- Description: {description}\n---\n"
            )
        };
        let found = self.docs.iter().filter(|doc| doc.slug.contains(&asked.service_slug));
        let pages: String = found.map(page).collect();
        if pages.is_empty() {
            return Err(format!("no documentation found for `{}`", asked.service_slug));
        }
        Ok(format!(
            "Available Documentation (top matches) for {category} in Terraform provider {namespace}/{name} version: {version}\n\n---\n\n{pages}"
        ))
    }

    #[tool(
        name = "get_provider_details",
        description = "Get one page of a provider's documentation",
        annotations(title = "Get provider details", read_only_hint = true)
    )]
    fn get_provider_details(&self, Parameters(asked): Parameters<Details>) -> Result<String, String> {
        let doc = self.docs.iter().find(|doc| doc.id == asked.provider_doc_id);
        doc.map(|doc| doc.content.clone())
            .ok_or_else(|| format!("there is no page `{}`; search_providers finds their ids", asked.provider_doc_id))
    }
}

#[tool_handler(router = self.router, name = "mock-terraform", instructions = "A demo registry with made-up documentation.")]
impl ServerHandler for TerraformServer {}
