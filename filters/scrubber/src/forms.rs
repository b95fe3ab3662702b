//! The forms in which a credential may stand in a text: as it is, escaped, and in the encodings that servers answer in.
//!
//! A form is what the whole credential leaves in such a text whatever stands around it: of base64 the characters that
//! depend on nothing but the credential, at each of the three offsets it may have.

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD, prelude::BASE64_URL_SAFE_NO_PAD};
use std::{collections::BTreeSet, fmt::Write as _};

/// Bytes a credential must have to be looked for. What is shorter (a PIN) cannot be told from ordinary text.
pub const SECRET_BYTES_MIN: usize = 6;
/// Bytes a credential must have for its encodings to be looked for: a shorter one is in any picture by chance.
const ENCODED_BYTES_MIN: usize = 8;
/// Characters a line of a credential of several lines (a key) must have to be looked for by itself.
const LINE_BYTES_MIN: usize = 16;

/// Every form of `value`, each once; none of a value that is too short.
pub(super) fn of(value: &str) -> BTreeSet<Vec<u8>> {
    let value = value.trim();
    let mut forms = BTreeSet::new();
    if value.len() < SECRET_BYTES_MIN {
        return forms;
    }
    forms.insert(value.as_bytes().to_vec());
    forms.extend(escaped(value));
    forms.extend(lines(value));
    if value.len() >= ENCODED_BYTES_MIN {
        forms.extend(base64(value.as_bytes()));
        forms.insert(hex::encode(value).into_bytes());
        forms.insert(hex::encode_upper(value).into_bytes());
        forms.extend(percent(value));
    }
    forms
}

/// As it stands in JSON text; how it stands there inside of another text follows from it.
fn escaped(value: &str) -> Vec<Vec<u8>> {
    let json = serde_json::to_string(value).unwrap_or_default();
    let inner = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    vec![inner.as_bytes().to_vec(), inner.replace('/', "\\/").into_bytes()]
}

/// The lines of a key that are nothing but its material: they show up one by one.
fn lines(value: &str) -> Vec<Vec<u8>> {
    let is_material = |line: &&str| {
        line.len() >= LINE_BYTES_MIN
            && line.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b))
            && !line.starts_with("--")
    };
    value.lines().map(str::trim).filter(is_material).map(|line| line.as_bytes().to_vec()).collect()
}

/// The characters of base64 that depend on `value` alone, behind 0, 1 and 2 unknown bytes.
fn base64(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for (unknown, skipped) in [(0_usize, 0_usize), (1, 2), (2, 3)] {
        let mut bytes = vec![0; unknown];
        bytes.extend_from_slice(value);
        let whole = bytes.len() * 8 / 6;
        for text in [BASE64_STANDARD_NO_PAD.encode(&bytes), BASE64_URL_SAFE_NO_PAD.encode(&bytes)] {
            forms.extend(text.get(skipped..whole).map(|form| form.as_bytes().to_vec()));
        }
    }
    forms
}

/// In a URL: with digits in either case (RFC 3986 §2.1), and with `+` for a space as forms have it.
fn percent(value: &str) -> Vec<Vec<u8>> {
    let mut text = String::new();
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            // Writing into a text cannot fail.
            other => write!(text, "%{other:02X}").unwrap_or_default(),
        }
    }
    let lower = text.split('%').enumerate().map(|(n, part)| match (n, part.split_at_checked(2)) {
        (0, _) | (_, None) => part.to_owned(),
        (_, Some((digits, rest))) => format!("%{}{rest}", digits.to_ascii_lowercase()),
    });
    let lower: String = lower.collect();
    vec![text.replace("%20", "+").into_bytes(), text.into_bytes(), lower.into_bytes()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, text: &str) {
        let found = of(value).iter().any(|form| text.as_bytes().windows(form.len()).any(|window| window == form));
        assert!(found, "{value} in {text}");
    }

    #[test]
    fn every_encoding_of_a_text_around_it_holds_a_form() {
        let value = "p/ss \"w+rd\" ü-42";
        for before in ["", "a", "ab", "abc"] {
            for after in ["", "z", "yz"] {
                let text = format!("{before}{value}{after}");
                check(value, &text);
                check(value, &serde_json::to_string(&text).unwrap());
                check(value, &BASE64_STANDARD_NO_PAD.encode(&text));
                check(value, &BASE64_URL_SAFE_NO_PAD.encode(&text));
                check(value, &hex::encode(&text));
                check(value, &hex::encode_upper(&text));
                let url = url_of(&text);
                check(value, &url);
                check(value, &url.replace("%20", "+"));
            }
        }
    }

    /// Encoded by other means than what is tested.
    fn url_of(text: &str) -> String {
        text.bytes()
            .map(
                |b| {
                    if b.is_ascii_alphanumeric() || b == b'-' { char::from(b).to_string() } else { format!("%{b:02X}") }
                },
            )
            .collect()
    }

    #[test]
    fn a_key_is_known_by_its_lines_and_not_by_its_frame() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n-----END PRIVATE KEY-----\n";
        check(key, "x AQEFAASCBKcwggSjAgEAAoIB y");
        assert!(!of(key).iter().any(|form| form.starts_with(b"-----BEGIN PRIVATE KEY-----") && form.len() < 40));
    }

    #[test]
    fn what_is_too_short_has_no_form() {
        assert!(of("12345").is_empty() && of(" 1234 \n").is_empty());
        assert_eq!(of("1234567").len(), 1);
    }
}
