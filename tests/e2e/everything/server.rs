//! What the SDK calls: each request goes to the file that knows its answer.

use std::borrow::Cow;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CancelTaskParams, ClientCapabilities, CompleteRequestParams,
        CompleteResult, GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, Implementation,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, RequestStateCodec, ServerCapabilities,
        ServerConfig, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool,
        UnsubscribeRequestParams, UpdateTaskParams,
    },
    service::{RequestContext, SubscriptionContext},
    task_manager::TaskManager,
};
use serde_json::json;
use tokio::sync::broadcast;

use crate::{
    content, documents, jobs,
    made::{cacheable, text},
    questions, rounds, telling, tools,
};

/// Seals what is remembered between rounds; nothing here is worth a better one.
const STATE_KEY: &[u8; 32] = b"a key that is known to everybody";
/// Changes that a slow listener may fall behind.
const CHANGES_MAX: usize = 16;

type Call = RequestContext<RoleServer>;

#[derive(Debug, Clone, Copy)]
enum List {
    Tools,
    Prompts,
}

/// One for all sessions and requests.
#[derive(Clone)]
pub(crate) struct Everything {
    changes: broadcast::Sender<List>,
    states: RequestStateCodec,
    tasks: TaskManager,
}

impl Everything {
    pub(crate) fn new() -> Self {
        Self {
            changes: broadcast::channel(CHANGES_MAX).0,
            states: RequestStateCodec::new_unchecked(*STATE_KEY),
            tasks: TaskManager::new(),
        }
    }

    /// Says that a list changed, to whom this revision lets it be said.
    async fn announce(&self, list: List, call: &Call) {
        // Nobody may be there to hear it.
        let _ = self.changes.send(list);
        if call.protocol_version().is_some_and(|version| version < ProtocolVersion::V_2026_07_28) {
            let _ = match list {
                List::Tools => call.peer.notify_tool_list_changed().await,
                List::Prompts => call.peer.notify_prompt_list_changed().await,
            };
        }
    }

    /// The tools that are about no more than one thing.
    async fn other(&self, request: &CallToolRequestParams, call: &Call) -> Result<CallToolResponse, ErrorData> {
        let result = match request.name.as_ref() {
            "test_trigger_tool_change" => {
                self.announce(List::Tools, call).await;
                text("It is said that the tools changed.")
            }
            "test_trigger_prompt_change" => {
                self.announce(List::Prompts, call).await;
                text("It is said that the prompts changed.")
            }
            "test_missing_capability" if declared(call).sampling.is_none() => {
                let required = ClientCapabilities::builder().enable_sampling().build();
                Err(ErrorData::missing_required_client_capability(required))
            }
            "test_missing_capability" => text("The client can sample."),
            "test_x_mcp_header" | "json_schema_2020_12_tool" => text(json!(request.arguments).to_string()),
            other => Err(ErrorData::invalid_params(format!("there is no tool `{other}`"), None)),
        };
        result.map(Into::into)
    }
}

/// What the client can be asked.
fn declared(call: &Call) -> ClientCapabilities {
    call.client_capabilities().unwrap_or_default()
}

impl ServerHandler for Everything {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_completions()
            .enable_logging()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_resources_list_changed()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_tasks()
            .build();
        ServerConfig::new(capabilities).with_server_info(Implementation::new("everything-rmcp", "1.0.0"))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::all().into_iter().find(|tool| tool.name == Cow::Borrowed(name))
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: Call) -> Result<ListToolsResult, ErrorData> {
        cacheable(json!({"tools": tools::all()}))
    }

    async fn call_tool(&self, request: CallToolRequestParams, call: Call) -> Result<CallToolResponse, ErrorData> {
        let (name, declared) = (request.name.as_ref(), declared(&call));
        if let Some(result) = content::answer(name) {
            return result.map(Into::into);
        }
        if let Some(result) = telling::tell(name, &call).await {
            return result.map(Into::into);
        }
        if let Some(result) = questions::ask(&request, &call).await {
            return result;
        }
        if let Some(result) = rounds::round(&request, &declared, &self.states) {
            return result;
        }
        if let Some(result) = jobs::run(&request, &declared, &self.tasks).await {
            return result;
        }
        self.other(&request, &call).await
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Call,
    ) -> Result<ListResourcesResult, ErrorData> {
        documents::resources()
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Call,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        documents::templates()
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: Call,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Ok(documents::read(&request.uri)?.into())
    }

    /// No scenario changes a resource.
    async fn subscribe(&self, _: SubscribeRequestParams, _: Call) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Call) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn list_prompts(&self, _: Option<PaginatedRequestParams>, _: Call) -> Result<ListPromptsResult, ErrorData> {
        documents::prompts()
    }

    async fn get_prompt(&self, request: GetPromptRequestParams, _: Call) -> Result<GetPromptResponse, ErrorData> {
        documents::prompt(&request)
    }

    async fn complete(&self, request: CompleteRequestParams, _: Call) -> Result<CompleteResult, ErrorData> {
        documents::completed(&request)
    }

    /// Every level is sent.
    async fn set_level(&self, _: SetLevelRequestParams, _: Call) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, listener: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.changes.subscribe();
        loop {
            let change = tokio::select! {
                () = listener.cancelled() => return Ok(()),
                change = changes.recv() => change,
            };
            // What it did not ask for is refused by its sink; one that fell behind hears the next change.
            let _ = match change {
                Ok(List::Tools) => listener.sink().notify_tool_list_changed().await,
                Ok(List::Prompts) => listener.sink().notify_prompt_list_changed().await,
                Err(_) => Ok(()),
            };
        }
    }

    async fn get_task(&self, request: GetTaskParams, _: Call) -> Result<GetTaskResult, ErrorData> {
        Ok(GetTaskResult::new(self.tasks.get_task(&request.task_id)?))
    }

    async fn update_task(&self, request: UpdateTaskParams, _: Call) -> Result<(), ErrorData> {
        self.tasks.update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(&self, request: CancelTaskParams, _: Call) -> Result<(), ErrorData> {
        self.tasks.cancel_task(&request.task_id)
    }
}
