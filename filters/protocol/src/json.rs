//! The one strict reading of JSON (RFC 8259, and stricter): what passes here every reader reads alike.
//!
//! Refused: a byte-order mark, text that is not UTF-8, trailing data, nesting past the bound, a name twice in one object
//! (after unescaping), lone surrogates, numbers beyond what a 64-bit float holds, control characters in text. Runs over
//! a request body once, before anything looks into it; it builds nothing.

use std::{borrow::Cow, collections::HashSet};

/// Names of one object that are compared one by one; more are looked up by their hash, whose making costs more than that.
const NAMES_COMPARED_MAX: usize = 16;

/// Why a text is refused; `Display` is fit for the client and names the byte.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{reason} at byte {at}")]
pub struct JsonError {
    reason: &'static str,
    at: usize,
}

/// Checks that `text` is exactly one JSON value, read the same way by everybody.
///
/// # Errors
/// [`JsonError`] with the first reason found.
pub fn check(text: &[u8], depth_max: u32) -> Result<(), JsonError> {
    if let Err(error) = std::str::from_utf8(text) {
        return Err(JsonError { reason: "text that is not UTF-8", at: error.valid_up_to() });
    }
    let mut reader = Reader { text, at: 0 };
    reader.space();
    reader.value(depth_max)?;
    reader.space();
    if reader.at < text.len() { Err(reader.error("data after the end of the value")) } else { Ok(()) }
}

/// Whether `text`, as far as it is JSON, is nested no deeper than `depth_max`. Many readers recurse, and end with their stack.
#[must_use]
pub fn nests_within(text: &[u8], depth_max: usize) -> bool {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = text.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => at = text_end(text, at),
            _ => {}
        }
        if depth > depth_max {
            return false;
        }
        at += 1;
    }
    true
}

