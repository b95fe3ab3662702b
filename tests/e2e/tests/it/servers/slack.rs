//! `slack-mcp-server`, which answers in CSV and has its cursor in the last cell of the last row.

use super::{
    fakes::slack::{CHANNEL, HOSTS, answer, is_read},
    installed::Installed,
    records::of_csv,
    rig::{Driven, Setup, folder},
    site::Site,
};
use serde_json::json;

const TOKEN: &str = "xoxp-7391-kWq3Zr8LmT5vYb2N";

#[tokio::test(flavor = "multi_thread")]
async fn slack_mcp_server() {
    let Some(installed) = Installed::npm("slack-mcp-server", "bin/index.js") else { return };
    let folder = folder("slack-site").await;
    let site = Site::instead_of(&HOSTS, &folder, answer()).await;
    let cache = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let setup = Setup::of("slack", &installed, &["--transport", "stdio"])
        .secret(&["--token-stdin"], TOKEN)
        .env("SLACK_MCP_PROXY", &site.url())
        .env("SLACK_MCP_SERVER_CA", site.authority())
        .env("SLACK_MCP_USERS_CACHE", &cache("users.json"))
        .env("SLACK_MCP_CHANNELS_CACHE", &cache("channels.json"))
        .env("SLACK_MCP_ADD_MESSAGE_TOOL", "true");
    let slack = Driven::start("slack", installed, setup).await;

    slack.read("channels_list", json!({"channel_types": "public_channel"}), "#warehouses").await;
    let message = json!({"channel_id": CHANNEL, "text": "hello"});
    slack.refused("conversations_add_message", message.clone()).await;
    slack.refused("conversations_join", json!({"channel_id": CHANNEL})).await;

    let history = "conversations_history";
    let arguments = json!({"channel_id": CHANNEL, "limit": "300"});
    let filtered = slack.filtered(history, arguments, "CSV", |text| of_csv(text).0).await;
    let (all, cursor) = of_csv(super::rig::first(&filtered.all));
    assert!(!cursor.is_empty() && of_csv(filtered.text()).1 == cursor, "{}", filtered.text());
    let next = json!({"channel_id": CHANNEL, "cursor": cursor});
    let (next, _) = of_csv(&slack.next_page(history, next, "the cursor of the last row").await);
    assert!(!next.is_empty() && next.iter().all(|row| !all.contains(row)), "{next:?}");

    assert_eq!(site.writes(is_read), Vec::<String>::new());
    slack.allowed("conversations_add_message", message).await;
    assert_eq!(site.writes(is_read), ["POST /api/chat.postMessage"]);
    site.check_parameter("token", TOKEN);
    slack.finish(&[]).await;
}
