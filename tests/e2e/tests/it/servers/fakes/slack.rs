//! Slack's Web API: methods under `/api/`, parameters in the query, in a form or in JSON, pages by cursor.

use super::{NEEDLE, page, texts};
use crate::servers::site::{Asked, Reply};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

/// The hosts it answers for.
pub(crate) const HOSTS: [&str; 3] = ["slack.com", "*.slack.com", "edgeapi.slack.com"];
/// The channel with the messages.
pub(crate) const CHANNEL: &str = "C024BE91L";
/// Messages in it.
const MESSAGES: usize = 700;
/// People in the workspace.
const PEOPLE: usize = 450;
/// When the newest message was written.
const NEWEST: usize = 1_795_000_000;
/// Methods that change nothing.
const READS: [&str; 9] = [
    "auth.test",
    "client.userBoot",
    "conversations.history",
    "conversations.info",
    "conversations.list",
    "conversations.replies",
    "team.info",
    "usergroups.list",
    "users.list",
];

/// Whether the request changes nothing.
pub(crate) fn is_read(asked: &Asked) -> bool {
    READS.iter().any(|method| asked.path == format!("/api/{method}"))
}

/// Answers as a workspace.
pub(crate) fn answer() -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let messages = messages();
    let people = people();
    move |asked| Reply::json(&reply(asked, &messages, &people))
}

fn reply(asked: &Asked, messages: &[Value], people: &[Value]) -> Value {
    match asked.path.strip_prefix("/api/").unwrap_or_default() {
        "auth.test" => json!({
            "ok": true, "url": "https://acme.slack.com/", "team": "Acme", "user": "ada", "team_id": "T024ACME", "user_id": "U0000",
        }),
        "team.info" => json!({"ok": true, "team": {"id": "T024ACME", "name": "Acme", "domain": "acme"}}),
        "users.list" => listed(asked, "members", people, 1000),
        "client.userBoot" => json!({"ok": true, "ims": [], "channels": [channel()]}),
        "conversations.list" => listed(asked, "channels", &[channel()], 100),
        "conversations.info" => json!({"ok": true, "channel": channel()}),
        "conversations.history" if asked.param("channel").as_deref() == Some(CHANNEL) => {
            listed(asked, "messages", messages, 100)
        }
        "usergroups.list" => json!({"ok": true, "usergroups": []}),
        "chat.postMessage" => json!({
            "ok": true, "channel": CHANNEL, "ts": format!("{}.000900", NEWEST + 1), "message": {"text": asked.param("text")},
        }),
        "conversations.mark" => json!({"ok": true}),
        "conversations.join" => json!({"ok": true, "channel": channel()}),
        _ => json!({"ok": false, "error": "unknown_method"}),
    }
}

/// A page of a list, with the cursor of the next one.
fn listed(asked: &Asked, member: &str, all: &[Value], size: usize) -> Value {
    let cursor = asked.param("cursor").filter(|cursor| !cursor.is_empty());
    let start = cursor.map_or(0, |cursor| position(&cursor));
    let (items, next) = page(all, start, asked.number("limit", size).min(1000));
    let next_cursor = next.map(|next| BASE64_STANDARD.encode(format!("next:{next}"))).unwrap_or_default();
    json!({
        "ok": true, (member): items, "has_more": next.is_some(), "response_metadata": {"next_cursor": next_cursor},
    })
}

/// Where the page of a cursor begins; a cursor that was never given begins nowhere.
fn position(cursor: &str) -> usize {
    let plain = BASE64_STANDARD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    plain.and_then(|text| text.strip_prefix("next:")?.parse().ok()).unwrap_or(usize::MAX)
}

fn channel() -> Value {
    json!({
        "id": CHANNEL, "name": "warehouses", "name_normalized": "warehouses", "is_channel": true, "is_group": false, "is_im": false,
        "is_mpim": false, "is_private": false, "is_archived": false, "is_member": true, "num_members": PEOPLE,
        "created": 1_700_000_000, "creator": "U0000", "topic": {"value": "all of them"}, "purpose": {"value": "what stands where"},
    })
}

fn messages() -> Vec<Value> {
    let message = |(index, text): (usize, String)| {
        let ts = format!("{}.{:06}", NEWEST - 60 * index, index);
        json!({"type": "message", "user": format!("U{:04}", index % PEOPLE), "text": text, "ts": ts})
    };
    texts(MESSAGES, 123).into_iter().enumerate().map(message).collect()
}

fn people() -> Vec<Value> {
    let titles = ["Warehouse clerk", "Driver", "Buyer", "Accountant", "Web developer", "Customer care"];
    let person = |index: usize| {
        let (name, title) = (format!("person.{index}"), titles[index % titles.len()]);
        let title = if index == 77 { NEEDLE } else { title };
        let profile = json!({
            "real_name": format!("Person {index}"), "display_name": name, "email": format!("{name}@acme.test"), "title": title,
        });
        json!({
            "id": format!("U{index:04}"), "team_id": "T024ACME", "name": name, "deleted": false, "is_bot": false,
            "real_name": format!("Person {index}"), "tz": "Europe/Lisbon", "profile": profile,
        })
    };
    (0..PEOPLE).map(person).collect()
}
