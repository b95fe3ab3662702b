use super::*;
use crate::{
    args::{Color, Format},
    catalogue,
};
use clap::Parser as _;

fn gathered(line: &[&str], lack: Lack) -> Result<Vec<(String, String, bool)>, Failure> {
    let words = ["mcpctl", "setup"].iter().chain(line).chain(&["--non-interactive"]);
    let crate::args::Command::Setup(args) = crate::args::Cli::try_parse_from(words).unwrap().command else {
        panic!("setup")
    };
    let definition = catalogue::find(args.server()).unwrap();
    let choice = definition.map(|definition| Choice::new(definition, args.variant.as_deref()).unwrap());
    let values = gather(&args, choice.as_ref(), lack, Output::new(Format::Table, true, Color::Never))?;
    Ok(values.env.into_iter().map(|given| (given.key, given.value.expose().to_owned(), given.secret)).collect())
}

fn check(line: &[&str], expected: &[(&str, &str, bool)]) {
    let found = gathered(line, Lack::Named).unwrap();
    let expected: Vec<_> = expected.iter().map(|(k, v, s)| ((*k).to_owned(), (*v).to_owned(), *s)).collect();
    assert_eq!(found, expected, "{line:?}");
}

fn refused(line: &[&str]) -> Failure {
    gathered(line, Lack::Named).unwrap_err()
}

#[test]
fn a_token_goes_into_the_variable_of_its_kind() {
    check(&["slack", "--set", "SLACK_MCP_XOXP_TOKEN=xoxp-1"], &[("SLACK_MCP_XOXP_TOKEN", "xoxp-1", true)]);
    check(&["slack", "--set", "SLACK_BOT_TOKEN=xoxb-1"], &[("SLACK_MCP_XOXB_TOKEN", "xoxb-1", true)]);
    check(&["slack", "--set", "SLACK_MCP_XOXB_TOKEN=odd"], &[("SLACK_MCP_XOXB_TOKEN", "odd", true)]);
    let url = ("JIRA_URL", "https://j", false);
    check(
        &["jira", "--set", "JIRA_URL=https://j", "--set", "JIRA_TOKEN=t"],
        &[url, ("JIRA_PERSONAL_TOKEN", "t", true)],
    );
    check(
        &["jira", "--set", "JIRA_URL=https://j", "--set", "JIRA_USERNAME=a@b", "--set", "JIRA_TOKEN=t"],
        &[url, ("JIRA_USERNAME", "a@b", false), ("JIRA_API_TOKEN", "t", true)],
    );
    let host = ("AIRFLOW_MCP_HOST", "https://a", false);
    let line = ["airflow", "--set", "AIRFLOW_MCP_HOST=https://a", "--token", "t0p"];
    check(&line, &[host, ("AIRFLOW_MCP_TOKEN", "t0p", true)]);
    let user = ["--set", "AIRFLOW_MCP_USERNAME=ann"];
    check(
        &[&line[..], &user].concat(),
        &[host, ("AIRFLOW_MCP_USERNAME", "ann", false), ("AIRFLOW_MCP_PASSWORD", "t0p", true)],
    );
}

#[test]
fn a_secret_on_the_command_line_is_taken() {
    check(&["slack", "--secret", "SLACK_TOKEN=xoxp-1"], &[("SLACK_MCP_XOXP_TOKEN", "xoxp-1", true)]);
    check(&["slack", "--token=xoxb-1"], &[("SLACK_MCP_XOXB_TOKEN", "xoxb-1", true)]);
}

#[test]
fn everything_missing_is_named_at_once() {
    let failure = refused(&["jira"]);
    assert_eq!(failure.status, Status::Usage);
    assert!(failure.message.contains("JIRA_URL and JIRA_API_TOKEN"), "{}", failure.message);
    assert!(refused(&["wiki", "--command", "w", "--secret-env", "WIKI_T"]).message.contains("WIKI_T"));
    assert!(refused(&["filesystem"]).message.contains("directory"));
}

#[test]
fn where_nothing_will_run_something_stands_in() {
    let found = gathered(&["jira"], Lack::StoodIn).unwrap();
    let (names, secrets): (Vec<&str>, Vec<bool>) =
        found.iter().map(|(name, _, secret)| (name.as_str(), *secret)).unzip();
    assert_eq!((names, secrets), (vec!["JIRA_URL", "JIRA_PERSONAL_TOKEN"], vec![false, true]));
}

#[test]
fn what_is_not_an_input_is_refused_without_repeating_values() {
    let failure = refused(&["slack", "--set", "SLACK_MCP_XOXP_TOKN=xoxp-1"]);
    assert!(failure.hint.unwrap().contains("SLACK_MCP_XOXP_TOKEN"));
    assert!(!refused(&["slack", "--set", "xoxp-oops"]).message.contains("oops"));
    assert!(refused(&["slack", "--token-stdin", "--secret", "SLACK_TOKEN=-"]).message.contains("only once"));
    assert!(refused(&["slack", "--token="]).message.contains("empty"));
    let path = refused(&["filesystem", "--set", "directory=reports"]);
    assert!(path.message.contains("directory is not an absolute path"), "{}", path.message);
    assert!(refused(&["playwright", "--set", "browser=lynx"]).message.contains("none of chrome"));
}
