use super::*;
use base64::{Engine as _, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE};
use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use serde_json::{Value, json};

const TOKEN: &str = "xoxb-canary/71+4F\"é";

fn scrubber(secrets: &[(&str, &str)]) -> Scrubber {
    let scrubber = Scrubber::default();
    let credential =
        |(name, value): &(&str, &str)| Credential { name: (*name).into(), value: Secret::new((*value).to_owned()) };
    scrubber.replace(secrets.iter().map(credential).collect()).unwrap();
    scrubber
}

/// `text` scanned in pieces of `size` bytes.
fn in_pieces(
    scrubber: &Scrubber,
    dialect: Dialect,
    text: &[u8],
    size: usize,
) -> Result<(Vec<u8>, Redacted), Unblottable> {
    let mut scan = scrubber.scan(dialect);
    let mut out = Vec::new();
    for piece in text.chunks(size) {
        out.extend_from_slice(&scan.push(Bytes::copy_from_slice(piece))?);
    }
    let (rest, redacted) = scan.finish()?;
    out.extend_from_slice(&rest);
    Ok((out, redacted))
}

/// Scans JSON in pieces of every small size; each gives the same.
fn check(secrets: &[(&str, &str)], text: &str, expected: &str) {
    let scrubber = scrubber(secrets);
    for size in (1..40).chain([text.len().max(1)]) {
        let (out, _) = in_pieces(&scrubber, Dialect::Json, text.as_bytes(), size).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected, "in pieces of {size}");
    }
}

#[test]
fn s_09_a_credential_is_found_wherever_a_piece_ends() {
    check(
        &[("slack", "xoxb-1")],
        r#"{"a":"xoxb-1","b":"xxoxb-1xoxb-1y"}"#,
        r#"{"a":"[redacted:slack]","b":"x[redacted:slack][redacted:slack]y"}"#,
    );
    check(&[("slack", "xoxb-1")], "nothing xoxb- here", "nothing xoxb- here");
    check(&[], "xoxb-1", "xoxb-1");
}

