//! What holds for every input. The fuzz targets and the tests on stable share it.

use http::{HeaderMap, HeaderValue};
use protocol::{
    Members, Message, Request, headers, json,
    sse::{Decoder, Event},
};
use serde_json::{Map, Value};

const DEPTH_MAX: u32 = 64;
const EVENT_BYTES_MAX: usize = 1 << 20;

/// Whatever the strict reader lets pass, every other reader reads, and alike: also one that takes the last of equal names, and
/// one that does not look at their case.
pub(crate) fn json(text: &[u8]) {
    let parsed = Message::parse(text);
    if json::check(text, DEPTH_MAX).is_err() {
        return;
    }
    let value: Value = serde_json::from_slice(text).expect("what passes is JSON");
    if let Value::Object(object) = &value {
        let members: Members = serde_json::from_slice(text).expect("an object opens");
        assert_eq!(members.iter().count(), object.len(), "a name is there twice");
    }
    if let (Ok(Message::Request(request)), Value::Object(object)) = (parsed, &value) {
        let method = seen_without_case(object, "method");
        assert_eq!(method, Some(&Value::from(request.method.as_str())));
        let params = seen_without_case(object, "params").and_then(Value::as_object);
        for name in ["name", "uri", "arguments"] {
            let ours = request.params.read::<Value>(name);
            assert_eq!(params.and_then(|params| seen_without_case(params, name)), ours.as_ref(), "{name}");
        }
    }
}

/// The last member that a reader which folds case takes for `name`.
fn seen_without_case<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let folded = |text: &str| text.replace('\u{17f}', "s").replace('\u{212a}', "k").to_ascii_lowercase();
    object.iter().rev().find(|(found, _)| folded(found) == name).map(|(_, value)| value)
}

/// An event stream is read alike however it is cut, and what is read can be written and read again.
pub(crate) fn sse(stream: &[u8]) {
    let whole = decode(&[stream]);
    let (first, second) = stream.split_at(stream.len() / 2);
    assert_eq!(decode(&[first, second]), whole);
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(decode(&bytes), whole);
    for event in whole {
        assert_eq!(decode(&[&event.encode()]), [event]);
    }
}

fn decode(chunks: &[&[u8]]) -> Vec<Event> {
    let mut decoder = Decoder::new(EVENT_BYTES_MAX);
    let mut events = Vec::new();
    for chunk in chunks {
        if decoder.push(chunk).is_err() {
            break;
        }
        events.extend(std::iter::from_fn(|| decoder.next_event()));
    }
    events
}

/// A header value that can be read says one thing only; the headers made for a request pass its check, and fail that of a
/// request for something else.
pub(crate) fn headers(value: &[u8]) {
    let Ok(header) = HeaderValue::from_bytes(value) else { return };
    let Some(told) = headers::decode(&header) else { return };
    assert_eq!(headers::decode(&headers::encode(&told)).as_ref(), Some(&told));
    let made: HeaderMap = headers::of(&call(&told)).into_iter().collect();
    assert_eq!(headers::check(&call(&told), &made), Ok(()));
    assert!(headers::check(&call(&format!("{told}x")), &made).is_err());
    let mut given = made;
    given.insert(headers::NAME, header);
    assert_eq!(headers::check(&call(&told), &given), Ok(()));
}

fn call(name: &str) -> Request {
    let meta = serde_json::json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    let params = serde_json::json!({"name": name, "_meta": meta});
    let body = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    match Message::parse(body.to_string().as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => unreachable!("{other:?}"),
    }
}
