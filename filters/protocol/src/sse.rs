//! The event-stream codec (WHATWG HTML, server-sent events), as far as MCP uses it.

mod tail;

pub use tail::Tail;

use bytes::{Buf as _, Bytes, BytesMut};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// `event:`; empty means `message`.
    pub event: String,
    /// `data:` lines joined by line feeds.
    pub data: String,
    /// `id:`, when given.
    pub id: Option<String>,
    /// `retry:` in milliseconds, when given.
    pub retry_ms: Option<u64>,
}

impl Event {
    /// The event as it is written. One without data has an empty `data:` line all the same, so that every reader sees it.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = String::with_capacity(self.data.len() + 64);
        let mut field = |name: &str, value: &str| {
            out.push_str(name);
            out.push_str(": ");
            out.push_str(value.trim_end_matches('\r'));
            out.push('\n');
        };
        if let Some(id) = &self.id {
            field("id", id);
        }
        if !self.event.is_empty() {
            field("event", &self.event);
        }
        if let Some(retry_ms) = self.retry_ms {
            field("retry", &retry_ms.to_string());
        }
        for line in self.data.split('\n') {
            field("data", line);
        }
        out.push('\n');
        Bytes::from(out)
    }
}

/// What comes before and behind the data of an event that is written piece by piece; its data has no line ends.
pub const PIECEWISE: [Bytes; 2] = [Bytes::from_static(b"event: message\ndata: "), Bytes::from_static(b"\n\n")];

/// Writes an event of the default type holding `data`.
#[must_use]
pub fn encode(data: &str) -> Bytes {
    Event { event: "message".to_owned(), data: data.to_owned(), ..Event::default() }.encode()
}

/// A comment line: keeps a stream alive, and no reader sees it.
pub const KEEP_ALIVE: Bytes = Bytes::from_static(b":\n\n");

/// An event grew past the bound given to [`Decoder::new`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an event of the stream is larger than {max} bytes")]
pub struct EventTooLarge {
    max: usize,
}

/// An event is not of the default type.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an event of another type")]
pub struct OtherType;

/// Whether `event:` names the default type.
fn is_default(event: &str) -> bool {
    matches!(event, "" | "message")
}

/// Reads events out of chunks cut anywhere.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    event: Event,
    has_data: bool,
    event_bytes_max: usize,
    /// How much of the buffer holds no line end, as was seen already.
    searched: usize,
    /// The last line ended with a carriage return: a line feed that comes next belongs to it.
    after_return: bool,
}

