//! A server on loopback that stands in for the API of a model: it answers each request by a function of its path and body.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{convert::Infallible, sync::Arc};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What a request is answered with: a media type and a body.
pub(crate) type Reply = (&'static str, String);

/// The server; it ends with this value.
pub(crate) struct Served {
    pub(crate) url: String,
    serving: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn start(answer: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { url, serving: tokio::spawn(serve(listener, Arc::new(answer))) }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

type Answer = dyn Fn(&str, &Value) -> Reply + Send + Sync;

async fn serve(listener: TcpListener, answer: Arc<Answer>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, Arc::clone(&answer)));
    }
}

async fn connection(stream: TcpStream, answer: Arc<Answer>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = Arc::clone(&answer);
        async move {
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let (media, text) = answer(&path, &serde_json::from_slice(&body).unwrap_or_default());
            let response = Response::builder().header("content-type", media).body(Full::new(Bytes::from(text)));
            Ok::<_, Infallible>(response.unwrap())
        }
    });
    // A client that goes away is nothing to report.
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
}

/// Events with their type as their name.
pub(crate) fn stream(events: &[Value]) -> Reply {
    let event = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    ("text/event-stream", events.iter().map(event).collect())
}
