//! The tools of the demo Slack, and the faults that strike before them. Unknown arguments are refused, as strict
//! servers do: what a gateway adds for itself must not arrive here.

use std::sync::Arc;

use e2e::{mock::Fault, slack_messages::Message};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::{
        router::tool::ToolRouter,
        tool::ToolCallContext,
        wrapper::{Json, Parameters},
    },
    model::{CallToolRequestParams, CallToolResponse},
    schemars::{self, JsonSchema},
    service::RequestContext,
    tool, tool_handler, tool_router,
};
use serde::Deserialize;

use crate::{
    replies::{Channels, Done, Matches, Members, Messages, Posted, ResponseMetadata, SlackError},
    selection::{MESSAGES_MAX, Selection},
    store::Store,
};

const MATCHES_DEFAULT: usize = 20;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Search {
    /// Words that must all occur, upper and lower case alike.
    query: String,
    /// At most this many messages; 20 when absent.
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Thread {
    /// Channel id or name.
    channel: String,
    /// `ts` of the message the thread hangs from.
    thread_ts: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Post {
    /// Channel id or name.
    channel: String,
    /// What to say.
    text: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct React {
    /// Channel id or name.
    channel: String,
    /// `ts` of the message.
    ts: String,
    /// Name of the emoji, without colons.
    name: String,
}

/// One per connection; all share the store.
#[derive(Clone)]
pub(crate) struct SlackServer {
    store: Arc<Store>,
    fault: Option<Fault>,
    router: ToolRouter<Self>,
}

#[tool_router(router = tools)]
impl SlackServer {
    pub(crate) fn new(store: Store, fault: Option<Fault>) -> Self {
        Self { store: Arc::new(store), fault, router: Self::tools() }
    }

    #[tool(
        name = "slack_list_channels",
        description = "List the channels of the workspace with their purpose",
        annotations(title = "List channels", read_only_hint = true, open_world_hint = false)
    )]
    fn list_channels(&self, Parameters(Nothing {}): Parameters<Nothing>) -> Json<Channels> {
        Json(Channels { ok: true, channels: self.store.workspace().channels.clone() })
    }

    #[tool(
        name = "slack_get_messages",
        description = "Get messages of one channel or of all channels, newest first, optionally of a span of time",
        annotations(title = "Get messages", read_only_hint = true, open_world_hint = false)
    )]
    fn get_messages(&self, Parameters(selection): Parameters<Selection>) -> Result<Json<Messages>, String> {
        let channel = selection.channel.as_deref().map(|wanted| self.store.channel_id(wanted)).transpose()?;
        Ok(Json(selection.page(&self.store.workspace().messages, channel.as_deref())?))
    }

    #[tool(
        name = "slack_search_messages",
        description = "Search messages of all channels for words, newest first",
        annotations(title = "Search messages", read_only_hint = true, open_world_hint = false)
    )]
    fn search_messages(&self, Parameters(search): Parameters<Search>) -> Result<Json<Matches>, String> {
        let limit = search.limit.unwrap_or(MATCHES_DEFAULT);
        if !(1..=MESSAGES_MAX).contains(&limit) {
            return Err(SlackError::Limit { given: limit, max: MESSAGES_MAX }.into());
        }
        let query = search.query.to_lowercase();
        let mut matches: Vec<Message> = self.store.workspace().messages.clone();
        matches.retain(|message| {
            let text = message.text.to_lowercase();
            query.split_whitespace().all(|word| text.contains(word))
        });
        let total = matches.len();
        matches.truncate(limit);
        Ok(Json(Matches { ok: true, total, matches }))
    }

    #[tool(
        name = "slack_get_thread",
        description = "Get a thread: the message it hangs from and the replies, oldest first",
        annotations(title = "Get thread", read_only_hint = true, open_world_hint = false)
    )]
    fn get_thread(&self, Parameters(thread): Parameters<Thread>) -> Result<Json<Messages>, String> {
        let channel = self.store.channel_id(&thread.channel)?;
        let belongs = |message: &&Message| {
            message.channel == channel
                && (message.ts == thread.thread_ts || message.thread_ts.as_ref() == Some(&thread.thread_ts))
        };
        let workspace = self.store.workspace();
        let messages: Vec<Message> = workspace.messages.iter().rev().filter(belongs).cloned().collect();
        if messages.is_empty() {
            return Err(SlackError::MessageNotFound(thread.thread_ts).into());
        }
        Ok(Json(Messages { ok: true, messages, has_more: false, response_metadata: ResponseMetadata::default() }))
    }

    #[tool(
        name = "slack_get_users",
        description = "List the people of the workspace",
        annotations(title = "Get users", read_only_hint = true, open_world_hint = false)
    )]
    fn get_users(&self, Parameters(Nothing {}): Parameters<Nothing>) -> Json<Members> {
        Json(Members { ok: true, members: self.store.workspace().users.clone() })
    }

    #[tool(
        name = "slack_post_message",
        description = "Post a message to a channel",
        annotations(title = "Post message", read_only_hint = false, destructive_hint = false, open_world_hint = false)
    )]
    fn post_message(&self, Parameters(post): Parameters<Post>) -> Result<Json<Posted>, String> {
        let message = self.store.post(&post.channel, &post.text)?;
        Ok(Json(Posted { ok: true, channel: message.channel.clone(), ts: message.ts.clone(), message }))
    }

    #[tool(
        name = "slack_add_reaction",
        description = "Add an emoji to a message",
        annotations(title = "Add reaction", read_only_hint = false, destructive_hint = false, open_world_hint = false)
    )]
    fn add_reaction(&self, Parameters(react): Parameters<React>) -> Result<Json<Done>, String> {
        self.store.react(&react.channel, &react.ts, &react.name)?;
        Ok(Json(Done { ok: true }))
    }
}

#[tool_handler(router = self.router, name = "mock-slack", instructions = "A demo Slack workspace with synthetic messages.")]
impl ServerHandler for SlackServer {
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Fault::strike_on_call(self.fault).await;
        self.router.call(ToolCallContext::new(self, request, context)).await
    }
}