/// The text that the valid JSON `text` is; none for another value, and for one that is no Unicode.
pub(crate) fn text(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(text).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// Where the text that begins at `at` ends: at its closing quote.
fn text_end(text: &[u8], mut at: usize) -> usize {
    loop {
        at += 1;
        let rest = text.get(at..).unwrap_or_default();
        match memchr::memchr2(b'"', b'\\', rest) {
            None => return text.len(),
            Some(found) if rest.get(found) == Some(&b'"') => return at + found,
            Some(found) => at += found + 1,
        }
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

/// The names of one object so far, unescaped.
#[derive(Default)]
struct Names<'a> {
    few: Vec<Cow<'a, [u8]>>,
    many: HashSet<Cow<'a, [u8]>>,
}

impl<'a> Names<'a> {
    /// Whether `name` is a new one.
    fn add(&mut self, name: Cow<'a, [u8]>) -> bool {
        if self.few.len() < NAMES_COMPARED_MAX {
            let new = !self.few.contains(&name);
            self.few.push(name);
            return new;
        }
        !self.few.contains(&name) && self.many.insert(name)
    }
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: u32) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'{') => self.object(self.deeper(depth)?),
            Some(b'[') => self.array(self.deeper(depth)?),
            Some(b'"') => self.string(&mut None),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.error("an unexpected character")),
            None => Err(self.error("an unexpected end")),
        }
    }

    fn deeper(&self, depth: u32) -> Result<u32, JsonError> {
        depth.checked_sub(1).ok_or_else(|| self.error("nesting deeper than allowed"))
    }

    fn object(&mut self, depth: u32) -> Result<(), JsonError> {
        self.at += 1;
        self.space();
        let mut names = Names::default();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.error("a member without a name"));
            }
            let name = self.name()?;
            if !names.add(name) {
                return Err(JsonError { reason: "a name that is there twice", at: start });
            }
            self.space();
            if !self.take(b':') {
                return Err(self.error("a name without a value"));
            }
            self.space();
            self.value(depth)?;
            self.space();
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.error("an object that is not closed"));
            }
            self.space();
        }
    }

    fn array(&mut self, depth: u32) -> Result<(), JsonError> {
        self.at += 1;
        self.space();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.value(depth)?;
            self.space();
            if self.take(b']') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.error("an array that is not closed"));
            }
            self.space();
        }
    }

    /// Reads a text that is a name.
    fn name(&mut self) -> Result<Cow<'a, [u8]>, JsonError> {
        let start = self.at + 1;
        let text = self.text;
        let plain = text.get(start..start + self.plain(start)).unwrap_or_default();
        if text.get(start + plain.len()) == Some(&b'"') {
            self.at = start + plain.len() + 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut name = Some(Vec::new());
        self.string(&mut name)?;
        Ok(Cow::Owned(name.unwrap_or_default()))
    }

    /// How many of the bytes from `start` on stand in a text for themselves.
    fn plain(&self, start: usize) -> usize {
        let rest = self.text.get(start..).unwrap_or_default();
        rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len())
    }

    /// Reads a text; its unescaped bytes go to `out` when somebody wants them.
    fn string(&mut self, out: &mut Option<Vec<u8>>) -> Result<(), JsonError> {
        self.at += 1;
        loop {
            let (start, plain) = (self.at, self.plain(self.at));
            self.at += plain;
            if let Some(out) = out {
                out.extend_from_slice(self.text.get(start..self.at).unwrap_or_default());
            }
            match self.peek() {
                None => return Err(self.error("a text that is not closed")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape(out)?,
                Some(_) => return Err(self.error("a control character in a text")),
            }
        }
    }

    fn escape(&mut self, out: &mut Option<Vec<u8>>) -> Result<(), JsonError> {
        self.at += 1;
        let plain = match self.peek() {
            Some(b @ (b'"' | b'\\' | b'/')) => char::from(b),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let scalar = self.unicode_escape()?;
                return self.emit(scalar, out);
            }
            _ => return Err(self.error("an unknown escape")),
        };
        self.at += 1;
        self.emit(plain, out)
    }

    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.hex4()?;
        if (0xd800..0xdc00).contains(&first) && self.text.get(self.at..self.at + 2) == Some(b"\\u") {
            self.at += 1;
            let second = self.hex4()?;
            if (0xdc00..0xe000).contains(&second) {
                let scalar = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(scalar).ok_or_else(|| self.error("a lone surrogate"));
            }
        }
        char::from_u32(first).ok_or_else(|| self.error("a lone surrogate"))
    }

    /// Reads `uXXXX`.
    fn hex4(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at + 1..self.at + 5).and_then(|d| std::str::from_utf8(d).ok());
        let scalar =
            digits.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit())).and_then(|d| u32::from_str_radix(d, 16).ok());
        self.at += 5;
        scalar.ok_or_else(|| self.error("a bad unicode escape"))
    }

    #[expect(clippy::unnecessary_wraps, reason = "ends the escape readers in one expression")]
    fn emit(&self, scalar: char, out: &mut Option<Vec<u8>>) -> Result<(), JsonError> {
        if let Some(out) = out {
            out.extend_from_slice(scalar.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') && self.digits() == 0 {
            return Err(self.error("a number without digits"));
        }
        if self.take(b'.') && self.digits() == 0 {
            return Err(self.error("a fraction without digits"));
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            if self.digits() == 0 {
                return Err(self.error("an exponent without digits"));
            }
        }
        let text = self.text.get(start..self.at).and_then(|t| std::str::from_utf8(t).ok()).unwrap_or_default();
        if text.parse::<f64>().is_ok_and(f64::is_finite) {
            Ok(())
        } else {
            Err(JsonError { reason: "a number beyond all readers' range", at: start })
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), JsonError> {
        if self.text.get(self.at..self.at + word.len()) == Some(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.error("an unexpected character"))
        }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn error(&self, reason: &'static str) -> JsonError {
        JsonError { reason, at: self.at }
    }
}

#[cfg(test)]
mod tests {
    use super::nests_within;
    use proptest::prelude::{any, prop, proptest};

    fn accepts(text: &str) -> bool {
        super::check(text.as_bytes(), 64).is_ok()
    }

    #[test]
    fn ordinary_json_passes() {
        for text in [
            "{}",
            " [1, -0.5e+3, \"a\\u00e9\\ud83d\\ude00\", true, false, null] ",
            r#"{"a":{"a":[{"a":1}]},"b":""}"#,
            "18446744073709551616",
        ] {
            assert!(accepts(text), "{text}");
        }
    }

    #[test]
    fn what_readers_disagree_about_is_refused() {
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"name":1,"n\u0061me":2}"#,
            r#"[{"x":{"k":1,"k":1}}]"#,
            "{} {}",
            "\u{feff}{}",
            r#""\ud800""#,
            r#""\ud800\u0041""#,
            r#""\udc00""#,
            "NaN",
            "1e400",
            "01",
            "1.",
            ".5",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "'a'",
            "\"\t\"",
            "\"\\x\"",
            "// c\n1",
            "",
            "\"",
            "{\"a\"",
            "[",
            "tru",
        ] {
            assert!(!accepts(text), "{text}");
        }
        assert!(super::check(b"\"\xff\"", 64).is_err());
    }

    #[test]
    fn nesting_is_counted_outside_of_texts() {
        let deep = |depth: usize| format!("{}{}", r#"{"]\\":["#.repeat(depth), "]}".repeat(depth));
        assert!(nests_within(deep(5).as_bytes(), 10) && !nests_within(deep(5).as_bytes(), 9));
        for text in [r#""[[[[""#, r#""\"[[[[""#, r#"{"a\\":"[[["}"#, r#""[[["#, "", "]]]][", r#""\"#] {
            assert!(nests_within(text.as_bytes(), 1), "{text}");
        }
        assert!(!nests_within(br#""\\"[["#, 1));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(accepts(&nested(64)));
        assert!(!accepts(&nested(65)));
        assert!(!accepts(&"[".repeat(1_000_000)));
    }

    proptest! {
        #[test]
        fn whatever_passes_serde_json_reads_too(text in r#"[\[\]{}:,"\\a-c0-9.eE+\- nultrfs]{0,40}"#) {
            if accepts(&text) {
                assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
            }
        }

        #[test]
        fn whatever_serde_json_writes_passes(texts in prop::collection::vec(any::<String>(), 0..5), n in any::<f64>()) {
            let value = serde_json::json!({"texts": texts, "n": n, "nested": {"texts": texts}});
            assert!(accepts(&value.to_string()));
        }

        #[test]
        fn a_name_is_there_twice_however_many_there_are(count in 1..64_usize, first in 0..64_usize, escaped in any::<bool>()) {
            let object = |names: Vec<String>| format!("{{{}}}", names.iter().map(|n| format!("\"{n}\":0")).collect::<Vec<_>>().join(","));
            let mut names: Vec<String> = (0..count).map(|n| format!("n{n}")).collect();
            assert!(accepts(&object(names.clone())));
            let twice = first % count;
            names.push(if escaped { format!("\\u006e{twice}") } else { format!("n{twice}") });
            assert!(!accepts(&object(names)));
        }

        #[test]
        fn junk_never_panics(junk in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = super::check(&junk, 64);
        }
    }
}
