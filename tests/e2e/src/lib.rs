//! What the demo servers and the whole-system tests share: the synthetic Slack workspace and Jira site, and the
//! plumbing of a mock MCP server. It knows nothing of the gateway: the servers here speak MCP through the official
//! SDK, so that our own reading of the protocol is never checked against itself.

pub mod jira_tickets;
pub mod jql;
pub mod labels;
pub mod mock;
pub mod phrasebook;
pub mod random;
pub mod slack_messages;
