//! Grafana's HTTP API: the search for dashboards, page by page, data sources, and folders that are made.

use super::{page, texts};
use crate::servers::site::{Asked, Reply};
use http::Method;
use serde_json::{Value, json};

/// Dashboards.
pub(crate) const DASHBOARDS: usize = 350;

/// Whether the request changes nothing.
pub(crate) fn is_read(asked: &Asked) -> bool {
    asked.method == Method::GET
}

/// Answers as the site.
pub(crate) fn answer() -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let dashboards: Vec<Value> =
        texts(DASHBOARDS, 61).iter().enumerate().map(|(index, text)| dashboard(index + 1, text)).collect();
    move |asked| reply(asked, &dashboards)
}

fn reply(asked: &Asked, dashboards: &[Value]) -> Reply {
    match (&asked.method, asked.path.as_str()) {
        (&Method::GET, "/api/frontend/settings") => {
            Reply::json(&json!({"buildInfo": {"version": "12.1.0", "edition": "Open Source"}, "datasources": {}}))
        }
        (&Method::GET, "/api/search") => {
            let size = asked.number("limit", 1000);
            let (found, _) = page(dashboards, (asked.number("page", 1).max(1) - 1) * size, size);
            Reply::json(&json!(found))
        }
        (&Method::GET, "/api/datasources") => Reply::json(&json!([{
            "id": 1, "uid": "metrics", "name": "Warehouse metrics", "type": "prometheus", "isDefault": true, "access": "proxy",
            "url": "http://prometheus.test",
        }])),
        (&Method::POST, "/api/folders") => {
            Reply::json(&json!({"id": 1, "uid": "made", "title": asked.param("title"), "url": "/dashboards/f/made"}))
        }
        _ => Reply::not_found(),
    }
}

fn dashboard(number: usize, text: &str) -> Value {
    json!({
        "id": number, "uid": format!("d{number}"), "title": text, "uri": format!("db/d{number}"), "url": format!("/d/d{number}"),
        "slug": "", "type": "dash-db", "tags": ["warehouse"], "isStarred": false,
    })
}
