//! What still comes in while the gateway is drained: what belongs to something that runs. The rest is sent elsewhere.

use super::classify::{Body, Classified};
use filters::{Cause, LocalReply};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use protocol::{Message, RpcError, code};

/// When a client whose gateway is drained should try again, in seconds: a load balancer has left it by then.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("5");
/// Members of a request that takes up one that asked something.
const TAKES_UP: [&str; 2] = ["requestState", "inputResponses"];

/// Whether what was posted belongs to something that runs: an answer to a question, a cancellation, or the next round of a
/// call that asked something.
pub(super) fn belongs(posted: &Classified) -> bool {
    let is_request = |message: &Message| matches!(message, Message::Request(_));
    match posted {
        Classified::Modern(request) => TAKES_UP.iter().any(|member| request.params.get(member).is_some()),
        Classified::ModernNotification => true,
        Classified::Legacy(Body::One(message)) => !is_request(message),
        Classified::Legacy(Body::Batch(messages)) => !messages.iter().any(is_request),
    }
}

/// Whether a GET with `headers` comes back for the rest of a stream that broke off.
pub(super) fn comes_back(headers: &HeaderMap) -> bool {
    headers.contains_key("last-event-id")
}

/// What everybody else is told.
pub(super) fn elsewhere() -> LocalReply {
    let told = "this gateway is being drained: try again, by another one";
    LocalReply {
        status: StatusCode::SERVICE_UNAVAILABLE,
        headers: vec![(header::RETRY_AFTER, RETRY_AFTER_S)],
        error: RpcError::new(code::INTERNAL_ERROR, told),
        reason: told.to_owned(),
        cause: Cause::Draining,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Id, Members, Request};

    fn modern(params: &str) -> Classified {
        let params: Members = serde_json::from_str(params).unwrap();
        Classified::Modern(Request { id: Id::Number(1), method: "tools/call".to_owned(), params })
    }

    fn legacy(text: &str) -> Message {
        Message::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_runs_may_end_and_nothing_begins() {
        let (call, answer, note) = (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
        );
        assert!(!belongs(&modern(r#"{"name":"x"}"#)));
        assert!(belongs(&modern(r#"{"name":"x","requestState":"s"}"#)));
        assert!(belongs(&modern(r#"{"name":"x","inputResponses":{}}"#)));
        assert!(!belongs(&Classified::Legacy(Body::One(legacy(call)))));
        assert!(belongs(&Classified::Legacy(Body::One(legacy(answer)))));
        assert!(belongs(&Classified::Legacy(Body::One(legacy(note)))));
        assert!(!belongs(&Classified::Legacy(Body::Batch(vec![legacy(note), legacy(call)]))));
        assert!(belongs(&Classified::Legacy(Body::Batch(vec![legacy(note), legacy(answer)]))));
    }
}
