//! `docs/examples/weekly-reports.md`: the security part of a weekly report, from Slack and Jira.

use super::{
    example::{Example, Read, apply, set_up, writes},
    truth::Truth,
};
use crate::world::{JIRA_TOKEN, SLACK_TOKEN, World};
use e2e::{jira_tickets::Site, slack_messages::Workspace};
use serde_json::json;

/// The subject, and what belongs to it: a single word leaves it to chance which neighbours of the subject are kept.
const CONTEXT: &str = "security: vulnerabilities, attacks, phishing, leaked credentials, access rights, outages";

const OBJECTS: &str = "
kind: project
name: weekly_reports
spec:
  profiles: [slack-read-only, jira-read-only]
  relevance: {max_records: 40, deadline_ms: 10000}
";

fn example() -> Example {
    let slack = Workspace::generate().unwrap().labels();
    let jira = Site::generate("https://jira.example.test").unwrap().labels();
    Example {
        title: "weekly report",
        project: "weekly_reports",
        prompt: "Write the security part of my weekly report from Slack and Jira: incidents and vulnerabilities.",
        reads: vec![
            Read {
                tool: "slack_get_messages",
                arguments: json!({}),
                context: CONTEXT,
                truth: Truth::of("\"ts\":\"", &slack, &["security", "outages"]),
            },
            Read {
                tool: "jira_search",
                arguments: json!({"jql": "", "limit": 500}),
                context: CONTEXT,
                truth: Truth::of("\"key\":\"", &jira, &["security"]),
            },
        ],
        write: ("slack_post_message", json!({"channel": "general", "text": "The report is done."})),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weekly_report_is_made_of_what_is_about_security() {
    let world = World::with_model(None).await;
    set_up(&world, "slack", &[], SLACK_TOKEN).await;
    set_up(&world, "jira", &["--set", "JIRA_URL=https://jira.example.test"], JIRA_TOKEN).await;
    apply(&world, OBJECTS).await;

    for left in example().play(&world).await {
        let (records, relevant) =
            left.iter().fold((0, 0), |(all, good), one| (all + one.records(), good + one.relevant));
        assert!((60..100).contains(&records), "{records} of 1,712 records are left");
        assert!(
            relevant * 100 >= records * 95,
            "{relevant} of {records} are about security, incidents or vulnerabilities"
        );
    }
    assert_eq!((writes(&world, "slack"), writes(&world, "jira")), (String::new(), String::new()));
}
