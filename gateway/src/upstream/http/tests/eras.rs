//! What a server turns out to be, at first and again: what is evidence of it, verdicts that are looked at once more, and
//! requests that it found fault with.

use super::{
    super::{Http, Pool, Remote, Rim, Slot},
    *,
};

#[tokio::test]
async fn only_answers_are_evidence_of_an_era() {
    for (status, hint) in
        [(401, "run `mcpctl setup x`"), (403, "run `mcpctl setup x`"), (500, "HTTP 500"), (503, "overloaded")]
    {
        let fake = Fake::start(move |_| empty(status, "")).await;
        let error = ask(&*upstream(&fake.url, Limits::default()), tool("echo", json!({}))).await.unwrap_err();
        assert!(error.to_string().contains(hint), "{error}");
        assert_eq!(fake.methods(), [method::DISCOVER], "{status}");
    }
    let fake = Fake::start(|_| Act::Close(String::new())).await;
    ask(&*upstream(&fake.url, Limits::default()), tool("echo", json!({}))).await.unwrap_err();
    assert!(!fake.methods().contains(&method::INITIALIZE.to_owned()));
    for status in [400, 404, 405] {
        let fake = Fake::start(move |_| empty(status, "")).await;
        let error = ask(&*upstream(&fake.url, Limits::default()), tool("echo", json!({}))).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Unusable { .. }), "{error}");
        assert_eq!(fake.methods(), [method::DISCOVER, method::INITIALIZE], "{status}");
    }
}

#[tokio::test]
async fn a_pinned_era_is_not_probed() {
    let fake = legacy(|seen| json_reply(200, &seen.result(&content("hi")))).await;
    let spec = json!({"transport": {"type": "http", "url": fake.url}, "era": "legacy"});
    ask(&*open(endpoint(spec, &[], Limits::default())), tool("echo", json!({}))).await.unwrap();
    assert_eq!(fake.methods()[0], method::INITIALIZE);
}

