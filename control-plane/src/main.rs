//! The program `mcpd`: command line in, log and exit code out.

use anyhow::Context as _;
use clap::Parser as _;
use control_plane::{
    http, log, maintenance, memory, serve,
    server::{self, StartError},
    settings::{Command, CommandLine, DbCommand, Settings},
};
use serde_json::json;
use std::{
    io::{self, Write as _},
    process::ExitCode,
};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let line = CommandLine::parse();
    log::start(&line);
    memory::keep_private().context("core dumps cannot be switched off")?;
    let done = match line.command {
        None => run(&line.settings).await,
        Some(Command::Db(command)) => return Ok(database(&line.settings, &command).await),
        Some(Command::ResetAdminToken) => server::reset_admin_token(&line.settings).await,
        Some(Command::RotatePepper) => server::rotate_pepper(&line.settings).await,
        Some(Command::Openapi) => {
            let document = http::openapi::document(&http::routes()).to_pretty_json()?;
            writeln!(io::stdout(), "{document}")?;
            Ok(())
        }
    };
    Ok(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(hint = error.hint(), "{error}");
            ExitCode::FAILURE
        }
    })
}

/// What was done, or why nothing was, goes to standard output, as JSON.
async fn database(settings: &Settings, command: &DbCommand) -> ExitCode {
    let (said, code) = match Box::pin(maintenance::run(settings, command)).await {
        Ok(done) => (done, ExitCode::SUCCESS),
        Err(error) => (json!({"error": error.to_string(), "hint": error.hint()}), ExitCode::FAILURE),
    };
    match writeln!(io::stdout(), "{said:#}") {
        Ok(()) => code,
        Err(_) => ExitCode::FAILURE,
    }
}

async fn run(settings: &Settings) -> Result<(), StartError> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let listener = server::bind(settings).await?;
    serve(settings, listener, async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
    .await
}
