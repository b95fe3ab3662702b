//! The MCP clients mcpctl can connect to a project: which there are, where their configuration is, and one entry in it.

mod edit;
mod entry;
mod json;
mod place;
pub(crate) mod secret_scan;
pub(crate) mod table;
mod toml;
mod yaml;

pub(crate) use edit::{Edit, Target};
pub(crate) use entry::{Values, command_of, project_of};

/// What our entry is called unless the user says otherwise.
pub(crate) const NAME: &str = "mcpctl-proxy";
