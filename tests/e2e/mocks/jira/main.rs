//! `mock-jira`: an MCP server in front of the synthetic Jira site, spoken through the official SDK. Its results have
//! the shape of the most used self-hosted Jira server: JSON text, and the same text as `structuredContent.result`.

mod answer;
mod store;
mod tools;

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;
use e2e::{
    jira_tickets::Site,
    mock::{self, FAULT_EXIT, Fault, Journal, Options},
};

/// Where the site stands when only its labels are asked for.
const EXAMPLE_URL: &str = "https://jira.example.test";

/// A demo Jira for MCP clients, with half a year of synthetic tickets.
///
/// Needs JIRA_URL and JIRA_API_TOKEN or JIRA_PERSONAL_TOKEN in its environment, as a real one does; the token may be
/// any text.
#[derive(Parser)]
#[command(name = "mock-jira", version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// With incidents: of the data platform, and others
    #[arg(long)]
    incidents: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = run(arguments.options, arguments.incidents).await;
    outcome.unwrap_or_else(|error| mock::explain("mock-jira", &error))
}

async fn run(options: Options, incidents: bool) -> anyhow::Result<ExitCode> {
    let generate = if incidents { Site::with_incidents } else { Site::generate };
    if options.print_labels {
        mock::print_labels(&generate(EXAMPLE_URL)?.labels(), std::io::stdout())?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.print_cases {
        mock::print_cases(&generate(EXAMPLE_URL)?.cases(), std::io::stdout().lock())?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.fault == Some(Fault::ExitAtStart) {
        return Ok(ExitCode::from(FAULT_EXIT));
    }
    let setting = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    let url =
        check_settings(setting("JIRA_URL"), setting("JIRA_API_TOKEN").or_else(|| setting("JIRA_PERSONAL_TOKEN")))?;
    let state_file = options.state_file.clone().or_else(|| std::env::var_os("MOCK_JIRA_STATE").map(Into::into));
    let journal = Journal::open(state_file.as_deref()).context("give --state-file a path that can be written")?;
    let store = store::Store::new(generate(&url)?, url, journal);
    mock::serve(&options, tools::JiraServer::new(store, options.fault)).await?;
    Ok(ExitCode::SUCCESS)
}

/// The address of the site. The token is looked at, never shown.
fn check_settings(url: Option<String>, token: Option<String>) -> anyhow::Result<String> {
    let Some(url) = url else {
        bail!("JIRA_URL is not set: set it to the address of your Jira, such as https://example.atlassian.net");
    };
    if !url.starts_with("https://") && !url.starts_with("http://") {
        bail!("JIRA_URL is `{url}`, which is no web address: it begins with https:// or http://");
    }
    if token.is_none() {
        bail!("JIRA_API_TOKEN is not set: set it to an API token of your Atlassian account");
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::check_settings;

    #[test]
    fn a_missing_setting_is_named() {
        let check = |url: Option<&str>, token: Option<&str>, says: &str| {
            let error = check_settings(url.map(Into::into), token.map(Into::into)).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        check(None, Some("t"), "JIRA_URL is not set");
        check(Some("jira"), Some("t"), "`jira`");
        check(Some("https://jira.example.test"), None, "JIRA_API_TOKEN is not set");
    }

    #[test]
    fn the_address_loses_its_last_slash() {
        let url = check_settings(Some("https://jira.example.test/".into()), Some("t".into())).unwrap();
        assert_eq!(url, "https://jira.example.test");
    }
}