#[test]
fn s_09_a_credential_is_found_across_escapes_and_everything_else_stays() {
    let secrets = [("jira", "a\"b\\c\nd-secret")];
    check(&secrets, r#""\u0061\"b\\c\nd\u002dsecret \/ \u00e9""#, r#""[redacted:jira] \/ \u00e9""#);
    check(&secrets, r#""x\\a\"b\\c\nd-secret""#, r#""x\\[redacted:jira]""#);
    // Behind a backslash an `n` is none.
    check(&[("n", "nabcdef")], r#""\nabcdef nabcdef""#, r#""\nabcdef [redacted:n]""#);
    check(&[("smile", "pass-😀-word")], r#""pass-\ud83d\ude00-word \ud83d""#, r#""[redacted:smile] \ud83d""#);
    // JSON within a text of JSON.
    let inner = json!({"key": "a\"b\\c\nd-secret"}).to_string();
    check(&secrets, &json!({ "text": inner }).to_string(), r#"{"text":"{\"key\":\"[redacted:jira]\"}"}"#);
}

#[test]
fn s_09_overlapping_credentials_leave_nothing() {
    let secrets = [("one", "abcdefgh"), ("two", "efghijkl"), ("all", "cdefghij")];
    check(&secrets, "1abcdefghijkl2", "1[redacted:one]2");
    check(&secrets, "1abcdefgh2", "1[redacted:one]2");
    check(
        &[("short", "secret-1"), ("long", "my-secret-1-and-more")],
        "x my-secret-1-and-more y",
        "x [redacted:long] y",
    );
    check(&[("a", "aaaaaaaa")], &"a".repeat(1_000), "[redacted:a]");
}

#[test]
fn s_02_every_encoding_is_blotted_out() {
    let scrubber = scrubber(&[("slack", TOKEN)]);
    for before in ["", "a", "ab"] {
        let text = format!("{before}{TOKEN}{before}");
        let url: String = text.bytes().map(|b| format!("%{b:02x}")).collect();
        let percent: String = url::form_urlencoded(&text);
        for encoded in [
            BASE64_STANDARD.encode(&text),
            BASE64_URL_SAFE.encode(&text),
            hex::encode(&text),
            hex::encode_upper(&text),
            percent,
        ] {
            let json = json!({"blob": encoded}).to_string();
            let (out, redacted) = in_pieces(&scrubber, Dialect::Json, json.as_bytes(), 7).unwrap();
            let out = String::from_utf8(out).unwrap();
            assert!(out.contains("[redacted:slack]") && redacted.len() == 1, "{encoded} became {out}");
        }
        assert!(!url.is_empty());
    }
}

mod url {
    /// Percent encoding as browsers do it, by other means than what is tested.
    pub(super) fn form_urlencoded(text: &str) -> String {
        let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
    }
}

#[test]
fn what_stays_must_be_json() {
    // Where only a number can stand, a number stands.
    check(&[("pin", "12345678")], r#"{"n":-12345678,"m":91234567890}"#, r#"{"n":-11111111,"m":91111111190}"#);
    let scrubber = scrubber(&[("key", r#"{"type":"account","key":"x"}"#)]);
    let nested = br#"{"structuredContent":{"type":"account","key":"x"}}"#;
    assert_eq!(in_pieces(&scrubber, Dialect::Json, nested, 9), Err(Unblottable("key".into())));
}

#[test]
fn a_text_that_was_cut_off_does_not_end_with_half_a_credential() {
    let scrubber = scrubber(&[("slack", "xoxb-canary")]);
    assert_eq!(scrubber.beginning("token xoxb-can"), "token ");
    assert_eq!(scrubber.beginning("token xoxb-canary and"), "token [redacted:slack] and");
    assert_eq!(scrubber.text("token xoxb-can"), "token xoxb-can");
}

#[test]
fn lines_for_people_hold_no_token_of_ours_either() {
    let token = token::format(token::TokenKind::Personal, &[7; 32]);
    let scrubber = scrubber(&[("slack", "xoxb-1\"2")]);
    let text = format!(r#"got {token}, {{"t":"xoxb-1\"2"}} and xoxb-1"2"#);
    assert_eq!(scrubber.text(&text), r#"got [redacted:mcpctl-token], {"t":"[redacted:slack]"} and [redacted:slack]"#);
}

#[test]
fn credentials_out_of_use_are_still_looked_for() {
    let scrubber = scrubber(&[("slack", "old-value")]);
    scrubber.replace(vec![Credential { name: "slack".into(), value: Secret::new("new-value".to_owned()) }]).unwrap();
    assert_eq!(scrubber.text("old-value new-value"), "[redacted:slack] [redacted:slack]");
}

/// Texts with plenty of credentials, halves of them, escapes and cut characters.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let atom = prop_oneof![
        Just("secret-1".as_bytes().to_vec()),
        Just("secret-12".as_bytes().to_vec()),
        Just("cret-1se".as_bytes().to_vec()),
        Just(b"\\u0073ecret-1".to_vec()),
        Just("sécrète-été".as_bytes().to_vec()),
        Just(b"\\".to_vec()),
        Just(b"\"".to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(atom, 0..40).prop_map(|atoms| atoms.concat())
}

proptest! {
    #[test]
    fn s_09_nothing_is_left_whatever_comes_in_whatever_pieces(text in soup(), size in 1_usize..50) {
        let scrubber = scrubber(&[("a", "secret-1"), ("b", "secret-12"), ("c", "cret-1se"), ("d", "sécrète-été")]);
        for dialect in [Dialect::Text, Dialect::Quoting] {
            let (pieces, counted) = in_pieces(&scrubber, dialect, &text, size).unwrap();
            let (whole, same) = in_pieces(&scrubber, dialect, &text, text.len().max(1)).unwrap();
            prop_assert_eq!(&pieces, &whole);
            prop_assert_eq!(counted, same);
            for secret in ["secret-1", "cret-1se", "sécrète-été"] {
                prop_assert!(!pieces.windows(secret.len()).any(|window| window == secret.as_bytes()), "{:?}", pieces);
            }
        }
    }

    #[test]
    fn s_09_json_stays_json_and_is_otherwise_unchanged(before in ".{0,30}", after in ".{0,30}", number in any::<u64>()) {
        let scrubber = scrubber(&[("slack", TOKEN)]);
        let raw = |text: &str| serde_json::value::to_raw_value(&json!({"text": text, "n": number})).unwrap();
        let with = raw(&format!("{before}{TOKEN}{after}"));
        let (out, _) = scrubber.json(&with).unwrap().unwrap();
        let read: Value = serde_json::from_str(out.get()).unwrap();
        prop_assert_eq!(&read["text"], &json!(format!("{before}[redacted:slack]{after}")));
        let without = raw(&[before, after].concat());
        prop_assert!(scrubber.json(&without).unwrap().is_none());
    }
}

#[test]
fn s_09_time_is_linear_in_the_text() {
    let scrubber = scrubber(&[("a", "aaaaaaaaaaaaaaab"), ("b", "abababababababac")]);
    for text in ["a".repeat(2 << 20), "ab".repeat(1 << 20), "\\".repeat(2 << 20), "\\u006".repeat(400_000)] {
        let began = std::time::Instant::now();
        in_pieces(&scrubber, Dialect::Json, text.as_bytes(), 16 << 10).unwrap();
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?} for {:?}…", began.elapsed(), &text.get(..8));
    }
}
