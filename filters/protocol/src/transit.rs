//! A result that is passed on while it comes: read once, never held whole, changed only at its rim.
//!
//! For large results that nobody looks into. Of the result's own members the short ones that mean something to a gateway
//! ([`RIM`]) are taken out and held; all others (`content`, `structuredContent`, whatever a server adds) pass byte for byte.
//! The envelope is read and not passed on: who passes the members on writes one of its own. Deliberately unknown here:
//! where the bytes come from and go to.

mod scanner;

use crate::{Id, Members, message};
use bytes::{Bytes, BytesMut};
use scanner::{Kind, Scanner};
use serde_json::value::RawValue;
use std::collections::HashSet;

/// Members of a result that are taken out: whoever looks into a result as a whole decides by these alone, or cannot let it
/// pass (2026-07-28 basic; 2025-11-25 tasks).
pub const RIM: [&str; 7] = ["resultType", "isError", "_meta", "taskId", "task", "ttlMs", "cacheScope"];
/// The names of all members of envelope and result together, in bytes.
const NAMES_BYTES_MAX: usize = 64 << 10;

/// Why a text cannot be passed on; what was passed before is of no use then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransitError {
    /// It is not JSON, or ambiguous.
    #[error("not valid JSON: {0}")]
    Json(&'static str),
    /// It is not one JSON-RPC response with an object as its result.
    #[error("not a result that can be passed on: {0}")]
    Shape(&'static str),
    /// A member that must be held is longer than that can be.
    #[error("a result whose member `{0}` is too large")]
    TooLarge(String),
    /// It answers another request.
    #[error("the answer to another request")]
    OtherId,
    /// It ended early.
    #[error("cut off before its end")]
    Truncated,
}

/// See the module.
#[derive(Debug)]
pub struct Transit {
    asked: Id,
    held_bytes_max: usize,
    scanner: Scanner,
    frame: Frame,
    member: Member,
    /// Of the current member, as it is written.
    name: Vec<u8>,
    seen: HashSet<(Frame, String)>,
    names_bytes: usize,
    held: BytesMut,
    rim: Members,
    answered: bool,
    versioned: bool,
    out: BytesMut,
}

/// The object that the next member belongs to; its depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Frame {
    Outside = 0,
    Envelope = 1,
    Result = 2,
}

/// What becomes of the value of the current member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    /// It is passed on.
    Passed,
    /// It is held.
    Held,
    /// Nobody knows it; it goes no further.
    Dropped,
    /// It is the result.
    Result,
}

impl Transit {
    /// For the response to the request `asked`; a member that is held may have `held_bytes_max` bytes.
    #[must_use]
    pub fn new(asked: Id, held_bytes_max: usize) -> Self {
        Self {
            asked,
            held_bytes_max,
            scanner: Scanner::new(),
            frame: Frame::Outside,
            member: Member::Dropped,
            name: Vec::new(),
            seen: HashSet::new(),
            names_bytes: 0,
            held: BytesMut::new(),
            rim: Members::new(),
            answered: false,
            versioned: false,
            out: BytesMut::new(),
        }
    }

    /// Takes the next bytes; gives what can be passed on because of them: `,"name":value` of member after member.
    ///
    /// # Errors
    /// [`TransitError`]; nothing more may be passed on then.
    pub fn push(&mut self, chunk: &Bytes) -> Result<Bytes, TransitError> {
        // How much of the beginning passes as it is, and is not in `out`.
        let (mut same, mut rest) = (0, &chunk[..]);
        while !rest.is_empty() {
            let level = self.scanner.depth();
            let (kind, length) = self.scanner.run(rest).map_err(TransitError::Json)?;
            let (run, behind) = rest.split_at(length);
            let at = chunk.len() - rest.len();
            if at == same && self.is_inside_passed(level) && !(kind == Kind::Space && has_line_end(run)) {
                same += length;
            } else {
                if at == same {
                    self.out.reserve(chunk.len());
                    self.out.extend_from_slice(chunk.get(..same).unwrap_or_default());
                }
                self.take(kind, run, level)?;
            }
            rest = behind;
        }
        if same == chunk.len() { Ok(chunk.clone()) } else { Ok(self.out.split().freeze()) }
    }

    /// Whether it is known to be a result: it has begun.
    #[must_use]
    pub fn is_result(&self) -> bool {
        self.frame == Frame::Result || self.seen.contains(&(Frame::Envelope, "result".to_owned()))
    }

    /// The members of [`RIM`] that were held since it was last asked.
    pub fn take_rim(&mut self) -> Members {
        std::mem::take(&mut self.rim)
    }

    /// The members of [`RIM`] so far.
    #[must_use]
    pub fn rim(&self) -> &Members {
        &self.rim
    }

