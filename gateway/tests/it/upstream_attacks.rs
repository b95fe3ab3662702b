//! What a hostile or broken server answers (cases M-02, M-09, U-01, U-02, U-03, U-05): its client gets one truthful answer
//! in time, the gateway's memory and other servers are not its to take, and the outcome is written down.

use crate::{
    changing::{Changing, tool},
    hostile::{Act, Hostile, answer, events, json_reply},
    world::{Answer, World, eventually, objects, read},
};
use control_plane_api::audit::{AuditEvent, Outcome, Phase};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const LIMITS: &str = r#"{"upstream_call_timeout_ms": 2000, "upstream_message_bytes_max": 1000000, "reply_stream_bytes_min": 100000,
    "reply_stream_bytes_max": 2000000}"#;

async fn world(servers: &[Value]) -> World {
    World::start_within(&serde_json::from_str(LIMITS).unwrap(), &objects(servers), &[]).await
}

fn text(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

/// The outcome in the audit log of the last call.
async fn outcome(world: &World) -> Outcome {
    let last = |world: &World| {
        world.audit().into_iter().rfind(|event: &AuditEvent| event.target.as_deref() == Some("bad_t")).unwrap()
    };
    eventually("the outcome", async || Some(last(world)).filter(|event| event.phase == Phase::Outcome)).await.outcome
}

/// Calls `bad_t` of a server that does `act`: within a bounded time it is an error of the gateway's, and written down as one.
async fn fails(what: &str, act: impl Fn(&Value) -> Act + Send + Sync + 'static) -> (World, Hostile, Answer) {
    let server = Hostile::start(&["t"], act).await;
    let world = world(&[server.object("bad")]).await;
    let began = Instant::now();
    let answer = world.call("ada", "bad_t", json!({})).await;
    assert!(began.elapsed() < Duration::from_secs(20), "{what}: {:?}", began.elapsed());
    let (code, told) = answer.error();
    assert_eq!(code, -32603, "{what}: {answer:?}");
    assert!(!told.contains("canary"), "{what}: {told}");
    assert_eq!(outcome(&world).await, Outcome::Error, "{what}");
    assert_eq!(server.calls(), 1, "{what}: a call is never sent twice");
    (world, server, answer)
}

#[tokio::test]
async fn m_02_only_the_one_answer_to_the_call_reaches_its_client() {
    for (what, wrong) in [
        ("another id", json!({"jsonrpc": "2.0", "id": 99_999, "result": text("wrong")})),
        ("an id of another type", json!({"jsonrpc": "2.0", "id": "1", "result": text("wrong")})),
        ("no id", json!({"jsonrpc": "2.0", "id": null, "result": text("wrong")})),
    ] {
        let body = wrong.to_string();
        let told = move |_: &Value| Act::Close(json_reply("200 OK", "", &body));
        fails(what, told).await;
    }
    let both = |request: &Value| {
        let both =
            json!({"jsonrpc": "2.0", "id": request["id"], "result": text("r"), "error": {"code": 1, "message": "e"}});
        Act::Close(json_reply("200 OK", "", &both.to_string()))
    };
    fails("result and error", both).await;
    // On a stream what is not the answer is dropped, and the answer is heard.
    let server = Hostile::start(&["t"], |request| {
        let note = |token: Value| json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}});
        let own = json!({"jsonrpc": "2.0", "id": request["id"], "result": {"content": [{"type": "text", "text": "own"}], "resultType": "complete"}});
        let messages = [
            json!({"jsonrpc": "2.0", "id": 99_999, "result": text("wrong")}),
            note(json!("somebody's")),
            note(json!(0)),
            own.clone(),
            json!({"jsonrpc": "2.0", "id": request["id"], "result": text("second")}),
            own,
        ];
        let bytes: String = messages.iter().map(|message| format!("data: {message}\n\n")).collect();
        Act::Close(events(bytes.as_bytes()))
    })
    .await;
    let world = world(&[server.object("bad")]).await;
    let params = json!({"name": "bad_t", "arguments": {}, "_meta": {"progressToken": "mine"}});
    let answer = world.modern("weekly", "ada", "tools/call", params).await;
    assert_eq!((answer.messages.len(), answer.told()), (1, json!("own")), "{answer:?}");
}

