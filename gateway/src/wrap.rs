//! `mcp-gateway wrap -- <command>`: one server that speaks stdio, served over HTTP. What runs in containers.
//!
//! It is the gateway's own upstream behind an edge without users, policy and audit: those are the gateway's that is in front
//! of it. Nothing is written to disk.

use crate::{
    edge::Wrapped,
    metrics::Metrics,
    server::{bind, serve},
    upstream::{self, Endpoint, Tokens, stdio},
};
use anyhow::Result;
use control_plane_api::{
    limits::Limits,
    name::Name,
    server::{ServerSpec, Transport, Value},
};
use std::{
    collections::BTreeMap,
    env,
    net::{SocketAddr, TcpListener},
    time::Duration,
};
use tokio::sync::watch;

/// Time that running exchanges get to end when the process is told to stop. Less than engines wait.
const DRAIN: Duration = Duration::from_secs(3);

/// Serve one MCP server over HTTP.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  mcp-gateway wrap --listen 0.0.0.0:8080 -- npx -y @example/server --read-only")]
pub struct Wrap {
    /// Where it listens; its endpoint is `/mcp`, and `/healthz` says whether it is well.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// The server's command and arguments, behind `--`; there is no shell.
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// Serves until `stop` resolves.
///
/// # Errors
/// An address in use.
pub async fn run(wrap: Wrap, stop: impl Future<Output = ()>) -> Result<()> {
    serve_on(bind(wrap.listen, "--listen")?, &wrap.command, stop).await
}

/// The same on a `listener` that is there already.
///
/// # Errors
/// A listener that cannot be used.
pub async fn serve_on(listener: TcpListener, command: &[String], stop: impl Future<Output = ()>) -> Result<()> {
    let address = listener.local_addr()?;
    let limits = Limits::default();
    let upstream = upstream::open(endpoint(command, limits.clone())?);
    let (shutdown, watch) = watch::channel(false);
    let serving = serve("wrap", listener, Wrapped::new(upstream.clone(), limits), watch)?;
    tracing::info!(%address, command = command.first(), "server is served over HTTP");
    stop.await;
    shutdown.send_replace(true);
    let _ = tokio::time::timeout(DRAIN, serving).await;
    upstream.close().await;
    Ok(())
}

/// The server, with all of this process's environment: in a container that is the server's.
fn endpoint(command: &[String], limits: Limits) -> Result<Endpoint> {
    let passed_on: Vec<_> = stdio::passed_on().map(|(name, _)| name).collect();
    let own = env::vars_os().filter(|(name, _)| !passed_on.contains(name));
    let values: BTreeMap<String, String> =
        own.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
    let mut words = command.iter().cloned();
    let transport = Transport::Stdio {
        command: words.next().unwrap_or_default(),
        args: words.collect(),
        env: values.iter().map(|(name, value)| (name.clone(), Value::Plain(value.clone()))).collect(),
    };
    let name: Name = "server".parse()?;
    let (spec, tokens) = (ServerSpec::new(transport), Tokens::default().of(&name));
    Ok(Endpoint { name, spec, values, limits, tokens, metrics: Metrics::new()? })
}
