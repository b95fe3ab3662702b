//! GitHub's API for one repository: issues by REST, page by page, and by GraphQL, by cursor; and the search for them. And the
//! search for code, in a company's repositories. On a host of one's own (GitHub Enterprise) it is under `/api/v3` and
//! `/api/graphql`.

use super::{page, texts};
use crate::servers::site::{Asked, Reply};
use e2e::estate::{Hit, estate, search};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// The host it answers for.
pub(crate) const HOST: &str = "api.github.com";
/// Issues in the repository.
pub(crate) const ISSUES: usize = 400;
const REPOSITORY: &str = "/repos/acme/shop";
const GRAPH: &str = "/api/graphql";

/// Whether the request changes nothing.
pub(crate) fn is_read(asked: &Asked) -> bool {
    let is_query = || asked.param("query").is_some_and(|query| query.starts_with("query"));
    asked.method == Method::GET || asked.path == GRAPH && is_query()
}

/// Answers as the site.
pub(crate) fn answer() -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let issues: Vec<Value> = texts(ISSUES, 42).iter().enumerate().map(|(index, text)| issue(index + 1, text)).collect();
    let code = estate();
    move |asked| match asked.path.trim_start_matches("/api/v3") {
        "/search/code" => found_code(asked, &code),
        _ => reply(asked, &issues),
    }
}

fn reply(asked: &Asked, issues: &[Value]) -> Reply {
    if asked.path == GRAPH {
        return graph(asked, issues);
    }
    let path = asked.path.strip_prefix("/api/v3").unwrap_or(&asked.path);
    let size = asked.number("per_page", 30).min(100);
    let (items, _) = page(issues, (asked.number("page", 1) - 1) * size, size);
    let below = path.strip_prefix(REPOSITORY).unwrap_or_default();
    match (&asked.method, below) {
        (&Method::GET, "/issues") => Reply::json(&json!(items)),
        (&Method::POST, "/issues") => Reply::json(&issue(ISSUES + 1, "written")).with_status(StatusCode::CREATED),
        (&Method::GET, "") if path == "/search/issues" => {
            Reply::json(&json!({"total_count": issues.len(), "incomplete_results": false, "items": items}))
        }
        (&Method::GET, one) => {
            let number = one.strip_prefix("/issues/").and_then(|number| number.parse::<usize>().ok());
            number.and_then(|number| issues.get(number - 1)).map_or_else(Reply::not_found, Reply::json)
        }
        _ => Reply::not_found(),
    }
}

/// A page of the code that was found, with the lines around it.
fn found_code(asked: &Asked, code: &[Hit]) -> Reply {
    let found = search(code, &asked.param("q").unwrap_or_default());
    let size = asked.number("per_page", 30).min(100);
    let (hits, _) = page(&found, (asked.number("page", 1) - 1) * size, size);
    let item = |hit: &&Hit| {
        let address = format!("https://{HOST}/repos/{}/contents/{}", hit.repository, hit.path);
        let (owner, name) = hit.repository.split_once('/').unwrap();
        json!({
            "name": "main.tf", "path": hit.path, "sha": hit.sha, "url": address,
            "html_url": format!("https://github.com/{}/blob/main/{}", hit.repository, hit.path), "score": 1.0,
            "repository": {"id": 7, "name": name, "full_name": hit.repository, "private": true, "owner": {"login": owner}},
            "text_matches": [{
                "object_url": address, "object_type": "FileContent", "property": "content", "fragment": hit.fragment,
                "matches": [{"text": "aws_s3_bucket", "indices": [10, 23]}],
            }],
        })
    };
    let items: Vec<Value> = hits.iter().map(item).collect();
    Reply::json(&json!({"total_count": found.len(), "incomplete_results": false, "items": items}))
}

/// The issues of the repository as GraphQL lists them.
fn graph(asked: &Asked, issues: &[Value]) -> Reply {
    let variables: Value =
        asked.param("variables").and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let after = variables["after"].as_str().map_or(0, |cursor| cursor.trim_start_matches("cursor-").parse().unwrap());
    let size = variables["first"].as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or(30);
    let (items, next) = page(issues, after, size);
    let node = |issue: &Value| {
        json!({
            "number": issue["number"], "title": issue["title"], "body": issue["body"], "state": "OPEN", "databaseId": issue["id"],
            "author": {"login": "ada"}, "createdAt": issue["created_at"], "updatedAt": issue["updated_at"],
            "labels": {"nodes": []}, "assignees": {"nodes": []}, "comments": {"totalCount": 2}, "issueFieldValues": {"nodes": []},
        })
    };
    let nodes: Vec<Value> = items.iter().map(node).collect();
    let end = format!("cursor-{}", after + nodes.len());
    let pages =
        json!({"hasNextPage": next.is_some(), "hasPreviousPage": after > 0, "startCursor": "", "endCursor": end});
    let found = json!({"nodes": nodes, "pageInfo": pages, "totalCount": issues.len()});
    Reply::json(&json!({"data": {"repository": {"issues": found, "isPrivate": false}}}))
}

fn issue(number: usize, text: &str) -> Value {
    let title: String = text.split_whitespace().take(6).collect::<Vec<_>>().join(" ");
    let page = format!("https://github.com/acme/shop/issues/{number}");
    let user = json!({
        "login": "ada", "id": 5, "node_id": "U_5", "avatar_url": "https://avatars.test/5", "url": "https://api.github.com/users/ada",
        "html_url": "https://github.com/ada",
    });
    json!({
        "id": 1000 + number, "node_id": format!("I_{number}"), "number": number, "title": title, "body": text, "state": "open",
        "locked": false, "html_url": page, "url": format!("https://{HOST}{REPOSITORY}/issues/{number}"), "user": user,
        "labels": [{
            "id": 1, "node_id": "L_1", "url": "https://api.github.com/l/1", "name": "warehouse", "color": "ff0000",
            "default": false, "description": "what stands where",
        }],
        "assignee": null, "assignees": [], "milestone": null, "comments": 2, "created_at": "2026-11-01T09:00:00Z",
        "updated_at": "2026-11-02T09:00:00Z", "closed_at": null,
    })
}
