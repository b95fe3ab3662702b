//! The data of one event, read while it comes: for events that are too long to be held.

use super::{OtherType, is_default};
use bytes::{Bytes, BytesMut};

/// Bytes of a line that is no data which are looked at; the rest of it means nothing here.
const LINE_BYTES_MAX: usize = 1 << 10;

/// See the module.
#[derive(Debug)]
pub struct Tail {
    /// Of a line that is not known to be data; none inside one that is.
    line: Option<Vec<u8>>,
    /// Whether the next byte is the first of a line of data: one space there belongs to the format.
    first: bool,
    /// Whether there was a line of data before this one.
    has_data: bool,
    /// Whether the last byte was a carriage return, of which a line feed may be the other half.
    halfway: bool,
    ended: bool,
}

impl Tail {
    pub(super) fn new(has_data: bool, halfway: bool) -> Self {
        Self { line: Some(Vec::new()), first: false, has_data, halfway, ended: false }
    }

    /// Whether the event is complete; what comes behind it was not looked at.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// The data in `chunk`.
    ///
    /// # Errors
    /// [`OtherType`] where the event says so late.
    pub fn push(&mut self, mut chunk: &[u8]) -> Result<Bytes, OtherType> {
        let mut data = BytesMut::with_capacity(chunk.len());
        while let (Some((byte, rest)), false) = (chunk.split_first(), self.ended) {
            if std::mem::take(&mut self.halfway) && *byte == b'\n' {
                chunk = rest;
                continue;
            }
            if matches!(byte, b'\n' | b'\r') {
                self.halfway = *byte == b'\r';
                self.line_end(&mut data)?;
                chunk = rest;
            } else if self.line.is_some() {
                self.other(*byte, &mut data);
                chunk = rest;
            } else if std::mem::take(&mut self.first) && *byte == b' ' {
                chunk = rest;
            } else {
                let end = memchr::memchr2(b'\n', b'\r', chunk).unwrap_or(chunk.len());
                let (run, rest) = chunk.split_at(end);
                data.extend_from_slice(run);
                chunk = rest;
            }
        }
        Ok(data.freeze())
    }

    /// A byte of a line that is not known to be data.
    fn other(&mut self, byte: u8, data: &mut BytesMut) {
        let Some(line) = self.line.as_mut().filter(|line| line.len() < LINE_BYTES_MAX) else { return };
        line.push(byte);
        if line == b"data:" {
            self.line = None;
            self.first = true;
            self.next_data(data);
        }
    }

    fn line_end(&mut self, data: &mut BytesMut) -> Result<(), OtherType> {
        let line = self.line.replace(Vec::new());
        self.first = false;
        match line.as_deref() {
            None => {}
            Some(b"") => self.ended = true,
            Some(b"data") => self.next_data(data),
            Some(line) => {
                if let Some(kind) = line.strip_prefix(b"event:") {
                    let kind = String::from_utf8_lossy(kind);
                    return if is_default(kind.strip_prefix(' ').unwrap_or(&kind)) { Ok(()) } else { Err(OtherType) };
                }
            }
        }
        Ok(())
    }

    fn next_data(&mut self, data: &mut BytesMut) {
        if std::mem::replace(&mut self.has_data, true) {
            data.extend_from_slice(b"\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sse::{Decoder, OtherType};
    use proptest::prelude::{prop, proptest};

    /// The data of the first event of `stream` if it is read on from byte `from` on.
    fn check(stream: &[u8], from: usize, step: usize) -> Result<Option<Vec<u8>>, OtherType> {
        let mut decoder = Decoder::new(1 << 20);
        let (head, rest) = stream.split_at(from.min(stream.len()));
        decoder.push(head).unwrap();
        if decoder.next_event().is_some() {
            return Ok(None);
        }
        let (mut tail, data) = decoder.tail()?;
        let mut data = data.to_vec();
        for chunk in rest.chunks(step) {
            data.extend_from_slice(&tail.push(chunk)?);
        }
        Ok(tail.is_ended().then_some(data))
    }

    proptest! {
        #[test]
        fn an_event_is_read_alike_while_it_comes(
            lines in prop::collection::vec("(data|dat|id|:)?: ?[a-z é]{0,6}", 0..5), end in "\n|\r|\r\n",
            from in 0_usize..60, step in 1_usize..9
        ) {
            let stream = format!("data: x{end}{}{end}data: later{end}{end}", lines.iter().map(|line| format!("{line}{end}")).collect::<String>());
            let mut decoder = Decoder::new(1 << 20);
            decoder.push(stream.as_bytes()).unwrap();
            let whole = decoder.next_event().unwrap().data;
            if let Some(data) = check(stream.as_bytes(), from, step).unwrap() {
                assert_eq!(String::from_utf8(data).unwrap(), whole);
            }
        }

        #[test]
        fn junk_never_panics(junk in prop::collection::vec(0_u8..=255, 0..100), from in 0_usize..100, step in 1_usize..9) {
            let _ = check(&junk, from, step);
        }
    }

    #[test]
    fn an_event_of_another_type_is_known_early_or_late() {
        for stream in ["event: endpoint\ndata: x\n\n", "data: x\nevent: endpoint\n\n"] {
            for from in 0..10 {
                assert_eq!(check(stream.as_bytes(), from, 3), Err(OtherType), "{stream} {from}");
            }
        }
        assert_eq!(check(b"data: x\nevent: message\ndata\n\n", 3, 1), Ok(Some(b"x\n".to_vec())));
        assert_eq!(check(b"data: x\n", 3, 1), Ok(None), "an event that was cut off is none");
    }

    #[test]
    fn a_pair_cut_where_the_tail_begins_is_one_end_of_a_line() {
        for from in 0..19 {
            let read = check(b"data: x\r\ndata: y\r\n\r\n", from, 1);
            assert_eq!(read, Ok(Some(b"x\ny".to_vec())), "{from}");
        }
    }
}
