use super::*;
use proptest::prelude::{Strategy, prop, prop_oneof, proptest};

fn raw(text: &str) -> Box<RawValue> {
    serde_json::from_str(text).unwrap()
}

fn check(method: &str, revision: Revision, before: &str, after: &str) {
    assert_eq!(result(method, revision, &raw(before)).get(), after, "{revision}");
}

fn block() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ]{0,9}".prop_map(|text| format!(r#"{{ "type":"text","text":"{text}","n":1.10 }}"#)),
        "[A-Za-z]{0,8}".prop_map(|bytes| format!(r#"{{"type":"image","data":"{bytes}","mimeType":"image/png"}}"#)),
        "[A-Za-z]{0,8}".prop_map(|bytes| format!(r#"{{"type":"audio","data":"{bytes}","mimeType":"audio/wav"}}"#)),
        "[a-z]{1,8}".prop_map(|name| format!(r#"{{"type":"resource_link","uri":"x:{name}","name":"{name}"}}"#)),
        "[a-z]{1,8}".prop_map(|name| format!(r#"{{"type":"{name}-of-later","\u0041":[ ]}}"#)),
    ]
}

proptest! {
    #[test]
    fn what_a_revision_knows_is_never_touched(blocks in prop::collection::vec(block(), 0..6), extra in 0_u64..9) {
        let listed = format!(r#"{{"content":[{}],"structuredContent":{{ "a":{extra} }},"x":{{"y": 1}}}}"#, blocks.join(","));
        for revision in [Revision::V2025_06_18, Revision::V2025_11_25] {
            assert_eq!(result(method::TOOLS_CALL, revision, &raw(&listed)).get(), listed);
        }
        let known = blocks.iter().all(|block| !block.contains("resource_link"));
        if known {
            assert_eq!(result(method::TOOLS_CALL, Revision::V2025_03_26, &raw(&listed)).get(), listed);
        }
        let oldest = result(method::TOOLS_CALL, Revision::V2024_11_05, &raw(&listed));
        assert!(!oldest.get().contains("\"audio\"") && !oldest.get().contains("\"resource_link\""));
    }
}

#[test]
fn the_envelope_comes_off_and_other_metadata_stays() {
    check(
        method::TOOLS_LIST,
        Revision::LEGACY,
        r#"{"resultType":"complete","tools":[],"ttlMs":1,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{},"a":1}}"#,
        r#"{"tools":[],"_meta":{"a":1}}"#,
    );
    let only = r#"{"tools":[],"_meta":{"io.modelcontextprotocol/serverInfo":{}}}"#;
    check(method::TOOLS_LIST, Revision::LEGACY, only, r#"{"tools":[]}"#);
    check("no/such", Revision::LEGACY, r#"{"_meta":{ }}"#, r#"{"_meta":{ }}"#);
    check("no/such", Revision::LEGACY, "[1]", "[1]");
}

#[test]
fn content_becomes_text_where_it_is_not_known() {
    let before = r#"{"content":[{"type":"audio","data":"AA","mimeType":"audio/wav"},{"type":"resource_link","uri":"file:///a","name":"a","annotations":{"audience":["user"]}}]}"#;
    let link = r#"{"type":"text","text":"[resource a: file:///a]","annotations":{"audience":["user"]}}"#;
    check(
        method::TOOLS_CALL,
        Revision::V2024_11_05,
        before,
        &format!(
            r#"{{"content":[{{"type":"text","text":"[audio content (audio/wav), which this client cannot play]"}},{link}]}}"#
        ),
    );
    check(
        method::TOOLS_CALL,
        Revision::V2025_03_26,
        before,
        &format!(r#"{{"content":[{{"type":"audio","data":"AA","mimeType":"audio/wav"}},{link}]}}"#),
    );
    check(
        method::PROMPTS_GET,
        Revision::V2025_03_26,
        r#"{"messages":[{"role":"user","content":{"type":"resource_link","uri":"x:y"}}]}"#,
        r#"{"messages":[{"role":"user","content":{"type":"text","text":"[resource: x:y]"}}]}"#,
    );
}

#[test]
fn structured_content_is_an_object() {
    check(
        method::TOOLS_CALL,
        Revision::LEGACY,
        r#"{"content":[],"structuredContent":[1.0,2]}"#,
        r#"{"content":[{"type":"text","text":"[1.0,2]"}],"structuredContent":{"result":[1.0,2]}}"#,
    );
    check(
        method::TOOLS_CALL,
        Revision::LEGACY,
        r#"{"content":[{"type":"text","text":"two"}],"structuredContent":2}"#,
        r#"{"content":[{"type":"text","text":"two"}],"structuredContent":{"result":2}}"#,
    );
}

#[test]
fn a_tool_says_what_its_revision_has_words_for() {
    let before = r#"{"tools":[{"name":"a","annotations":{"title":"A"},"icons":[],"outputSchema":{"type":"string"}}]}"#;
    let wrapped = r#""outputSchema":{"type":"object","properties":{"result":{"type":"string"}},"required":["result"]}"#;
    check(
        method::TOOLS_LIST,
        Revision::V2024_11_05,
        before,
        &format!(r#"{{"tools":[{{"name":"a","icons":[],{wrapped}}}]}}"#),
    );
    check(
        method::TOOLS_LIST,
        Revision::LEGACY,
        before,
        &format!(r#"{{"tools":[{{"name":"a","annotations":{{"title":"A"}},"icons":[],{wrapped}}}]}}"#),
    );
}

#[test]
fn notifications_lose_what_is_not_known() {
    let note = |method: &str, params: &str| Notification {
        method: method.to_owned(),
        params: serde_json::from_str(params).unwrap(),
    };
    let shaped = |revision, note| notification(revision, note).map(|note| note.params.to_raw().get().to_owned());
    let progress = || note("notifications/progress", r#"{"progressToken":1,"progress":2,"message":"m"}"#);
    assert_eq!(shaped(Revision::V2024_11_05, progress()).unwrap(), r#"{"progressToken":1,"progress":2}"#);
    assert!(shaped(Revision::V2025_03_26, progress()).unwrap().contains("message"));
    let tagged = note(method::TOOLS_CHANGED, r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":"x"}}"#);
    assert_eq!(shaped(Revision::LEGACY, tagged).unwrap(), "{}");
    assert!(shaped(Revision::LEGACY, note(method::ACKNOWLEDGED, "{}")).is_none());
}

#[test]
fn errors_are_those_legacy_clients_know() {
    let code_of = |method: &str, code, data: &str| {
        error(method, RpcError { code, message: String::new(), data: serde_json::from_str(data).ok() }).code
    };
    assert_eq!(code_of(method::RESOURCES_READ, code::INVALID_PARAMS, r#"{"uri":"x:y"}"#), -32_002);
    assert_eq!(code_of(method::RESOURCES_READ, code::INVALID_PARAMS, "{}"), code::INVALID_PARAMS);
    assert_eq!(code_of(method::TOOLS_CALL, code::INVALID_PARAMS, r#"{"uri":"x:y"}"#), code::INVALID_PARAMS);
    assert_eq!(code_of(method::TOOLS_CALL, code::MISSING_CAPABILITY, "{}"), code::INVALID_REQUEST);
    assert_eq!(code_of(method::TOOLS_CALL, code::HEADER_MISMATCH, "{}"), code::INTERNAL_ERROR);
}
