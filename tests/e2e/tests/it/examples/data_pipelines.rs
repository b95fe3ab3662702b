//! `docs/examples/data-pipeline-monitoring.md`: what is broken or late, from the alerts of Airflow and dbt in Slack and the
//! incidents in Jira. Most alerts say that all is well, in much the same words.

use super::{
    example::{Example, Read, apply, set_up, writes},
    truth::Truth,
};
use crate::world::{JIRA_TOKEN, SLACK_TOKEN, World};
use e2e::{jira_tickets::Site, slack_messages::Workspace};
use serde_json::json;

/// What the alerts of failures say and the others do not: words that all of them share cannot tell them apart.
const IN_ALERTS: &str = "alerts of failure: red_circle, hourglass, test failed, stale";
const IN_INCIDENTS: &str = "failed DAG, broken dbt build, stale table, late data";

const OBJECTS: &str = "
kind: profile
name: alerts
spec: {server: slack, access: read-only, relevance: {max_records: 60, deadline_ms: 10000}}
---
kind: profile
name: incidents
spec: {server: jira, access: read-only, relevance: {max_records: 30, deadline_ms: 10000}}
---
kind: project
name: data_pipelines
spec: {profiles: [alerts, incidents]}
";

fn example() -> Example {
    let slack = Workspace::with_alerts().unwrap().labels();
    let jira = Site::with_incidents("https://jira.example.test").unwrap().labels();
    Example {
        title: "data-pipeline monitoring",
        project: "data_pipelines",
        prompt: "Which data pipelines failed or are late, what is the cause, and which incidents belong to them?",
        reads: vec![
            Read {
                tool: "slack_get_messages",
                arguments: json!({"limit": 2000}),
                context: IN_ALERTS,
                truth: Truth::of("\"ts\":\"", &slack, &["broken"]),
            },
            Read {
                tool: "jira_search",
                arguments: json!({"jql": "issuetype = Incident", "limit": 500}),
                context: IN_INCIDENTS,
                truth: Truth::of("\"key\":\"", &jira, &["broken"]),
            },
        ],
        write: (
            "jira_create_issue",
            json!({"project_key": "PLAT", "summary": "Pipelines are late", "issue_type": "Incident"}),
        ),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_alerts_of_data_pipelines_the_failures_are_left() {
    let world = World::with_model(None).await;
    set_up(&world, "slack", &["--arg=--alerts"], SLACK_TOKEN).await;
    let words = ["--arg=--incidents", "--set", "JIRA_URL=https://jira.example.test"];
    set_up(&world, "jira", &words, JIRA_TOKEN).await;
    apply(&world, OBJECTS).await;

    for left in example().play(&world).await {
        let [alerts, incidents] = &left[..] else { panic!("{} reads", left.len()) };
        assert!((40..=60).contains(&alerts.records()), "{} alerts", alerts.records());
        for (name, one) in [("alerts", alerts), ("incidents", incidents)] {
            assert!(one.relevant * 100 >= one.records() * 90, "{name}: {} of {}", one.relevant, one.records());
        }
        assert!(incidents.core * 100 >= incidents.core_all * 75, "{} of {}", incidents.core, incidents.core_all);
    }
    assert_eq!((writes(&world, "slack"), writes(&world, "jira")), (String::new(), String::new()));
}