/// A modern server whose tool `echo` mirrors `region`; to calls that do not it says so with `status`.
async fn mirroring(status: u16) -> Fake {
    modern(move |seen| match (seen.method(), seen.header("mcp-param-region")) {
        (method::TOOLS_LIST, _) if seen.body["params"]["cursor"].is_null() => {
            json_reply(200, &seen.result(&json!({"tools": [], "nextCursor": "2"})))
        }
        (method::TOOLS_LIST, _) => {
            let schema =
                json!({"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}});
            json_reply(200, &seen.result(&json!({"tools": [{"name": "echo", "inputSchema": schema}]})))
        }
        (_, Some("eu")) => json_reply(200, &seen.result(&content("hi"))),
        _ => json_reply(status, &seen.error(-32020)),
    })
    .await
}

#[tokio::test]
async fn a_call_whose_headers_are_wrong_is_sent_again_with_those_of_the_tool() {
    let fake = mirroring(400).await;
    let upstream = upstream(&fake.url, Limits::default());
    for _ in 0..2 {
        assert_eq!(text(&ask(&*upstream, tool("echo", json!({"region": "eu"}))).await.unwrap()), "hi");
    }
    let list = method::TOOLS_LIST;
    let call = method::TOOLS_CALL;
    assert_eq!(fake.methods(), [method::DISCOVER, call, list, list, call, call], "what was learnt is kept");
}

#[tokio::test]
async fn a_call_is_not_sent_again_when_that_would_change_nothing() {
    let fake = mirroring(400).await;
    let upstream = upstream(&fake.url, Limits::default());
    let told = ask(&*upstream, tool("other", json!({}))).await.unwrap();
    assert_eq!((&told[0]["error"]["code"], &told[0]["id"]), (&json!(-32020), &json!("r")));
    assert_eq!(fake.methods().iter().filter(|name| *name == method::TOOLS_CALL).count(), 1);
    // With another status it is an error of somebody behind the server.
    let fake = mirroring(200).await;
    let told = ask(&*super::upstream(&fake.url, Limits::default()), tool("echo", json!({}))).await.unwrap();
    assert_eq!(told[0]["error"]["code"], -32020);
    assert_eq!(fake.methods(), [method::DISCOVER, method::TOOLS_CALL]);
}

#[tokio::test]
async fn a_revision_that_is_refused_is_asked_for_anew_once() {
    let refusals = AtomicU32::new(0);
    let fake = modern(move |seen| match refusals.fetch_add(1, Ordering::SeqCst) {
        0 => json_reply(400, &seen.error(-32022)),
        _ => json_reply(200, &seen.result(&content("hi"))),
    })
    .await;
    let upstream = upstream(&fake.url, Limits::default());
    assert_eq!(text(&ask(&*upstream, tool("echo", json!({}))).await.unwrap()), "hi");
    let (probe, call) = (method::DISCOVER, method::TOOLS_CALL);
    assert_eq!(fake.methods(), [probe, call, probe, call]);
    let fake = modern(|seen| json_reply(400, &seen.error(-32022))).await;
    let told = ask(&*super::upstream(&fake.url, Limits::default()), tool("echo", json!({}))).await.unwrap();
    assert_eq!(told[0]["error"]["code"], -32022, "the server's own word");
    assert_eq!(fake.methods(), [probe, call, probe, call]);
}

#[tokio::test]
async fn a_modern_server_that_became_a_legacy_one_is_found_out() {
    let requests = AtomicU32::new(0);
    let fake = Fake::start(move |seen| match (seen.method(), requests.fetch_add(1, Ordering::SeqCst)) {
        (method::DISCOVER, 0) => json_reply(200, &seen.result(&json!({"supportedVersions": ["2026-07-28"]}))),
        (method::INITIALIZE, _) => {
            json_reply(200, &seen.result(&json!({"protocolVersion": "2025-11-25", "capabilities": {}})))
        }
        (method::INITIALIZED, _) => empty(202, ""),
        _ if seen.header("mcp-method").is_some() => json_reply(400, &seen.error(-32000)),
        _ => json_reply(200, &seen.result(&content("hi"))),
    })
    .await;
    let upstream = upstream(&fake.url, Limits::default());
    // The refused call was not looked at: it is sent again in the other era.
    assert_eq!(text(&ask(&*upstream, tool("echo", json!({}))).await.unwrap()), "hi");
    assert_eq!(upstream.health().era, Some(Era::Legacy));
}

#[tokio::test]
async fn a_legacy_server_that_became_a_modern_one_is_found_out() {
    let upgraded = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let now = Arc::clone(&upgraded);
    let fake = Fake::start(move |seen| match (now.load(Ordering::SeqCst), seen.verb.as_str(), seen.method()) {
        (_, "GET" | "DELETE", _) => empty(405, ""),
        (true, _, method::DISCOVER) => json_reply(200, &seen.result(&json!({"supportedVersions": ["2026-07-28"]}))),
        (false, _, method::DISCOVER) => json_reply(400, &seen.error(-32000)),
        (_, _, method::INITIALIZE) => {
            json_reply(200, &seen.result(&json!({"protocolVersion": "2025-11-25", "capabilities": {}})))
        }
        (_, _, method::INITIALIZED) => empty(202, ""),
        _ => json_reply(200, &seen.result(&content("hi"))),
    })
    .await;
    let endpoint = endpoint(json!({"type": "http", "url": fake.url}), &[], Limits::default());
    let (rim, sessions) = (Rim::new(endpoint.name.clone(), &endpoint.limits), Pool::new(&endpoint.limits));
    let http = Http { remote: Arc::new(Remote::new(endpoint)), slot: Slot::new(), sessions, rim };
    ask(&http, tool("echo", json!({}))).await.unwrap();
    assert_eq!(http.health().era, Some(Era::Legacy));
    upgraded.store(true, Ordering::SeqCst);
    let agreement = http.slot.get(&http.remote).await.unwrap();
    http.remote.judge_again(&agreement);
    agreement.over().await;
    ask(&http, tool("echo", json!({}))).await.unwrap();
    assert_eq!(http.health().era, Some(Era::Modern));
}
