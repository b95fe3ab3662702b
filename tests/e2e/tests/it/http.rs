//! One request at a time to an MCP endpoint, as it goes over the wire: for what no client would send.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// An MCP endpoint, and the bearer to present there.
pub(crate) struct Endpoint {
    url: String,
    token: String,
    client: Client,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) challenge: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The message of the JSON-RPC error.
    pub(crate) fn error(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_else(|| panic!("no error: {}", self.text)).to_owned()
    }
}

impl Endpoint {
    pub(crate) fn new(url: &str, token: &str) -> Self {
        // Another test may have been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder().read_timeout(Duration::from_secs(60)).build().unwrap();
        Self { url: url.to_owned(), token: token.to_owned(), client }
    }

    /// The same endpoint with another bearer; with an empty one, none is presented.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self::new(&self.url, token)
    }

    /// Calls a tool.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Answer {
        let response = self.request("tools/call", tool, arguments).send().await.unwrap();
        answer(response).await
    }

    /// Calls a tool and goes away after `patience`, if there is no answer by then.
    pub(crate) async fn call_impatiently(&self, tool: &str, patience: Duration) -> Option<Answer> {
        match self.request("tools/call", tool, json!({})).timeout(patience).send().await {
            Ok(response) => Some(answer(response).await),
            Err(error) if error.is_timeout() => None,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Lists the tools.
    pub(crate) async fn list(&self) -> Answer {
        answer(self.request("tools/list", "", json!({})).send().await.unwrap()).await
    }

    /// The status of a list; none while nobody listens.
    pub(crate) async fn try_list(&self) -> Option<StatusCode> {
        Some(self.request("tools/list", "", json!({})).send().await.ok()?.status())
    }

    /// A modern request: the version and the method in headers and body (2026-07-28 streamable HTTP).
    fn request(&self, method: &str, tool: &str, arguments: Value) -> reqwest::RequestBuilder {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "e2e-http", "version": "1"},
        });
        let mut params = json!({"_meta": meta});
        if !tool.is_empty() {
            params["name"] = tool.into();
            params["arguments"] = arguments;
        }
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut request = self.client.post(&self.url).json(&body);
        let accept = "application/json, text/event-stream";
        request = request.header("accept", accept).header("mcp-protocol-version", "2026-07-28");
        request = request.header("mcp-method", method);
        if !tool.is_empty() {
            request = request.header("mcp-name", tool);
        }
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }
}

async fn answer(response: reqwest::Response) -> Answer {
    let challenge = response.headers().get("www-authenticate").and_then(|value| value.to_str().ok());
    Answer {
        status: response.status(),
        challenge: challenge.unwrap_or_default().to_owned(),
        text: response.text().await.unwrap(),
    }
}
