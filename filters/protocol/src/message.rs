//! The JSON-RPC envelope: just enough structure to route and splice; everything else stays raw.

use crate::{Members, View, code, json};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap as _};
use serde_json::value::RawValue;
use std::{fmt, io};

/// About how many bytes of a message are none of its payload.
const ENVELOPE_BYTES: usize = 128;

/// A JSON-RPC id: text or integer, never null (MCP basic).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// An integer.
    Number(i64),
    /// A text.
    Text(String),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{n}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Something that wants an answer.
#[derive(Debug, Clone)]
pub struct Request {
    /// Chosen by who asks.
    pub id: Id,
    /// What is asked for.
    pub method: String,
    /// With what; empty when absent.
    pub params: Members,
}

/// Something told.
#[derive(Debug, Clone)]
pub struct Notification {
    /// What it is about.
    pub method: String,
    /// The particulars; empty when absent.
    pub params: Members,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The id of the request; none when it could not be read.
    pub id: Option<Id>,
    /// The result as raw JSON, or the error.
    pub payload: Result<Box<RawValue>, RpcError>,
}

/// A JSON-RPC error object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RpcError {
    /// See [`code`].
    pub code: i64,
    /// For people.
    pub message: String,
    /// For programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}

impl RpcError {
    /// An error without data.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// This error with `data` for programs.
    #[must_use]
    pub fn with_data<T: Serialize>(mut self, data: &T) -> Self {
        self.data = serde_json::value::to_raw_value(data).ok();
        self
    }
}

/// One JSON-RPC message.
#[derive(Debug, Clone)]
pub enum Message {
    /// Wants an answer.
    Request(Request),
    /// Wants none.
    Notification(Notification),
    /// Is one.
    Response(Response),
}

/// Why a text is not a JSON-RPC message; `Display` is fit for the peer.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Not JSON at all.
    #[error("not valid JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON of another shape.
    #[error("not a JSON-RPC 2.0 message: {0}")]
    Shape(&'static str),
}

impl MessageError {
    /// The code the peer is told.
    #[must_use]
    pub fn code(&self) -> i64 {
        match self {
            Self::Json(_) => code::PARSE_ERROR,
            Self::Shape(_) => code::INVALID_REQUEST,
        }
    }
}

/// Deepest nesting of any message, its own object included; that of requests is bounded further where they arrive.
const NESTING_MAX: usize = 512;
const ENVELOPE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];
const PARAMS: [&str; 6] = ["name", "arguments", "uri", "_meta", "cursor", "requestState"];

impl Message {
    /// Reads one message. Members the envelope does not know are dropped; `params` and `result` stay as they are.
    ///
    /// # Errors
    /// [`MessageError`] for anything else: an array (batches are the edge's affair), a null id, a name of the envelope
    /// or of `params` in another letter case (two readers would disagree about it).
    pub fn parse(text: &[u8]) -> Result<Self, MessageError> {
        if !json::nests_within(text, NESTING_MAX) {
            return Err(MessageError::Shape("it is nested too deeply"));
        }
        let members: View<'_> = serde_json::from_slice(text).map_err(|error| {
            // What is no object may be no JSON either, further on.
            let is_json = error.is_data() && serde_json::from_slice::<&RawValue>(text).is_ok();
            if is_json { MessageError::Shape("it is not an object") } else { MessageError::Json(error) }
        })?;
        refuse_other_case(members.iter(), &ENVELOPE)?;
        if members.text("jsonrpc").as_deref() != Some("2.0") {
            return Err(MessageError::Shape("`jsonrpc` is not \"2.0\""));
        }
        let Some(method) = members.get("method") else {
            return Self::response(&members);
        };
        if members.get("result").is_some() || members.get("error").is_some() {
            return Err(MessageError::Shape("it is a request and an answer at once"));
        }
        let method = json::text(method.get()).ok_or(MessageError::Shape("`method` is not a text"))?.into_owned();
        let params = match members.get("params") {
            Some(raw) => Members::open(raw).map_err(|_| MessageError::Shape("`params` is not an object"))?,
            None => Members::new(),
        };
        refuse_other_case(params.iter(), &PARAMS)?;
        match members.get("id") {
            None => Ok(Self::Notification(Notification { method, params })),
            Some(_) => {
                let id = members.read("id").ok_or(MessageError::Shape("`id` is neither a text nor an integer"))?;
                Ok(Self::Request(Request { id, method, params }))
            }
        }
    }

    fn response(members: &View<'_>) -> Result<Self, MessageError> {
        let id = members.read::<Id>("id");
        let payload = match (members.get("result"), members.get("error")) {
            (Some(result), None) => Ok(result.to_owned()),
            (None, Some(error)) => Err(serde_json::from_str(error.get())
                .map_err(|_| MessageError::Shape("`error` has no code and message"))?),
            _ => return Err(MessageError::Shape("it has none of `method`, `result`, `error`, or too many of them")),
        };
        Ok(Self::Response(Response { id, payload }))
    }

    /// The message as one line of JSON, without a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = Vec::with_capacity(ENVELOPE_BYTES + self.payload_bytes());
        // Fails for maps with keys that are not text only, and there are none.
        let written = serde_json::to_writer(&mut text, self).is_ok();
        String::from_utf8(text).ok().filter(|_| written).unwrap_or_default()
    }

    /// How many bytes [`Self::to_json`] has.
    #[must_use]
    pub fn json_bytes(&self) -> usize {
        let mut counted = Counted(0);
        let _ = serde_json::to_writer(&mut counted, self);
        counted.0
    }

    /// About how much there is besides the envelope.
    fn payload_bytes(&self) -> usize {
        let of = |params: &Members| params.iter().map(|(name, raw)| name.len() + raw.get().len() + 4).sum();
        match self {
            Self::Request(request) => of(&request.params),
            Self::Notification(note) => of(&note.params),
            Self::Response(Response { payload: Ok(result), .. }) => result.get().len(),
            Self::Response(Response { payload: Err(error), .. }) => error.message.len(),
        }
    }
}

