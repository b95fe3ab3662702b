//! mcpctl: the admin CLI of the control plane and the stdio bridge clients start.
//!
//! Reads the command line, runs one command, prints what failed, and turns it into an exit code. Everything a command
//! needs to know about the world is in [`Invocation`].

mod args;
mod bridge;
mod browser;
mod catalogue;
mod client;
mod clients;
mod commands;
mod credentials;
mod data_plane;
mod failure;
mod given;
mod grants;
mod home;
mod manifest;
mod output;
mod pause;
mod processes;
mod prompt;
mod registry;
mod suggest;
mod weights;

use args::{Cli, Command, Global};
use clap::{CommandFactory as _, FromArgMatches as _};
use client::Client;
use failure::Failure;
use home::Home;
use output::Output;
use std::{env, io, process::ExitCode};
use tracing_subscriber::EnvFilter;
use url::Url;

/// What every command gets: where things are and where results go.
pub(crate) struct Invocation {
    /// The directory with mcpctl's own files.
    pub home: Home,
    /// The printer.
    pub output: Output,
    /// The control plane named on the command line or in the environment.
    pub server: Option<Url>,
    /// Whether to say more.
    pub verbose: bool,
}

impl Invocation {
    /// A client of the control plane.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.home, self.server.as_ref())
    }
}

fn main() -> ExitCode {
    if env::args_os().len() == 1 {
        // Not left to clap: to it a variable in the environment is an argument.
        let _ = Cli::command().print_help();
        return ExitCode::SUCCESS;
    }
    let plain = env::args_os().any(|arg| arg == "--no-color");
    let choice = if plain { clap::ColorChoice::Never } else { clap::ColorChoice::Auto };
    let parsed = Cli::command().color(choice).try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let output = Output::new(cli.global.format, cli.global.quiet, cli.global.no_color);
    match run(cli, output) {
        Ok(code) => code,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.status.exit_code())
        }
    }
}

fn run(cli: Cli, output: Output) -> Result<ExitCode, Failure> {
    log_to_stderr(&cli.global);
    let Global { server, home, verbose, .. } = cli.global;
    if let Command::Completion { shell } = cli.command {
        return commands::completion::run(shell, output);
    }
    let invocation = Invocation { home: Home::open(home.as_deref())?, output, server, verbose: verbose > 0 };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let result = runtime.block_on(Box::pin(commands::run(cli.command, &invocation)));
    // A thread may still wait for a line on stdin, which nobody will read.
    runtime.shutdown_background();
    result
}

/// Logs go to stderr: nothing by default, requests with `-v`, everything with `-vv`, or what MCPCTL_LOG asks for.
fn log_to_stderr(global: &Global) {
    let default = match global.verbose {
        0 => "error,mcpctl=warn",
        1 => "mcpctl=debug",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("MCPCTL_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false);
    // Fails only when logging is set up already.
    let _ = subscriber.try_init();
}
