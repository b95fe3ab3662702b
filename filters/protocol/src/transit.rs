//! A response that is passed on while it arrives: read once, never held whole, changed only at its rim.
//!
//! For large results that nobody looks into. The envelope is written anew; of the result's own members the short ones
//! that mean something to the gateway are held, shown to an [`Edit`] and written as it says; all others (`content`,
//! `structuredContent`, whatever a server adds) pass byte for byte. Deliberately unknown here: where the bytes come from
//! and go to.

use crate::Id;
use bytes::{Bytes, BytesMut};
use serde_json::value::RawValue;

/// Longest member that is held, in bytes.
const HELD_BYTES_MAX: usize = 64 << 10;
/// Longest name of a member of the envelope or the result, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// Deepest nesting that is passed on.
const DEPTH_MAX: usize = 512;
/// Members of a result that are held (2026-07-28 basic; 2025-11-25 tasks).
const HELD: [&str; 9] =
    ["resultType", "requestState", "inputRequests", "taskId", "task", "isError", "_meta", "ttlMs", "cacheScope"];

/// Says what becomes of a held member: its new value, or none to leave it out.
pub type Edit = Box<dyn FnMut(&str, &RawValue) -> Option<Box<RawValue>> + Send>;

/// Why a response cannot be passed on; what was passed before is of no use then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransitError {
    /// It is not one JSON-RPC response with an object as its result.
    #[error("it is not a response that can be passed on: {0}")]
    Shape(&'static str),
    /// A member that must be looked into is longer than that can be.
    #[error("its member `{0}` is larger than {HELD_BYTES_MAX} bytes")]
    MemberTooLarge(String),
    /// It is no complete result: a question, a task.
    #[error("its result is not complete, and was too large to be held")]
    Incomplete,
    /// It answers another request.
    #[error("it carries the id of another request")]
    OtherId,
    /// It ended early.
    #[error("it ended before its end")]
    Truncated,
}

/// See the module.
pub struct Transit {
    asked: Id,
    edit: Edit,
    missing: Vec<(&'static str, Box<RawValue>)>,
    head: String,
    frame: Frame,
    phase: Phase,
    name: Vec<u8>,
    seen: Vec<String>,
    held: Vec<u8>,
    holding: bool,
    value: Value,
    first: bool,
    answered: bool,
    is_error: bool,
    out: BytesMut,
}

/// Which object the next member belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    Envelope,
    Result,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before the envelope's brace.
    Open,
    /// A name, or the end of the object where no comma came before.
    Name { after_comma: bool },
    /// Inside a name; whether the last byte escapes the next one.
    InName { escaped: bool },
    /// Before the colon.
    Colon,
    /// Before the value.
    Value,
    /// Inside the value.
    InValue,
    /// A comma, or the end of the object.
    After,
    /// Behind the envelope.
    Done,
}

/// Finds the end of a value.
#[derive(Debug, Default)]
struct Value {
    open: Vec<u8>,
    string: bool,
    escaped: bool,
    scalar: bool,
}

/// Where a value stands after one more byte.
#[derive(PartialEq, Eq)]
enum Step {
    Inside,
    /// The byte was its last one.
    Ended,
    /// The byte is the first one after it.
    EndedBefore,
}

