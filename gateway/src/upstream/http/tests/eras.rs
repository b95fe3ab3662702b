//! What a server turns out to be, again and again: verdicts that are looked at once more, and requests that it found fault
//! with.

use super::{
    super::{Http, Pool, Remote, Rim, Slot},
    *,
};

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
