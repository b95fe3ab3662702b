//! `@modelcontextprotocol/server-slack`, archived, which passes Slack's JSON on and says nothing of what its tools do.

use super::{
    fakes::slack::{CHANNEL, HOSTS, answer, is_read},
    installed::Installed,
    records::{json_member, of_json},
    rig::{Driven, Setup, first, folder},
    site::Site,
};
use serde_json::{Value, json};

const TOKEN: &str = "xoxb-5528-Gh6Pd1Xs9CfJ4eUo";
const READS: [&str; 4] =
    ["slack_list_channels", "slack_get_channel_history", "slack_get_users", "slack_get_user_profile"];

fn next_cursor(text: &str) -> String {
    let text: Value = serde_json::from_str(text).unwrap();
    text["response_metadata"]["next_cursor"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_server_of_slack() {
    let Some(installed) = Installed::npm("@modelcontextprotocol/server-slack", "dist/index.js") else { return };
    let site = Site::instead_of(&HOSTS, &folder("slack-reference-site").await, answer()).await;
    let setup = Setup::of("slack-reference", &installed, &[])
        .secret(&["--secret-env", "SLACK_BOT_TOKEN", "--token-stdin"], TOKEN)
        .env("SLACK_TEAM_ID", "T024ACME")
        .words(&["--read-tool"])
        .words(&READS)
        .through(&site);
    let slack = Driven::start("slack-reference", installed, setup).await;

    slack.read("slack_list_channels", json!({}), "warehouses").await;
    let message = json!({"channel_id": CHANNEL, "text": "hello"});
    slack.refused("slack_post_message", message.clone()).await;

    let arguments = json!({"channel_id": CHANNEL, "limit": 300});
    let history =
        slack.filtered("slack_get_channel_history", arguments, "JSON", |text| of_json(text, "messages")).await;
    assert_eq!(next_cursor(history.text()), next_cursor(first(&history.all)));
    assert_eq!(json_member(history.text(), "has_more").as_deref(), Some("true"));

    let users = slack.filtered("slack_get_users", json!({"limit": 200}), "JSON", |text| of_json(text, "members")).await;
    let next = json!({"limit": 200, "cursor": next_cursor(users.text())});
    let next = of_json(&slack.next_page("slack_get_users", next, "`next_cursor`").await, "members");
    let all = of_json(first(&users.all), "members");
    assert!(next.len() == 200 && next.iter().all(|user| !all.contains(user)), "{}", next.len());

    assert_eq!(site.writes(is_read), Vec::<String>::new());
    slack.allowed("slack_post_message", message).await;
    assert_eq!(site.writes(is_read), ["POST /api/chat.postMessage"]);
    site.check_credential(&format!("Bearer {TOKEN}"), TOKEN);
    slack.finish(&[]).await;
}
