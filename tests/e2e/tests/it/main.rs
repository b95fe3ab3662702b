//! The whole system with real processes: the CLI, the control plane, gateways, demo servers, and clients that other
//! people wrote. Nothing here imports our own crates: what a user can do is all a test can do.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says so by failing"
)]

mod built;
mod claude;
mod codex;
mod company;
mod connections;
mod disaster;
mod doctor;
mod documentation;
mod examples;
mod faults;
mod filter;
mod fleet;
mod gateways;
mod gemini;
mod http;
mod input;
mod instances;
mod laptop;
mod messages_api;
mod model;
mod monitoring;
mod more;
mod objects;
mod observed;
mod outage;
mod patience;
#[path = "../../../../control-plane/tests/it/postgres.rs"]
mod postgres;
mod programs;
mod protected;
mod python;
mod recovery;
mod responses_api;
mod revival;
mod said;
mod scripted;
mod security;
mod servers;
mod setup;
mod workflow;
mod world;
