//! A gateway's whole configuration in this process, with the audit log on a disk and servers that answer at once. No socket, no
//! HTTP: what is left is what the gateway itself does about a call.

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use bytes::Bytes;
use control_plane_api::{
    gateway::{GatewayRole, ServerState},
    limits::Limits,
    name::Name,
    server::Era,
    snapshot::Snapshot,
    timestamp::Timestamp,
    token::{self, TokenKind},
};
use filters::Exchange;
use filters_relevance::{Options, Relevance};
use gateway::{
    access::AccessLog,
    audit::{AuditOptions, Auditor, Delivery, Mode, Signer},
    config::{Apply as _, Freshness},
    confine::Confiner,
    keys::{AuditKey, Keyring},
    live::{Live, Means},
    metrics::Metrics,
    originals::Store,
    pins::Pins,
    pipeline::{Outgoing, Pipeline},
    report::Reporter,
    seal::Sealer,
    settings::StateDir,
    traces::Traces,
    upstream::{Caller, Endpoint, Health, Reply, Said, Upstream, UpstreamError},
};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use protocol::{Message, Request, Response, json, method};
use scrubber::Scrubber;
use serde_json::{Value, json, value::RawValue};
use std::{path::Path, sync::Arc};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

/// Deepest nesting of a request.
const DEPTH_MAX: u32 = 64;
/// What is on its way to the client.
const OUTGOING_MAX: usize = 8;
/// Room for the audit log of a bench, in bytes.
const SPOOL_BYTES_MAX: u64 = 16 << 30;
/// The project in which calls are made.
const PROJECT: &str = "calls";

/// The audit log in `place`, in `mode`.
///
/// # Errors
/// When it cannot be written there.
pub fn auditor(place: &Path, mode: Mode) -> Result<Auditor> {
    let signer = Signer { gateway: "bench".parse()?, key: AuditKey::load(&StateDir::open(&place.join("state"))?)? };
    let spool_bytes_max = SPOOL_BYTES_MAX;
    let options = AuditOptions { delivery: Delivery::FilesOnly, mode, spool_bytes_max, ..AuditOptions::default() };
    Ok(Auditor::open(&place.join("audit"), signer, options, Metrics::new()?)?)
}

/// Servers answer `tools/list` with `tools` tools of 300 bytes.
const TOOLS: usize = 10;

/// See the module.
pub struct InMemory {
    live: Arc<Live>,
    auditor: Auditor,
    place: TempDir,
}

impl InMemory {
    /// Nothing in force yet.
    ///
    /// # Errors
    /// When there is no place for its files.
    pub async fn open(mode: Mode) -> Result<Self> {
        let place = tempfile::tempdir()?;
        let (name, scrubber, metrics): (Name, _, _) = ("bench".parse()?, Scrubber::default(), Metrics::new()?);
        let auditor = auditor(place.path(), mode)?;
        let pins = Pins::open(&place.path().join("pins.json"), auditor.clone(), (name.clone(), scrubber.clone()))?;
        let means = Means {
            keyring: Keyring::Environment,
            control_plane: None,
            scrubber,
            sealer: Arc::new(Sealer::new(&[7; 32])),
            auditor: auditor.clone(),
            metrics,
            refusals: Arc::default(),
            relevance: Arc::new(Relevance::start(Options::new(place.path().join("model")))),
            store: Store::open(&place.path().join("originals"))?,
            pins: Arc::new(pins),
            role: GatewayRole::Local,
            name,
            public_url: "http://127.0.0.1:9229".to_owned(),
            confiner: Confiner::probe(place.path().join("none"), place.path().join("servers")).await,
            reporter: Reporter::new(),
            freshness: Freshness::always(),
            traces: Traces::default(),
            access: AccessLog::default(),
        };
        Ok(Self { live: Live::opening(means, answering), auditor, place })
    }

