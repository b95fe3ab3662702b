//! The MCP clients mcpctl can connect to a project: how each is configured, one module per client.

pub(crate) mod claude;
pub(crate) mod secret_scan;
