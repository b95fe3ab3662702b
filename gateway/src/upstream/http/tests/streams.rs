//! Streams that go on: after they broke, beyond the time of a call, and besides the calls.

use super::*;
use tokio::sync::broadcast;

#[tokio::test]
async fn who_listens_at_a_modern_server_is_not_timed_out() {
    let tagged = |seen: &Seen, name: &str| {
        let meta = json!({"io.modelcontextprotocol/subscriptionId": seen.body["id"]});
        json!({"jsonrpc": "2.0", "method": name, "params": {"uri": "a:b", "notifications": {}, "_meta": meta}})
    };
    let (late, waiting) = tokio::sync::watch::channel(false);
    let fake = modern(move |seen| match seen.method() {
        method::LISTEN => {
            let first = events(&[tagged(seen, method::ACKNOWLEDGED)]);
            Act::Ask(first, waiting.clone(), chunks(&[tagged(seen, method::RESOURCE_UPDATED)]))
        }
        _ => Act::Hold(String::new()),
    })
    .await;
    let upstream = upstream(&fake.url, Limits { upstream_call_timeout_ms: 300, ..Limits::default() });
    let wanted = json!({"notifications": {"resourceSubscriptions": ["a:b"]}});
    let mut listen = upstream.call(request("l", method::LISTEN, &wanted), &Caller::GATEWAY).await.unwrap();
    assert!(listen.next().await.unwrap().is_ok());
    // By now the time for a call is over.
    assert!(matches!(ask(&*upstream, tool("hang", json!({}))).await, Err(UpstreamError::TimedOut { .. })));
    late.send_replace(true);
    let told = crate::upstream::testing::said(&listen.next().await.unwrap().unwrap());
    assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "l");
}

/// A legacy server that does `act` on a stream that is asked for, and on calls.
async fn streaming(act: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Fake {
    Fake::start(move |seen| match (seen.verb.as_str(), seen.method()) {
        ("DELETE", _) => empty(405, ""),
        (_, method::DISCOVER) => json_reply(400, &seen.error(-32601)),
        (_, method::INITIALIZE) => {
            json_reply(200, &seen.result(&json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}})))
        }
        (_, method::INITIALIZED) => empty(202, ""),
        ("POST", "") => empty(202, ""),
        _ => act(seen),
    })
    .await
}

/// The head of a stream that says where to go on, and ends.
fn ending(id: &str) -> Act {
    Act::Close(format!("HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\nid: {id}\nretry: 1\ndata: \n\n"))
}

#[tokio::test]
async fn the_stream_of_a_session_goes_on_where_it_broke() {
    let fake = streaming(|seen| match (seen.verb.as_str(), seen.header("last-event-id")) {
        ("GET", None) => ending("e1"),
        ("GET", Some("e1")) => ending("e2"),
        ("GET", Some(_)) => Act::Hold(events(&[])),
        _ => json_reply(200, &seen.result(&content("hi"))),
    })
    .await;
    let upstream = upstream(&fake.url, Limits::default());
    ask(&*upstream, tool("echo", json!({}))).await.unwrap();
    fake.streamed(3).await;
    let asked: Vec<_> = fake.streams().iter().map(|seen| seen.header("last-event-id").map(str::to_owned)).collect();
    assert_eq!(asked, [None, Some("e1".to_owned()), Some("e2".to_owned())]);
}

#[tokio::test]
async fn a_stream_that_cannot_go_on_begins_anew() {
    let begun = AtomicU32::new(0);
    let fake = streaming(move |seen| match (seen.verb.as_str(), seen.header("last-event-id")) {
        ("GET", None) if begun.fetch_add(1, Ordering::SeqCst) == 0 => ending("e1"),
        ("GET", None) => Act::Hold(events(&[])),
        ("GET", Some(_)) => empty(400, ""),
        _ => json_reply(200, &seen.result(&content("hi"))),
    })
    .await;
    let upstream = upstream(&fake.url, Limits::default());
    ask(&*upstream, tool("echo", json!({}))).await.unwrap();
    fake.streamed(3).await;
    assert_eq!(fake.streams()[2].header("last-event-id"), None);
}

#[tokio::test]
async fn a_stream_that_breaks_is_asked_for_again() {
    let fake = Fake::start({
        move |seen| match (seen.verb.as_str(), seen.header("last-event-id"), seen.method()) {
            ("GET", Some("e1"), _) => {
                stream(&[json!({"jsonrpc": "2.0", "id": 4, "result": {"content": [{"text": "hi"}]}})])
            }
            ("GET", ..) => empty(405, ""),
            (_, _, method::TOOLS_CALL) => {
                assert_eq!(seen.body["id"], 4);
                Act::Close(
                    "HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\nid: e1\nretry: 1\ndata: \n\n".to_owned(),
                )
            }
            (_, _, method::DISCOVER) => json_reply(400, &seen.error(-32601)),
            (_, _, method::INITIALIZE) => {
                json_reply(200, &seen.result(&json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}})))
            }
            (_, _, method::TOOLS_LIST) => json_reply(200, &seen.result(&json!({"tools": []}))),
            _ => empty(202, ""),
        }
    })
    .await;
    let upstream = upstream(&fake.url, Limits::default());
    // The fourth id of this upstream: probe, opening, and the first call before it.
    ask(&*upstream, request("l", method::TOOLS_LIST, &json!({}))).await.unwrap();
    assert_eq!(text(&ask(&*upstream, tool("echo", json!({}))).await.unwrap()), "hi");
}