    /// The end of the input.
    ///
    /// # Errors
    /// [`TransitError`] when it was not all of the response to the request.
    pub fn finish(&self) -> Result<(), TransitError> {
        match (self.scanner.is_done(), self.answered) {
            (false, _) => Err(TransitError::Truncated),
            (true, false) => Err(TransitError::OtherId),
            (true, true) if !self.versioned => Err(TransitError::Shape("`jsonrpc` is not \"2.0\"")),
            (true, true) if !self.is_result() => Err(TransitError::Shape("it is no result")),
            (true, true) => Ok(()),
        }
    }

    /// Whether what follows where `level` brackets are open belongs to the value of a member that is passed on.
    fn is_inside_passed(&self, level: usize) -> bool {
        level > self.frame as usize && self.member == Member::Passed
    }

    /// The next run of bytes; `level` brackets were open before it.
    fn take(&mut self, kind: Kind, run: &[u8], level: usize) -> Result<(), TransitError> {
        if level > self.frame as usize {
            return self.value(kind, run);
        }
        match (kind, self.frame, self.member) {
            (Kind::Space, ..) => Ok(()),
            (Kind::Name, ..) => self.named(run),
            (Kind::Colon, ..) => self.begin(),
            (Kind::Comma, ..) => self.end(),
            (Kind::Close, ..) => {
                self.end()?;
                self.frame = if self.frame == Frame::Result { Frame::Envelope } else { Frame::Outside };
                Ok(())
            }
            (Kind::Open, Frame::Outside, _) if run == b"{" => self.enter(Frame::Envelope),
            (Kind::Open, Frame::Envelope, Member::Result) if run == b"{" => self.enter(Frame::Result),
            (_, Frame::Outside, _) => Err(TransitError::Shape("it is not an object")),
            (_, _, Member::Result) => Err(TransitError::Shape("its result is not an object")),
            _ => self.value(kind, run),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "an arm of `take`")]
    fn enter(&mut self, frame: Frame) -> Result<(), TransitError> {
        (self.frame, self.member) = (frame, Member::Dropped);
        self.name.clear();
        Ok(())
    }

    fn named(&mut self, run: &[u8]) -> Result<(), TransitError> {
        self.names_bytes += run.len();
        if self.names_bytes > NAMES_BYTES_MAX {
            return Err(TransitError::Shape("it has too many members"));
        }
        self.name.extend_from_slice(run);
        Ok(())
    }

    /// The name is complete: what becomes of the value is decided by it.
    fn begin(&mut self) -> Result<(), TransitError> {
        let name: String = self.current().map_err(|_| TransitError::Json("a name that is not a text"))?;
        if !self.seen.insert((self.frame, name.clone())) {
            return Err(TransitError::Json("a name that is there twice"));
        }
        self.member = match (self.frame, name.as_str()) {
            (Frame::Result, name) if RIM.contains(&name) => Member::Held,
            (Frame::Result, _) => {
                for part in [&b","[..], &self.name, b":"] {
                    self.out.extend_from_slice(part);
                }
                Member::Passed
            }
            (_, "result") => Member::Result,
            (_, "jsonrpc" | "id") => Member::Held,
            (_, name) if message::is_of_envelope(name) => return Err(TransitError::Shape("it is no plain result")),
            _ => Member::Dropped,
        };
        Ok(())
    }

    fn value(&mut self, kind: Kind, run: &[u8]) -> Result<(), TransitError> {
        let out = match self.member {
            Member::Passed => &mut self.out,
            Member::Held if self.held.len() + run.len() > self.held_bytes_max => {
                return Err(TransitError::TooLarge(self.current().unwrap_or_default()));
            }
            Member::Held => &mut self.held,
            Member::Dropped | Member::Result => return Ok(()),
        };
        if kind == Kind::Space {
            // Between tokens: a line end would end a line of an event stream, too.
            out.extend(run.iter().map(|byte| if is_line_end(*byte) { b' ' } else { *byte }));
        } else {
            out.extend_from_slice(run);
        }
        Ok(())
    }

    /// The member is complete, if there is one.
    fn end(&mut self) -> Result<(), TransitError> {
        if self.member == Member::Held {
            let name: String = self.current().unwrap_or_default();
            let raw: Box<RawValue> =
                serde_json::from_slice(&self.held).map_err(|_| TransitError::Json("a value that cannot be read"))?;
            self.held.clear();
            match (self.frame, name.as_str()) {
                (Frame::Result, _) => self.rim.set_raw(&name, raw),
                (_, "id") => {
                    self.answered = serde_json::from_str(raw.get()).is_ok_and(|id: Id| id == self.asked);
                    if !self.answered {
                        return Err(TransitError::OtherId);
                    }
                }
                _ => self.versioned = serde_json::from_str(raw.get()).is_ok_and(|version: String| version == "2.0"),
            }
        }
        self.name.clear();
        self.member = Member::Dropped;
        Ok(())
    }

    fn current(&self) -> Result<String, serde_json::Error> {
        serde_json::from_slice(&self.name)
    }
}

fn has_line_end(space: &[u8]) -> bool {
    space.iter().any(|byte| is_line_end(*byte))
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

#[cfg(test)]
mod tests;
