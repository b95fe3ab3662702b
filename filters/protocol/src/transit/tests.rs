use super::*;
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

const HELD_BYTES_MAX: usize = 64;

/// What passes of `text`, cut into pieces of `step` bytes, and what of its rim was held.
fn check(text: &str, step: usize) -> Result<(String, String), TransitError> {
    let mut transit = Transit::new(Id::Number(7), HELD_BYTES_MAX);
    let mut out = Vec::new();
    for chunk in text.as_bytes().chunks(step) {
        out.extend_from_slice(&transit.push(&Bytes::copy_from_slice(chunk))?);
    }
    transit.finish()?;
    Ok((String::from_utf8(out).unwrap(), transit.take_rim().to_raw().get().to_owned()))
}

fn passes(text: &str, passed: &str, rim: &str) {
    for step in 1..=text.len() {
        assert_eq!(check(text, step), Ok((passed.to_owned(), rim.to_owned())), "cut into {step}");
    }
}

#[test]
fn content_passes_byte_for_byte_and_the_rim_is_held() {
    passes(
        "{ \"jsonrpc\":\"2.0\",\n\"id\":7 , \"result\": {\"content\":[{\"n\":1.10, \"b\":18446744073709551616,\n\"t\":\"}\\\"]é\",\"id\":9}],\"isError\" : true,\"x\":null, \"_meta\":{\n\"id\":1}} }\n",
        r#","content":[{"n":1.10, "b":18446744073709551616, "t":"}\"]é","id":9}],"x":null"#,
        r#"{"isError":true,"_meta":{ "id":1}}"#,
    );
    passes(r#"{"result":{},"unknown":{"id":8,"error":1},"jsonrpc":"2.0","id":7}"#, "", "{}");
    passes(
        r#"{"result":{"a":-0.5e+3,"b":[true,false,null,[],{}]},"jsonrpc":"2.0","id":7}"#,
        r#","a":-0.5e+3,"b":[true,false,null,[],{}]"#,
        "{}",
    );
}

#[test]
fn what_passes_as_it_is_is_not_copied() {
    let mut transit = Transit::new(Id::Number(7), HELD_BYTES_MAX);
    let pieces =
        [r#"{"id":7,"result":{"content":[{"text":"a"#, r#"\n"},{"text":"b"},7"#, "]\n, \"c\":[\n"].map(Bytes::from);
    let passed = pieces.each_ref().map(|piece| transit.push(piece).unwrap());
    assert_eq!(passed[1].as_ptr(), pieces[1].as_ptr());
    assert_eq!(passed.concat(), br#","content":[{"text":"a\n"},{"text":"b"},7],"c":[ "#);
}

#[test]
fn what_is_no_result_of_this_request_is_refused() {
    let json = |why| Err(TransitError::Json(why));
    let shape = |why| Err(TransitError::Shape(why));
    for (text, wanted) in [
        (r#"{"jsonrpc":"2.0","id":8,"result":{}}"#, Err(TransitError::OtherId)),
        (r#"{"jsonrpc":"2.0","id":"7","result":{}}"#, Err(TransitError::OtherId)),
        (r#"{"jsonrpc":"2.0","id":null,"result":{}}"#, Err(TransitError::OtherId)),
        (r#"{"jsonrpc":"2.0","result":{"id":7}}"#, Err(TransitError::OtherId)),
        (r#"{"id":7,"result":{}}"#, shape("`jsonrpc` is not \"2.0\"")),
        (r#"{"jsonrpc":"1.0","id":7,"result":{}}"#, shape("`jsonrpc` is not \"2.0\"")),
        (r#"{"jsonrpc":"2.0","id":7}"#, shape("it is no result")),
        (r#"{"jsonrpc":"2.0","id":7,"result":{},"error":{"code":1}}"#, shape("it is no plain result")),
        (r#"{"jsonrpc":"2.0","id":7,"method":"x"}"#, shape("it is no plain result")),
        (r#"{"jsonrpc":"2.0","id":7,"Reſult":{},"result":{}}"#, shape("it is no plain result")),
        (r#"{"jsonrpc":"2.0","id":7,"result":[1]}"#, shape("its result is not an object")),
        (r#"{"jsonrpc":"2.0","id":7,"result":"a"}"#, shape("its result is not an object")),
        (r#"[{"jsonrpc":"2.0","id":7,"result":{}}]"#, shape("it is not an object")),
        ("7 ", shape("it is not an object")),
        (r#"{"jsonrpc":"2.0","id":7,"result":{"a":1,"\u0061":2}}"#, json("a name that is there twice")),
        (r#"{"jsonrpc":"2.0","id":7,"result":{},"result":{}}"#, json("a name that is there twice")),
        (r#"{"id":7,"jsonrpc":"2.0","id":7,"result":{}}"#, json("a name that is there twice")),
        (r#"{"jsonrpc":"2.0","id":7,"result":{"\ud800":1}}"#, json("a name that is not a text")),
        (r#"{"jsonrpc":"2.0","id":7,"result":{"_meta":"\ud800"}}"#, Ok(())),
        (r#"{"jsonrpc":"2.0","id":7,"result":{"a":1"#, Err(TransitError::Truncated)),
        (r#"{"jsonrpc":"2.0","id":7,"result":{}"#, Err(TransitError::Truncated)),
        ("", Err(TransitError::Truncated)),
    ] {
        assert_eq!(check(text, 5).map(|_| ()), wanted, "{text}");
    }
    let long = format!(r#"{{"id":7,"result":{{"_meta":"{}"}}}}"#, "x".repeat(HELD_BYTES_MAX));
    assert_eq!(check(&long, 5), Err(TransitError::TooLarge("_meta".to_owned())));
    let many = (0..9_999).map(|n| format!("\"{n}-------\":0")).collect::<Vec<_>>().join(",");
    assert_eq!(check(&format!("{{\"result\":{{{many}}}}}"), 99), Err(TransitError::Shape("it has too many members")));
}

#[test]
fn what_is_not_json_is_refused_in_the_middle_of_a_member() {
    for junk in [
        "[}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "tru ",
        "nulll",
        "01",
        "1.",
        "1e",
        "-",
        ".5",
        "+1",
        "\"\\x\"",
        "\"\\u00g0\"",
        "\"\t\"",
        "\"\n\"",
        "'a'",
        "1}}}",
        "\u{feff}1",
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{"a":{junk}}}}}"#);
        for step in 1..9 {
            assert!(matches!(check(&text, step), Err(TransitError::Json(_))), "{junk}");
        }
    }
    let mut transit = Transit::new(Id::Number(7), HELD_BYTES_MAX);
    let cut = [&b"{\"result\":{\"a\":\"\xc3"[..], b"\xa9\xf0\x9f", b"\x98", b"\x80\xe2", b"\"}}"];
    let told: Vec<_> = cut.iter().map(|chunk| transit.push(&Bytes::copy_from_slice(chunk)).is_ok()).collect();
    assert_eq!(told, [true, true, true, true, false], "a letter may be cut in two, and is none without its end");
    let deep = format!(r#"{{"id":7,"result":{{"a":{}"#, "[".repeat(1_000_000));
    assert_eq!(check(&deep, 999), Err(TransitError::Json("nesting deeper than allowed")));
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,8}|[\"\\\\{}\\[\\],: \\n]{0,6}|id|result".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map("[a-z\"\\\\é]{0,4}|id|result|jsonrpc|_meta", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn id() -> impl Strategy<Value = Id> {
    prop_oneof![any::<i64>().prop_map(Id::Number), "\\PC{0,8}|[\"\\\\{}0-9\\n]{0,6}".prop_map(Id::Text)]
}

proptest! {
    #[test]
    fn however_it_is_cut_what_comes_out_is_what_went_in(
        result in prop::collection::btree_map("[a-z\"\\\\é]{0,5}|id|result|error|_meta|isError", value(), 0..5),
        id in id(), order in Just(["jsonrpc", "id", "result"]).prop_shuffle(), pretty in any::<bool>(),
        cuts in prop::collection::vec(1_usize..40, 1..20)
    ) {
        let result: serde_json::Map<_, _> = result.into_iter().collect();
        let given = serde_json::json!({"jsonrpc": "2.0", "id": id, "result": result.clone()});
        let message: serde_json::Map<_, _> = order.iter().map(|name| ((*name).to_owned(), given[name].clone())).collect();
        let text = if pretty { serde_json::to_string_pretty(&message) } else { serde_json::to_string(&message) }.unwrap();
        let mut transit = Transit::new(id, 1 << 20);
        let (mut rest, mut out) = (text.as_bytes(), Vec::new());
        for cut in cuts.iter().cycle() {
            let (chunk, after) = rest.split_at((*cut).min(rest.len()));
            out.extend_from_slice(&transit.push(&Bytes::copy_from_slice(chunk)).unwrap());
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        transit.finish().unwrap();
        assert!(!out.contains(&b'\n'));
        let rim = transit.take_rim();
        let held: serde_json::Value = serde_json::from_str(rim.to_raw().get()).unwrap();
        let passed = String::from_utf8(out).unwrap();
        let passed: serde_json::Value = serde_json::from_str(&format!("{{{}}}", passed.strip_prefix(',').unwrap_or_default())).unwrap();
        // Read as the others are: numbers lose their last digits then.
        let sent: serde_json::Map<_, _> = serde_json::from_str(&serde_json::Value::Object(result).to_string()).unwrap();
        for (name, value) in &sent {
            let (here, there) = if RIM.contains(&name.as_str()) { (&held, &passed) } else { (&passed, &held) };
            assert_eq!((here.get(name), there.get(name)), (Some(value), None), "{name}");
        }
    }

    #[test]
    fn what_passes_is_what_every_reader_reads(junk in r#"[\[\]{}:,"\\ua-c0-9.eE+\- nultrfs]{0,40}"#, step in 1_usize..9) {
        let text = format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{"a":{junk}}}}}"#);
        let read = crate::Message::parse(text.as_bytes()).is_ok();
        assert!(check(&text, step).is_err() || read, "{text}");
    }

    #[test]
    fn junk_never_panics(junk in prop::collection::vec(any::<u8>(), 0..100), step in 1_usize..9) {
        let mut transit = Transit::new(Id::Number(7), HELD_BYTES_MAX);
        for chunk in junk.chunks(step) {
            if transit.push(&Bytes::copy_from_slice(chunk)).is_err() {
                break;
            }
        }
    }
}
