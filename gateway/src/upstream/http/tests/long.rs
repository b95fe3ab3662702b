//! Large responses: which of them can be passed on while they come, and that none of them is taken for another.

use super::*;
use crate::upstream::{Said, long::Part, testing::value};
use protocol::{Id, Message};

/// From this size on.
const LONG: usize = 100_000;
/// What stands for `XX`: more than is read at once lies between this and [`LONG`].
const LETTERS: usize = 300_000;

fn limits() -> Limits {
    Limits { reply_stream_bytes_min: LONG as u64, ..Limits::default() }
}

fn letters() -> String {
    "x".repeat(LETTERS)
}

/// A response whose members stand in this order; `ID` stands for the id of the request.
fn written(seen: &Seen, text: &str) -> String {
    text.replace("ID", &seen.body["id"].to_string()).replace("XX", &letters())
}

/// The head of a body of its own and the body, or of a stream of events that holds it.
fn body(seen: &Seen, text: &str, event: bool) -> Act {
    let (kind, text) = match event {
        true => ("text/event-stream", format!(": hi\n\nevent: message\ndata: {}\n\n", written(seen, text))),
        false => ("application/json", written(seen, text)),
    };
    Act::Write(format!("HTTP/1.1 200 X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{text}", text.len()))
}

/// Whether what is answered to a call of `upstream` can be passed on while it comes, and what it is in the end.
async fn answered(upstream: &dyn Upstream) -> (bool, Result<Value, UpstreamError>) {
    let mut reply = upstream.call(tool("echo", json!({})), &Caller::GATEWAY).await.unwrap();
    match reply.next().await.unwrap() {
        Ok(Said::Message(message)) => (false, Ok(value(&message))),
        Ok(Said::Long(long)) => {
            let whole = long.whole(Id::Text("r".to_owned()), u64::MAX).await;
            (true, whole.map(|response| value(&Message::Response(response))))
        }
        Err(error) => (false, Err(error)),
    }
}

/// The answer `text` of a modern server (`legacy`: a legacy one), as a body and as an event, which must come to the same.
async fn check(text: &'static str, is_legacy: bool) -> (bool, Result<Value, UpstreamError>) {
    let mut all = Vec::new();
    for event in [false, true] {
        let act = move |seen: &Seen| body(seen, text, event);
        let fake = if is_legacy { legacy(act).await } else { modern(act).await };
        let (upstream, calls) = (upstream(&fake.url, limits()), 2);
        for _ in 0..calls {
            all.push(answered(&*upstream).await);
        }
    }
    let alike = |(long, answer): &(bool, Result<Value, UpstreamError>)| match (answer, &all[0].1) {
        (Ok(one), Ok(other)) => one == other && *long == all[0].0,
        (Err(one), Err(other)) => one.to_string() == other.to_string() && *long == all[0].0,
        _ => false,
    };
    assert!(all.iter().all(alike), "a body and an event come to the same: {text}");
    all.remove(0)
}

async fn is_long(text: &'static str, is_legacy: bool) -> bool {
    let (long, answer) = check(text, is_legacy).await;
    let result = answer.unwrap_or_else(|error| panic!("{error}"))["result"].clone();
    let wanted: Value = serde_json::from_str(&text.replace("ID", "0").replace("XX", &letters())).unwrap();
    let mut wanted = wanted["result"].clone();
    if is_legacy {
        wanted["resultType"] = json!("complete");
    }
    assert!(result == wanted, "{text}");
    long
}

