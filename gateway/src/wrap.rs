//! `mcp-gateway wrap -- <command>`: one server that speaks stdio, served over HTTP. What runs in containers.
//!
//! It is the gateway's own upstream behind an edge without users, policy and audit: those are the gateway's that is in front
//! of it. Nothing is written to disk.

use crate::{
    confine::Confiner,
    edge::Wrapped,
    metrics::Metrics,
    server::{bind, serve},
    settings::Settings,
    upstream::{self, Endpoint, Tokens, stdio},
};
use anyhow::{Context as _, Result};
use control_plane_api::{
    limits::Limits,
    name::Name,
    sandbox::Sandbox,
    secret::Secret,
    server::{ServerSpec, Transport},
};
use scrubber::{Credential, Scrubber};
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

/// What the server is started with.
pub struct Means {
    /// Starts its process.
    pub confiner: Confiner,
    /// Learns what of the environment must not get into the log.
    pub scrubber: Scrubber,
}

/// Serves until `stop` resolves. `scrubber` is that of the log.
///
/// # Errors
/// An address in use, an environment that is too large.
pub async fn run(wrap: Wrap, settings: Settings, scrubber: Scrubber, stop: impl Future<Output = ()>) -> Result<()> {
    let listener = bind(wrap.listen, "--listen")?;
    // Nothing is confined strictly here, so no server has a directory of its own.
    let confiner = Confiner::probe(settings.confiner()?, env::temp_dir()).await;
    serve_on(listener, &wrap.command, Means { confiner, scrubber }, stop).await
}

/// The same on a `listener` that is there already.
///
/// # Errors
/// A listener that cannot be used, an environment that is too large.
pub async fn serve_on(
    listener: TcpListener,
    command: &[String],
    means: Means,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let address = listener.local_addr()?;
    let limits = Limits::default();
    let upstream = upstream::open(endpoint(command, means, limits.clone())?);
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
fn endpoint(command: &[String], Means { confiner, scrubber }: Means, limits: Limits) -> Result<Endpoint> {
    let passed_on: Vec<_> = stdio::passed_on().map(|(name, _)| name).collect();
    let own = env::vars_os().filter(|(name, _)| !passed_on.contains(name));
    let own = own.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let values: BTreeMap<String, Secret> = own.map(|(name, value)| (name, Secret::new(value))).collect();
    // Which of them are credentials, nobody says here.
    let credentials =
        values.iter().map(|(name, value)| Credential { name: name.as_str().into(), value: value.clone() });
    scrubber.replace(credentials.collect()).context("the environment cannot be kept out of the log")?;
    let mut words = command.iter().cloned();
    let transport = Transport::Stdio {
        command: words.next().unwrap_or_default(),
        args: words.collect(),
        env: BTreeMap::new(),
        sandbox: Sandbox::default(),
    };
    let name: Name = "server".parse()?;
    let (spec, tokens) = (ServerSpec::new(transport), Tokens::default().of(&name));
    Ok(Endpoint { name, spec, values, limits, tokens, scrubber, metrics: Metrics::new()?, confiner })
}
