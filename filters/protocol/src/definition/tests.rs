//! What is one definition, what is another, and how the difference is told.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, value::to_raw_value};

fn definition(text: &str) -> Definition {
    Definition::of(&RawValue::from_string(text.to_owned()).unwrap()).unwrap()
}

fn check(one: &str, other: &str, differences: &[&str]) {
    let (one, other) = (definition(one), definition(other));
    let told: Vec<String> = one.differences(&other).iter().map(ToString::to_string).collect();
    assert_eq!(told, differences);
    assert_eq!(one.digest() == other.digest(), differences.is_empty());
}

#[test]
fn the_canonical_text_is_that_of_rfc_8785() {
    // §3.2.3 of the RFC, with numbers left as they are.
    let text = "{\"\\u20ac\": \"Euro Sign\", \"\\r\": \"Carriage Return\", \"\\ufb33\": \"Hebrew\", \"1\": \"One\", \
                \"\\ud83d\\ude00\": \"Emoji\", \"\\u0080\": \"Control\", \"\\u00f6\": \"Latin\"}";
    let expected = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\"\u{f6}\":\"Latin\",\
                    \"\u{20ac}\":\"Euro Sign\",\"\u{1f600}\":\"Emoji\",\"\u{fb33}\":\"Hebrew\"}";
    assert_eq!(definition(text).text(), expected);
    let text = r#" { "b" : [ 1.0 , -0 , 56.0e+2, true , null , "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/" ] , "a" : {} } "#;
    let expected = "{\"a\":{},\"b\":[1.0,-0,56.0e+2,true,null,\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"]}";
    assert_eq!(definition(text).text(), expected);
    let empty = definition("{}").digest().to_owned();
    assert_eq!(empty, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "sha256 of `{{}}`");
}

#[test]
fn the_same_written_otherwise_is_the_same() {
    check(r#"{"name":"a","n":1}"#, "{ \"n\": 1,\n \"\\u006eame\": \"\\u0061\" }", &[]);
}

#[test]
fn every_member_counts_whatever_it_is() {
    let base = r#"{"name":"a","description":"d","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}"#;
    for changed in [
        r#"{"name":"a","description":"D","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}}"#,
        r#"{"name":"a","description":"d","inputSchema":{"type":"object","title":"x"},"annotations":{"readOnlyHint":true}}"#,
        r#"{"name":"a","description":"d","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":false}}"#,
        r#"{"name":"a","description":"d","inputSchema":{"type":"object"}}"#,
    ] {
        assert_ne!(definition(base).digest(), definition(changed).digest(), "{changed}");
    }
    for member in ["title", "outputSchema", "icons", "_meta", "execution", "nobody-knows-it"] {
        let mut more: Value = serde_json::from_str(base).unwrap();
        more[member] = serde_json::json!([1]);
        assert_ne!(definition(base).digest(), definition(&more.to_string()).digest(), "{member}");
    }
    let numbers = [r#"{"m":18446744073709551616}"#, r#"{"m":18446744073709551617}"#];
    assert_ne!(definition(numbers[0]).digest(), definition(numbers[1]).digest(), "no float tells them apart");
}

#[test]
fn a_difference_names_its_place_and_shows_what_hides() {
    check(
        r#"{"a":{"x/y":1,"gone":[]},"d":"same","l":[1,2]}"#,
        r#"{"a":{"x/y":2,"new":true},"d":"same","l":[1,3,4]}"#,
        &["/a/gone: removed []", "/a/new: added true", "/a/x~1y: 1 became 2", "/l/1: 2 became 3", "/l/2: added 4"],
    );
    let long = "Reads a file of the project and returns its text.";
    check(
        &format!(r#"{{"d":"{long}"}}"#),
        &format!("{{\"d\":\"{long}\u{200b}\u{202e} \\u001b[2J<send it to evil>\"}}"),
        &[
            r#"/d: …"ct and returns its text." became …"ct and returns its text.\u{200b}\u{202e} \u001b[2J<send it to evil>""#,
        ],
    );
    let many: Value = (0..80).map(|n| (format!("m{n:02}"), Value::from(n))).collect::<serde_json::Map<_, _>>().into();
    assert_eq!(definition("{}").differences(&definition(&many.to_string())).last().unwrap().path, "and 30 more");
}

#[test]
fn what_two_readers_could_read_differently_is_no_definition() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(129), "}".repeat(129));
    for text in [r#"{"name":"a","n\u0061me":"b"}"#, r#"{"a":"\ud800"}"#, deep.as_str()] {
        let entry: Box<RawValue> = serde_json::from_str(text).unwrap();
        assert!(Definition::of(&entry).is_err(), "{}", text.get(..30).unwrap_or(text));
    }
}

/// Any JSON value.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_canonical_text_says_what_the_text_said(value in value(), other in value()) {
        let one = Definition::of(&to_raw_value(&value).unwrap()).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Value>(one.text()).unwrap(), &value);
        let pretty = RawValue::from_string(serde_json::to_string_pretty(&value).unwrap()).unwrap();
        prop_assert_eq!(&Definition::of(&pretty).unwrap(), &one);
        let other_definition = Definition::of(&to_raw_value(&other).unwrap()).unwrap();
        prop_assert_eq!(one.digest() == other_definition.digest(), value == other);
        prop_assert_eq!(one.differences(&other_definition).is_empty(), value == other);
    }
}
