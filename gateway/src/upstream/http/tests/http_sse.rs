//! Servers of HTTP+SSE: what is on their one stream, and what it means when they refuse what is posted.

use super::*;
use crate::upstream::{Credentials, Endpoint, credentials::Bearer};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// A status with which messages of the first session are refused; 0 is none.
type Refusing = Arc<AtomicU32>;

/// A server: one stream for each session, on which `hi` comes for every call; for one of `late` only with that of another
/// call, and none for one of `refused`.
fn sse(refusing: Refusing) -> impl Fn(&Seen) -> Act + Send + Sync + 'static {
    let (said, sessions) = (broadcast::channel::<String>(16).0, AtomicU32::new(0));
    let late = Mutex::new(Vec::new());
    move |seen| match (seen.verb.as_str(), seen.path.split('?').next(), seen.method()) {
        ("GET", Some("/mcp"), _) => {
            let session = sessions.fetch_add(1, Ordering::SeqCst) + 1;
            Act::Follow(format!("event: endpoint\ndata: /messages?session={session}\n\n"), said.subscribe())
        }
        ("POST", Some("/messages"), _) if seen.path.ends_with("=1") && refusing.load(Ordering::SeqCst) != 0 => {
            empty(u16::try_from(refusing.load(Ordering::SeqCst)).unwrap(), "")
        }
        ("POST", Some("/messages"), method::TOOLS_CALL) if seen.body["params"]["name"] == "refused" => {
            json_reply(400, &seen.error(-32_600))
        }
        ("POST", Some("/messages"), method::TOOLS_CALL) if seen.body["params"]["name"] == "late" => {
            late.lock().push(seen.result(&content("hi")));
            empty(202, "")
        }
        ("POST", Some("/messages"), name) => {
            let told = match name {
                method::INITIALIZE => vec![seen.result(&welcome())],
                method::TOOLS_CALL => {
                    let junk = json!("no message");
                    late.lock().drain(..).chain([junk, seen.result(&content("hi"))]).collect()
                }
                _ => Vec::new(),
            };
            let _ = said.send(told.iter().map(|message| format!("event: message\ndata: {message}\n\n")).collect());
            empty(202, "")
        }
        _ => empty(404, ""),
    }
}

