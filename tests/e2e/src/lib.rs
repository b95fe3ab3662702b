//! What the demo servers, the demo client and the whole-system tests share: the synthetic Slack workspace and Jira
//! site, the plumbing of a mock MCP server, and a client that starts from a `.mcp.json`. It knows nothing of the
//! gateway: servers and client speak MCP through the official SDK, so that our own reading of the protocol is never
//! checked against itself.

pub mod canary;
pub mod cases;
pub mod client;
pub mod estate;
pub mod jira_tickets;
pub mod jql;
pub mod labels;
pub mod mock;
pub mod phrasebook;
pub mod provider_docs;
pub mod random;
pub mod slack_messages;
