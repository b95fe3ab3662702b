//! mcpd, the control plane: REST API, configuration push, audit store.
//!
//! Reading order: [`server`] starts everything; [`http`] has every route on one page; `configure` changes objects;
//! `store` keeps them; `publish` notices the new revision and, through `compile`, hands each connected gateway what
//! it needs. `audit` takes in the logs of gateways. `identity` and `secrets` say who calls and what is never shown.
//! `instances` runs servers in containers. `oauth` obtains tokens
//! of upstream servers and `key_sets` the keys of issuers, both through `fetch`, the one door to URLs that others supply. The data path is deliberately unknown
//! here: no request of an MCP client ever passes through this process.

mod audit;
mod backup;
mod compile;
mod configure;
mod fetch;
mod home;
pub mod http;
mod identity;
mod instances;
mod key_sets;
mod listener;
pub mod log;
pub mod maintenance;
pub mod memory;
mod metrics;
mod oauth;
mod publish;
mod retention;
mod rollback;
mod secrets;
pub mod server;
pub mod settings;
mod store;

pub use backup::{BackupError, RestoreError};
pub use home::HomeError;
pub use identity::Access;
pub use rollback::RollbackError;
pub use secrets::MasterKeyError;
pub use server::{StartError, serve};
pub use store::OpenError;
