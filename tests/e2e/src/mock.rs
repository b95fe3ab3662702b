//! What every demo server has in common: its options, its faults on demand, its journal of writes, and serving MCP
//! over stdio or Streamable HTTP. It does not know what the servers offer.

mod fault;
mod http;
mod journal;

use std::{io::Write, net::SocketAddr, path::PathBuf, process::ExitCode};

use rmcp::{ServerHandler, ServiceExt, transport::stdio_pipes};

pub use fault::{FAULT_EXIT, Fault};
pub use journal::Journal;

use crate::{cases::Case, labels::Labels};

/// How clients reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Transport {
    /// Lines on standard input and output.
    Stdio,
    /// Streamable HTTP under `/mcp`.
    Http,
}

/// Options every demo server takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How clients reach the server
    #[arg(long, value_enum, default_value_t = Transport::Stdio)]
    pub transport: Transport,
    /// Address to listen on with `--transport http`; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// File to which every write is appended as one line of JSON
    #[arg(long, value_name = "PATH")]
    pub state_file: Option<PathBuf>,
    /// Print which records are about security, and about other things an agent may be asked for, as JSON, and exit
    #[arg(long)]
    pub print_labels: bool,
    /// Print the records and their labels as cases for a scorer, one a line, as JSON, and exit
    #[arg(long, conflicts_with = "print_labels")]
    pub print_cases: bool,
    /// Misbehave on purpose
    #[arg(long, env = "MOCK_FAULT", value_enum, hide = true)]
    pub fault: Option<Fault>,
    /// With `--transport http`: the bearer token every request must carry
    #[arg(long, env = "MOCK_BEARER", hide_env_values = true, hide = true)]
    pub bearer: Option<String>,
}

/// Why a demo server stops.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`, choose another with --listen")]
    Listen { address: SocketAddr, source: std::io::Error },
    /// The first exchange on stdio failed.
    #[error("the client did not begin as MCP wants")]
    Begin(#[from] Box<rmcp::service::ServerInitializeError>),
    /// The task that serves stdio was lost.
    #[error("serving ended early")]
    Ended(#[from] tokio::task::JoinError),
    /// Standard output is gone.
    #[error("cannot write to standard output")]
    Output(#[from] std::io::Error),
}

/// Serves `server` until its client goes (stdio) or the process is ended (HTTP).
pub async fn serve<S>(options: &Options, server: S) -> Result<(), ServeError>
where
    S: ServerHandler + Clone,
{
    match options.transport {
        Transport::Http => http::serve(options.listen, options.bearer.as_deref(), server).await,
        Transport::Stdio => {
            let running = server.serve(stdio_pipes()).await.map_err(Box::new)?;
            running.waiting().await?;
            Ok(())
        }
    }
}

/// Serves `server` at `address` over Streamable HTTP, to everybody, until the process is ended.
pub async fn serve_http<S>(address: SocketAddr, server: S) -> Result<(), ServeError>
where
    S: ServerHandler + Clone,
{
    http::serve(address, None, server).await
}

/// Says on standard error why the program `name` gives up, in one line; an `anyhow` error with its causes.
pub fn explain(name: &str, error: &impl std::fmt::Display) -> ExitCode {
    // Nobody is left to tell when standard error is gone too.
    writeln!(std::io::stderr(), "{name}: {error:#}").ok();
    ExitCode::FAILURE
}

/// Writes the labels to `output` as one line of JSON.
pub fn print_labels(labels: &Labels, mut output: impl Write) -> std::io::Result<()> {
    serde_json::to_writer(&mut output, labels)?;
    writeln!(output)
}

/// Writes the cases to `output`, one a line.
pub fn print_cases(cases: &[Case], mut output: impl Write) -> std::io::Result<()> {
    cases.iter().try_for_each(|case| {
        serde_json::to_writer(&mut output, case)?;
        writeln!(output)
    })
}
