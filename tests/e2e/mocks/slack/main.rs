//! `mock-slack`: an MCP server in front of the synthetic Slack workspace, spoken through the official SDK. It stands
//! where a customer's Slack server would: behind the gateway, knowing nothing of it.

mod replies;
mod selection;
mod store;
mod tools;

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;
use e2e::{
    mock::{self, FAULT_EXIT, Fault, Journal, Options},
    slack_messages::Workspace,
};

/// Where the token is looked for: the names that the reference server and the most used one have for it.
const TOKEN_VARIABLES: [&str; 2] = ["SLACK_BOT_TOKEN", "SLACK_MCP_XOXB_TOKEN"];

/// A demo Slack for MCP clients, with five weeks of synthetic messages.
///
/// Needs SLACK_BOT_TOKEN or SLACK_MCP_XOXB_TOKEN in its environment, as real ones do; any value that begins with
/// `xoxb-` will do.
#[derive(Parser)]
#[command(name = "mock-slack", version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// With one more channel, in which Airflow and dbt report
    #[arg(long)]
    alerts: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = run(arguments.options, arguments.alerts).await;
    outcome.unwrap_or_else(|error| mock::explain("mock-slack", &error))
}

async fn run(options: Options, alerts: bool) -> anyhow::Result<ExitCode> {
    let workspace = if alerts { Workspace::with_alerts()? } else { Workspace::generate()? };
    if options.print_labels {
        mock::print_labels(&workspace.labels(), std::io::stdout())?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.print_cases {
        mock::print_cases(&workspace.cases(), std::io::stdout().lock())?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.fault == Some(Fault::ExitAtStart) {
        return Ok(ExitCode::from(FAULT_EXIT));
    }
    let token = TOKEN_VARIABLES.iter().find_map(|name| std::env::var(name).ok());
    check_token(token.as_deref())?;
    let state_file = options.state_file.clone().or_else(|| std::env::var_os("MOCK_SLACK_STATE").map(Into::into));
    let journal = Journal::open(state_file.as_deref()).context("give --state-file a path that can be written")?;
    let server = tools::SlackServer::new(store::Store::new(workspace, journal), options.fault);
    mock::serve(&options, server).await?;
    Ok(ExitCode::SUCCESS)
}

/// The value is looked at, never shown: an error text ends up in logs.
fn check_token(token: Option<&str>) -> anyhow::Result<()> {
    match token {
        None | Some("") => bail!("SLACK_BOT_TOKEN is not set: set it to the bot token of your Slack app (xoxb-…)"),
        Some(token) if !token.starts_with("xoxb-") => {
            bail!("SLACK_BOT_TOKEN is not a bot token: bot tokens begin with `xoxb-`")
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check_token;

    #[test]
    fn a_missing_or_wrong_token_is_explained_and_never_shown() {
        let check = |token: Option<&str>, says: &str| {
            let error = check_token(token).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("SLACK_BOT_TOKEN"), "{error}");
            assert!(!error.contains("swordfish"), "{error}");
        };
        check(None, "is not set");
        check(Some(""), "is not set");
        check(Some("swordfish"), "begin with `xoxb-`");
        assert!(check_token(Some("xoxb-swordfish")).is_ok());
    }
}
