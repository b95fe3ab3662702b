//! What holds for every input. The fuzz targets and the tests on stable share it.

use http::{HeaderMap, HeaderName, HeaderValue};
use protocol::{
    Members, Message, Request, headers, json, meta, method,
    param_headers::ParamHeaders,
    sse::{Decoder, Event},
};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{
    Map, Value, json as literal,
    value::{RawValue, to_raw_value},
};

const DEPTH_MAX: u32 = 64;
const EVENT_BYTES_MAX: usize = 1 << 20;
/// Largest whole number that every reader can tell from its neighbours.
const WHOLE_MAX: f64 = 9_007_199_254_740_991.0;

/// Whatever the strict reader lets pass, every other reader reads, and alike: one that takes the first of equal names, one that
/// takes the last, and each of them without looking at their case.
pub(crate) fn json(text: &[u8]) {
    let parsed = Message::parse(text);
    if json::check(text, DEPTH_MAX).is_err() {
        return;
    }
    if let Ok(Message::Request(request)) = &parsed {
        alike(text, request);
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

/// A value with all its members, also those that have one name.
#[derive(Debug, Clone, PartialEq)]
enum Tree {
    Plain(Value),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get().trim_start();
        let read = match text.as_bytes().first() {
            Some(b'{') => serde_json::from_str::<Members>(text)
                .map_err(D::Error::custom)?
                .iter()
                .map(|(name, value)| Ok((name.to_owned(), serde_json::from_str(value.get())?)))
                .collect::<serde_json::Result<_>>()
                .map(Self::Object),
            Some(b'[') => serde_json::from_str(text).map(Self::List),
            _ => serde_json::from_str(text).map(Self::Plain),
        };
        read.map_err(D::Error::custom)
    }
}

/// How a reader finds a member: the last or the first of its name, with or without looking at case.
type Reader = fn(&[(String, Tree)], &str) -> Option<Tree>;

const READERS: [Reader; 4] = [
    |members, name| members.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.clone()),
    |members, name| members.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone()),
    |members, name| members.iter().rev().find(|(found, _)| folded(found) == name).map(|(_, value)| value.clone()),
    |members, name| members.iter().find(|(found, _)| folded(found) == name).map(|(_, value)| value.clone()),
];

/// Every reader finds in `text` the method, the id, the name and the arguments that `request` has.
fn alike(text: &[u8], request: &Request) {
    let tree = |text: &str| serde_json::from_str::<Tree>(text).expect("what passes is JSON");
    let Tree::Object(whole) = tree(std::str::from_utf8(text).expect("what passes is UTF-8")) else {
        unreachable!("a request is an object");
    };
    for reader in READERS {
        assert_eq!(reader(&whole, "method"), Some(Tree::Plain(Value::from(request.method.as_str()))));
        let id = serde_json::to_string(&request.id).expect("an id is JSON");
        assert_eq!(reader(&whole, "id"), Some(tree(&id)));
        let params = match reader(&whole, "params") {
            Some(Tree::Object(params)) => params,
            _ => Vec::new(),
        };
        for name in ["name", "uri", "arguments"] {
            assert_eq!(reader(&params, name), request.params.get(name).map(|ours| tree(ours.get())), "{name}");
        }
    }
}

fn folded(text: &str) -> String {
    text.replace('\u{17f}', "s").replace('\u{212a}', "k").to_ascii_lowercase()
}

/// The last member that a reader which folds case takes for `name`.
fn seen_without_case<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
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
    let Some(told) = headers::decode(&header).map(std::borrow::Cow::into_owned) else { return };
    assert_eq!(headers::decode(&headers::encode(&told)).as_deref(), Some(&*told));
    let made: HeaderMap = headers::of(&call(&told)).into_iter().collect();
    assert_eq!(headers::check(&call(&told), &made), Ok(()));
    assert!(headers::check(&call(&format!("{told}x")), &made).is_err());
    let mut given = made;
    given.insert(headers::NAME, header);
    assert_eq!(headers::check(&call(&told), &given), Ok(()));
}

fn call(name: &str) -> Request {
    let meta = literal!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    let params = literal!({"name": name, "_meta": meta});
    let body = literal!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    match Message::parse(body.to_string().as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => unreachable!("{other:?}"),
    }
}

