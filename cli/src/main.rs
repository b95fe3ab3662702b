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
mod completion;
mod config;
mod credentials;
mod data_plane;
mod failure;
mod given;
mod grants;
mod home;
mod interrupt;
mod manifest;
mod output;
mod pause;
mod processes;
mod prompt;
mod registry;
mod suggest;
mod typed;
mod update;
mod weights;

use args::{Cli, Command};
use clap::{CommandFactory as _, FromArgMatches as _};
use client::{Client, Wire};
use config::Settings;
use control_plane_api::secret::Secret;
use failure::{Failure, Status};
use home::Home;
use output::Output;
use std::{env, io, process::ExitCode, time::Instant};
use tracing_subscriber::EnvFilter;
use url::Url;

/// What every command gets: where things are and where results go.
pub(crate) struct Invocation {
    /// The directory with mcpctl's own files.
    pub home: Home,
    /// The printer.
    pub output: Output,
    /// The control plane that was named: on the command line, in the environment, by a context, in a file.
    pub server: Option<Url>,
    /// Whether to say more.
    pub verbose: bool,
    /// What is set, and by what.
    pub settings: Settings,
    /// How requests to the control plane are made.
    pub wire: Wire,
    /// The context that was named on the command line.
    pub context: Option<String>,
}

impl Invocation {
    /// The control plane that is meant.
    pub(crate) fn base(&self) -> Result<Url, Failure> {
        self.server.clone().map_or_else(|| self.home.api_url(), Ok)
    }

    /// A client of the control plane.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.home, self.base()?, &self.wire)
    }

    /// The same with `token`, which was just typed.
    pub(crate) fn client_with(&self, token: &Secret) -> Result<Client, Failure> {
        Client::with_token(self.base()?, token, &self.wire)
    }

    /// The same for who has no token yet.
    pub(crate) fn stranger(&self) -> Result<Client, Failure> {
        self.client_with(&Secret::new(String::new()))
    }
}

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(typed::crashed));
    match completion::answer() {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(_) => return ExitCode::FAILURE,
    }
    if env::args_os().len() == 1 {
        // Not left to clap: to it a variable in the environment is an argument.
        let _ = Cli::command().print_help();
        return ExitCode::SUCCESS;
    }
    let parsed = Cli::command().color(typed::color()).try_get_matches();
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return typed::refused(&error),
    };
    let output = typed::output(&cli.global);
    match run(cli, output) {
        Ok(code) => code,
        Err(failure) => {
            if failure.status != Status::Ended {
                output.failure(&failure);
            }
            ExitCode::from(failure.status.exit_code())
        }
    }
}

fn run(cli: Cli, output: Output) -> Result<ExitCode, Failure> {
    log_to_stderr(cli.global.verbose);
    if cli.command.needs_no_settings() {
        return commands::run_alone(cli.command, output);
    }
    let invocation = invocation(cli.global, &cli.command)?;
    let _interrupts = match cli.command {
        // It ends in its own time.
        Command::McpStdio(_) => None,
        _ => interrupt::watch(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let result = runtime.block_on(Box::pin(async {
        let told = Box::pin(commands::run(cli.command, &invocation)).await;
        Box::pin(update::notice(&invocation)).await;
        told
    }));
    // A thread may still wait for a line on stdin, which nobody will read.
    runtime.shutdown_background();
    // Failures are printed as the settings want it, which only now are known.
    result.or_else(|failure| match failure.status {
        Status::Ended => Err(failure),
        status => {
            invocation.output.failure(&failure);
            Ok(ExitCode::from(status.exit_code()))
        }
    })
}

fn invocation(mut global: args::Global, command: &Command) -> Result<Invocation, Failure> {
    let home = Home::open(global.home.as_deref())?;
    if command.has_own_timeout() {
        global.timeout = None;
    }
    // Elsewhere `--context` is what is looked for, or the context that is to be changed.
    let context = match command {
        Command::Filter(_) => {
            global.context = None;
            None
        }
        Command::Config(command) if command.is_about_a_context() => global.context.take(),
        _ => global.context.clone(),
    };
    let settings = match command {
        // The bridge is told everything by who starts it.
        Command::McpStdio(_) => Settings::none(),
        // What is wrong in the file can be mended with it.
        Command::Config(command) if command.only_writes() => {
            Settings::load(&home, config::flags(&global)).unwrap_or_else(|_| Settings::none())
        }
        _ => Settings::load(&home, config::flags(&global))?,
    };
    let output = Output::new(settings.format(), global.quiet, settings.color())
        .paged(settings.pager())
        .muted(global.output_curl);
    settings.ignored().for_each(|line| output.warn(output::safe::line(&line)));
    let limit = settings.timeout();
    let wire = Wire {
        ca: settings.ca().map(std::path::Path::to_owned),
        each: limit.unwrap_or(Wire::EACH),
        until: limit.filter(|_| !command.is_long()).and_then(|limit| Instant::now().checked_add(limit)),
        retries: settings.retries(),
        verbose: global.verbose > 0,
        curl: global.output_curl,
        output,
    };
    let server = settings.server();
    Ok(Invocation { home, output, server, verbose: global.verbose > 0, settings, wire, context })
}

/// Logs go to stderr: nothing by default, everything with `-vv`, or what MCPCTL_LOG asks for. Requests with `-v` are told by
/// [`Wire`].
fn log_to_stderr(verbose: u8) {
    let default = match verbose {
        0 => "error,mcpctl=warn",
        1 => "warn,mcpctl=info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("MCPCTL_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false);
    // Fails only when logging is set up already.
    let _ = subscriber.try_init();
}