    /// Puts `snapshot` into force.
    ///
    /// # Errors
    /// When it is not valid.
    pub async fn apply(&self, snapshot: Arc<Snapshot>) -> Result<()> {
        let applied = self.live.apply(snapshot).await;
        applied.map_err(|violations| anyhow::anyhow!("the snapshot is refused: {violations:?}"))
    }

    /// Puts a snapshot with one project into force and waits until its tool can be called.
    ///
    /// # Errors
    /// When that does not happen.
    pub async fn ready(&self) -> Result<Arc<Pipeline>> {
        self.apply(Arc::new(snapshot(&company(1, 1, 1)))).await?;
        let pipeline = self.live.pipeline().context("nothing is in force")?;
        // The first call waits for the lists of the server.
        answer(&pipeline, &call(0)).await.context("the first call")?;
        Ok(pipeline)
    }

    /// Ends the log and takes its files away.
    pub async fn close(self) {
        self.live.close().await;
        self.auditor.close().await;
        drop(self.place);
    }
}

/// A `tools/call` with arguments of about `bytes` bytes, as it comes from the network.
#[must_use]
pub fn call(bytes: usize) -> Bytes {
    let text: String = "a word and another ".chars().cycle().take(bytes).collect();
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {}});
    let params = json!({"name": "s0_tool_0", "arguments": {"query": text}, "_meta": meta});
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    Bytes::from(message.to_string())
}

/// What the gateway does about a request whose head is read: strict JSON, the whole chain, both records, the answer as text.
///
/// # Errors
/// When it is not answered with a result.
pub async fn answer(pipeline: &Pipeline, body: &[u8]) -> Result<String> {
    json::check(body, DEPTH_MAX)?;
    let Message::Request(request) = Message::parse(body)? else { anyhow::bail!("a request is sent") };
    let (method, mut headers) = (request.method.clone(), HeaderMap::new());
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {}", token_of(0)))?);
    let mut exchange = Exchange::new(request, headers);
    exchange.endpoint = format!("/projects/{PROJECT}/mcp");
    exchange.project = Some(PROJECT.to_owned());
    let record = pipeline.record(exchange, &method, body.len());
    let (client, mut told) = mpsc::channel(OUTGOING_MAX);
    Box::pin(pipeline.serve(record, client)).await;
    match told.recv().await {
        Some(Outgoing::Message(message @ Message::Response(Response { payload: Ok(_), .. }))) => Ok(message.to_json()),
        other => anyhow::bail!("no result: {other:?}"),
    }
}

/// A company of `servers` servers with two profiles each, `projects` projects and `users` users, all members of every project.
#[must_use]
pub fn company(servers: usize, projects: usize, users: usize) -> Vec<Value> {
    let mut objects = Vec::new();
    for n in 0..users {
        let grant = json!({"id": format!("t-{n}"), "digest": token::digest(&token_of(n))});
        objects.push(
            json!({"kind": "user", "name": format!("u{n}"), "spec": {"roles": ["developer"], "tokens": [grant]}}),
        );
    }
    for n in 0..servers {
        let (name, url) = (format!("s{n}"), format!("http://127.0.0.1:9/{n}"));
        objects.push(json!({"kind": "server", "name": name, "spec": {"transport": {"type": "http", "url": url},
            "era": "modern", "tools": [{"tool": "*", "class": "read"}]}}));
        for (kind, allow) in [("all", "*"), ("some", "tool_1*")] {
            let profile = format!("{name}-{kind}");
            objects.push(json!({"kind": "profile", "name": profile, "spec": {"server": name, "allow": [allow]}}));
        }
    }
    for n in 0..projects {
        let name = if n == 0 { PROJECT.to_owned() } else { format!("p{n}") };
        let server = n % servers.max(1);
        let members: Vec<String> = (0..users).step_by(projects.div_ceil(10).max(1)).map(|n| format!("u{n}")).collect();
        objects.push(json!({"kind": "project", "name": name, "spec": {"profiles": [format!("s{server}-all")],
            "members": members, "relevance": {"enabled": false, "budget_tokens": 0}}}));
    }
    objects
}