#[tokio::test]
async fn a_call_outlives_more_breaks_of_its_stream_than_one() {
    // Streams that bring nothing but the place to go on, then a connection that fails, then the answer.
    let rounds = AtomicU32::new(0);
    let answered = std::sync::Mutex::new(json!(null));
    let fake = streaming(move |seen| match (seen.verb.as_str(), seen.header("last-event-id")) {
        ("GET", None) => empty(405, ""),
        ("GET", Some(_)) => match rounds.fetch_add(1, Ordering::SeqCst) {
            round @ 0..8 => ending(&format!("e{round}")),
            8 => Act::Close(String::new()),
            _ => stream(&[answered.lock().unwrap().clone()]),
        },
        _ => {
            *answered.lock().unwrap() = seen.result(&content("hi"));
            ending("e")
        }
    })
    .await;
    let upstream = upstream(&fake.url, Limits::default());
    assert_eq!(text(&ask(&*upstream, tool("echo", json!({}))).await.unwrap()), "hi");
}

#[tokio::test]
async fn a_stream_that_never_goes_on_ends_its_call() {
    let fake = streaming(|seen| match (seen.verb.as_str(), seen.header("last-event-id")) {
        ("GET", None) => empty(405, ""),
        ("GET", Some(_)) => Act::Close("HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\n".to_owned()),
        _ => ending("e"),
    })
    .await;
    let upstream = upstream(&fake.url, Limits::default());
    let error = ask(&*upstream, tool("echo", json!({}))).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Lost { .. }), "{error}");
}

/// A call of `slow` with this progress token.
fn slow(token: &str) -> protocol::Request {
    request("r", method::TOOLS_CALL, &json!({"name": "slow", "_meta": {"progressToken": token}}))
}

#[tokio::test]
async fn progress_on_the_stream_of_the_session_finds_its_call() {
    let said = broadcast::channel::<String>(16).0;
    let (heard, hearing) = tokio::sync::watch::channel(false);
    let fake = streaming(move |seen| match (seen.verb.as_str(), seen.body["params"]["name"].as_str()) {
        ("GET", _) => Act::Follow(String::new(), said.subscribe()),
        (_, Some("slow")) => {
            let _ = said.send(format!("data: {}\n\n", progress(seen)));
            Act::Ask(events(&[]), hearing.clone(), chunks(&[seen.result(&content("hi"))]))
        }
        _ => json_reply(200, &seen.result(&content("hi"))),
    })
    .await;
    let upstream = upstream(&fake.url, Limits::default());
    ask(&*upstream, tool("echo", json!({}))).await.unwrap();
    fake.streamed(1).await;
    let mut one = upstream.call(slow("one"), &Caller::GATEWAY).await.unwrap();
    let mut two = upstream.call(slow("two"), &Caller::GATEWAY).await.unwrap();
    for (reply, token) in [(&mut two, "two"), (&mut one, "one")] {
        let told = crate::upstream::testing::said(&reply.next().await.unwrap().unwrap());
        assert_eq!(told["params"], json!({"progressToken": token, "progress": 1}));
    }
    heard.send_replace(true);
    for reply in [one, two] {
        let rest = read(reply).await.unwrap();
        assert_eq!((rest.len(), text(&rest).as_str()), (1, "hi"));
    }
}

#[tokio::test]
async fn progress_on_the_stream_of_another_call_finds_its_own() {
    let (heard, hearing) = tokio::sync::watch::channel(false);
    let waiting = std::sync::Mutex::new(json!(null));
    let fake = streaming(move |seen| match (seen.verb.as_str(), seen.body["params"]["name"].as_str()) {
        ("GET", _) => empty(405, ""),
        (_, Some("slow")) => {
            *waiting.lock().unwrap() = progress(seen);
            Act::Ask(events(&[]), hearing.clone(), chunks(&[seen.result(&content("hi"))]))
        }
        _ => stream(&[waiting.lock().unwrap().clone(), seen.result(&content("hi"))]),
    })
    .await;
    let upstream = upstream(&fake.url, Limits::default());
    let mut reply = upstream.call(slow("one"), &Caller::GATEWAY).await.unwrap();
    assert_eq!(ask(&*upstream, tool("echo", json!({}))).await.unwrap().len(), 1, "it is not its own");
    let told = crate::upstream::testing::said(&reply.next().await.unwrap().unwrap());
    assert_eq!(told["params"]["progressToken"], "one");
    heard.send_replace(true);
    assert_eq!(text(&read(reply).await.unwrap()), "hi");
}

#[tokio::test]
async fn what_is_not_for_the_caller_is_dropped() {
    let messages = check(|seen| {
        let other = json!({"jsonrpc": "2.0", "id": 9999, "result": {}});
        let question = json!({"jsonrpc": "2.0", "id": "q", "method": "sampling/createMessage", "params": {}});
        let foreign = json!({"progressToken": 9999, "progress": 1});
        let foreign = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": foreign});
        let listened = json!({"_meta": {"io.modelcontextprotocol/subscriptionId": 9999}});
        let listened = json!({"jsonrpc": "2.0", "method": "x", "params": listened});
        stream(&[other, question, foreign, listened, seen.result(&content("hi")), seen.result(&content("no"))])
    });
    let messages = messages.await.unwrap();
    assert_eq!((messages.len(), text(&messages).as_str()), (1, "hi"));
    let both = |seen: &Seen| {
        stream(&[json!({"jsonrpc": "2.0", "id": seen.body["id"], "result": {}, "error": {"code": 1, "message": ""}})])
    };
    let error = check(both).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Unusable { .. }), "{error}");
}