impl Transit {
    /// For the response to a request sent under the id `asked`; it is passed on under the id `given`. `missing` is added
    /// to a result that has no member of that name.
    #[must_use]
    pub fn new(asked: Id, given: &Id, edit: Edit, missing: Vec<(&'static str, Box<RawValue>)>) -> Self {
        let given = serde_json::to_string(given).unwrap_or_else(|_| "null".to_owned());
        Self {
            asked,
            edit,
            missing,
            head: format!(r#"{{"jsonrpc":"2.0","id":{given},"result":{{"#),
            frame: Frame::Envelope,
            phase: Phase::Open,
            name: Vec::new(),
            seen: Vec::new(),
            held: Vec::new(),
            holding: false,
            value: Value::default(),
            first: true,
            answered: false,
            is_error: false,
            out: BytesMut::new(),
        }
    }

    /// Takes the next bytes; gives what can be passed on because of them.
    ///
    /// # Errors
    /// [`TransitError`]; nothing more may be passed on then.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Bytes, TransitError> {
        self.out.reserve(chunk.len());
        for byte in chunk {
            self.byte(*byte)?;
        }
        Ok(self.out.split().freeze())
    }

    /// The end of the input; whether the result says `isError`.
    ///
    /// # Errors
    /// [`TransitError::Truncated`], and [`TransitError::OtherId`] where no id came.
    pub fn finish(self) -> Result<bool, TransitError> {
        match (self.phase, self.answered) {
            (Phase::Done, true) => Ok(self.is_error),
            (Phase::Done, false) => Err(TransitError::OtherId),
            _ => Err(TransitError::Truncated),
        }
    }

    fn byte(&mut self, byte: u8) -> Result<(), TransitError> {
        let blank = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        match (self.phase, byte) {
            (Phase::InName { escaped }, _) => return self.in_name(byte, escaped),
            (Phase::InValue, _) => return self.in_value(byte),
            _ if blank => {}
            (Phase::Open, b'{') => self.phase = Phase::Name { after_comma: false },
            (Phase::Name { .. }, b'"') => {
                self.name.clear();
                self.phase = Phase::InName { escaped: false };
            }
            (Phase::Name { after_comma: false } | Phase::After, b'}') => self.close()?,
            (Phase::Colon, b':') => self.phase = Phase::Value,
            (Phase::Value, _) => return self.begin(byte),
            (Phase::After, b',') => self.phase = Phase::Name { after_comma: true },
            _ => return Err(TransitError::Shape("it is not valid JSON")),
        }
        Ok(())
    }

    fn in_name(&mut self, byte: u8, escaped: bool) -> Result<(), TransitError> {
        if byte == b'"' && !escaped {
            self.phase = Phase::Colon;
            return Ok(());
        }
        if self.name.len() >= NAME_BYTES_MAX {
            return Err(TransitError::Shape("a name in it is too long"));
        }
        self.name.push(byte);
        self.phase = Phase::InName { escaped: byte == b'\\' && !escaped };
        Ok(())
    }

    /// The first byte of a value: what becomes of it is decided by its name.
    fn begin(&mut self, byte: u8) -> Result<(), TransitError> {
        let quoted = [b"\"", self.name.as_slice(), b"\""].concat();
        let name: String =
            serde_json::from_slice(&quoted).map_err(|_| TransitError::Shape("a name in it is not a text"))?;
        if self.seen.contains(&name) {
            return Err(TransitError::Shape("a member of it is there twice"));
        }
        match (self.frame, name.as_str()) {
            (Frame::Envelope, "result") if byte == b'{' => {
                self.out.extend_from_slice(self.head.as_bytes());
                self.seen.push(name);
                (self.frame, self.phase) = (Frame::Result, Phase::Name { after_comma: false });
                return Ok(());
            }
            (Frame::Envelope, "jsonrpc" | "id") => self.holding = true,
            (Frame::Envelope, _) => return Err(TransitError::Shape("it is not a result")),
            (Frame::Result, known) => self.holding = HELD.contains(&known),
        }
        if !self.holding {
            self.separate();
            self.out.extend_from_slice(&quoted);
            self.out.extend_from_slice(b":");
        }
        self.seen.push(name);
        self.held.clear();
        self.value = Value::default();
        self.phase = Phase::InValue;
        self.in_value(byte)
    }

    fn in_value(&mut self, byte: u8) -> Result<(), TransitError> {
        let step = self.value.step(byte)?;
        if step != Step::EndedBefore {
            self.take(byte)?;
        }
        if step == Step::Inside {
            return Ok(());
        }
        self.phase = Phase::After;
        if self.holding {
            self.decide()?;
        }
        if step == Step::EndedBefore { self.byte(byte) } else { Ok(()) }
    }

    fn take(&mut self, byte: u8) -> Result<(), TransitError> {
        if !self.holding {
            // White space between tokens: a line end would end a line of an event stream, too.
            let byte = if matches!(byte, b'\n' | b'\r') && !self.value.string { b' ' } else { byte };
            self.out.extend_from_slice(&[byte]);
            return Ok(());
        }
        if self.held.len() >= HELD_BYTES_MAX {
            return Err(TransitError::MemberTooLarge(self.seen.last().cloned().unwrap_or_default()));
        }
        self.held.push(byte);
        Ok(())
    }

    /// A held member is whole.
    fn decide(&mut self) -> Result<(), TransitError> {
        let shape = |_| TransitError::Shape("it is not valid JSON");
        let raw: Box<RawValue> = serde_json::from_slice(&self.held).map_err(shape)?;
        let name = self.seen.last().cloned().unwrap_or_default();
        match (self.frame, name.as_str()) {
            (Frame::Envelope, "id") => {
                let id: Option<Id> = serde_json::from_str(raw.get()).ok();
                self.answered = id.as_ref() == Some(&self.asked);
                return if self.answered { Ok(()) } else { Err(TransitError::OtherId) };
            }
            (Frame::Envelope, _) => return Ok(()),
            (Frame::Result, "resultType") if raw.get() != "\"complete\"" => return Err(TransitError::Incomplete),
            (Frame::Result, "requestState" | "inputRequests" | "task" | "taskId") => {
                return Err(TransitError::Incomplete);
            }
            (Frame::Result, "isError") => self.is_error = raw.get() == "true",
            (Frame::Result, _) => {}
        }
        if let Some(value) = (self.edit)(&name, &raw) {
            self.write(&name, &value);
        }
        Ok(())
    }

    /// The brace that ends the result or the envelope.
    fn close(&mut self) -> Result<(), TransitError> {
        match self.frame {
            Frame::Result => {
                for (name, value) in std::mem::take(&mut self.missing) {
                    if !self.seen.iter().skip_while(|seen| *seen != "result").any(|seen| seen == name) {
                        self.write(name, &value);
                    }
                }
                self.out.extend_from_slice(b"}");
                (self.frame, self.phase) = (Frame::Envelope, Phase::After);
                // Names of the envelope and of the result may be the same.
                self.seen = vec!["result".to_owned()];
            }
            Frame::Envelope if self.seen.iter().any(|seen| seen == "result") => {
                self.out.extend_from_slice(b"}");
                self.phase = Phase::Done;
            }
            Frame::Envelope => return Err(TransitError::Shape("it is not a result")),
        }
        Ok(())
    }

    fn write(&mut self, name: &str, value: &RawValue) {
        self.separate();
        let name = serde_json::to_string(name).unwrap_or_default();
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b":");
        self.out.extend_from_slice(value.get().as_bytes());
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.extend_from_slice(b",");
        }
    }
}

