//! What the tests of both transports ask, and how they read the answer.

use super::{Caller, Endpoint, Reply, Said, Tokens, Upstream, UpstreamError};
use crate::{confine::Confiner, metrics::Metrics};
use control_plane_api::{limits::Limits, secret::Secret};
use futures::StreamExt as _;
use protocol::{Id, Members, Message, Request, meta, method};
use scrubber::{Credential, Scrubber};
use serde_json::{Value, json};

/// The endpoint of a server called `x`. `spec` is its `transport`, or a whole spec. What is sent of `values` behind a word
/// such as `Bearer` is a credential.
pub(super) fn endpoint(spec: Value, values: &[(&str, &str)], limits: Limits) -> Endpoint {
    let scrubber = Scrubber::default();
    let secret = |value: &str| Secret::new(value.to_owned());
    let credential = |(name, value): &(&str, &str)| Credential {
        name: (*name).into(),
        value: secret(value.rsplit(' ').next().unwrap_or_default()),
    };
    scrubber.replace(values.iter().map(credential).collect()).unwrap();
    let spec = if spec.get("transport").is_some() { spec } else { json!({ "transport": spec }) };
    Endpoint {
        name: "x".parse().unwrap(),
        spec: serde_json::from_value(spec).unwrap(),
        values: values.iter().map(|(key, value)| ((*key).to_owned(), secret(value))).collect(),
        limits,
        scrubber,
        tokens: Tokens::default().of(&"x".parse().unwrap()),
        metrics: Metrics::new().unwrap(),
        confiner: Confiner::off(),
    }
}

/// A modern request with the id `id`; `params` may hold more of `_meta`.
pub(super) fn request(id: &str, method: &str, params: &Value) -> Request {
    let mut members: Members = serde_json::from_str(&params.to_string()).unwrap();
    let mut all = meta::modern(None, None);
    for (key, value) in meta::of(&members).iter() {
        all.set(key, value);
    }
    members.set("_meta", &all);
    Request { id: Id::Text(id.to_owned()), method: method.to_owned(), params: members }
}

/// A call of the tool `name`, with a progress token.
pub(super) fn tool(name: &str, arguments: Value) -> Request {
    request("r", method::TOOLS_CALL, &json!({"name": name, "arguments": arguments, "_meta": {"progressToken": "t"}}))
}

/// All of `reply`, as JSON.
pub(super) async fn read(mut reply: Reply) -> Result<Vec<Value>, UpstreamError> {
    let mut messages = Vec::new();
    while let Some(said) = reply.next().await {
        messages.push(match said? {
            Said::Message(message) => value(&message),
            Said::Long(long) => value(&Message::Response(long.whole(Id::Text("r".to_owned()), u64::MAX).await?)),
        });
    }
    Ok(messages)
}

/// All that `upstream` answers to `request`.
pub(super) async fn ask(upstream: &dyn Upstream, request: Request) -> Result<Vec<Value>, UpstreamError> {
    read(upstream.call(request, &Caller::GATEWAY).await?).await
}

/// The text of the one content of the last message.
pub(super) fn text(messages: &[Value]) -> String {
    messages.last().unwrap()["result"]["content"][0]["text"].as_str().unwrap().to_owned()
}

/// What was said, if it is a message.
pub(super) fn said(said: &Said) -> Value {
    match said {
        Said::Message(message) => value(message),
        Said::Long(long) => panic!("a message: {long:?}"),
    }
}

pub(super) fn value(message: &Message) -> Value {
    serde_json::from_str(&message.to_json()).unwrap()
}
