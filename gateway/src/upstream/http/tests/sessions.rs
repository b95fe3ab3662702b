//! How sessions are opened, and anew; which of them are kept, and which make room.

use super::*;

#[tokio::test]
async fn many_calls_at_once_share_one_opening() {
    let fake = legacy(|seen| json_reply(200, &seen.result(&content("hi")))).await;
    let upstream = upstream(&fake.url, Limits::default());
    let calls = (0..20).map(|_| async {
        read(upstream.call(tool("echo", json!({})), &Caller::GATEWAY).await.unwrap()).await.unwrap()
    });
    assert!(futures::future::join_all(calls).await.iter().all(|messages| text(messages) == "hi"));
    assert_eq!(fake.methods().iter().filter(|name| *name == method::INITIALIZE).count(), 1);
}

#[tokio::test]
async fn a_forgotten_session_is_opened_anew_and_the_call_sent_again() {
    for (status, body) in [
        (404, json!({})),
        (400, json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "no session"}})),
    ] {
        let fake = legacy(move |seen| match seen.header("mcp-session-id") {
            Some("s1") => json_reply(status, &body),
            _ => json_reply(200, &seen.result(&content("hi"))),
        })
        .await;
        let messages = ask(&*upstream(&fake.url, Limits::default()), tool("echo", json!({}))).await.unwrap();
        assert_eq!(text(&messages), "hi");
    }
    let fake = legacy(|_| json_reply(404, &json!({}))).await;
    let error = ask(&*upstream(&fake.url, Limits::default()), tool("echo", json!({}))).await.unwrap_err();
    assert!(error.to_string().contains("forgets its sessions"), "{error}");
}

fn who(name: &str) -> Caller {
    Caller { principal: Some(name.parse().unwrap()), affinity: None }
}

#[tokio::test]
async fn a_session_in_use_makes_no_room_while_another_is_idle() {
    let fake = legacy(|seen| match seen.body["params"]["name"].as_str() {
        Some("hang") => Act::Hold(events(&[progress(seen)])),
        _ => json_reply(200, &seen.result(&content("hi"))),
    })
    .await;
    let upstream = upstream(&fake.url, Limits { upstream_sessions_max: 2, ..Limits::default() });
    let mut working = upstream.call(tool("hang", json!({})), &who("ada")).await.unwrap();
    assert!(working.next().await.unwrap().is_ok());
    for name in ["bob", "eve"] {
        read(upstream.call(tool("echo", json!({})), &who(name)).await.unwrap()).await.unwrap();
    }
    let ended = || fake.seen().into_iter().filter(|seen| seen.verb == "DELETE").collect::<Vec<_>>();
    fake.until(|| !ended().is_empty()).await;
    assert_eq!(ended()[0].header("mcp-session-id"), Some("s2"), "bob's, which nobody used");
    read(upstream.call(tool("echo", json!({})), &who("ada")).await.unwrap()).await.unwrap();
    assert_eq!(fake.seen().last().unwrap().header("mcp-session-id"), Some("s1"), "ada's is still there");
}

#[tokio::test]
async fn a_session_in_use_is_never_idle() {
    let fake = legacy(|seen| match seen.body["params"]["name"].as_str() {
        Some("hang") => Act::Hold(events(&[progress(seen)])),
        _ => json_reply(200, &seen.result(&content("hi"))),
    })
    .await;
    let upstream = upstream(&fake.url, Limits { upstream_session_idle_timeout_ms: 50, ..Limits::default() });
    let mut working = upstream.call(tool("hang", json!({})), &who("ada")).await.unwrap();
    assert!(working.next().await.unwrap().is_ok());
    read(upstream.call(tool("echo", json!({})), &who("bob")).await.unwrap()).await.unwrap();
    let ended = || fake.seen().into_iter().filter(|seen| seen.verb == "DELETE").collect::<Vec<_>>();
    // Bob's is younger, and idle.
    fake.until(|| !ended().is_empty()).await;
    read(upstream.call(tool("echo", json!({})), &who("ada")).await.unwrap()).await.unwrap();
    assert_eq!(fake.seen().last().unwrap().header("mcp-session-id"), Some("s1"));
    drop(working);
    fake.until(|| ended().len() == 2).await;
    assert_eq!(ended()[1].header("mcp-session-id"), Some("s1"), "once it is idle it ends");
}