/// Written straight to where it goes: what it holds is copied once.
impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("jsonrpc", "2.0")?;
        match self {
            Self::Request(Request { id, method, params }) => {
                map.serialize_entry("id", id)?;
                map.serialize_entry("method", method)?;
                map.serialize_entry("params", params)?;
            }
            Self::Notification(Notification { method, params }) => {
                map.serialize_entry("method", method)?;
                if !params.is_empty() {
                    map.serialize_entry("params", params)?;
                }
            }
            Self::Response(Response { id, payload }) => {
                if id.is_some() || payload.is_ok() {
                    map.serialize_entry("id", id)?;
                }
                match payload {
                    Ok(result) => map.serialize_entry("result", result)?,
                    Err(error) => map.serialize_entry("error", error)?,
                }
            }
        }
        map.end()
    }
}

/// Bytes that were written and kept nowhere.
struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Response {
    /// The answer `result` to request `id`.
    #[must_use]
    pub fn ok(id: Id, result: Box<RawValue>) -> Self {
        Self { id: Some(id), payload: Ok(result) }
    }

    /// The answer `error` to request `id`.
    #[must_use]
    pub fn error(id: Option<Id>, error: RpcError) -> Self {
        Self { id, payload: Err(error) }
    }

    /// The result opened as an object; none for errors and results of another type.
    #[must_use]
    pub fn result(&self) -> Option<Members> {
        self.payload.as_ref().ok().and_then(|raw| Members::open(raw).ok())
    }
}

fn refuse_other_case<'a>(
    mut members: impl Iterator<Item = (&'a str, &'a RawValue)>,
    known: &[&str],
) -> Result<(), MessageError> {
    if members.any(|(name, _)| known.iter().any(|k| *k != name && is_alike(k, name))) {
        return Err(MessageError::Shape("a field name differs from the protocol's in letter case"));
    }
    Ok(())
}

/// Whether some reader may take `name` for one of the envelope's.
pub(crate) fn is_of_envelope(name: &str) -> bool {
    ENVELOPE.iter().any(|known| is_alike(known, name))
}

fn is_alike(one: &str, other: &str) -> bool {
    if other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    one.chars().map(folded).eq(other.chars().map(folded))
}

/// As readers that do not look at case see it: to them the long s and the sign for kelvin are letters, too.
fn folded(letter: char) -> char {
    match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(text: &str) -> String {
        let message = Message::parse(text.as_bytes()).unwrap();
        assert_eq!(message.json_bytes(), message.to_json().len());
        message.to_json()
    }

    #[test]
    fn a_message_survives_parsing_and_writing() {
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"n":1.0,"big":18446744073709551616}}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            r#"{"jsonrpc":"2.0","id":"a","result":{"content":[],"x":1e400}}"#,
            r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"no","data":{"a":[1]}}}"#,
        ] {
            assert_eq!(round(text), text);
        }
    }

    #[test]
    fn what_two_readers_would_read_differently_is_refused() {
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"Method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{},"argumentſ":{}}}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/call"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[1]}"#,
            r#"[{"jsonrpc":"2.0","id":1,"method":"x"}]"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#,
        ] {
            assert!(Message::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
