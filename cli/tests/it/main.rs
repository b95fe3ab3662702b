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
mod connection;
mod credentials;
mod daemon;
mod filter;
mod gateway;
mod login;
mod manifest;
mod model;
mod policy;
mod stub;
mod tools;
mod usage;
mod world;