#[tokio::test]
async fn m_09_streams_are_bounded_and_framed_anew() {
    let endless = |_: &Value| {
        let note = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":1}}\n\n";
        Act::Flood(events(b""), note.repeat(100).into())
    };
    fails("endless notifications", endless).await;
    fails("an endless comment", |_| Act::Flood(events(b":"), vec![b'x'; 65_536])).await;
    fails("an endless event", |_| Act::Flood(events(b"data: {\"a\":\""), vec![b'x'; 65_536])).await;
    fails("events without data", |_| Act::Flood(events(b""), b"event: x\n\n".repeat(1_000))).await;
    fails("a drip", |_| Act::Hold(events(b"d"))).await;
    // Fields that mean something to a client's stream are the gateway's own, whatever line ends they come with.
    let server = Hostile::start(&["t"], |request| {
        let own = json!({"jsonrpc": "2.0", "id": request["id"], "result": {"content": [{"type": "text", "text": "é\nevent: endpoint\ndata: /evil"}], "resultType": "complete"}});
        let (head, tail) = {
            let own = own.to_string();
            let (head, tail) = own.split_at(own.find('é').unwrap());
            (head.to_owned(), tail.to_owned())
        };
        let note = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": request["params"]["_meta"]["progressToken"], "progress": 1}});
        let bytes = format!("event: endpoint\r\ndata: /evil\r\n\r\nid: 7\rretry: 0\rdata: {note}\r\rid: 8\ndata: {head}{tail}\n\n");
        Act::Close(events(bytes.as_bytes()))
    })
    .await;
    let world = world(&[server.object("bad")]).await;
    let params = json!({"name": "bad_t", "arguments": {}, "_meta": {"progressToken": "mine"}});
    let reply = world.modern_request("weekly", "ada", "tools/call", params).send().await.unwrap();
    let told = reply.text().await.unwrap();
    for line in told.lines() {
        let field = line.split(':').next().unwrap_or_default();
        assert!(line.is_empty() || field == "data" || line == "event: message", "{line}");
    }
    assert!(told.contains("\\nevent: endpoint\\ndata: /evil") && told.contains("notifications/progress"), "{told}");
}

#[tokio::test]
async fn m_09_a_client_that_goes_away_ends_the_stream_at_the_server() {
    let (told, mut left) = tokio::sync::mpsc::channel(8);
    let server = Hostile::start(&["t"], move |_| {
        told.try_send(()).unwrap();
        Act::Hold(events(b": still here\n\n"))
    })
    .await;
    let world = world(&[server.object("bad")]).await;
    let request = world.modern_request("weekly", "ada", "tools/call", json!({"name": "bad_t", "arguments": {}}));
    let pending = tokio::spawn(request.send());
    left.recv().await.unwrap();
    pending.abort();
    assert_eq!(outcome(&world).await, Outcome::Cancelled);
}

#[tokio::test]
async fn u_01_a_redirect_is_not_followed_and_no_credential_goes_elsewhere() {
    let trap = Hostile::start(&["t"], |request| Act::Close(answer(request, text("stolen")))).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"] {
        for target in [
            trap.url.clone(),
            "http://169.254.169.254/latest".to_owned(),
            "//127.0.0.1:1/x".to_owned(),
            "/mcp".to_owned(),
        ] {
            let reply = format!("HTTP/1.1 {status}\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
            fails(&format!("{status} to {target}"), move |_| Act::Close(reply.clone().into())).await;
        }
    }
    let metadata = format!("www-authenticate: Bearer resource_metadata=\"{}\"\r\n", trap.url);
    let refusal = move |_: &Value| Act::Close(json_reply("401 Unauthorized", &metadata, "{}"));
    fails("401 with somebody's metadata", refusal).await;
    assert!(trap.seen().is_empty(), "{:?}", trap.seen());
}

