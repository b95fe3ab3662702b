use super::*;
use crate::testing;
use protocol::{Id, Notification, Response};
use scrubber::{Credential, Secret};
use serde_json::json;

fn filter() -> Redaction {
    let scrubber = Scrubber::default();
    let value = Secret::new("xoxb-canary".to_owned());
    scrubber.replace(vec![Credential { name: "slack".into(), value }]).unwrap();
    Redaction::new(scrubber)
}

async fn on_message(message: Message) -> (Message, Verdict, Redacted) {
    let filter = filter();
    let (mut exchange, mut message) = (testing::request("tools/call", "{}"), message);
    let verdict = filter.on_message(&mut exchange, &mut message).await;
    (message, verdict, exchange.redacted)
}

#[tokio::test]
async fn s_02_results_errors_and_notifications_leave_without_credentials() {
    let result = json!({"content": [{"type": "text", "text": "xoxb-canary"}], "structuredContent": {"t": ["xoxb-canary"]},
        "_meta": {"xoxb-canary": 1}});
    let response = Response::ok(Id::Number(1), serde_json::from_value(result).unwrap());
    let mut error = RpcError::new(1, "bad token xoxb-canary").with_data(&json!({"sent": "xoxb-canary"}));
    error.code = -32_000;
    let params: Members = serde_json::from_value(json!({"message": "xoxb-canary"})).unwrap();
    for (message, times) in [
        (Message::Response(response), 3),
        (Message::Response(Response::error(None, error)), 2),
        (Message::Notification(Notification { method: "notifications/progress".to_owned(), params }), 1),
    ] {
        let (message, verdict, redacted) = on_message(message).await;
        let text = message.to_json();
        assert!(!text.contains("canary") && text.contains("[redacted:slack]"), "{text}");
        assert_eq!((verdict, redacted.get("slack")), (Verdict::Pass, Some(&times)), "{text}");
    }
}

#[tokio::test]
async fn a_message_without_credentials_passes_byte_for_byte() {
    let text = r#"{"jsonrpc":"2.0","id":1,"result":{"n":18446744073709551616,"s":"\u0041\/", "x" : [1.10]}}"#;
    let (message, _, redacted) = on_message(Message::parse(text.as_bytes()).unwrap()).await;
    assert_eq!(message.to_json(), text);
    assert!(redacted.is_empty());
}

#[tokio::test]
async fn s_04_a_token_of_ours_in_a_request_is_refused() {
    let token = token::format(token::TokenKind::Personal, &[7; 32]);
    let hidden: String = token.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let filter = Redaction::new(Scrubber::default());
    let refused =
        async |params: String| filter.on_request(&mut testing::request("tools/call", &params)).await.is_break();
    for (params, expected) in [
        (format!(r#"{{"name":"x","arguments":{{"a":["b {token}"]}}}}"#), true),
        (format!(r#"{{"name":"x","arguments":{{"{token}":1}}}}"#), true),
        (format!(r#"{{"name":"x","arguments":{{"a":{{"{hidden}":"b"}}}}}}"#), true),
        (format!(r#"{{"name":"{token}","arguments":{{}}}}"#), true),
        (format!(r#"{{"name":"x","_meta":{{"t":"{token}"}}}}"#), true),
        (format!(r#"{{"name":"x","arguments":{{"a":"{}x"}}}}"#, token.get(..59).unwrap()), false),
        (r#"{"name":"x","arguments":{"a":"how do I revoke mcpctl_pat_ tokens?"}}"#.to_owned(), false),
    ] {
        assert_eq!(refused(params.clone()).await, expected, "{params}");
    }
}