fn welcome() -> Value {
    json!({"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}})
}

/// What a configuration says that names the transport.
fn spec(fake: &Fake) -> Value {
    json!({"transport": {"type": "http", "url": fake.url, "sse": true}})
}

fn pinned(fake: &Fake) -> Arc<dyn Upstream> {
    open(endpoint(spec(fake), &[], Limits::default()))
}

#[tokio::test]
async fn a_server_that_answers_only_a_get_is_spoken_to_over_http_sse() {
    let fake = Fake::start(sse(Refusing::default())).await;
    let upstream = upstream(&fake.url, Limits::default());
    for _ in 0..2 {
        assert_eq!(text(&ask(&*upstream, tool("echo", json!({}))).await.unwrap()), "hi");
    }
    let posted = fake.methods();
    assert_eq!(posted[..3], [method::DISCOVER, method::INITIALIZE, method::INITIALIZE]);
    assert_eq!(fake.streams().len(), 1);
    assert_eq!(fake.seen().last().unwrap().path, "/messages?session=1");
    assert_eq!(fake.seen().last().unwrap().header("authorization"), Some(TOKEN));
    let before = fake.seen().len();
    assert_eq!(text(&ask(&*pinned(&fake), tool("echo", json!({}))).await.unwrap()), "hi");
    assert_eq!(fake.methods()[before..], [method::INITIALIZE, method::INITIALIZED, method::TOOLS_CALL]);
}

#[tokio::test]
async fn a_message_refused_over_http_sse_fails_its_call_alone() {
    let fake = Fake::start(sse(Refusing::default())).await;
    let upstream = pinned(&fake);
    let waiting = upstream.call(tool("late", json!({})), &Caller::GATEWAY).await.unwrap();
    let refused = ask(&*upstream, tool("refused", json!({}))).await.unwrap_err();
    assert_eq!(refused.reason(), "it refused a message (HTTP 400 Bad Request): no");
    assert_eq!(text(&ask(&*upstream, tool("echo", json!({}))).await.unwrap()), "hi");
    assert_eq!(text(&read(waiting).await.unwrap()), "hi");
    assert_eq!(fake.streams().len(), 1, "one session all the time");
    let sent = fake.methods();
    assert!(!sent.contains(&method::CANCELLED.to_owned()), "there is nothing to take back");
    assert_eq!(sent.iter().filter(|name| *name == method::PING).count(), 1, "whether the session is there is asked");
}

#[tokio::test]
async fn what_is_no_message_is_dropped_and_counted() {
    let fake = Fake::start(sse(Refusing::default())).await;
    let endpoint = endpoint(spec(&fake), &[], Limits::default());
    let (metrics, upstream) = (endpoint.metrics.clone(), open(endpoint));
    for _ in 0..2 {
        assert_eq!(text(&ask(&*upstream, tool("echo", json!({}))).await.unwrap()), "hi");
    }
    assert!(metrics.render().unwrap().contains("mcpctl_upstream_messages_dropped_total{server=\"x\"} 2"));
}

#[tokio::test]
async fn messages_are_posted_to_the_origin_of_the_stream_only() {
    let fake = Fake::start(|seen| match seen.verb.as_str() {
        "GET" => Act::Hold(format!(
            "HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\n{}",
            "event: endpoint\ndata: http://evil.example/\n\n"
        )),
        _ => empty(404, ""),
    })
    .await;
    let error = ask(&*pinned(&fake), tool("echo", json!({}))).await.unwrap_err();
    assert!(error.to_string().contains("another origin"), "{error}");
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn a_session_that_the_server_forgot_behind_its_open_stream_makes_room_for_another() {
    for status in [400, 404] {
        let refusing = Refusing::default();
        let fake = Fake::start(sse(Arc::clone(&refusing))).await;
        let upstream = pinned(&fake);
        let waiting = upstream.call(tool("late", json!({})), &Caller::GATEWAY).await.unwrap();
        let before = fake.methods().len();
        refusing.store(status, Ordering::SeqCst);
        assert_eq!(text(&ask(&*upstream, tool("echo", json!({}))).await.unwrap()), "hi", "{status}");
        let call = method::TOOLS_CALL;
        assert_eq!(fake.methods()[before..], [call, method::PING, method::INITIALIZE, method::INITIALIZED, call]);
        assert_eq!(fake.seen().last().unwrap().path, "/messages?session=2");
        assert_eq!(text(&read(waiting).await.unwrap()), "hi", "what was taken before is answered");
    }
}

#[tokio::test]
async fn a_server_that_takes_no_initialize_is_told_in_its_own_words() {
    let refusing = Arc::new(AtomicU32::new(400));
    let error = ask(&*pinned(&Fake::start(sse(refusing)).await), tool("echo", json!({}))).await.unwrap_err();
    assert_eq!(error.reason(), "it refused a message (HTTP 400 Bad Request)");
}

/// A token that changes, as one does that is renewed; an empty one is none.
struct Renewed(watch::Sender<String>);

fn unconsented() -> UpstreamError {
    UpstreamError::NeedsConsent { server: "x".parse().unwrap(), scopes: Vec::new() }
}

#[async_trait]
impl Credentials for Renewed {
    fn bearer(&self, _caller: &Caller) -> Result<Option<Bearer>, UpstreamError> {
        match self.0.borrow().as_str() {
            "" => Err(unconsented()),
            token => Ok(Some(Bearer::for_test(token))),
        }
    }

    async fn replaced(&self, _refused: &Bearer, _patience: Duration) -> Result<Bearer, UpstreamError> {
        Err(unconsented())
    }

    async fn given_up(&self, _refused: &Bearer) {}

    fn changes(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }
}

/// A server that lets in who has the token `new`: everywhere, or only for calls.
async fn guarded(calls_only: bool, status: u16, challenge: &'static str) -> Fake {
    let serve = sse(Refusing::default());
    Fake::start(move |seen| {
        let open = calls_only && seen.method() != method::TOOLS_CALL;
        match seen.header("authorization") == Some("Bearer new") || open {
            true => serve(seen),
            false => empty(status, challenge),
        }
    })
    .await
}

/// A token, and the server's endpoint with it.
fn renewable(fake: &Fake, oauth: bool) -> (watch::Sender<String>, Endpoint) {
    let mut spec = spec(fake);
    if oauth {
        spec["oauth"] = json!({});
    }
    let token = watch::channel("old".to_owned()).0;
    let endpoint = Endpoint { tokens: Arc::new(Renewed(token.clone())), ..endpoint(spec, &[], Limits::default()) };
    (token, endpoint)
}

#[tokio::test]
async fn a_refused_token_over_http_sse_asks_for_consent_and_a_new_one_is_used() {
    let scoped = "www-authenticate: Bearer error=\"insufficient_scope\", scope=\"read write\"\r\n";
    for (calls_only, status) in [(false, 401), (true, 401), (false, 403), (true, 403)] {
        let fake = guarded(calls_only, status, scoped).await;
        let (token, endpoint) = renewable(&fake, true);
        let upstream = open(endpoint);
        match ask(&*upstream, tool("echo", json!({}))).await.unwrap_err() {
            UpstreamError::NeedsConsent { scopes, .. } => assert_eq!(scopes, ["read", "write"]),
            error => panic!("{calls_only} {status}: {error}"),
        }
        token.send_replace("new".to_owned());
        assert_eq!(text(&ask(&*upstream, tool("echo", json!({}))).await.unwrap()), "hi", "{calls_only} {status}");
        let streams = fake.streams().len();
        assert_eq!(streams, if calls_only { 1 } else { 2 }, "a refused call leaves its session as it is");
        assert!(!fake.methods().contains(&method::CANCELLED.to_owned()));
    }
}

#[tokio::test]
async fn a_refused_credential_over_http_sse_says_how_to_set_another() {
    for (calls_only, oauth, status) in [(false, false, 401), (true, false, 401), (false, false, 403), (true, true, 403)]
    {
        let fake = guarded(calls_only, status, "").await;
        let error = ask(&*open(renewable(&fake, oauth).1), tool("echo", json!({}))).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Unreachable { .. }), "{error}");
        assert!(error.reason().ends_with("run `mcpctl setup x`"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_found_to_speak_http_sse_asks_for_consent_too() {
    // It guards its stream alone; a POST to its URL is nothing it knows.
    let fake = Fake::start(|seen| empty(if seen.verb == "GET" { 401 } else { 404 }, "")).await;
    let spec = json!({"transport": {"type": "http", "url": fake.url}, "oauth": {}});
    let error = ask(&*open(endpoint(spec, &[], Limits::default())), tool("echo", json!({}))).await.unwrap_err();
    assert!(matches!(error, UpstreamError::NeedsConsent { .. }), "{error}");
}

#[tokio::test]
async fn a_server_without_a_token_for_its_caller_asks_for_consent_before_anything_is_sent() {
    let fake = Fake::start(sse(Refusing::default())).await;
    let (token, endpoint) = renewable(&fake, true);
    token.send_replace(String::new());
    let error = ask(&*open(endpoint), tool("echo", json!({}))).await.unwrap_err();
    assert!(matches!(error, UpstreamError::NeedsConsent { .. }), "{error}");
    assert!(fake.seen().is_empty() && fake.streams().is_empty());
}
