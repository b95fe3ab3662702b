//! `mock-terraform`: an MCP server in front of a made-up documentation of a provider, spoken through the official SDK. Its
//! tools have the names, arguments and results of HashiCorp's own server, as far as there are any.

mod tools;

use std::process::ExitCode;

use clap::Parser;
use e2e::{
    mock::{self, Options},
    provider_docs::docs,
};

/// A demo Terraform registry for MCP clients: what a provider's documentation says about buckets.
#[derive(Parser)]
#[command(name = "mock-terraform", version)]
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
        Err(error) => mock::explain("mock-terraform", &error),
    }
}

async fn run(options: Options) -> anyhow::Result<()> {
    mock::serve(&options, tools::TerraformServer::new(docs()?)).await?;
    Ok(())
}