impl Value {
    fn step(&mut self, byte: u8) -> Result<Step, TransitError> {
        if self.string {
            let ends = byte == b'"' && !self.escaped;
            self.escaped = byte == b'\\' && !self.escaped;
            if ends {
                self.string = false;
            } else if byte < 0x20 {
                return Err(TransitError::Shape("a text in it holds a control character"));
            }
            return Ok(if ends && self.open.is_empty() { Step::Ended } else { Step::Inside });
        }
        if self.scalar && matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r') {
            return Ok(Step::EndedBefore);
        }
        match byte {
            b'"' => self.string = true,
            b'{' | b'[' if self.open.len() < DEPTH_MAX => self.open.push(byte),
            b'{' | b'[' => return Err(TransitError::Shape("it is nested too deeply")),
            b'}' | b']' => {
                let fits = matches!((self.open.pop(), byte), (Some(b'{'), b'}') | (Some(b'['), b']'));
                return match (fits, self.open.is_empty()) {
                    (true, true) => Ok(Step::Ended),
                    (true, false) => Ok(Step::Inside),
                    (false, _) => Err(TransitError::Shape("its brackets do not match")),
                };
            }
            _ if self.open.is_empty() => self.scalar = true,
            _ => {}
        }
        Ok(Step::Inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Members, Message};
    use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

    fn transit() -> Transit {
        let edit: Edit = Box::new(|name, value| (name != "ttlMs").then(|| value.to_owned()));
        let complete = serde_json::value::to_raw_value("complete").unwrap();
        Transit::new(Id::Number(7), &Id::Text("a".to_owned()), edit, vec![("resultType", complete)])
    }

    fn check(text: &str, cut: usize) -> Result<(String, bool), TransitError> {
        let mut transit = transit();
        let (head, tail) = text.as_bytes().split_at(cut.min(text.len()));
        let out = [transit.push(head)?, transit.push(tail)?].concat();
        Ok((String::from_utf8(out).unwrap(), transit.finish()?))
    }

