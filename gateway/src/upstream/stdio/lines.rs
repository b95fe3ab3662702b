//! One message per line, bounded (2026-07-28 basic/transports/stdio). Cancel-safe: what was read stays read.

use std::io;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

/// Bytes kept of either end of a line that is too long, to find out which request it answers.
const EDGE_BYTES: usize = 64;
/// Read at once, in bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// All of it.
    Whole(Vec<u8>),
    /// Longer than allowed; all but its ends was thrown away as it came.
    TooLong {
        /// Its first bytes.
        head: Vec<u8>,
        /// Its last bytes.
        tail: Vec<u8>,
    },
}

/// Reads lines of bounded length.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    overflow: Option<Vec<u8>>,
    line_bytes_max: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, line_bytes_max: usize) -> Self {
        let reader = BufReader::with_capacity(CHUNK_BYTES, reader);
        Self { reader, line: Vec::new(), overflow: None, line_bytes_max }
    }

    /// The next line; none at the end of the input. What follows the last line end counts as a line.
    pub(super) async fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let chunk = self.reader.fill_buf().await?;
            if chunk.is_empty() {
                let rest = !self.line.is_empty() || self.overflow.is_some();
                return Ok(if rest { Some(self.take()) } else { None });
            }
            let end = memchr::memchr(b'\n', chunk);
            let piece = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
            if self.overflow.is_none() && self.line.len() + piece.len() <= self.line_bytes_max {
                self.line.extend_from_slice(piece);
            } else {
                let tail = self.overflow.get_or_insert_default();
                tail.extend_from_slice(piece.get(piece.len().saturating_sub(EDGE_BYTES)..).unwrap_or_default());
                tail.drain(..tail.len().saturating_sub(EDGE_BYTES));
                self.line.truncate(EDGE_BYTES);
                self.line.shrink_to_fit();
            }
            let used = end.map_or(chunk.len(), |end| end + 1);
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(self.take()));
            }
        }
    }

    fn take(&mut self) -> Line {
        let mut line = std::mem::take(&mut self.line);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        match self.overflow.take() {
            None => Line::Whole(line),
            Some(tail) => Line::TooLong { head: line, tail },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(input: &[u8], max: usize) -> Vec<Line> {
        let mut lines = Lines::new(input, max);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            all.push(line);
        }
        all
    }

    fn whole(text: &str) -> Line {
        Line::Whole(text.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn lines_end_at_line_feeds_and_at_the_end() {
        assert_eq!(check(b"a\n\r\nb\r\nc", 10).await, [whole("a"), whole(""), whole("b"), whole("c")]);
        assert_eq!(check(b"", 10).await, []);
    }

    #[tokio::test]
    async fn a_long_line_costs_no_memory_and_the_next_one_is_read() {
        let mut input = vec![b'x'; 300_000];
        input.extend_from_slice(b"end\nok\n");
        let lines = check(&input, 1_000).await;
        let Some(Line::TooLong { head, tail }) = lines.first() else { panic!("too long") };
        assert!(head.len() <= EDGE_BYTES && tail.len() <= EDGE_BYTES && tail.ends_with(b"end"));
        assert_eq!(lines[1], whole("ok"));
    }
}
