//! `mock-github`: an MCP server in front of the Terraform code of the made-up company, spoken through the official SDK. Its
//! tools have the names, arguments and results of GitHub's own server, as far as there are any.

mod tools;

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;
use e2e::mock::{self, Journal, Options};

/// A demo GitHub for MCP clients, with the infrastructure code of a made-up company.
///
/// Needs GITHUB_PERSONAL_ACCESS_TOKEN in its environment, as the real one does; the token may be any text.
#[derive(Parser)]
#[command(name = "mock-github", version)]
struct Arguments {
    /// `stdio`, which the real one wants to be told
    #[arg(value_parser = ["stdio"])]
    served_over: Option<String>,
    #[command(flatten)]
    options: Options,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => mock::explain("mock-github", &error),
    }
}

async fn run(options: Options) -> anyhow::Result<()> {
    if std::env::var("GITHUB_PERSONAL_ACCESS_TOKEN").unwrap_or_default().is_empty() {
        bail!("GITHUB_PERSONAL_ACCESS_TOKEN is not set: set it to a personal access token");
    }
    let journal =
        Journal::open(options.state_file.as_deref()).context("give --state-file a path that can be written")?;
    mock::serve(&options, tools::GithubServer::new(journal)).await?;
    Ok(())
}
