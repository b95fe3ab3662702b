//! The real binary from outside: what it prints, what it writes, how it ends, what it says on the wire.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what must hold and stop where it does not"
)]

mod audit;
mod bridge_batches;
mod bridge_legacy;
mod bridge_modern;
mod bridge_reopen;
mod bridge_resume;
mod claude;
mod client;
mod client_config;
mod completion;
mod config;
mod connection;
mod credentials;
mod daemon;
mod doctor;
mod filter;
mod gateway;
mod login;
mod manifest;
mod model;
mod objects;
mod policy;
mod refusals;
mod registry;
mod roles;
mod setup;
mod snapshots;
mod startup;
mod stub;
mod terminal;
mod test_connection;
mod tls;
mod tools;
mod topics;
mod update;
mod usage;
mod wire;
mod world;
