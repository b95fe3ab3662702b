//! The properties that fuzzing searches to break, on the files of its corpus and on generated inputs.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

#[path = "../fuzz/properties.rs"]
mod properties;

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof, proptest};
use std::{fs, panic::catch_unwind, path::Path};

/// Runs every file of a target's corpus.
fn check(target: &str, property: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 5, "{files:?}");
    let broken: Vec<_> =
        files.iter().filter(|file| catch_unwind(|| property(&fs::read(file).unwrap())).is_err()).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn properties_hold_for_the_corpus() {
    check("json", properties::json);
    check("sse", properties::sse);
    check("headers", properties::headers);
    check("agreement", properties::agreement);
}

/// A name that some reader may take for one of the protocol's.
fn name() -> impl Strategy<Value = String> {
    let known = prop_oneof![
        Just("jsonrpc"),
        Just("id"),
        Just("method"),
        Just("params"),
        Just("name"),
        Just("arguments"),
        Just("uri"),
    ];
    (known, 0..6_u8, any::<prop::sample::Index>()).prop_map(|(name, change, at)| {
        let (head, tail) = name.split_at(at.index(name.len()));
        let (letter, rest) = tail.split_at(1);
        match change {
            0 => format!("{head}{}{rest}", letter.to_ascii_uppercase()),
            1 => format!("{head}\\u{:04x}{rest}", letter.chars().next().map_or(0, u32::from)),
            2 => name.replace('s', "\u{17f}"),
            3 => format!("{name} "),
            _ => name.to_owned(),
        }
    })
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::collection::vec((name(), value), 0..4).prop_map(|members| {
        let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        members.join(",")
    })
}

/// A call with members that somebody slipped in before and after its own.
fn call() -> impl Strategy<Value = String> {
    let value = || {
        prop_oneof![Just(r#""other""#), Just("1"), Just("null"), Just(r#"{"name":"other"}"#)].prop_map(str::to_owned)
    };
    let parts = || object(value()).prop_map(|members| if members.is_empty() { members } else { format!("{members},") });
    (parts(), parts(), object(value())).prop_map(|(outer, inner, last)| {
        let last = if last.is_empty() { last } else { format!(",{last}") };
        format!(
            r#"{{{outer}"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{inner}"name":"own","arguments":{{"n":1.0}}}}{last}}}"#
        )
    })
}

/// A whole call with arguments of many kinds.
const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"own","arguments":{"path":"/safe","n":1.0,"l":[{"a":"\u0061"}]},"_meta":{"x":null}}}"#;

/// `CALL` after some cuts: a piece doubled, taken out, moved, or put in place of something else.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u0061",
        "name",
        "Name",
        "n\\u0061me",
        "arguments",
        "\"name\":\"other\",",
        "\"params\":{},",
        "\"id\":8,",
        "/*",
        "\u{17f}",
        "\u{0}",
        "\n",
        "1e400",
        "-0",
        "\u{feff}",
        "null",
        "\"method\":\"x\",",
    ]);
    let cut = (0..5_u8, any::<prop::sample::Index>(), 0..12_usize, any::<prop::sample::Index>(), token);
    prop::collection::vec(cut, 1..5).prop_map(|cuts| {
        let mut text = CALL.as_bytes().to_vec();
        for (what, at, length, to, token) in cuts {
            let at = at.index(text.len() + 1);
            let piece: Vec<u8> = text.iter().skip(at).take(length).copied().collect();
            let to = to.index(text.len() + 1).min(text.len());
            match what {
                0 => drop(text.splice(at..at, token.bytes())),
                1 => drop(text.splice(at..at + piece.len(), token.bytes())),
                2 => drop(text.splice(to..to, piece)),
                3 => drop(text.drain(at..at + piece.len())),
                _ => drop(text.splice(at..at, piece)),
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, ..ProptestConfig::default() })]

    #[test]
    fn j_10_whatever_is_made_of_a_call_every_reader_sees_what_we_see(text in mutated()) {
        properties::json(&text);
    }
}

proptest! {
    #[test]
    fn no_reader_sees_another_tool_or_other_arguments(text in call()) {
        properties::json(text.as_bytes());
    }

    #[test]
    fn every_stream_is_read_alike_however_it_is_cut(
        stream in "((data|id|event|retry|:)?:? ?[a-z0-9é]{0,3}(\n|\r|\r\n)){0,12}"
    ) {
        properties::sse(stream.as_bytes());
    }

    #[test]
    fn headers_that_pass_say_what_the_body_says(
        body in call(), method in "tools/call|Tools/call|", name in "own|other|1|=\\?base64\\?b3du\\?=|", version in ".{0,3}"
    ) {
        let wire = format!("mcp-method: {method}\nmcp-name: {name}\nmcp-protocol-version: {version}\n\n{body}");
        properties::agreement(wire.as_bytes());
    }

    #[test]
    fn every_header_says_one_thing(value in prop_oneof![
        "[ -~]{0,20}", "=\\?base64\\?[A-Za-z0-9+/]{0,8}={0,2}\\?="
    ]) {
        properties::headers(value.as_bytes());
    }
}
