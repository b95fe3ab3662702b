//! Large results that nobody looks into: they flow through the gateway as fast as the client takes them, and one that is cut
//! off stays cut off.

use crate::{
    client::Client,
    upstream::{answer, next_request},
    world::{World, eventually, objects},
};
use bytes::Bytes;
use control_plane_api::audit::{AuditEvent, Outcome, Phase};
use futures::StreamExt as _;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::{TcpSocket, TcpStream},
};

const MIB: usize = 1 << 20;
/// What may be on its way to a client that reads nothing: the pieces that the gateway holds, and the buffers of the sockets
/// on its two sides, a few MiB each.
const HELD_MAX: usize = 16 * MIB;
/// What the server's own socket holds back.
const SENDING_BYTES: u32 = 64 << 10;
/// Looks at a server that writes no more, before it counts as held back.
const LOOKS: usize = 25;

/// A modern server whose tool `flood` answers as much as it is told.
struct Flood {
    url: String,
    /// Bytes of answers that were taken off it.
    written: Arc<AtomicUsize>,
    /// A connection was closed in the middle of an answer.
    left: Arc<AtomicBool>,
}

impl Flood {
    async fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(SENDING_BYTES).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(64).unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let (written, left) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (count, gone) = (written.clone(), left.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, count.clone(), gone.clone()));
            }
        });
        Self { url, written, left }
    }

    /// A gateway in front of it.
    async fn world(&self) -> World {
        let server = json!({"kind": "server", "name": "web", "spec": {"prefix": "",
            "transport": {"type": "http", "url": self.url}, "tools": [{"tool": "*", "class": "read"}]}});
        World::start(&objects(&[server]), &[]).await
    }

    /// What was written when nothing more goes out.
    async fn held_back(&self) -> usize {
        let seen = Mutex::new((0, 0));
        eventually("the server to be held back", async || {
            let (now, mut seen) = (self.written.load(Ordering::SeqCst), seen.lock());
            *seen = (now, if now == seen.0 && now > MIB { seen.1 + 1 } else { 0 });
            (seen.1 >= LOOKS).then_some(now)
        })
        .await
    }
}

async fn serve(stream: TcpStream, written: Arc<AtomicUsize>, left: Arc<AtomicBool>) {
    let mut stream = BufReader::new(stream);
    while let Some((_, body)) = next_request(&mut stream).await {
        let request: Value = serde_json::from_slice(&body).unwrap_or_default();
        if request["method"] != "tools/call" {
            let mut reply = answer(&request);
            if request["method"] == "tools/list" {
                reply["result"]["tools"][0]["name"] = json!("flood");
            }
            let reply = reply.to_string();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", reply.len());
            stream.get_mut().write_all(format!("{head}{reply}").as_bytes()).await.unwrap();
            continue;
        }
        if flood(stream.get_mut(), &request, &written).await.is_err() {
            left.store(true, Ordering::SeqCst);
            return;
        }
        if request["params"]["arguments"]["cut"].is_string() {
            return;
        }
    }
}

