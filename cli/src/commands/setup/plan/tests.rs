use super::*;
use clap::Parser as _;

fn plan(line: &[&str], values: Values) -> Result<Plan, Failure> {
    let words = ["mcpctl", "setup"].iter().chain(line);
    let crate::args::Command::Setup(args) = crate::args::Cli::try_parse_from(words).unwrap().command else {
        panic!("setup")
    };
    let definition = catalogue::find(args.server()).unwrap();
    let choice = definition.map(|definition| Choice::new(definition, args.variant.as_deref()).unwrap());
    Plan::new(&args, args.server().parse().unwrap(), choice.as_ref(), values, None)
}

fn secret(key: &str, value: &str) -> Values {
    let setting = Setting { value: Secret::new(value.to_owned()), secret: true, ..Setting::plain(key, "") };
    Values { env: vec![setting], ..Values::default() }
}

fn names(plan: &Plan) -> Vec<String> {
    plan.objects.iter().map(|object| object.reference().to_string()).collect()
}

fn server(plan: &Plan) -> ServerSpec {
    match &plan.objects[0] {
        Object::Server(server) => server.spec.clone(),
        other => panic!("{}", other.reference()),
    }
}

#[test]
fn a_server_of_the_catalogue_gets_its_classes_and_profiles_whatever_runs_it() {
    let plan =
        plan(&["slack", "--command", "/opt/slack", "--arg=--x"], secret("SLACK_MCP_XOXB_TOKEN", "xoxb-1")).unwrap();
    let profiles =
        ["read-only", "read-only-narrowed", "read-write", "full"].map(|suffix| format!("profile/slack-{suffix}"));
    assert_eq!(names(&plan), [vec!["server/slack".to_owned()], profiles.to_vec()].concat());
    assert_eq!(plan.secrets[0].name.as_str(), "slack-slack-mcp-xoxb-token");
    assert!(plan.is_probed);
    let json = serde_json::to_string(&plan.objects).unwrap();
    assert!(!json.contains("xoxb-1") && json.contains("slack_post_message") && json.contains("/opt/slack"));
}

#[test]
fn a_server_nobody_classed_gets_a_read_only_profile_only_when_told_what_reads() {
    assert_eq!(
        names(&plan(&["wiki", "--command", "w"], Values::default()).unwrap()),
        ["server/wiki", "profile/wiki-full"]
    );
    let classed = plan(&["wiki", "--command", "w", "--read-tool", "get_*"], Values::default()).unwrap();
    assert!(names(&classed).contains(&"profile/wiki-read-only".to_owned()));
}

#[test]
fn a_url_gets_its_bearer_as_a_secret() {
    let values = Values { bearer: Some(Secret::new("t0p".to_owned())), ..Values::default() };
    let found = plan(&["search", "--url", "https://s/mcp", "--bearer-stdin"], values).unwrap();
    assert_eq!(found.secrets[0].name.as_str(), "search-bearer");
    assert!(!serde_json::to_string(&found.objects).unwrap().contains("t0p"));
    assert!(plan(&["search", "--url", "https://s/mcp"], secret("X", "y")).is_err());
}

#[test]
fn a_server_is_told_to_keep_to_reading_unless_it_is_to_write() {
    let env = |line: &[&str]| match server(&plan(line, Values::default()).unwrap()).transport {
        Transport::Stdio { env, args, .. } => (env, args),
        Transport::Http { headers, .. } => (headers, Vec::new()),
    };
    let read_only = Value::Plain("true".to_owned());
    assert_eq!(env(&["jira"]).0.get("READ_ONLY_MODE"), Some(&read_only));
    assert_eq!(env(&["jira", "--access", "read-write"]).0.get("READ_ONLY_MODE"), None);
    assert_eq!(env(&["github", "--variant", "remote"]).0.get("X-MCP-Readonly"), Some(&read_only));
    assert!(env(&["kubernetes"]).1.contains(&"--read-only".to_owned()));
    assert!(!env(&["slack"]).0.contains_key("SLACK_MCP_ADD_MESSAGE_TOOL"));
    assert_eq!(env(&["slack", "--access", "read-write"]).0.get("SLACK_MCP_ADD_MESSAGE_TOOL"), Some(&read_only));
}

#[test]
fn a_remote_variant_is_a_url_and_needs_consent() {
    let jira = plan(&["jira", "--variant", "remote"], Values::default()).unwrap();
    assert!(matches!(server(&jira).transport, Transport::Http { ref url, .. } if url.contains("mcp.atlassian.com")));
    assert!(jira.oauth.is_some() && !jira.is_probed);
    let slack = plan(&["slack", "--variant", "remote"], Values::default()).err().unwrap();
    assert!(slack.message.contains("--client-id"), "{}", slack.message);
    let slack = plan(&["slack", "--variant", "remote", "--client-id", "1.2"], Values::default()).unwrap();
    assert_eq!(slack.oauth.unwrap().client_id.as_deref(), Some("1.2"));
    assert!(plan(&["slack", "--client-id", "1.2"], Values::default()).is_err());
}

#[test]
fn words_are_shown_as_a_shell_needs_them() {
    assert_eq!(quoted("slack-mcp-server@1.3.0"), "slack-mcp-server@1.3.0");
    assert_eq!(quoted("a b"), "'a b'");
    assert_eq!(quoted("it's"), "'it'\\''s'");
    assert_eq!(quoted(""), "''");
}
