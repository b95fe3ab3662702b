//! An OTLP collector: takes traces over HTTP, and keeps them as they came and as they were meant.

use crate::{upstream::next_request, world::eventually};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    trace::v1::Span,
};
use parking_lot::Mutex;
use prost::Message as _;
use std::{collections::BTreeMap, sync::Arc};
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

pub(crate) struct Collector {
    pub(crate) url: String,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    heads: Vec<String>,
    bodies: Vec<Vec<u8>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::<Mutex<Taken>>::default();
        let keep = taken.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let keep = keep.clone();
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    while let Some((head, body)) = next_request(&mut stream).await {
                        {
                            let mut taken = keep.lock();
                            taken.heads.push(head);
                            taken.bodies.push(body);
                        }
                        let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                        stream.get_mut().write_all(reply).await.unwrap();
                    }
                });
            }
        });
        Self { url, taken }
    }

    /// The first line of each request, and its headers.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.taken.lock().heads.clone()
    }

    /// Whether `text` came in anywhere.
    pub(crate) fn saw(&self, text: &str) -> bool {
        self.taken.lock().bodies.iter().any(|body| body.windows(text.len()).any(|part| part == text.as_bytes()))
    }

    fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        let taken = self.taken.lock();
        taken.bodies.iter().map(|body| ExportTraceServiceRequest::decode(body.as_slice()).unwrap()).collect()
    }

    /// What the last request said of who sent it.
    pub(crate) fn resource(&self) -> BTreeMap<String, String> {
        let requests = self.requests();
        texts(&requests.last().unwrap().resource_spans[0].resource.as_ref().unwrap().attributes)
    }

    /// Every span so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let of = |request: ExportTraceServiceRequest| request.resource_spans.into_iter().flat_map(|r| r.scope_spans);
        self.requests().into_iter().flat_map(of).flat_map(|scope| scope.spans).collect()
    }

    /// The span that is `wanted`, once it is there.
    pub(crate) async fn span(&self, what: &str, wanted: impl Fn(&Span) -> bool) -> Span {
        eventually(what, async || self.spans().into_iter().find(&wanted)).await
    }
}

/// Attributes, values as texts.
pub(crate) fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|value| value.value.clone()) {
        Some(Any::StringValue(text)) => text,
        Some(Any::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|attribute| (attribute.key.clone(), text(&attribute.value))).collect()
}
