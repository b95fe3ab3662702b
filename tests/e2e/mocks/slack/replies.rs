//! What the tools answer: the shapes of Slack's Web API, and the errors by Slack's names.

use e2e::slack_messages::{Channel, Message, User};
use rmcp::schemars::{self, JsonSchema};
use serde::Serialize;

/// Why a tool cannot do what was asked. The model reads this, so each says what to do next.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SlackError {
    #[error("channel_not_found: there is no channel `{0}`; slack_list_channels names them all")]
    ChannelNotFound(String),
    #[error("message_not_found: there is no message `{0}` in that channel; use the `ts` of slack_get_messages")]
    MessageNotFound(String),
    #[error("invalid_time: cannot read `{0}`; write 2026-11-01, 2026-11-01T12:00:00Z or a message's `ts`")]
    Time(String),
    #[error("invalid_limit: `{given}` is not between 1 and {max}")]
    Limit { given: usize, max: usize },
    #[error("invalid_cursor: `{0}` is not a `next_cursor` of an earlier answer")]
    Cursor(String),
    #[error("no_text: the message is empty")]
    NoText,
    #[error("already_reacted: `{0}` is there from you already")]
    AlreadyReacted(String),
    #[error("the write was done but cannot be recorded: {0}")]
    Journal(#[from] std::io::Error),
}

impl From<SlackError> for String {
    fn from(error: SlackError) -> Self {
        error.to_string()
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Channels {
    pub(crate) ok: bool,
    pub(crate) channels: Vec<Channel>,
}

/// A page of messages, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Messages {
    pub(crate) ok: bool,
    pub(crate) messages: Vec<Message>,
    /// Whether older messages are left; `next_cursor` gets them.
    pub(crate) has_more: bool,
    pub(crate) response_metadata: ResponseMetadata,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct ResponseMetadata {
    /// Empty on the last page.
    pub(crate) next_cursor: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Matches {
    pub(crate) ok: bool,
    /// How many messages match, of which `matches` holds the newest.
    pub(crate) total: usize,
    pub(crate) matches: Vec<Message>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Members {
    pub(crate) ok: bool,
    pub(crate) members: Vec<User>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Posted {
    pub(crate) ok: bool,
    pub(crate) channel: String,
    pub(crate) ts: String,
    pub(crate) message: Message,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Done {
    pub(crate) ok: bool,
}
