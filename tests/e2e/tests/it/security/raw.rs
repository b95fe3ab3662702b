//! Requests as they go over the wire, for what no client would send: any headers, any body, any revision of the protocol.

use reqwest::{Client, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use std::time::Duration;

/// Somebody with a token.
pub(crate) struct Caller {
    token: String,
    client: Client,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    /// The JSON in it; of a stream of events the last one, and nothing of what is neither.
    pub(crate) fn json(&self) -> Value {
        let last = self.text.lines().rev().find_map(|line| line.strip_prefix("data:"));
        serde_json::from_str(last.unwrap_or(&self.text)).unwrap_or_default()
    }

    /// Whether something was done: one of the answers is a result that is not an error.
    pub(crate) fn did(&self) -> bool {
        let json = self.json();
        let answers = json.as_array().cloned().unwrap_or_else(|| vec![json]);
        answers.iter().any(|answer| answer["result"].is_object() && answer["result"]["isError"] != true)
    }
}

impl Caller {
    /// Presents `token`; nothing where it is empty.
    pub(crate) fn new(token: &str) -> Self {
        // Another test may have been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder().read_timeout(Duration::from_secs(60)).build().unwrap();
        Self { token: token.to_owned(), client }
    }

    pub(crate) async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(self.client.get(url), headers).await
    }

    pub(crate) async fn post(&self, url: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let request = self.client.post(url).header("content-type", "application/json");
        let request = request.header("accept", "application/json, text/event-stream");
        self.send(request.body(body.to_owned()), headers).await
    }

    async fn send(&self, mut request: reqwest::RequestBuilder, headers: &[(&str, &str)]) -> Reply {
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Reply { status, headers, text: response.text().await.unwrap() }
    }

    /// A request of the revision 2026-07-28, with the headers that belong to it.
    pub(crate) async fn modern(&self, url: &str, method: &str, mut params: Value) -> Reply {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "e2e-raw", "version": "1"},
        });
        let named = ["name", "uri"].iter().find_map(|key| params[*key].as_str()).unwrap_or_default().to_owned();
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
        // What no header can say is for the gateway to refuse.
        if !named.is_empty() && named.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            headers.push(("mcp-name", &named));
        }
        self.post(url, &headers, &body).await
    }

    /// A session of an older revision.
    pub(crate) async fn open<'a>(&'a self, url: &'a str, revision: &'static str) -> Session<'a> {
        let params =
            json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "e2e-raw", "version": "1"}});
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let reply = self.post(url, &[], &hello.to_string()).await;
        assert_eq!(reply.json()["result"]["protocolVersion"], revision, "{reply:?}");
        let id = reply.headers["mcp-session-id"].to_str().unwrap().to_owned();
        let session = Session { caller: self, url, revision, id };
        session.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string()).await;
        session
    }
}

/// A session of an older revision.
pub(crate) struct Session<'a> {
    caller: &'a Caller,
    url: &'a str,
    revision: &'static str,
    id: String,
}

impl Session<'_> {
    pub(crate) async fn send(&self, body: &str) -> Reply {
        let headers = [("mcp-session-id", self.id.as_str()), ("mcp-protocol-version", self.revision)];
        self.caller.post(self.url, &headers, body).await
    }

    pub(crate) async fn ask(&self, method: &str, params: Value) -> Reply {
        self.send(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()).await
    }
}
