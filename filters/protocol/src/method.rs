//! The methods of MCP the gateway knows by name, and what each acts on.

use crate::{Members, Request};

/// `server/discover` (modern).
pub const DISCOVER: &str = "server/discover";
/// `initialize` (legacy).
pub const INITIALIZE: &str = "initialize";
/// `notifications/initialized` (legacy).
pub const INITIALIZED: &str = "notifications/initialized";
/// `notifications/cancelled`.
pub const CANCELLED: &str = "notifications/cancelled";
/// `ping` (legacy).
pub const PING: &str = "ping";
/// `tools/list`.
pub const TOOLS_LIST: &str = "tools/list";
/// `tools/call`.
pub const TOOLS_CALL: &str = "tools/call";
/// `prompts/list`.
pub const PROMPTS_LIST: &str = "prompts/list";
/// `prompts/get`.
pub const PROMPTS_GET: &str = "prompts/get";
/// `resources/list`.
pub const RESOURCES_LIST: &str = "resources/list";
/// `resources/templates/list`.
pub const TEMPLATES_LIST: &str = "resources/templates/list";
/// `resources/read`.
pub const RESOURCES_READ: &str = "resources/read";
/// `completion/complete`.
pub const COMPLETE: &str = "completion/complete";
/// `subscriptions/listen` (modern).
pub const LISTEN: &str = "subscriptions/listen";
/// `notifications/subscriptions/acknowledged` (modern).
pub const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";
/// `notifications/tools/list_changed`.
pub const TOOLS_CHANGED: &str = "notifications/tools/list_changed";
/// `logging/setLevel` (legacy).
pub const SET_LEVEL: &str = "logging/setLevel";

/// `notifications/resources/updated`.
pub const RESOURCE_UPDATED: &str = "notifications/resources/updated";

/// Namespace of the methods about tasks.
pub const TASKS: &str = "tasks";

/// `notifications/tasks`: how a task is.
pub const TASK_CHANGED: &str = "notifications/tasks";
/// The member of a listen that names the tasks to hear of.
pub const TASK_IDS: &str = "taskIds";

/// `tasks/result` (2025-11-25).
pub const TASKS_RESULT: &str = "tasks/result";

/// Whether `method` is about one task, which `params.taskId` names (2025-11-25 tasks; the tasks extension).
#[must_use]
pub fn is_about_task(method: &str) -> bool {
    matches!(method, "tasks/get" | "tasks/update" | "tasks/cancel" | TASKS_RESULT)
}

/// The primitive a request acts on, by the name its sender uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Primitive {
    /// `tools/call`.
    Tool(String),
    /// `prompts/get`.
    Prompt(String),
    /// `resources/read`, by URI.
    Resource(String),
}

impl Primitive {
    /// Name or URI.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Resource(name) => name,
        }
    }

    /// What `request` acts on; none for methods that act on none. A `tools/call` without a text as name acts on the
    /// tool of the empty name, which nobody has.
    #[must_use]
    pub fn of(request: &Request) -> Option<Self> {
        let text = |name| request.params.read::<String>(name).unwrap_or_default();
        match request.method.as_str() {
            TOOLS_CALL => Some(Self::Tool(text("name"))),
            PROMPTS_GET => Some(Self::Prompt(text("name"))),
            RESOURCES_READ => Some(Self::Resource(text("uri"))),
            COMPLETE => Some(Self::completed(&request.params)),
            _ => None,
        }
    }

    /// What `name` stands for in the list that `list_method` asks for; none for methods that ask for no list.
    #[must_use]
    pub fn listed(list_method: &str, name: String) -> Option<Self> {
        match list_method {
            TOOLS_LIST => Some(Self::Tool(name)),
            PROMPTS_LIST => Some(Self::Prompt(name)),
            RESOURCES_LIST | TEMPLATES_LIST => Some(Self::Resource(name)),
            _ => None,
        }
    }

    /// What a `completion/complete` completes for: the prompt or resource template its `ref` names.
    fn completed(params: &Members) -> Self {
        let reference = params.object("ref").unwrap_or_default();
        match reference.read::<String>("uri") {
            Some(uri) => Self::Resource(uri),
            None => Self::Prompt(reference.read("name").unwrap_or_default()),
        }
    }
}

/// The member of `params` that `Mcp-Name` mirrors for `method` (2026-07-28 transports, required headers).
#[must_use]
pub fn named_by(method: &str) -> Option<&'static str> {
    match method {
        TOOLS_CALL | PROMPTS_GET => Some("name"),
        RESOURCES_READ => Some("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
        _ => None,
    }
}

/// The member of a list's result that holds the list, for the methods whose results are merged over servers.
#[must_use]
pub fn list_member(method: &str) -> Option<&'static str> {
    match method {
        TOOLS_LIST => Some("tools"),
        PROMPTS_LIST => Some("prompts"),
        RESOURCES_LIST => Some("resources"),
        TEMPLATES_LIST => Some("resourceTemplates"),
        _ => None,
    }
}

/// The parameters of a request that carries nothing but `meta`.
#[must_use]
pub fn params_with_meta(meta: &Members) -> Members {
    let mut params = Members::new();
    params.set("_meta", meta);
    params
}
