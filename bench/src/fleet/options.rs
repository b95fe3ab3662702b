//! What is simulated; every size has a default.

use clap::{Args, ValueEnum};
use serde::Serialize;
use std::path::PathBuf;

/// Sizes of the fleet and of the company behind it.
#[derive(Debug, Clone, Args, Serialize)]
pub struct Options {
    /// Gateways that follow the configuration.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub gateways: usize,
    /// Projects; each has three profiles, and the users are spread over them.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub projects: usize,
    /// Users, each a member of two projects; as many of them as there are gateways have a token.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub users: usize,
    /// Profiles, five for each server; each server needs a secret.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub profiles: usize,
    /// Changes of one object that are followed one by one, and then as many again as fast as mcpd takes them.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub changes: usize,
    /// Gateways that come back at once when mcpd was killed and is there again; 0 leaves this out.
    #[arg(long, default_value_t = 500, value_name = "N")]
    pub herd: usize,
    /// How long mcpd stays away, in milliseconds.
    #[arg(long, default_value_t = 10_000, value_name = "MS")]
    pub outage_ms: u64,
    /// Seed of whatever is chosen at random.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// The database behind mcpd.
    #[arg(long, value_enum, default_value_t)]
    pub database: Database,
    /// Longest wait for the whole fleet in one step, in seconds.
    #[arg(long, default_value_t = 900, value_name = "S")]
    pub patience_s: u64,
    /// The mcpd that is measured.
    #[arg(long, env = "MCPD", default_value = "target/release/mcpd", value_name = "FILE")]
    pub mcpd: PathBuf,
}

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Database {
    /// A cluster of its own in a temporary folder, durable as in production.
    #[default]
    Postgres,
    /// A file in the temporary home folder.
    Sqlite,
}
