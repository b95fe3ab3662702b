//! `mcp-gateway`: settings, log, run until told to stop; or one of the subcommands that serve no client.

use anyhow::{Context as _, Result};
use clap::Parser as _;
use futures::future::BoxFuture;
use gateway::{confine, log, memory, relevance_tool, server, settings::Settings, wrap};
use scrubber::Scrubber;
use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;
use tokio::signal::unix::{SignalKind, signal};

/// A record is made by one thread and freed by another, and the system's allocator has them wait for each other: a fifth of
/// the processor time of a call (`bench/README.md`). Without a thread of its own for the purpose: then it gives large pieces
/// back at once, so that what a noisy server said is gone with it.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

const ABOUT: &str = "The data plane of mcpctl: MCP clients on one side, MCP servers on the other";

/// What a gateway logs unless `MCP_GATEWAY_LOG` says otherwise, and what a subcommand does.
const LOG: &str = "info,pingora_core=warn";
const TOOL_LOG: &str = "error";
/// What a wrapped server writes to stderr is its container's log.
const WRAP_LOG: &str = "warn,gateway::wrap=info,gateway::upstream::stdio::stderr=debug";

#[derive(clap::Parser)]
#[command(name = "mcp-gateway", version, about = ABOUT)]
struct Program {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    tool: Option<Tool>,
}

#[derive(clap::Subcommand)]
enum Tool {
    /// Try and measure relevance filtering; what `mcpctl filter` and `mcpctl model` run
    #[command(subcommand)]
    Relevance(relevance_tool::Command),
    /// Serve one MCP server over HTTP that speaks stdio: what runs in containers
    Wrap(wrap::Wrap),
}

fn main() -> Result<ExitCode> {
    // Started by a gateway to confine a server. Before anything else: nothing in its environment is a setting.
    if let Some(asked) = confine::Asked::read(std::env::args_os()) {
        return Ok(confine::run(asked.map_err(anyhow::Error::msg)?));
    }
    let Program { settings, tool } = Program::parse();
    match tool {
        Some(Tool::Relevance(command)) => {
            log::start(settings.log_format, TOOL_LOG, Scrubber::default());
            Ok(relevance_tool::run(command, &settings))
        }
        Some(Tool::Wrap(command)) => {
            let scrubber = Scrubber::default();
            log::start(settings.log_format, WRAP_LOG, scrubber.clone());
            run(|stop| wrap::run(command, settings, scrubber, stop))
        }
        None => {
            let scrubber = Scrubber::default();
            log::start(settings.log_format, LOG, scrubber.clone());
            run(|stop| server::run(settings, scrubber, stop))
        }
    }
}

/// Runs what `serve` makes of the signal to stop.
fn run<F: Future<Output = Result<()>>>(serve: impl FnOnce(BoxFuture<'static, ()>) -> F) -> Result<ExitCode> {
    memory::keep_private().context("core dumps cannot be switched off")?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider is installed already"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be waited for")?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        };
        serve(Box::pin(stop)).await
    })?;
    Ok(ExitCode::SUCCESS)
}