#[tokio::test]
async fn u_02_of_a_servers_head_nothing_reaches_the_client() {
    let server = Hostile::start(&["t"], |request| {
        let body = json!({"jsonrpc": "2.0", "id": request["id"], "result": {"content": [{"type": "text", "text": "own"}], "resultType": "complete"}});
        let headers = "set-cookie: a=b\r\nmcp-session-id: evil\r\nx-evil: 1\r\nwww-authenticate: Bearer\r\n\
                       connection: close, x-evil\r\nserver: evil\r\nlocation: http://evil.example\r\n\
                       access-control-allow-origin: *\r\nstrict-transport-security: max-age=1\r\n";
        Act::Close([json_reply("200 OK", headers, &body.to_string()), answer(request, text("second response"))].concat())
    })
    .await;
    let world = world(&[server.object("bad")]).await;
    let request = world.modern_request("weekly", "ada", "tools/call", json!({"name": "bad_t", "arguments": {}}));
    let reply = request.send().await.unwrap();
    let mut headers: Vec<&str> = reply.headers().keys().map(http::HeaderName::as_str).collect();
    headers.sort_unstable();
    let own = ["cache-control", "connection", "content-length", "content-type", "date"];
    assert!(headers.iter().all(|name| own.contains(name)), "{headers:?}");
    assert_eq!(read(reply).await.told(), "own");
    // The second response on the connection answers nobody.
    assert_eq!(world.call("ada", "bad_t", json!({})).await.told(), "own");
    let good = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"resultType":"complete"}}"#;
    fails("a head of 2 MiB", |_| Act::Close(json_reply("200 OK", &format!("x: {}\r\n", "v".repeat(2 << 20)), "{}")))
        .await;
    fails("10,000 headers", |_| Act::Close(json_reply("200 OK", &"x: y\r\n".repeat(10_000), "{}"))).await;
    fails("an endless head", |_| Act::Flood(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x: y\r\n".repeat(1_000))).await;
    fails("a length that is too long", |_| {
        Act::Close(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{}".to_vec())
    })
    .await;
    fails("a length that is too short", move |_| {
        Act::Close(
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\n{good}").into(),
        )
    })
    .await;
    fails("no HTTP", |_| Act::Close(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())).await;
    fails("a status that is none", |_| Act::Close(b"HTTP/1.1 2OO OK\r\ncontent-length: 0\r\n\r\n".to_vec())).await;
}

#[tokio::test]
async fn u_03_what_never_ends_or_is_too_much_ends_in_time_and_costs_the_others_nothing() {
    let json = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    let begun = move |request: &Value, text: &str| {
        format!(
            "{json}{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":\"{text}",
            request["id"]
        )
    };
    fails("silence", |_| Act::Hold(Vec::new())).await;
    fails("half a head", |_| Act::Hold(b"HTTP/1.1 200 OK\r\n".to_vec())).await;
    fails("half a body", move |request| Act::Hold(begun(request, "x").into())).await;
    fails("a reset in the middle", move |request| Act::Reset(begun(request, "x").into())).await;
    fails("an end in the middle", move |request| Act::Close(begun(request, "x").into())).await;
    fails("an endless member before anything else", move |_| {
        Act::Flood(format!("{json}{{\"nobody\":\"").into(), vec![b'x'; 65_536])
    })
    .await;
    fails("endless white space", move |_| Act::Flood(json.into(), vec![b' '; 65_536])).await;
    fails("compressed, though nobody asked for it", |_| {
        Act::Close(json_reply("200 OK", "content-encoding: gzip\r\n", "\u{1f}\u{fffd}\u{8}"))
    })
    .await;
    fails("no UTF-8", |request| {
        let mut reply = answer(request, text("xx"));
        let at = reply.windows(2).position(|two| two == b"xx").unwrap();
        reply[at] = 0xff;
        Act::Close(reply)
    })
    .await;
    fails("nesting of 100,000", |request| {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{deep}}}"#, request["id"]);
        Act::Close(json_reply("200 OK", "", &body))
    })
    .await;
    // One that has begun to pass breaks off, and is never taken for a whole one.
    let server =
        Hostile::start(&["t"], move |request| Act::Flood(begun(request, "x").into(), vec![b'x'; 65_536])).await;
    let good = Changing::new(&[tool("get")]);
    let world = world(&[server.object("bad"), good.object("good")]).await;
    let endless = world
        .modern_request("weekly", "ada", "tools/call", json!({"name": "bad_t", "arguments": {}}))
        .send()
        .await
        .unwrap();
    assert_eq!(world.call("ada", "good_get", json!({})).await.told()["name"], "get", "others are served meanwhile");
    let body = endless.text().await;
    assert!(
        body.as_ref()
            .map_or(true, |body| serde_json::from_str::<Value>(body).map_or(true, |body| body.get("error").is_some()))
    );
    assert_eq!(outcome(&world).await, Outcome::Error);
}

#[tokio::test]
async fn u_05_a_failure_is_never_told_as_a_success() {
    let result = |request: &Value| {
        json!({"jsonrpc": "2.0", "id": request["id"], "result": {"content": [{"type": "text", "text": "fine"}], "resultType": "complete"}}).to_string()
    };
    for status in [
        "500 Internal Server Error",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "429 Too Many Requests",
        "403 Forbidden",
        "404 Not Found",
        "418 Teapot",
    ] {
        for html in [true, false] {
            let reply = move |request: &Value| {
                let body = if html { "<h1>no</h1>".to_owned() } else { result(request) };
                let headers = "retry-after: 1\r\n";
                let mut reply = json_reply(status, headers, &body);
                if html {
                    reply = String::from_utf8(reply).unwrap().replace("application/json", "text/html").into();
                }
                Act::Close(reply)
            };
            fails(&format!("{status} {html}"), reply).await;
        }
    }
    fails("200 with HTML", |_| {
        Act::Close(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nok".to_vec())
    })
    .await;
    fails("204", |_| Act::Close(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())).await;
    fails("an empty body", |_| Act::Close(json_reply("200 OK", "", ""))).await;
    // An error of the server's is told as that, with whatever status.
    for status in ["200 OK", "400 Bad Request", "500 Internal Server Error"] {
        let server = Hostile::start(&["t"], move |request| {
            let error = json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32_050, "message": "the server's own"}});
            Act::Close(json_reply(status, "", &error.to_string()))
        })
        .await;
        let world = world(&[server.object("bad")]).await;
        let answer = world.call("ada", "bad_t", json!({})).await;
        assert_eq!(
            answer.error().0,
            if status.starts_with('5') { answer.error().0 } else { -32_050 },
            "{status}: {answer:?}"
        );
        assert!(answer.last().get("result").is_none(), "{status}: {answer:?}");
        assert_eq!(outcome(&world).await, Outcome::Error, "{status}");
    }
}
