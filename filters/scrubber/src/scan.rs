//! One text on its way: read once, byte by byte, in pieces of any size; what is found is blotted out.
//!
//! The automaton sees JSON texts unescaped, so that no way of escaping hides anything, while everything that is not blotted
//! out passes byte for byte. Held back is only what may still be the beginning of a credential.

use super::matcher::{Automaton, Matcher};
use aho_corasick::{Anchored, automaton::StateID};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// Bytes of the longest escape: a pair of surrogates.
const ESCAPE_BYTES_MAX: usize = 12;

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// JSON that stays JSON.
    Json,
    /// Lines for people.
    Text,
    /// Lines for people that quote escaped text.
    Quoting,
}

/// Which credentials were blotted out, and how often.
pub type Redacted = BTreeMap<Arc<str>, u64>;

/// A credential stands where nothing can be blotted out without breaking the JSON text around it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the answer holds the credential `{0}` and cannot be passed on without it")]
pub struct Unblottable(pub Arc<str>);

/// Where a credential stands, in bytes since the beginning.
struct Found {
    start: usize,
    end: usize,
    name: Arc<str>,
    /// Its place was given out already; it goes on.
    told: bool,
}

/// An escape that may belong to a credential.
struct Escape {
    end: usize,
    raw: usize,
    plain: usize,
}

/// See the module.
pub struct Scan {
    matcher: Option<Arc<Matcher>>,
    dialect: Dialect,
    state: StateID,
    /// What is not given out yet, and where it begins.
    held: Vec<u8>,
    given: usize,
    /// Where the next byte stands, and up to where no credential has begun.
    at: usize,
    clear: usize,
    /// The escape being read.
    escape: Vec<u8>,
    escapes: VecDeque<Escape>,
    found: VecDeque<Found>,
    redacted: Redacted,
}

impl Scan {
    pub(super) fn new(matcher: Option<Arc<Matcher>>, dialect: Dialect) -> Self {
        let state = matcher.as_ref().map_or(StateID::ZERO, |matcher| matcher.start);
        Self {
            matcher,
            dialect,
            state,
            held: Vec::new(),
            given: 0,
            at: 0,
            clear: 0,
            escape: Vec::new(),
            escapes: VecDeque::new(),
            found: VecDeque::new(),
            redacted: Redacted::new(),
        }
    }

    /// What of the text may leave now that `piece` is known.
    ///
    /// # Errors
    /// [`Unblottable`]: then the text may not go on.
    pub fn push(&mut self, piece: Bytes) -> Result<Bytes, Unblottable> {
        let Some(matcher) = self.matcher.clone() else {
            return Ok(piece);
        };
        self.read(&matcher, &piece);
        let free = self.free(&matcher);
        if self.held.is_empty() && self.found.is_empty() {
            let cut = free.saturating_sub(self.given).min(piece.len());
            self.held.extend_from_slice(piece.get(cut..).unwrap_or_default());
            self.given += cut;
            return Ok(piece.slice(..cut));
        }
        self.held.extend_from_slice(&piece);
        self.release(free).map(Bytes::from)
    }

    /// The rest of the text, and what was found in all of it.
    ///
    /// # Errors
    /// [`Unblottable`].
    pub fn finish(mut self) -> Result<(Vec<u8>, Redacted), Unblottable> {
        let rest = self.release(self.given + self.held.len())?;
        Ok((rest, self.redacted))
    }

    /// [`Self::finish`] for a text that was cut off: without what may be the beginning of a credential.
    pub(super) fn finish_cut(mut self) -> Result<(Vec<u8>, Redacted), Unblottable> {
        let free = self.matcher.clone().map_or(self.given + self.held.len(), |matcher| self.free(&matcher));
        let rest = self.release(free)?;
        Ok((rest, self.redacted))
    }

    /// Whether there is nothing to blot out of `text`, which is all there is; nothing is copied to find that out. With `cut`,
    /// neither is there what may be the beginning of a credential at its end.
    pub(super) fn finds_nothing(mut self, text: &[u8], cut: bool) -> bool {
        let Some(matcher) = self.matcher.clone() else {
            return true;
        };
        self.read(&matcher, text);
        self.found.is_empty() && (!cut || self.free(&matcher) == text.len())
    }

    fn read(&mut self, matcher: &Matcher, piece: &[u8]) {
        match &matcher.automaton {
            Automaton::Dense(automaton) => self.run(matcher, automaton, piece),
            Automaton::Sparse(automaton) => self.run(matcher, automaton, piece),
        }
    }

