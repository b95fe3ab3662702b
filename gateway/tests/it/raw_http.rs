//! Requests as no well-behaved client sends them: refused before anything looks into them.

use crate::world::{World, objects, server, token_of};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Longest wait for a reply.
const PATIENCE: Duration = Duration::from_secs(30);

/// What comes back for `request` until the connection is closed.
async fn exchange(world: &World, request: &str) -> String {
    let mut stream = TcpStream::connect(&world.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut reply)).await.unwrap();
    String::from_utf8_lossy(&reply).into_owned()
}

/// Statuses of all replies to `request`.
async fn statuses(world: &World, request: &str) -> Vec<u16> {
    let reply = exchange(world, request).await;
    reply.split("HTTP/1.1 ").skip(1).filter_map(|reply| reply.get(..3)?.parse().ok()).collect()
}

fn head(world: &World, line: &str, more: &str) -> String {
    format!(
        "{line}\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n{more}\r\n",
        world.address,
        token_of("ada")
    )
}

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

#[tokio::test]
async fn a_body_is_framed_in_one_way_only() {
    let world = World::start(&objects(&[server("new", "modern")]), &[]).await;
    let length = PING.len();
    let chunked = format!("{length:x}\r\n{PING}\r\n0\r\n\r\n");
    for (framing, body) in [
        (format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), chunked.as_str()),
        ("Transfer-Encoding: gzip, chunked\r\nConnection: close\r\n".to_owned(), &chunked),
        (format!("Transfer-Encoding: identity\r\nContent-Length: {length}\r\n"), PING),
        (format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"), PING),
        (format!("Content-Length: {length}, {length}\r\n"), PING),
        (format!("Content-Length: 0{length}\r\n"), PING),
        (format!("Content-Length: +{length}\r\n"), PING),
        ("Transfer-Encoding: chunked\r\n".to_owned(), "0x3\r\n{} \r\n0\r\n\r\n"),
        (format!("Content-Length: {length}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"), PING),
    ] {
        let second = head(&world, "POST /mcp HTTP/1.1", &format!("Content-Length: {length}\r\n"));
        let request = format!("{}{body}{second}{PING}", head(&world, "POST /mcp HTTP/1.1", &framing));
        assert_eq!(statuses(&world, &request).await, [400], "{framing}: and what follows is not read");
    }
    assert!(world.audit().iter().all(|e| e.method != "ping"), "nothing got as far as the pipeline");
}

#[tokio::test]
async fn the_head_keeps_to_its_bounds() {
    let world = World::start(&objects(&[]), &[]).await;
    let get = |line: &str, more: &str| head(&world, line, &format!("{more}Connection: close\r\n"));
    let many: String = (0..120).map(|n| format!("x-{n}: 1\r\n")).collect();
    let large = format!("x: {}\r\n", "v".repeat(17 << 10));
    let long = format!("GET /mcp?{} HTTP/1.1", "x".repeat(9 << 10));
    for (request, status) in [
        (get("GET /mcp HTTP/1.1", &many), 431),
        (get("GET /mcp HTTP/1.1", &large), 431),
        (get(&long, ""), 414),
        (get("GET /mcp HTTP/1.1", "Content-Length: 2\r\n"), 400),
        (get("GET //mcp HTTP/1.1", ""), 404),
        (get("GET /x/../mcp HTTP/1.1", ""), 404),
        (get("GET /%6dcp HTTP/1.1", ""), 404),
        (get("GET /mcp;x HTTP/1.1", ""), 404),
        (get("TRACE /mcp HTTP/1.1", ""), 405),
        (get("BREW /mcp HTTP/1.1", ""), 405),
        (get("POST /mcp HTTP/1.1", "Content-Length: 2\r\nContent-Encoding: gzip\r\n"), 415),
        (get("POST /mcp HTTP/1.1", "Content-Length: 2\r\nExpect: miracles\r\n"), 417),
        (get("POST /mcp HTTP/1.1", "Content-Length: 99999999\r\n"), 413),
        ("GET /mcp HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), 400),
        ("GET /mcp HTTP/1.1\r\nHost: a/?x#\r\nConnection: close\r\n\r\n".to_owned(), 403),
    ] {
        assert_eq!(statuses(&world, &request).await, [status], "{}", request.get(..60).unwrap());
    }
}

#[tokio::test]
async fn a_client_that_waits_for_a_word_gets_it() {
    let world = World::start(&objects(&[]), &[]).await;
    let more = format!("Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n", PING.len());
    let request = format!("{}{PING}", head(&world, "POST /mcp HTTP/1.1", &more));
    assert_eq!(statuses(&world, &request).await, [100, 400], "the second is the missing session's");
}

#[tokio::test]
async fn an_offer_of_http_2_is_answered_as_if_it_had_not_been_made() {
    let world = World::start(&objects(&[]), &[]).await;
    let more = format!("Content-Length: {}\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n", PING.len());
    let request = format!("{}{PING}", head(&world, "POST /mcp HTTP/1.1", &more));
    assert_eq!(
        statuses(&world, &format!("{request}{request}")).await,
        [400],
        "one reply, then the connection is closed"
    );
}

#[tokio::test]
async fn a_head_that_drips_is_not_waited_for() {
    let world = World::start(&objects(&[]), &[]).await;
    let mut stream = TcpStream::connect(&world.address).await.unwrap();
    let mut drip = tokio::time::interval(Duration::from_millis(500));
    let (mut reader, mut writer) = stream.split();
    let write = async {
        for byte in b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nx-long: ".iter().chain(std::iter::repeat(&b'x')) {
            drip.tick().await;
            if writer.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
    };
    let mut rest = Vec::new();
    let closed = async {
        tokio::select! {
            _ = reader.read_to_end(&mut rest) => {}
            () = write => {}
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.unwrap();
}

/// Whether a second request on one connection is answered when it comes half a second after the first.
async fn second_is_answered(limits: &Value) -> bool {
    let world = World::start_within(limits, &objects(&[]), &[]).await;
    let mut stream = TcpStream::connect(&world.address).await.unwrap();
    let request = head(&world, "POST /mcp HTTP/1.1", &format!("Content-Length: {}\r\n", PING.len())) + PING;
    let mut pause = tokio::time::interval(Duration::from_millis(500));
    for _ in 0..2 {
        pause.tick().await;
        let mut answer = Vec::new();
        if stream.write_all(request.as_bytes()).await.is_err() {
            return false;
        }
        while !answer.ends_with(b"}}") {
            if stream.read_buf(&mut answer).await.unwrap_or(0) == 0 {
                return false;
            }
        }
        assert!(answer.starts_with(b"HTTP/1.1 400"), "the session is missing");
    }
    true
}

#[tokio::test]
async fn a_connection_may_idle_for_longer_than_a_head_may_take() {
    let limits = |head, idle| json!({"header_read_timeout_ms": head, "connection_idle_timeout_ms": idle});
    assert!(second_is_answered(&limits(100, 60_000)).await);
    assert!(!second_is_answered(&limits(60_000, 100)).await);
}
