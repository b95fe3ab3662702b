//! The tools of the demo Jira, and the faults that strike before them. Unknown arguments are refused, as strict
//! servers do: what a gateway adds for itself must not arrive here.

use std::sync::Arc;

use e2e::{
    jira_tickets::{PROJECTS, Ticket},
    jql::Query,
    mock::Fault,
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::{router::tool::ToolRouter, tool::ToolCallContext, wrapper::Parameters},
    model::{CallToolRequestParams, CallToolResponse, CallToolResult},
    schemars::{self, JsonSchema},
    service::RequestContext,
    tool, tool_handler, tool_router,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    answer,
    store::{JiraError, NewTicket, Store},
};

const ISSUES_DEFAULT: usize = 50;
/// Most issues one answer may hold.
const ISSUES_MAX: usize = 500;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Search {
    /// JQL, such as: project = SEC AND status = "In Progress" ORDER BY created DESC. Empty finds everything.
    #[serde(default)]
    jql: String,
    /// At most this many issues, 1 to 500; 50 when absent.
    #[serde(default)]
    limit: Option<usize>,
    /// How many of the found issues to skip.
    #[serde(default)]
    start_at: usize,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Issue {
    /// Key of the issue, such as PLAT-17.
    issue_key: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Create {
    /// Key of the project, such as WEB.
    project_key: String,
    summary: String,
    /// Such as Task, Bug, Story.
    issue_type: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    labels: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AddComment {
    /// Key of the issue.
    issue_key: String,
    body: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Transition {
    /// Key of the issue.
    issue_key: String,
    /// Name of the status to move it to.
    status: String,
}

/// One per connection; all share the store.
#[derive(Clone)]
pub(crate) struct JiraServer {
    store: Arc<Store>,
    fault: Option<Fault>,
    router: ToolRouter<Self>,
}

#[tool_router(router = tools)]
impl JiraServer {
    pub(crate) fn new(store: Store, fault: Option<Fault>) -> Self {
        Self { store: Arc::new(store), fault, router: Self::tools() }
    }

    #[tool(
        name = "jira_search",
        description = "Search issues with JQL (a subset; what cannot be read is refused)",
        annotations(title = "Search issues", read_only_hint = true, open_world_hint = false),
        output_schema = answer::schema()
    )]
    fn search(&self, Parameters(search): Parameters<Search>) -> Result<CallToolResult, String> {
        let limit = search.limit.unwrap_or(ISSUES_DEFAULT);
        if !(1..=ISSUES_MAX).contains(&limit) {
            return Err(JiraError::Limit { given: limit, max: ISSUES_MAX }.into());
        }
        let query = Query::parse(&search.jql).map_err(JiraError::from)?;
        let site = self.store.site();
        let found = query.select(&site.tickets);
        let page: Vec<&Ticket> = found.iter().skip(search.start_at).take(limit).copied().collect();
        Ok(answer::wrapped(&json!({
            "total": found.len(),
            "start_at": search.start_at,
            "max_results": limit,
            "issues": page,
        })))
    }

    #[tool(
        name = "jira_get_issue",
        description = "Get one issue with its comments",
        annotations(title = "Get issue", read_only_hint = true, open_world_hint = false),
        output_schema = answer::schema()
    )]
    fn get_issue(&self, Parameters(issue): Parameters<Issue>) -> Result<CallToolResult, String> {
        let site = self.store.site();
        let found = site.tickets.iter().find(|ticket| ticket.key.eq_ignore_ascii_case(&issue.issue_key));
        let ticket = found.ok_or(JiraError::IssueNotFound(issue.issue_key))?;
        let mut value = json!(ticket);
        if let Value::Object(fields) = &mut value {
            fields.insert("comments".into(), json!(ticket.comments));
        }
        Ok(answer::wrapped(&value))
    }

    #[tool(
        name = "jira_get_all_projects",
        description = "List all projects",
        annotations(title = "Get projects", read_only_hint = true, open_world_hint = false),
        output_schema = answer::schema()
    )]
    fn get_all_projects(&self, Parameters(Nothing {}): Parameters<Nothing>) -> CallToolResult {
        let numbered = PROJECTS.iter().zip(10_000..);
        let projects: Vec<Value> = numbered
            .map(|((key, name), id)| json!({"id": id.to_string(), "key": key, "name": name, "projectTypeKey": "software"}))
            .collect();
        answer::wrapped(&json!(projects))
    }

    #[tool(
        name = "jira_create_issue",
        description = "Create an issue",
        annotations(title = "Create issue", read_only_hint = false, destructive_hint = false, open_world_hint = false),
        output_schema = answer::schema()
    )]
    fn create_issue(&self, Parameters(create): Parameters<Create>) -> Result<CallToolResult, String> {
        let ticket = self.store.create(NewTicket {
            project_key: create.project_key,
            summary: create.summary,
            issue_type: create.issue_type,
            description: create.description,
            labels: create.labels,
        })?;
        Ok(answer::wrapped(&json!({"message": "Issue created successfully", "issue": ticket})))
    }

    #[tool(
        name = "jira_add_comment",
        description = "Add a comment to an issue",
        annotations(title = "Add comment", read_only_hint = false, destructive_hint = false, open_world_hint = false),
        output_schema = answer::schema()
    )]
    fn add_comment(&self, Parameters(comment): Parameters<AddComment>) -> Result<CallToolResult, String> {
        Ok(answer::wrapped(&json!(self.store.comment(&comment.issue_key, &comment.body)?)))
    }

    #[tool(
        name = "jira_transition_issue",
        description = "Move an issue to another status",
        annotations(title = "Transition issue", read_only_hint = false, destructive_hint = true, open_world_hint = false),
        output_schema = answer::schema()
    )]
    fn transition_issue(&self, Parameters(transition): Parameters<Transition>) -> Result<CallToolResult, String> {
        let ticket = self.store.transition(&transition.issue_key, &transition.status)?;
        Ok(answer::wrapped(&json!({"message": "Issue transitioned successfully", "issue": ticket})))
    }
}

#[tool_handler(router = self.router, name = "mock-jira", instructions = "A demo Jira site with synthetic tickets.")]
impl ServerHandler for JiraServer {
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Fault::strike_on_call(self.fault).await;
        self.router.call(ToolCallContext::new(self, request, context)).await
    }
}