    fn run<A: aho_corasick::automaton::Automaton>(&mut self, matcher: &Matcher, automaton: &A, piece: &[u8]) {
        let unescapes = self.dialect != Dialect::Text;
        let mut rest = piece;
        loop {
            if self.state == matcher.start && self.escape.is_empty() {
                let (skipped, behind) = rest.split_at(matcher.skips(rest));
                self.at += skipped.len();
                if !skipped.is_empty() {
                    self.clear = self.at;
                }
                rest = behind;
            }
            let Some((&byte, behind)) = rest.split_first() else { return };
            rest = behind;
            // What texts are full of, at once. Other escapes, and those that a piece ends in, come byte by byte.
            if let Some((&second, behind)) = rest.split_first()
                && byte == b'\\'
                && unescapes
                && self.escape.is_empty()
                && let Some(plain) = simple(second)
            {
                rest = behind;
                self.at += 2;
                self.stands_for(matcher, automaton, (2, &[plain]));
                continue;
            }
            if unescapes && (byte == b'\\' || !self.escape.is_empty()) {
                self.at += 1;
                self.escape.push(byte);
                if let Some(plain) = unescaped(&self.escape) {
                    self.unescape(matcher, automaton, &plain);
                }
                continue;
            }
            self.at += 1;
            self.step(matcher, automaton, byte);
        }
    }

    fn unescape<A: aho_corasick::automaton::Automaton>(&mut self, matcher: &Matcher, automaton: &A, plain: &[u8]) {
        let end = self.at;
        if self.escape == plain {
            // No escape: every byte stands for itself, where it is.
            self.escape.clear();
            self.at = end - plain.len();
            for &byte in plain {
                self.at += 1;
                self.step(matcher, automaton, byte);
            }
            return;
        }
        let raw = self.escape.len();
        self.escape.clear();
        self.stands_for(matcher, automaton, (raw, plain));
    }

    /// Reads an escape of `raw` bytes, which ends here and stands for `plain`.
    fn stands_for<A: aho_corasick::automaton::Automaton>(
        &mut self,
        matcher: &Matcher,
        automaton: &A,
        (raw, plain): (usize, &[u8]),
    ) {
        self.escapes.push_back(Escape { end: self.at, raw, plain: plain.len() });
        for &byte in plain {
            self.step(matcher, automaton, byte);
        }
    }

    fn step<A: aho_corasick::automaton::Automaton>(&mut self, matcher: &Matcher, automaton: &A, byte: u8) {
        self.state = automaton.next_state(Anchored::No, self.state, byte);
        if self.state == matcher.start {
            self.clear = self.at;
            if !self.escapes.is_empty() {
                self.escapes.clear();
            }
        } else if automaton.is_special(self.state) && automaton.is_match(self.state) {
            let all = 0..automaton.match_len(self.state);
            let ids = all.map(|n| automaton.match_pattern(self.state, n));
            if let Some(longest) = ids.max_by_key(|id| automaton.pattern_len(*id)) {
                let name = matcher.name(longest.as_usize());
                self.note(name, automaton.pattern_len(longest));
            }
        }
    }

    /// A credential of `bytes` bytes ends here.
    fn note(&mut self, name: Arc<str>, bytes: usize) {
        let (start, end) = (self.begin(self.at, bytes), self.at);
        while self.found.back().is_some_and(|last| last.start >= start && !last.told) {
            self.found.pop_back();
        }
        match self.found.back_mut() {
            Some(last) if last.end > start => last.end = end,
            _ => self.found.push_back(Found { start, end, name, told: false }),
        }
    }

    /// Where the `bytes` unescaped bytes before `end` begin.
    fn begin(&self, end: usize, bytes: usize) -> usize {
        let (mut at, mut left) = (end, bytes);
        for escape in self.escapes.iter().rev() {
            let plain = at.saturating_sub(escape.end);
            if plain >= left {
                break;
            }
            left -= plain;
            at = escape.end - escape.raw;
            if escape.plain >= left {
                return at;
            }
            left -= escape.plain;
        }
        at.saturating_sub(left)
    }

    /// Up to where no credential that is still to be found can begin.
    fn free(&mut self, matcher: &Matcher) -> usize {
        let read = self.at - self.escape.len();
        let free = self.clear.max(self.begin(read, matcher.bytes_max)).min(read);
        while self.escapes.front().is_some_and(|escape| escape.end <= free) {
            self.escapes.pop_front();
        }
        free
    }

