//! Asks an instance over MCP how it is: what it is, and which tools it has. Modern servers are asked `server/discover`,
//! older ones `initialize` and `ping` (2025-11-25 lifecycle), then each for `tools/list`.
//!
//! Only addresses of instances come here, which an engine named; nothing is redirected, and no credential is sent.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, header, redirect::Policy};
use serde_json::{Value, json};
use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

/// Time for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Most pages of tools.
const PAGES_MAX: usize = 20;
/// The revisions that are spoken.
const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";

/// Why an instance is not well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProbeError {
    #[error("no connection to {0}: {1}")]
    Unreachable(String, String),
    #[error("`{0}` was answered with HTTP status {1}")]
    Status(&'static str, u16),
    #[error("`{0}` was answered with the error `{1}`")]
    Refused(&'static str, String),
    #[error("`{0}` was answered with what is not MCP")]
    NotMcp(&'static str),
}

/// What an instance answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) tools: Vec<String>,
    pub(crate) elapsed_ms: u64,
}

/// Asks instances. Clones share connections.
#[derive(Clone, Default)]
pub(crate) struct Probe(Arc<OnceLock<Client>>);

/// One conversation.
struct Conversation {
    client: Client,
    url: String,
    /// `MCP-Protocol-Version`, and the session of an older server.
    headers: HeaderMap,
    modern: bool,
}

impl Probe {
    /// Asks whoever listens at `url`.
    pub(crate) async fn ask(&self, url: &str) -> Result<Answered, ProbeError> {
        let began = Instant::now();
        let client = self.client().map_err(|error| ProbeError::Unreachable(url.to_owned(), told(&error)))?;
        let mut conversation = Conversation { client, url: url.to_owned(), headers: versioned(MODERN), modern: true };
        let discovered = match conversation.request("server/discover", json!({})).await {
            Ok(discovered) => discovered,
            Err(ProbeError::Status(..) | ProbeError::Refused(..) | ProbeError::NotMcp(_)) => {
                conversation.open_legacy().await?
            }
            Err(error) => return Err(error),
        };
        let has_tools = discovered.pointer("/capabilities/tools").is_some();
        let tools = if has_tools { conversation.tools().await? } else { Vec::new() };
        conversation.end().await;
        let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Answered { tools, elapsed_ms })
    }

    fn client(&self) -> Result<Client, reqwest::Error> {
        if let Some(client) = self.0.get() {
            return Ok(client.clone());
        }
        // Engines name plain addresses.
        let client = Client::builder()
            .timeout(ANSWER_TIMEOUT)
            .connect_timeout(ANSWER_TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            .tls_certs_only([])
            .user_agent(concat!("mcpd/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(self.0.get_or_init(|| client).clone())
    }
}

impl Conversation {
    /// Opens a session with an older server; what it says about itself.
    async fn open_legacy(&mut self) -> Result<Value, ProbeError> {
        (self.modern, self.headers) = (false, HeaderMap::new());
        let client = json!({"name": "mcpd", "version": env!("CARGO_PKG_VERSION")});
        let params = json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": client});
        let response = self.post("initialize", &request("initialize", params)).await?;
        let session = response.headers().get("mcp-session-id").cloned();
        let welcome = result("initialize", response).await?;
        let version = welcome.pointer("/protocolVersion").and_then(Value::as_str).unwrap_or(LEGACY);
        self.headers = versioned(version);
        if let Some(session) = session {
            self.headers.insert(HeaderName::from_static("mcp-session-id"), session);
        }
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        self.post("notifications/initialized", &initialized).await?;
        self.request("ping", json!({})).await?;
        Ok(welcome)
    }

    async fn tools(&self) -> Result<Vec<String>, ProbeError> {
        let (mut tools, mut params) = (Vec::new(), json!({}));
        for _ in 0..PAGES_MAX {
            let page = self.request("tools/list", params).await?;
            let listed = page.get("tools").and_then(Value::as_array).ok_or(ProbeError::NotMcp("tools/list"))?;
            tools.extend(listed.iter().filter_map(|tool| Some(tool.get("name")?.as_str()?.to_owned())));
            match page.get("nextCursor").and_then(Value::as_str) {
                Some(cursor) => params = json!({"cursor": cursor}),
                None => break,
            }
        }
        Ok(tools)
    }

    async fn request(&self, method: &'static str, mut params: Value) -> Result<Value, ProbeError> {
        if self.modern
            && let Some(params) = params.as_object_mut()
        {
            let client = json!({"name": "mcpd", "version": env!("CARGO_PKG_VERSION")});
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": client,
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            params.insert("_meta".to_owned(), meta);
        }
        result(method, self.post(method, &request(method, params)).await?).await
    }

    async fn post(&self, method: &'static str, body: &Value) -> Result<Response, ProbeError> {
        let mut request = self.client.post(&self.url).headers(self.headers.clone());
        if self.modern {
            request = request.header("mcp-method", method);
        }
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .body(body.to_string());
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() { Ok(response) } else { Err(ProbeError::Status(method, status.as_u16())) }
    }

    /// Ends the session of an older server, which would keep it otherwise; one that does not let it be ended ends it alone.
    async fn end(&self) {
        if self.headers.contains_key("mcp-session-id") {
            self.client.delete(&self.url).headers(self.headers.clone()).send().await.ok();
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> ProbeError {
        ProbeError::Unreachable(self.url.clone(), told(error))
    }
}

fn versioned(version: &str) -> HeaderMap {
    let value = HeaderValue::from_str(version).unwrap_or(HeaderValue::from_static(LEGACY));
    HeaderMap::from_iter([(HeaderName::from_static("mcp-protocol-version"), value)])
}

fn request(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// The result in `response`: an object, or the first answer of an event stream.
async fn result(method: &'static str, mut response: Response) -> Result<Value, ProbeError> {
    let media = response.headers().get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    let streamed = media.starts_with("text/event-stream");
    let mut body = Vec::new();
    loop {
        let chunk = response.chunk().await.map_err(|_| ProbeError::NotMcp(method))?;
        let ended = chunk.is_none();
        body.extend_from_slice(&chunk.unwrap_or_default());
        if body.len() > ANSWER_BYTES_MAX {
            return Err(ProbeError::NotMcp(method));
        }
        let answer = if streamed { answer_in(&body) } else { serde_json::from_slice(&body).ok().filter(|_| ended) };
        match answer {
            Some(answer) => return read(method, &answer),
            None if ended => return Err(ProbeError::NotMcp(method)),
            None => {}
        }
    }
}

/// The first answer among the events that are whole.
fn answer_in(stream: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(stream).replace("\r\n", "\n");
    let (whole, _) = text.rsplit_once("\n\n")?;
    whole.split("\n\n").find_map(|event| {
        let lines: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
        let message: Value = serde_json::from_str(&lines.join("\n")).ok()?;
        (message.get("result").is_some() || message.get("error").is_some()).then_some(message)
    })
}

fn read(method: &'static str, answer: &Value) -> Result<Value, ProbeError> {
    match (answer.get("result"), answer.pointer("/error/message")) {
        (Some(result @ Value::Object(_)), _) => Ok(result.clone()),
        (_, Some(message)) => {
            let message = message.as_str().unwrap_or_default();
            Err(ProbeError::Refused(method, message.chars().take(200).collect()))
        }
        _ => Err(ProbeError::NotMcp(method)),
    }
}

fn told(error: &reqwest::Error) -> String {
    let cause = std::iter::successors(std::error::Error::source(error), |cause| cause.source()).last();
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_among_notifications_and_not_before_it_is_whole() {
        let note = "event: message\ndata: {\"method\": \"notifications/message\"}\n\n";
        let answer = "data: {\"id\": 1,\ndata: \"result\": {\"tools\": []}}\n\n";
        let text = [note, answer].concat();
        assert_eq!(answer_in(text.as_bytes()).unwrap()["result"], json!({"tools": []}));
        assert_eq!(answer_in(text.trim_end().as_bytes()), None);
        assert_eq!(answer_in(text.replace('\n', "\r\n").as_bytes()).unwrap()["id"], 1);
    }
}
