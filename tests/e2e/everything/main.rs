//! `everything-rmcp`: the server of the conformance cells `rmcp`, on the official Rust SDK, on 127.0.0.1 and a free port. It
//! speaks 2026-07-28 and what came before at one address, and has everything that the scenarios call.
#![expect(deprecated, reason = "legacy clients are asked and told by means that 2026-07-28 deprecates")]

mod content;
mod documents;
mod jobs;
mod made;
mod questions;
mod rounds;
mod server;
mod telling;
mod tools;

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use e2e::mock;

#[tokio::main]
async fn main() -> ExitCode {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    match mock::serve_http(address, server::Everything::new()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => mock::explain("everything-rmcp", &error),
    }
}
