//! A server that answers at once: MCP 2026-07-28 over HTTP, tools whose results have a known size, lists of a known length.
//! What proxies are measured over: `bench-upstream [address]`, which prints its address once it listens.
//!
//! The path chooses the list: `/mcp` has the tools of [`results`], `/tools/N/mcp` has N tools that answer alike. Nothing is
//! checked, kept or logged: it must never be what a round waits for. A crate of its own, so that it is built without the gateway.

mod results;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use results::Results;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, convert::Infallible, env, io::Write as _, sync::Arc};
use tokio::net::TcpListener;

/// Tells proxies that buffer not to: an event is to be seen when it happens.
const UNBUFFERED: &str = "x-accel-buffering";
/// Most tools of one list.
const TOOLS_MAX: usize = 100_000;

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// What is looked at of a request; everything else may be there.
#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Option<Params<'a>>,
}

#[derive(Deserialize, Default)]
struct Params<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(default)]
    arguments: Option<Arguments>,
}

#[derive(Deserialize, Default)]
struct Arguments {
    /// Chooses the messages of a result.
    #[serde(default)]
    seed: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(&address).await.with_context(|| format!("cannot listen on {address}"))?;
    let mut told = std::io::stdout();
    writeln!(told, "{}", listener.local_addr()?)?;
    told.flush()?;
    serve(listener).await
}

/// Serves on `listener` until the process ends.
async fn serve(listener: TcpListener) -> Result<()> {
    let results = Arc::new(Results::default());
    loop {
        let (connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        let results = results.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let results = results.clone();
                async move { Ok::<_, Infallible>(answer(request, &results).await) }
            });
            // A client that goes away is the client's affair.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, results: &Results) -> Answer {
    let tools = tools_of(request.uri().path());
    if request.method() != Method::POST {
        return plain(StatusCode::METHOD_NOT_ALLOWED, Bytes::new());
    }
    let Ok(body) = request.into_body().collect().await else {
        return plain(StatusCode::BAD_REQUEST, Bytes::new());
    };
    let body = body.to_bytes();
    let Ok(asked) = serde_json::from_slice::<Asked<'_>>(&body) else {
        return plain(StatusCode::BAD_REQUEST, Bytes::new());
    };
    let Some(id) = asked.id.map(RawValue::get) else {
        return plain(StatusCode::ACCEPTED, Bytes::new());
    };
    let params = asked.params.unwrap_or_default();
    let result = match (&*asked.method, tools) {
        ("subscriptions/listen", _) => return listen(id),
        ("server/discover", _) => Some(Bytes::from_static(results::DISCOVERED.as_bytes())),
        ("tools/list", tools) => Some(results.list(tools)),
        ("tools/call", Some(_)) => Some(results.short()),
        ("tools/call", None) => results.of(&params.name.unwrap_or_default(), params.arguments.unwrap_or_default().seed),
        _ => None,
    };
    let text = match result {
        Some(result) => [br#"{"jsonrpc":"2.0","id":"#, id.as_bytes(), br#","result":"#, &result, b"}"].concat(),
        None => format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"not here"}}}}"#).into_bytes(),
    };
    plain(StatusCode::OK, Bytes::from(text))
}

/// The length of the list that `path` chooses; none: the tools with results of their own.
fn tools_of(path: &str) -> Option<usize> {
    let count = path.strip_prefix("/tools/")?.strip_suffix("/mcp")?;
    count.parse().ok().map(|count: usize| count.min(TOOLS_MAX))
}

fn plain(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body).boxed());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// A stream on which nothing happens after its first event, and that does not end.
fn listen(id: &str) -> Answer {
    let acknowledged = format!(
        "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\",\"params\":{{\"_meta\":{{\
         \"io.modelcontextprotocol/subscriptionId\":{id}}},\"notifications\":{{\"toolsListChanged\":true}}}}}}\n\n"
    );
    let begun = stream::once(async move { Ok(Frame::data(Bytes::from(acknowledged))) });
    let mut answer = Response::new(StreamBody::new(futures::StreamExt::chain(begun, stream::pending())).boxed());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer.headers_mut().insert(UNBUFFERED, HeaderValue::from_static("no"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::time::Duration;

    async fn ask(path: &str, request: Value) -> Value {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{path}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        let text = client.post(url).json(&request).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[tokio::test]
    async fn a_result_has_the_size_its_tool_says() {
        for (tool, bytes) in [("text_1k", 1_usize << 10), ("text_100k", 100 << 10), ("text_1m", 1 << 20)] {
            let call = json!({"jsonrpc": "2.0", "id": "a\"b", "method": "tools/call", "params": {"name": tool}});
            let answer = ask("/mcp", call).await;
            assert_eq!(answer["id"], "a\"b");
            let text = answer["result"]["content"][0]["text"].as_str().unwrap();
            assert!(text.len() <= bytes && answer["result"].to_string().len() >= bytes, "{tool}: {}", text.len());
        }
    }

    #[tokio::test]
    async fn the_path_says_how_many_tools_there_are() {
        let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        for (path, count) in [("/tools/10/mcp", 10), ("/tools/1000/mcp", 1_000), ("/mcp", 4)] {
            let answer = ask(path, list.clone()).await;
            assert_eq!(answer["result"]["tools"].as_array().unwrap().len(), count, "{path}");
        }
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "tool_9"}});
        assert!(ask("/tools/10/mcp", call).await["result"]["content"][0]["text"].is_string());
    }

    #[tokio::test]
    async fn another_seed_gives_other_messages() {
        let call = |seed: u64| {
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "messages", "arguments": {"seed": seed}}})
        };
        let (one, again, other) = (ask("/mcp", call(1)).await, ask("/mcp", call(1)).await, ask("/mcp", call(2)).await);
        assert_eq!(one, again);
        assert_ne!(one, other);
        let text: Value = serde_json::from_str(one["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text["messages"].as_array().unwrap().len(), 1_000);
    }

    #[tokio::test]
    async fn what_it_does_not_know_is_an_error() {
        let answer = ask("/mcp", json!({"jsonrpc": "2.0", "id": 1, "method": "tools/none"})).await;
        assert_eq!(answer["error"]["code"], -32601);
        let unknown = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "none"}});
        assert_eq!(ask("/mcp", unknown).await["error"]["code"], -32601);
    }
}