#[tokio::test]
async fn a_large_result_that_says_it_is_complete_need_not_be_held() {
    assert!(
        is_long(r#"{"jsonrpc":"2.0","id":ID,"result":{"resultType":"complete","a":"XX","_meta":{"k":1}}}"#, false)
            .await
    );
    assert!(
        is_long(
            r#"{"result":{"resultType":"complete","isError":true,"a":["XX",{"id":5}]},"jsonrpc":"2.0","id":ID}"#,
            false
        )
        .await
    );
    assert!(
        !is_long(r#"{"jsonrpc":"2.0","id":ID,"result":{"resultType":"complete","a":1}}"#, false).await,
        "it is small"
    );
}

#[tokio::test]
async fn what_may_turn_out_to_be_something_else_is_held() {
    assert!(!is_long(r#"{"jsonrpc":"2.0","id":ID,"result":{"a":"XX","resultType":"complete"}}"#, false).await);
    assert!(
        !is_long(r#"{"jsonrpc":"2.0","id":ID,"result":{"resultType":"input_required","requestState":"XX"}}"#, false)
            .await
    );
    assert!(!is_long(r#"{"jsonrpc":"2.0","id":ID,"result":{"resultType":"task","taskId":"XX"}}"#, false).await);
    assert!(!is_long(r#"{"more":"XX","jsonrpc":"2.0","id":ID,"result":{"resultType":"complete"}}"#, false).await);
    let (long, answer) = check(r#"{"jsonrpc":"2.0","id":ID,"error":{"code":-1,"message":"XX"}}"#, false).await;
    assert_eq!((long, answer.unwrap()["error"]["code"].as_i64()), (false, Some(-1)));
}

#[tokio::test]
async fn results_of_legacy_servers_are_complete_unless_they_begin_a_task() {
    assert!(is_long(r#"{"result":{"content":"XX"},"jsonrpc":"2.0","id":ID}"#, true).await);
    assert!(
        is_long(r#"{"result":{"content":"XX","resultType":"input_required"},"jsonrpc":"2.0","id":ID}"#, true).await
    );
    assert!(!is_long(r#"{"result":{"task":{},"more":"XX"},"jsonrpc":"2.0","id":ID}"#, true).await);
}

#[tokio::test]
async fn what_turns_out_to_be_no_answer_never_becomes_one() {
    for (text, wanted) in [
        (
            r#"{"result":{"resultType":"complete","a":"XX"},"jsonrpc":"2.0","id":99999}"#,
            "the answer to another request",
        ),
        (r#"{"jsonrpc":"2.0","id":ID,"result":{"resultType":"complete","a":"XX","b":[1,]}}"#, "not valid JSON"),
        (
            r#"{"jsonrpc":"2.0","id":ID,"result":{"resultType":"complete","a":"XX","a":1}}"#,
            "a name that is there twice",
        ),
        (
            r#"{"jsonrpc":"2.0","id":ID,"result":{"resultType":"complete","a":"XX"},"error":{}}"#,
            "it is no plain result",
        ),
        (r#"{"jsonrpc":"2.0","id":ID,"result":{"resultType":"complete","a":"XX""#, "cut off before its end"),
    ] {
        let (long, answer) = check(text, false).await;
        let error = answer.unwrap_err();
        assert!(long && matches!(error, UpstreamError::Unusable { .. }), "{text}: {error}");
        assert!(error.to_string().contains(wanted), "{text}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_goes_away_or_silent_in_the_middle_is_told_of() {
    let begun = |seen: &Seen| {
        let text = written(seen, r#"{"jsonrpc":"2.0","id":ID,"result":{"resultType":"complete","a":"XX"#);
        format!("HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 999999\r\n\r\n{text}")
    };
    let fake = modern(move |seen| Act::Close(begun(seen))).await;
    let (long, answer) = answered(&*upstream(&fake.url, limits())).await;
    assert!(long && matches!(answer, Err(UpstreamError::Lost { .. })), "{answer:?}");
    let fake = modern(move |seen| Act::Hold(begun(seen))).await;
    let short = Limits { upstream_call_timeout_ms: 300, ..limits() };
    let (long, answer) = answered(&*upstream(&fake.url, short)).await;
    assert!(long && matches!(answer, Err(UpstreamError::TimedOut { .. })), "{answer:?}");
    fake.was_left(1).await;
}

#[tokio::test]
async fn there_is_a_bound_to_what_is_passed_on() {
    let fake =
        modern(|seen| body(seen, r#"{"jsonrpc":"2.0","id":ID,"result":{"resultType":"complete","a":"XX"}}"#, false))
            .await;
    let bounded = Limits { reply_stream_bytes_max: 200_000, ..limits() };
    let mut reply = upstream(&fake.url, bounded).call(tool("echo", json!({})), &Caller::GATEWAY).await.unwrap();
    let Ok(Said::Long(mut long)) = reply.next().await.unwrap() else { panic!("a long result") };
    let last = loop {
        match long.next().await.unwrap() {
            Ok(part) => assert!(matches!(part, Part::Piece(_))),
            Err(error) => break error,
        }
    };
    assert!(last.to_string().contains("`reply_stream_bytes_max`"), "{last}");
}

#[tokio::test]
async fn a_legacy_call_is_taken_back_when_nobody_reads_on() {
    let fake = legacy(|seen| {
        let text = written(seen, r#"{"jsonrpc":"2.0","id":ID,"result":{"a":"XX"#);
        Act::Hold(format!("HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\ndata: {text}"))
    })
    .await;
    let upstream = upstream(&fake.url, limits());
    let mut reply = upstream.call(tool("echo", json!({})), &Caller::GATEWAY).await.unwrap();
    let Ok(Said::Long(long)) = reply.next().await.unwrap() else { panic!("a long result") };
    drop(reply);
    drop(long);
    fake.was_left(1).await;
    fake.until(|| fake.methods().iter().any(|method| *method == *protocol::method::CANCELLED)).await;
}
