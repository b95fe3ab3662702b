//! Jira's REST API in both of its forms: Data Center (version 2, pages by `startAt`) and Cloud (version 3, pages by token).

use super::{page, texts};
use crate::servers::site::{Asked, Reply};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// The site in the cloud.
pub(crate) const CLOUD: &str = "acme.atlassian.net";
/// Tickets in the project.
pub(crate) const TICKETS: usize = 400;

/// Which of the two it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    DataCenter,
    Cloud,
}

/// Whether the request changes nothing. A search in the cloud is a POST.
pub(crate) fn is_read(asked: &Asked) -> bool {
    asked.method == Method::GET || asked.path.ends_with("/search/jql")
}

/// Answers as a site.
pub(crate) fn answer(form: Form) -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let tickets: Vec<Value> =
        texts(TICKETS, 31).iter().enumerate().map(|(index, text)| ticket(index + 1, text)).collect();
    let documents: Vec<Value> = tickets.iter().map(document).collect();
    move |asked| {
        let is_3 = asked.path.starts_with("/rest/api/3/");
        reply(form, asked, if is_3 { &documents } else { &tickets })
    }
}

fn reply(form: Form, asked: &Asked, tickets: &[Value]) -> Reply {
    let words: Vec<&str> = asked.path.split('/').skip(4).collect();
    let known = |key: &str| tickets.iter().find(|ticket| ticket["key"] == key);
    match (&asked.method, words.as_slice()) {
        (&Method::GET, ["serverInfo"]) => Reply::json(&server_info(form)),
        (&Method::GET, ["myself"]) => Reply::json(&person()),
        (&Method::GET, ["field"]) => Reply::json(&json!([
            {"id": "summary", "name": "Summary", "custom": false, "schema": {"type": "string", "system": "summary"}},
        ])),
        (&Method::GET, ["project"]) => Reply::json(&json!([{"id": "10000", "key": "WEB", "name": "Web shop"}])),
        (&Method::GET, ["search"]) if form == Form::DataCenter => {
            let (start, size) = (asked.number("startAt", 0), asked.number("maxResults", 50));
            let (issues, _) = page(tickets, start, size);
            Reply::json(&json!({"startAt": start, "maxResults": size, "total": tickets.len(), "issues": issues}))
        }
        (_, ["search", "jql"]) if form == Form::Cloud => {
            let start =
                asked.param("nextPageToken").filter(|token| token != "null").map_or(0, |token| position(&token));
            let (issues, next) = page(tickets, start, asked.number("maxResults", 50));
            let mut found = json!({"issues": issues, "isLast": next.is_none()});
            if let Some(next) = next {
                found["nextPageToken"] = json!(format!("page-{next}"));
            }
            Reply::json(&found)
        }
        (&Method::GET, ["issue", key]) => known(key).map_or_else(Reply::not_found, Reply::json),
        (&Method::GET, ["issue", _, "comment"]) => Reply::json(&json!({"comments": [], "total": 0, "startAt": 0})),
        (&Method::POST, ["issue", key, "comment"]) if known(key).is_some() => {
            let comment = json!({
                "id": "1", "author": person(), "body": "written", "created": "2026-11-20T09:00:00.000+0000",
            });
            Reply::json(&comment).with_status(StatusCode::CREATED)
        }
        _ => Reply::not_found(),
    }
}

/// Where the page of a token begins; a token that was never given begins nowhere.
fn position(token: &str) -> usize {
    token.strip_prefix("page-").and_then(|text| text.parse().ok()).unwrap_or(usize::MAX)
}

fn server_info(form: Form) -> Value {
    match form {
        Form::DataCenter => json!({"version": "9.12.0", "versionNumbers": [9, 12, 0], "deploymentType": "Server"}),
        Form::Cloud => json!({"version": "1001.0.0", "versionNumbers": [1001, 0, 0], "deploymentType": "Cloud"}),
    }
}

fn person() -> Value {
    json!({"name": "ada", "accountId": "5b10", "displayName": "Ada", "emailAddress": "ada@acme.test", "active": true})
}

/// The ticket as version 3 shows it: its description is a document.
fn document(ticket: &Value) -> Value {
    let mut ticket = ticket.clone();
    let description = &mut ticket["fields"]["description"];
    let paragraph = json!({"type": "paragraph", "content": [{"type": "text", "text": description.take()}]});
    *description = json!({"type": "doc", "version": 1, "content": [paragraph]});
    ticket
}

fn ticket(number: usize, text: &str) -> Value {
    let title: String = text.split_whitespace().take(6).collect::<Vec<_>>().join(" ");
    json!({
        "id": (10_000 + number).to_string(), "key": format!("WEB-{number}"), "self": format!("https://jira.test/{number}"),
        "fields": {
            "summary": title, "description": text, "labels": ["warehouse"],
            "status": {"name": "Open", "statusCategory": {"key": "new", "name": "To Do", "colorName": "blue-gray"}},
            "issuetype": {"name": "Task"}, "priority": {"name": "Medium"}, "project": {"key": "WEB", "name": "Web shop"},
            "assignee": person(), "reporter": person(), "comment": {"comments": [], "total": 0},
            "created": "2026-11-01T09:00:00.000+0000", "updated": "2026-11-02T09:00:00.000+0000",
        },
    })
}