/// A snapshot of `objects` in which nothing is refused for being too much.
#[must_use]
pub fn snapshot(objects: &[Value]) -> Snapshot {
    let limits =
        Limits { principal_calls_at_once_max: u32::MAX, principal_calls_per_minute_max: u32::MAX, ..Limits::default() };
    let objects = objects.iter().filter_map(|object| serde_json::from_value(object.clone()).ok()).collect();
    Snapshot { revision: 1, issued_at: Timestamp::now(), objects, limits, ..Snapshot::empty() }
}

/// The token of the user with that number.
#[must_use]
pub fn token_of(number: usize) -> String {
    let mut random = [1_u8; 32];
    for (byte, of) in random.iter_mut().zip(number.to_be_bytes()) {
        *byte = of;
    }
    token::format(TokenKind::Personal, &random)
}

/// Answers at once, whatever it is asked.
struct Answering {
    changes: watch::Sender<u64>,
    tools: Box<RawValue>,
    text: Box<RawValue>,
}

fn answering(_endpoint: Endpoint) -> Arc<dyn Upstream> {
    let schema = json!({"type": "object", "properties": {"query": {"type": "string", "description": "What for"}}});
    let tool =
        |n| json!({"name": format!("tool_{n}"), "description": "Finds something. ".repeat(8), "inputSchema": schema});
    let tools = json!({"resultType": "complete", "tools": (0..TOOLS).map(tool).collect::<Vec<_>>()});
    let text: String = "a word and another ".chars().cycle().take(960).collect();
    let text = json!({"resultType": "complete", "content": [{"type": "text", "text": text}]});
    let raw = |value: &Value| RawValue::from_string(value.to_string()).unwrap_or_default();
    Arc::new(Answering { changes: watch::Sender::new(0), tools: raw(&tools), text: raw(&text) })
}

#[async_trait]
impl Upstream for Answering {
    async fn call(&self, request: Request, _caller: &Caller) -> Result<Reply, UpstreamError> {
        let result = match request.method.as_str() {
            method::DISCOVER => {
                RawValue::from_string(r#"{"capabilities":{"tools":{}}}"#.to_owned()).unwrap_or_default()
            }
            method::TOOLS_LIST => self.tools.clone(),
            _ => self.text.clone(),
        };
        let said = Said::Message(Message::Response(Response::ok(request.id, result)));
        Ok(Box::pin(futures::stream::iter([Ok(said)])))
    }

    fn health(&self) -> Health {
        Health {
            state: ServerState::Ready,
            era: Some(Era::Modern),
            error: None,
            restarts: 0,
            pid: None,
            unconfined: None,
        }
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    async fn close(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_passes_the_whole_chain_and_is_written_down_twice() {
        let gateway = InMemory::open(Mode::Strict).await.unwrap();
        let pipeline = gateway.ready().await.unwrap();
        let text = answer(&pipeline, &call(1 << 10)).await.unwrap();
        assert!(text.contains("a word and another") && text.len() > 1_000, "{text}");
        let log = std::fs::read_dir(gateway.place.path().join("audit")).unwrap();
        let written: String = log
            .filter_map(|entry| std::fs::read(entry.unwrap().path()).ok())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect();
        assert_eq!(written.matches(r#""method":"tools/call""#).count(), 4, "two calls, two records each");
        gateway.close().await;
    }

    #[tokio::test]
    async fn nobody_gets_through_without_being_asked_who_it_is() {
        let gateway = InMemory::open(Mode::Relaxed).await.unwrap();
        gateway.ready().await.unwrap();
        gateway.apply(Arc::new(snapshot(&company(1, 1, 0)))).await.unwrap();
        let pipeline = gateway.live.pipeline().unwrap();
        assert!(answer(&pipeline, &call(0)).await.is_err(), "there is no such user any more");
        gateway.close().await;
    }
}