    /// Takes what stands before `free` out of what is held, blotted out.
    fn release(&mut self, free: usize) -> Result<Vec<u8>, Unblottable> {
        let mut out = Vec::with_capacity(free.saturating_sub(self.given));
        while let Some(mut found) = self.found.pop_front() {
            if found.start >= free {
                self.found.push_front(found);
                break;
            }
            if !found.told {
                out.extend_from_slice(self.between(self.given, found.start));
                self.blot(&found, &mut out)?;
            }
            let end = found.end.min(free);
            self.drop_before(end);
            if found.end > free {
                found.told = true;
                found.start = free;
                self.found.push_front(found);
                return Ok(out);
            }
        }
        out.extend_from_slice(self.between(self.given, free));
        self.drop_before(free);
        Ok(out)
    }

    fn between(&self, start: usize, end: usize) -> &[u8] {
        self.held.get(start.saturating_sub(self.given)..end.saturating_sub(self.given)).unwrap_or_default()
    }

    fn drop_before(&mut self, at: usize) {
        let cut = at.saturating_sub(self.given).min(self.held.len());
        self.held.drain(..cut);
        self.given += cut;
    }

    fn blot(&mut self, found: &Found, out: &mut Vec<u8>) -> Result<(), Unblottable> {
        let raw = self.between(found.start, found.end);
        if self.dialect == Dialect::Json {
            if is_structure(raw) {
                return Err(Unblottable(found.name.clone()));
            }
            if may_be_number(raw) {
                // It may stand where only a number can.
                out.resize(out.len() + raw.len(), b'1');
                *self.redacted.entry(found.name.clone()).or_default() += 1;
                return Ok(());
            }
        }
        out.extend_from_slice(format!("[redacted:{}]", found.name).as_bytes());
        *self.redacted.entry(found.name.clone()).or_default() += 1;
        Ok(())
    }
}

/// What a backslash and `byte` stand for; none where that is not all of the escape, or it is none.
fn simple(byte: u8) -> Option<u8> {
    match byte {
        b'n' => Some(b'\n'),
        b't' => Some(b'\t'),
        b'r' => Some(b'\r'),
        b'b' => Some(8),
        b'f' => Some(12),
        b'"' | b'\\' | b'/' => Some(byte),
        _ => None,
    }
}

/// What a complete escape stands for; none while it may go on. What is no escape stands for itself.
fn unescaped(escape: &[u8]) -> Option<Vec<u8>> {
    match escape {
        [b'\\'] => None,
        [b'\\', b'u', digits @ ..] => of_digits(escape, digits),
        [b'\\', byte] => Some(simple(*byte).map_or_else(|| escape.to_vec(), |plain| vec![plain])),
        other => Some(other.to_vec()),
    }
}

fn of_digits(escape: &[u8], digits: &[u8]) -> Option<Vec<u8>> {
    let as_it_is = || Some(escape.to_vec());
    if digits.len() < 4 {
        return if digits.iter().all(u8::is_ascii_hexdigit) { None } else { as_it_is() };
    }
    let is_high = digits.first().is_some_and(|d| d.eq_ignore_ascii_case(&b'd'))
        && digits.get(1).is_some_and(|d| b"89abAB".contains(d));
    if is_high && escape.len() < ESCAPE_BYTES_MAX {
        let goes_on = escape.get(6).is_none_or(|b| *b == b'\\') && escape.get(7).is_none_or(|b| *b == b'u');
        return if goes_on { None } else { as_it_is() };
    }
    let text = [b"\"", escape, b"\""].concat();
    serde_json::from_slice::<String>(&text).map_or_else(|_| as_it_is(), |text| Some(text.into_bytes()))
}

/// Whether a piece of JSON text is more than a piece of one text or number.
fn is_structure(raw: &[u8]) -> bool {
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return true,
            _ => {}
        }
    }
    let between_values = |b: &u8| b"[]{},: \t\r\n".contains(b);
    raw.iter().any(between_values) && raw.iter().all(|b| between_values(b) || of_number(*b))
}

fn of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || b"+-.eE".contains(&byte)
}

/// Whether a piece of JSON text may be one of a number.
fn may_be_number(raw: &[u8]) -> bool {
    let mut before = b'e';
    raw.iter().all(|&byte| {
        let fits = of_number(byte) && (!matches!(byte, b'+' | b'-') || matches!(before, b'e' | b'E'));
        before = byte;
        fits
    })
}
