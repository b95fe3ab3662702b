//! A JSON string literal read with a map back to its raw bytes, so that spans found in the text inside can be cut
//! from the literal itself.

/// Where the characters of the decoded text stand in the raw literal.
#[derive(Debug)]
pub struct Offsets {
    /// (decoded, raw) at the start and behind every escape, ascending.
    anchors: Vec<(usize, usize)>,
}

impl Offsets {
    /// The raw offset of a decoded one that lies at a character boundary.
    #[must_use]
    pub fn raw(&self, decoded: usize) -> usize {
        let behind = self.anchors.partition_point(|(at, _)| *at <= decoded);
        let anchor = behind.checked_sub(1).and_then(|i| self.anchors.get(i));
        anchor.map_or(decoded, |(at, raw)| raw + (decoded - at))
    }
}

/// Decodes the literal `raw`, quotes included; the map is relative to its opening quote. `None` if it is not a
/// valid literal or holds half a surrogate pair.
#[must_use]
pub fn unescape(raw: &str) -> Option<(String, Offsets)> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::with_capacity(inside.len());
    let mut anchors = vec![(0, 1)];
    let mut rest = inside;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        text.push_str(plain);
        let (decoded, length) = decode(escape)?;
        text.push(decoded);
        rest = escape.get(length..)?;
        anchors.push((text.len(), 1 + inside.len() - rest.len()));
    }
    text.push_str(rest);
    Some((text, Offsets { anchors }))
}

/// The character of the escape at the start of `escape`, and the escape's length in bytes.
fn decode(escape: &str) -> Option<(char, usize)> {
    let plain = match escape.as_bytes().get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(escape),
        _ => return None,
    };
    Some((plain, 2))
}

fn unicode(escape: &str) -> Option<(char, usize)> {
    let unit = |at: usize| u32::from_str_radix(escape.get(at..at + 4)?, 16).ok();
    let first = unit(2)?;
    if let Some(single) = char::from_u32(first) {
        return Some((single, 6));
    }
    let second = unit(8).filter(|low| (0xDC00..0xE000).contains(low) && escape.get(6..8) == Some("\\u"))?;
    let high = first.checked_sub(0xD800).filter(|high| *high < 0x400)?;
    Some((char::from_u32(0x1_0000 + (high << 10) + (second - 0xDC00))?, 12))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    #[test]
    fn escapes_decode_and_map_back() {
        let raw = r#""a\n\u00e9\ud83d\ude00z""#;
        let (text, offsets) = unescape(raw).unwrap();
        assert_eq!(text, "a\n\u{e9}\u{1f600}z");
        let at = |c: char| offsets.raw(text.find(c).unwrap());
        assert_eq!((at('a'), at('\n'), at('\u{e9}'), at('z')), (1, 2, 4, raw.len() - 2));
        assert_eq!(offsets.raw(text.len()), raw.len() - 1);
    }

    #[test]
    fn half_a_surrogate_pair_is_refused() {
        for raw in [r#""\ud83d""#, r#""\ud83dx\ude00""#, r#""\ude00""#, r#""\"#, r#""\u12""#] {
            assert!(unescape(raw).is_none(), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn what_serde_wrote_is_read_back(text in any::<String>()) {
            let raw = serde_json::to_string(&text).unwrap();
            let (decoded, offsets) = unescape(&raw).unwrap();
            prop_assert_eq!(&decoded, &text);
            for (at, c) in text.char_indices() {
                let end = at + c.len_utf8();
                let literal = format!("\"{}\"", &raw[offsets.raw(at)..offsets.raw(end)]);
                let found: String = serde_json::from_str(&literal).unwrap();
                prop_assert_eq!(found, c.to_string());
            }
        }
    }
}