impl Decoder {
    /// A decoder that refuses events (and lines) over `event_bytes_max`.
    #[must_use]
    pub fn new(event_bytes_max: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            event: Event::default(),
            has_data: false,
            event_bytes_max,
            searched: 0,
            after_return: false,
        }
    }

    /// Adds a chunk; [`Self::next_event`] then gives what became complete.
    ///
    /// # Errors
    /// [`EventTooLarge`] once an unfinished event passes the bound; the stream is then of no more use.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), EventTooLarge> {
        self.buffer.extend_from_slice(chunk);
        let unfinished = self.event.data.len() + self.buffer.len();
        if unfinished > self.event_bytes_max.saturating_add(chunk.len()) {
            return Err(EventTooLarge { max: self.event_bytes_max });
        }
        Ok(())
    }

    /// Bytes of the event that is not complete yet.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.event.data.len() + self.buffer.len()
    }

    /// The event that is not complete yet, to be read on while it comes, and its data so far.
    ///
    /// # Errors
    /// [`OtherType`].
    pub fn tail(&self) -> Result<(Tail, Bytes), OtherType> {
        if !is_default(&self.event.event) {
            return Err(OtherType);
        }
        let mut tail = Tail::new(self.has_data, self.after_return);
        let rest = tail.push(&self.buffer)?;
        Ok((tail, [self.event.data.as_bytes(), &rest].concat().into()))
    }

    /// The next complete event.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            let line = self.next_line()?;
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                if std::mem::take(&mut self.has_data) || event.retry_ms.is_some() || event.id.is_some() {
                    return Some(event);
                }
            } else {
                self.line(&String::from_utf8_lossy(&line));
            }
        }
    }

    /// The next whole line. A carriage return ends it at once: the other half of a pair may be long in coming.
    fn next_line(&mut self) -> Option<BytesMut> {
        if self.after_return && !self.buffer.is_empty() {
            self.after_return = false;
            if self.buffer.first() == Some(&b'\n') {
                self.buffer.advance(1);
            }
        }
        let fresh = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(found) = memchr::memchr2(b'\n', b'\r', fresh) else {
            self.searched = self.buffer.len();
            return None;
        };
        let line = self.buffer.split_to(self.searched + found);
        self.searched = 0;
        self.after_return = self.buffer.first() == Some(&b'\r');
        self.buffer.advance(1);
        Some(line)
    }

    fn line(&mut self, line: &str) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.event),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            "id" => self.event.id = Some(value.to_owned()),
            "retry" => self.event.retry_ms = value.parse().ok(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop, proptest};

    fn decode(chunks: &[&[u8]]) -> Vec<Event> {
        let mut decoder = Decoder::new(1 << 20);
        let mut events = Vec::new();
        for chunk in chunks {
            decoder.push(chunk).unwrap();
            events.extend(std::iter::from_fn(|| decoder.next_event()));
        }
        events
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_however_it_is_cut(
            data in prop::collection::vec("[ -~é]{0,30}", 1..4), cut in 0_usize..200
        ) {
            let data = data.join("\n");
            let bytes = encode(&data);
            let cut = cut.min(bytes.len());
            let events = decode(&[&bytes[..cut], &bytes[cut..]]);
            assert_eq!(events.len(), 1);
            assert_eq!(events[0].data, data);
        }

        #[test]
        fn every_field_survives(
            data in "[ -~\n]{0,40}", event in "[a-z]{0,8}", id in prop::option::of("[0-9-]{1,8}"),
            retry_ms in prop::option::of(0_u64..100_000)
        ) {
            let event = Event { event, data, id, retry_ms };
            assert_eq!(decode(&[&event.encode()]), [event]);
        }

        #[test]
        fn junk_never_panics(junk in prop::collection::vec(0_u8..=255, 0..300)) {
            decode(&[&junk]);
        }
    }

    #[test]
    fn comments_and_other_line_ends_are_read_as_the_standard_says() {
        let events = decode(&[b": hello\n\nevent: x\r\ndata: 1\r\n\r\nid: 7\ndata:2\n\nretry: 500\n\n"]);
        assert_eq!(events.len(), 3);
        assert_eq!((events[0].event.as_str(), events[0].data.as_str()), ("x", "1"));
        assert_eq!((events[1].id.as_deref(), events[1].data.as_str()), (Some("7"), "2"));
        assert_eq!(events[2].retry_ms, Some(500));
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut decoder = Decoder::new(10);
        assert!(decoder.push(b"data: 123").is_ok());
        decoder.next_event();
        assert!((0..10).any(|_| decoder.push(b"45678").is_err()));
    }

    #[test]
    fn a_carriage_return_ends_a_line_before_the_next_byte_is_there() {
        let mut decoder = Decoder::new(100);
        decoder.push(b"data: 1\r\r").unwrap();
        assert_eq!(decoder.next_event().map(|event| event.data).as_deref(), Some("1"));
        // A pair cut in two is one end of a line all the same.
        for chunk in [&b"data: 2\r"[..], b"\ndata: 3\r", b"\n\r"] {
            decoder.push(chunk).unwrap();
        }
        assert_eq!(decoder.next_event().map(|event| event.data).as_deref(), Some("2\n3"));
        decoder.push(b"\n").unwrap();
        assert_eq!(decoder.next_event(), None);
    }
}