/// A request as it is on the wire: lines of headers, an empty one, the body. Headers that pass the checks say what every reader
/// finds in the body, and what a request is sent with passes them.
pub(crate) fn agreement(wire: &[u8]) {
    let Some((given, body)) = apart(wire) else { return };
    let (Ok(Message::Request(request)), Ok(())) = (Message::parse(body), json::check(body, DEPTH_MAX)) else { return };
    let mirroring = mirroring();
    let arguments = request.params.get("arguments");
    let made: HeaderMap = headers::of(&request).into_iter().collect();
    assert_eq!(headers::check(&request, &made), Ok(()));
    let own: HeaderMap = mirroring.headers(arguments).into_iter().collect();
    assert_eq!(mirroring.check(arguments, &own), Ok(()));
    let object: Map<String, Value> = serde_json::from_slice(body).expect("a request is an object");
    let params = seen_without_case(&object, "params").and_then(Value::as_object);
    if headers::check(&request, &given).is_ok() {
        mirrors(&request, &given, &object, params);
    }
    if mirroring.check(arguments, &given).is_ok() {
        let arguments = params.and_then(|params| seen_without_case(params, "arguments"));
        for (header, path) in [("mcp-param-region", "/region"), ("mcp-param-n", "/n"), ("mcp-param-flag", "/deep/flag")]
        {
            let value = arguments.and_then(|arguments| arguments.pointer(path));
            assert!(told_alike(only(&given, header), value), "{header}: {value:?}");
        }
    }
}

/// The headers of `wire` and its body; none if it is no such thing.
fn apart(wire: &[u8]) -> Option<(HeaderMap, &[u8])> {
    let end = wire.windows(2).position(|two| two == b"\n\n")?;
    let (head, body) = (wire.get(..end)?, wire.get(end + 2..)?);
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
        let value = HeaderValue::from_bytes(value.get(1..)?.trim_ascii()).ok()?;
        headers.append(HeaderName::from_bytes(name).ok()?, value);
    }
    Some((headers, body))
}

/// A tool that mirrors an argument of each kind.
fn mirroring() -> ParamHeaders {
    let flag = literal!({"type": "object", "properties": {"flag": {"type": "boolean", "x-mcp-header": "Flag"}}});
    let (region, n) = ("string", "integer");
    let properties = literal!({
        "region": {"type": region, "x-mcp-header": "Region"}, "n": {"type": n, "x-mcp-header": "N"}, "deep": flag,
    });
    let schema = to_raw_value(&literal!({"type": "object", "properties": properties})).expect("it is JSON");
    ParamHeaders::of_tool(&schema).expect("its annotations keep the rules")
}

/// The required headers, and what a reader finds in the body that knows nothing of our types.
fn mirrors(request: &Request, given: &HeaderMap, object: &Map<String, Value>, params: Option<&Map<String, Value>>) {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    assert_eq!(only(given, "mcp-method"), Some(text(seen_without_case(object, "method"))));
    let version = params.and_then(|params| params.get("_meta")?.get(meta::PROTOCOL_VERSION));
    assert_eq!(only(given, "mcp-protocol-version"), Some(text(version)));
    if let Some(member) = method::named_by(&request.method) {
        let named = params.and_then(|params| match member {
            "taskId" => params.get(member),
            _ => seen_without_case(params, member),
        });
        assert_eq!(only(given, "mcp-name"), Some(text(named)), "{member}");
    }
}

/// What the one header called `name` says; none if it is not there. It is never there twice.
fn only(given: &HeaderMap, name: &str) -> Option<String> {
    let mut values = given.get_all(name).iter();
    let value = values.next()?;
    assert!(values.next().is_none(), "`{name}` is there twice");
    Some(headers::decode(value).expect("it passed, so it can be read").into_owned())
}

/// Whether a header that mirrors an argument says what the body says.
fn told_alike(told: Option<String>, value: Option<&Value>) -> bool {
    match (told, value) {
        (told, None | Some(Value::Null | Value::Array(_) | Value::Object(_))) => told.is_none(),
        (None, Some(_)) => false,
        (Some(told), Some(Value::String(text))) => told == *text,
        (Some(told), Some(Value::Bool(flag))) => told == flag.to_string(),
        (Some(told), Some(Value::Number(number))) => {
            let (told, number) = (told.parse::<f64>(), number.as_f64());
            told.is_ok_and(|told| {
                number.is_some_and(|number| told == number || told.abs().max(number.abs()) > WHOLE_MAX)
            })
        }
    }
}