    #[test]
    fn content_passes_byte_for_byte_and_the_rim_is_changed() {
        let text = "{ \"jsonrpc\":\"2.0\",\n\"id\":7 , \"result\": {\"content\":[{\"n\":1.10, \"b\":18446744073709551616,\n\"t\":\"}\\\"]\"}],\"ttlMs\":5,\"isError\":true,\"x\":null} }\n";
        let expected = r#"{"jsonrpc":"2.0","id":"a","result":{"content":[{"n":1.10, "b":18446744073709551616, "t":"}\"]"}],"isError":true,"x":null,"resultType":"complete"}}"#;
        for cut in 0..text.len() {
            assert_eq!(check(text, cut), Ok((expected.to_owned(), true)), "cut at {cut}");
        }
        let late = r#"{"result":{},"id":7,"jsonrpc":"2.0"}"#;
        let expected = r#"{"jsonrpc":"2.0","id":"a","result":{"resultType":"complete"}}"#;
        assert_eq!(check(late, 3), Ok((expected.to_owned(), false)));
    }

    #[test]
    fn what_is_no_complete_result_of_this_request_is_refused() {
        for (text, error) in [
            (r#"{"id":8,"result":{}}"#, TransitError::OtherId),
            (r#"{"result":{}}"#, TransitError::OtherId),
            (r#"{"id":7,"result":{"resultType":"input_required"}}"#, TransitError::Incomplete),
            (r#"{"id":7,"result":{"resultType":"complete","requestState":"x"}}"#, TransitError::Incomplete),
            (r#"{"id":7,"result":{"content":[}"#, TransitError::Shape("its brackets do not match")),
            (r#"{"id":7,"result":{"a":1,"\u0061":2}}"#, TransitError::Shape("a member of it is there twice")),
            (r#"{"id":7,"error":{"code":1,"message":""}}"#, TransitError::Shape("it is not a result")),
            (r#"{"id":7,"result":[1]}"#, TransitError::Shape("it is not a result")),
            (r#"{"id":7,"result":{"a":1"#, TransitError::Truncated),
            (r#"{"id":7,"result":{"a":1,}}"#, TransitError::Shape("it is not valid JSON")),
            (r#"{"id":7,"result":{}}x"#, TransitError::Shape("it is not valid JSON")),
        ] {
            assert_eq!(check(text, 5), Err(error), "{text}");
        }
        let long = format!(r#"{{"id":7,"result":{{"_meta":"{}"}}}}"#, "x".repeat(HELD_BYTES_MAX));
        assert_eq!(check(&long, 5), Err(TransitError::MemberTooLarge("_meta".to_owned())));
        let deep = format!(r#"{{"id":7,"result":{{"a":{}"#, "[".repeat(DEPTH_MAX + 1));
        assert_eq!(check(&deep, 5), Err(TransitError::Shape("it is nested too deeply")));
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "\\PC{0,8}|[\"\\\\{}\\[\\],: \\n]{0,6}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map("[a-z\"\\\\é]{0,4}", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_the_result_it_comes_out_as_it_went_in(
            result in prop::collection::btree_map("[a-z\"\\\\é]{0,5}", value(), 0..5), cut in any::<prop::sample::Index>(), pretty in any::<bool>()
        ) {
            let result: serde_json::Map<_, _> = result.into_iter().filter(|(name, _)| name != "task").collect();
            let message = serde_json::json!({"jsonrpc": "2.0", "id": 7, "result": result.clone()});
            let text = if pretty { serde_json::to_string_pretty(&message).unwrap() } else { message.to_string() };
            let (out, _) = check(&text, cut.index(text.len() + 1)).unwrap();
            assert!(!out.contains('\n'));
            let Message::Response(response) = Message::parse(out.as_bytes()).unwrap() else { panic!("a response") };
            let mut members: Members = response.result().unwrap();
            members.remove("resultType");
            let back: serde_json::Value = serde_json::from_str(members.to_raw().get()).unwrap();
            assert_eq!(back, serde_json::Value::Object(result));
        }

        #[test]
        fn junk_never_panics(junk in "[{}\\[\\]\",:a0 \\\\]{0,60}", cut in 0_usize..60) {
            let _ = check(&format!("{{\"id\":7,\"result\":{{{junk}"), cut);
        }
    }
}