/// The text before the content, a line of the content, and the text behind it.
fn text(id: &Value) -> (String, String, String) {
    let head = r#"{"jsonrpc":"2.0","result":{"resultType":"complete","content":[{"type":"text","n":1.0,"text":""#;
    let line = format!(r#"{}é\"\u0041\\,"#, "0123456789abcdef".repeat(4_095));
    let info = r#"{"io.modelcontextprotocol/serverInfo":{"name":"web","version":"1"}}"#;
    (head.to_owned(), line, format!(r#""}}],"isError":false,"_meta":{info}}},"id":{id}}}"#))
}

async fn flood(stream: &mut TcpStream, request: &Value, written: &AtomicUsize) -> std::io::Result<()> {
    let arguments = &request["params"]["arguments"];
    let (head, line, tail) = text(&request["id"]);
    let (lines, event) = (arguments["lines"].as_u64().unwrap(), arguments["event"] == true);
    let note = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"soon"}}"#;
    let (kind, before, behind) = match event {
        true => ("text/event-stream", format!("data: {note}\n\nevent: message\ndata: "), "\n\n"),
        false => ("application/json", String::new(), ""),
    };
    let start = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(start.as_bytes()).await?;
    chunk(stream, &format!("{before}{head}")).await?;
    for _ in 0..lines {
        chunk(stream, &line).await?;
        written.fetch_add(line.len(), Ordering::SeqCst);
    }
    match arguments["cut"].as_str() {
        // The connection ends in the middle.
        Some("off") => return Ok(()),
        // All of it comes, and is not JSON.
        Some("wrong") => chunk(stream, &format!("\"]{tail}{behind}")).await?,
        _ => chunk(stream, &format!("{tail}{behind}")).await?,
    }
    stream.write_all(b"0\r\n\r\n").await
}

async fn chunk(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await
}

async fn call(world: &World, arguments: Value) -> reqwest::Response {
    let params = json!({"name": "flood", "arguments": arguments});
    world.modern_request("weekly", "ada", "tools/call", params).send().await.unwrap()
}

/// The rest of a body; none if it was broken off.
async fn rest(response: reqwest::Response) -> Option<Bytes> {
    response.bytes().await.ok()
}

/// The outcome of the last call.
async fn outcome(world: &World) -> AuditEvent {
    let called = |event: &AuditEvent| event.target.as_deref() == Some("flood") && event.phase == Phase::Outcome;
    eventually("the outcome", async || world.audit().into_iter().rfind(called)).await
}

/// Whether `body` is the result of `lines` lines, every byte of the content as the server wrote it.
fn is_whole(body: &[u8], lines: usize) -> bool {
    let (head, line, _) = text(&json!(7));
    let head = head.replace(r#""2.0","result""#, r#""2.0","id":7,"result""#);
    let tail = concat!(
        r#""}],"isError":false,"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"mcp-gateway","title":"mcpctl gateway","#,
        r#""version":"0.1.0"},"io.mcpctl/upstreamServerInfo":{"name":"web","version":"1"}}}}"#
    );
    let Some(content) = body.strip_prefix(head.as_bytes()).and_then(|rest| rest.strip_suffix(tail.as_bytes())) else {
        return false;
    };
    content.len() == lines * line.len() && content.chunks(line.len()).all(|chunk| chunk == line.as_bytes())
}

#[tokio::test]
async fn a_long_result_flows_as_fast_as_its_client_takes_it() {
    let flood = Flood::start().await;
    let world = flood.world().await;
    let lines = 64 * MIB / text(&json!(7)).1.len();
    let response = call(&world, json!({"lines": lines})).await;
    assert_eq!((response.status().as_u16(), response.content_length()), (200, None));
    assert_eq!(response.headers()["content-type"], "application/json");
    let held = flood.held_back().await;
    assert!(held < HELD_MAX, "{held} bytes went out to a client that reads nothing");
    let body = rest(response).await.unwrap();
    assert!(is_whole(&body, lines));
    let event = outcome(&world).await;
    assert_eq!((event.outcome, event.reply_bytes), (Outcome::Ok, body.len() as u64));
    assert_eq!(event.reply_digest, Some(hex::encode(Sha256::digest(&body))));
}

#[tokio::test]
async fn a_long_event_becomes_one_of_the_clients_stream() {
    let flood = Flood::start().await;
    let world = flood.world().await;
    let response = call(&world, json!({"lines": 64, "event": true})).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let body = rest(response).await.unwrap();
    let text = std::str::from_utf8(&body).unwrap();
    let events: Vec<&str> =
        text.split("\n\n").filter_map(|event| event.split_once("data: ").map(|(_, data)| data)).collect();
    let [note, result] = events[..] else { panic!("two events, and no more: {}", events.len()) };
    assert!(note.contains("soon") && is_whole(result.as_bytes(), 64));
    assert_eq!(outcome(&world).await.reply_bytes, result.len() as u64);
    assert!(flood.written.load(Ordering::SeqCst) > 2 * MIB);
}

#[tokio::test]
async fn a_result_that_is_cut_off_never_looks_complete() {
    let flood = Flood::start().await;
    let world = flood.world().await;
    for (cut, event) in [("off", false), ("wrong", false), ("off", true), ("wrong", true)] {
        let response = call(&world, json!({"lines": 64, "cut": cut, "event": event})).await;
        assert_eq!(response.status(), 200);
        assert_eq!(rest(response).await, None, "{cut}");
        let last = outcome(&world).await;
        assert!(last.outcome == Outcome::Partial && last.reply_bytes > MIB as u64, "{:?}", last.outcome);
    }
    let response = call(&world, json!({"lines": 64})).await;
    assert!(is_whole(&rest(response).await.unwrap(), 64), "the next one is");
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_stops_the_server() {
    let flood = Flood::start().await;
    let world = flood.world().await;
    let mut pieces = call(&world, json!({"lines": 1 << 20})).await.bytes_stream();
    assert!(pieces.next().await.unwrap().is_ok());
    drop(pieces);
    eventually("the server to be left", async || flood.left.load(Ordering::SeqCst).then_some(())).await;
    let last = outcome(&world).await;
    assert!(last.outcome == Outcome::Partial && last.reply_bytes > 0, "{:?}", last.outcome);
}

#[tokio::test]
async fn a_client_with_a_session_gets_it_whole_and_in_its_words() {
    let flood = Flood::start().await;
    let world = flood.world().await;
    let client = Client::open(&world, "ada", "2025-11-25", json!({})).await;
    let answer = client.ask(1, "tools/call", json!({"name": "flood", "arguments": {"lines": 64}})).await;
    let result = &answer.last()["result"];
    assert_eq!((&result["resultType"], &result["isError"]), (&Value::Null, &json!(false)));
    assert!(result["content"][0]["text"].as_str().unwrap().len() > 3 * MIB);
}

#[tokio::test]
async fn it_flows_through_two_gateways_alike() {
    let flood = Flood::start().await;
    let central = flood.world().await;
    let bearer = format!("Bearer {}", crate::world::token_of("ada"));
    let company = json!({"kind": "server", "name": "company", "spec": {"prefix": "",
        "transport": {"type": "http", "url": central.url("weekly"), "headers": {"Authorization": bearer}},
        "tools": [{"tool": "*", "class": "read"}]}});
    let local = World::start(&objects(&[company]), &[]).await;
    let response = call(&local, json!({"lines": 64})).await;
    assert_eq!(response.content_length(), None, "it is passed on while it comes");
    let body = rest(response).await.unwrap();
    let whole: Value = serde_json::from_slice(&body).unwrap();
    assert!(whole["result"]["content"][0]["text"].as_str().unwrap().len() > 3 * MIB);
}

#[tokio::test]
async fn a_result_is_cut_off_in_the_middle_when_its_token_is_revoked() {
    let flood = Flood::start().await;
    let world = flood.world().await;
    let mut pieces = call(&world, json!({"lines": 1 << 20})).await.bytes_stream();
    assert!(pieces.next().await.unwrap().is_ok());
    let server = json!({"kind": "server", "name": "web", "spec": {"prefix": "",
        "transport": {"type": "http", "url": flood.url}, "tools": [{"tool": "*", "class": "read"}]}});
    let mut changed = objects(&[server]);
    for object in changed.iter_mut().filter(|object| object["name"] == "ada") {
        object["spec"]["tokens"] = json!([]);
    }
    world.configure(2, &changed);
    let mut broken = false;
    while let Some(piece) = pieces.next().await {
        broken = piece.is_err();
    }
    assert!(broken, "it must not look complete");
    eventually("the server to be left", async || flood.left.load(Ordering::SeqCst).then_some(())).await;
    let last = outcome(&world).await;
    assert!(last.outcome == Outcome::Denied && last.reply_bytes > 0, "{:?}", last.outcome);
}
