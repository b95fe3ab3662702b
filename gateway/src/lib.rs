//! `mcp-gateway`, the data plane: MCP clients on one side, MCP servers on the other, filters in between.
//!
//! Read along the path of an exchange: [`edge`] reads a request and ties it to its connection, [`pipeline`] tells the
//! whole story, [`chain`] orders the filters, [`router`] knows whose name is meant, [`upstream`] reaches servers and
//! [`catalog`] answers for the gateway itself. Beside the path: [`settings`], [`server`], [`config`] into [`live`],
//! [`keys`], [`seal`], [`originals`], [`audit`], [`servers`], [`confine`], [`report`], [`admin`], [`metrics`], [`load`], [`drain`],
//! [`refusals`], [`tiers`], [`log`], [`access`], [`traces`], [`memory`].

pub mod access;
pub mod admin;
pub mod audit;
pub mod catalog;
pub mod chain;
pub mod config;
pub mod confine;
pub mod control_plane;
pub mod drain;
pub mod edge;
mod http_client;
pub mod keys;
pub mod live;
pub mod load;
pub mod log;
pub mod memory;
pub mod metrics;
pub mod originals;
pub mod pins;
pub mod pipeline;
pub mod record;
pub mod refusals;
pub mod relevance_tool;
pub mod report;
pub mod router;
pub mod seal;
pub mod sealing;
pub mod server;
pub mod servers;
pub mod settings;
pub mod tiers;
pub mod traces;
mod translation;
pub mod upstream;
pub mod wrap;
