//! A server that wants a token of every user, and the authorization server that issues them: both in this process, on
//! one port of this machine. Tokens can be revoked without a word to anybody, as authorization servers do it.

use reqwest::Url;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

#[derive(Clone)]
pub(crate) struct Protected {
    base: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    valid: BTreeSet<String>,
    issued: usize,
    refreshes: usize,
    refuses_refresh: bool,
}

/// One request: what it asks, and the bearer it has.
struct Asked {
    url: Url,
    bearer: String,
    body: Vec<u8>,
}

impl Protected {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self { base: format!("http://{}", listener.local_addr().unwrap()), state: Arc::default() };
        let own = this.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(own.clone().serve(stream));
            }
        });
        this
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/mcp", self.base)
    }

    /// From now on no token issued so far is taken.
    pub(crate) fn revoke(&self) {
        self.state.lock().unwrap().valid.clear();
    }

    /// Whether tokens are not renewed any more, from now on.
    pub(crate) fn refuses_refresh(&self, refuses: bool) {
        self.state.lock().unwrap().refuses_refresh = refuses;
    }

    pub(crate) fn refreshes(&self) -> usize {
        self.state.lock().unwrap().refreshes
    }

    async fn serve(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        // Whoever hangs up in the middle asked nothing.
        let Some(asked) = read(&mut stream, &self.base).await else { return };
        let (status, headers, body) = self.answer(&asked);
        let head = format!(
            "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.ok();
    }

    fn answer(&self, asked: &Asked) -> (u16, String, String) {
        let base = &self.base;
        let document = |document: Value| (200, String::new(), document.to_string());
        match asked.url.path() {
            "/.well-known/oauth-protected-resource/mcp" => {
                document(json!({"resource": self.url(), "authorization_servers": [base]}))
            }
            "/.well-known/oauth-authorization-server" => document(json!({
                "issuer": base, "authorization_endpoint": format!("{base}/authorize"),
                "token_endpoint": format!("{base}/token"), "registration_endpoint": format!("{base}/register"),
                "code_challenge_methods_supported": ["S256"],
            })),
            "/register" => (201, String::new(), json!({"client_id": "mcpctl", "client_secret": "s"}).to_string()),
            "/authorize" => {
                let query: BTreeMap<_, _> = asked.url.query_pairs().into_owned().collect();
                let answer = [("code", "code"), ("state", query["state"].as_str())];
                let place = Url::parse_with_params(&query["redirect_uri"], answer).unwrap();
                (302, format!("location: {place}\r\n"), String::new())
            }
            "/token" => self.token(&String::from_utf8_lossy(&asked.body)),
            "/mcp" if self.state.lock().unwrap().valid.contains(&asked.bearer) => document(reply(&asked.body)),
            "/mcp" => (401, "www-authenticate: Bearer error=\"invalid_token\"\r\n".to_owned(), String::new()),
            _ => (404, String::new(), String::new()),
        }
    }

    fn token(&self, form: &str) -> (u16, String, String) {
        let mut state = self.state.lock().unwrap();
        if form.contains("grant_type=refresh_token") {
            state.refreshes += 1;
            if state.refuses_refresh {
                return (400, String::new(), json!({"error": "invalid_grant"}).to_string());
            }
        }
        state.issued += 1;
        let token = format!("access-{}", state.issued);
        state.valid.insert(token.clone());
        let answer =
            json!({"access_token": token, "token_type": "Bearer", "expires_in": 3_600, "refresh_token": "refresh"});
        (200, String::new(), answer.to_string())
    }
}

async fn read(stream: &mut BufReader<TcpStream>, base: &str) -> Option<Asked> {
    let (mut line, mut length, mut bearer) = (String::new(), 0, String::new());
    stream.read_line(&mut line).await.ok()?;
    let url = Url::parse(&format!("{base}{}", line.split(' ').nth(1)?)).ok()?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => bearer = value.trim_start_matches("Bearer ").to_owned(),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Asked { url, bearer, body })
}

/// A modern server with one tool.
fn reply(body: &[u8]) -> Value {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut result = match request["method"].as_str().unwrap_or_default() {
        "server/discover" => json!({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
            "serverInfo": {"name": "vault", "version": "1"}}),
        "tools/list" => json!({"tools": [{"name": "open", "inputSchema": {"type": "object"}}], "ttlMs": 0,
            "cacheScope": "private"}),
        "tools/call" => json!({"content": [{"type": "text", "text": "gold"}]}),
        method => {
            let error = json!({"code": -32_601, "message": format!("no {method}")});
            return json!({"jsonrpc": "2.0", "id": request["id"], "error": error});
        }
    };
    result["resultType"] = json!("complete");
    json!({"jsonrpc": "2.0", "id": request["id"], "result": result})
}
