//! What a legacy server asks of its client, and whether this client can be asked it in a modern way.
//!
//! Deliberately unknown here: calls and time.

use super::{Declared, excerpt};
use protocol::{Members, Message, Request, Response, RpcError, code, meta, method};

pub(super) const ELICIT: &str = "elicitation/create";
pub(super) const SAMPLE: &str = "sampling/createMessage";
pub(super) const ROOTS: &str = "roots/list";

/// What becomes of a question.
#[derive(Debug)]
pub(super) enum Verdict {
    /// To be put to the client in this form, under the id the server gave it.
    Ask(Request),
    /// To be told to the server at once.
    Tell(Response),
}

/// Judges `question` of a server that works for a client with these capabilities; `askable` is whether modern clients
/// can be asked anything during this call.
pub(super) fn judge(question: Request, declared: &Declared, askable: bool) -> Verdict {
    match question.method.as_str() {
        method::PING => Verdict::Tell(Response::ok(question.id, Members::new().to_raw())),
        ROOTS if declared.roots && !askable => Verdict::Tell(no_roots(&question)),
        ROOTS if declared.roots => Verdict::Ask(shaped(question)),
        ELICIT if askable => elicitation(question, declared),
        SAMPLE if askable => sampling(question, declared),
        _ => Verdict::Tell(undeclared(&question)),
    }
}

/// The answer to a request of the server that belongs to no call.
pub(in crate::upstream) fn answer(question: &Request, declared: &Declared) -> Message {
    Message::Response(match judge(question.clone(), declared, false) {
        Verdict::Tell(response) => response,
        Verdict::Ask(question) => undeclared(&question),
    })
}

fn elicitation(question: Request, declared: &Declared) -> Verdict {
    let Some(parts) = declared.elicitation else {
        return Verdict::Tell(undeclared(&question));
    };
    let mode = question.params.read::<String>("mode");
    match mode.as_deref() {
        None | Some("form") if parts.form => Verdict::Ask(shaped(question)),
        Some("url") if parts.url => {
            let mut question = shaped(question);
            // Modern elicitations are told apart by nothing but their key.
            question.params.remove("elicitationId");
            Verdict::Ask(question)
        }
        mode => {
            let mode = excerpt(mode.unwrap_or("form"));
            Verdict::Tell(refusal(&question, &format!("the client has not declared elicitation in the mode `{mode}`")))
        }
    }
}

fn sampling(question: Request, declared: &Declared) -> Verdict {
    let Some(parts) = declared.sampling else {
        return Verdict::Tell(undeclared(&question));
    };
    let wants_tools = ["tools", "toolChoice"].iter().any(|name| question.params.get(name).is_some());
    if wants_tools && !parts.tools {
        return Verdict::Tell(refusal(&question, "the client has not declared sampling with tools"));
    }
    let mut question = shaped(question);
    if !parts.context {
        question.params.remove("includeContext");
    }
    Verdict::Ask(question)
}

/// Without what belongs to a request of the legacy era only: it cannot be made a task, and nobody reports progress on it.
fn shaped(mut question: Request) -> Request {
    question.params.remove("task");
    let mut meta = meta::of(&question.params);
    if meta.remove(meta::PROGRESS_TOKEN).is_some() {
        question.params.set("_meta", &meta);
    }
    if meta.is_empty() {
        question.params.remove("_meta");
    }
    question
}

fn no_roots(question: &Request) -> Response {
    let mut result = Members::new();
    result.set::<[(); 0]>("roots", &[]);
    Response::ok(question.id.clone(), result.to_raw())
}

/// The client cannot be asked that.
pub(super) fn undeclared(question: &Request) -> Response {
    let text = format!("the client has not declared a capability for `{}`", excerpt(&question.method));
    Response::error(Some(question.id.clone()), RpcError::new(code::METHOD_NOT_FOUND, text))
}

fn refusal(question: &Request, text: &str) -> Response {
    Response::error(Some(question.id.clone()), RpcError::new(code::INVALID_PARAMS, text))
}

#[cfg(test)]
mod tests {
    use super::{super::declared::*, *};
    use serde_json::{Value, json};

    const ALL: Declared = Declared {
        roots: true,
        sampling: Some(Sampling { tools: true, context: true }),
        elicitation: Some(Elicitation { form: true, url: true }),
    };
    const PLAIN: Declared = Declared {
        roots: true,
        sampling: Some(Sampling { tools: false, context: false }),
        elicitation: Some(Elicitation { form: true, url: false }),
    };

    fn question(method: &str, params: &Value) -> Request {
        let params = serde_json::from_str(&params.to_string()).unwrap();
        Request { id: protocol::Id::Number(7), method: method.to_owned(), params }
    }

    /// The parameters as the client gets them, or the answer the server gets.
    fn check(declared: &Declared, method: &str, params: &Value) -> Result<Value, Value> {
        let text = |message: Message| serde_json::from_str::<Value>(&message.to_json()).unwrap();
        match judge(question(method, params), declared, true) {
            Verdict::Ask(question) => Ok(text(Message::Request(question))["params"].clone()),
            Verdict::Tell(response) => Err(text(Message::Response(response))),
        }
    }

    #[test]
    fn what_was_not_declared_is_never_asked() {
        let nothing = Declared::default();
        for method in [ELICIT, SAMPLE, ROOTS, "x/y"] {
            assert_eq!(check(&nothing, method, &json!({})).unwrap_err()["error"]["code"], -32601, "{method}");
        }
        assert_eq!(check(&PLAIN, ELICIT, &json!({"mode": "url"})).unwrap_err()["error"]["code"], -32602);
        assert_eq!(check(&PLAIN, SAMPLE, &json!({"tools": []})).unwrap_err()["error"]["code"], -32602);
        let url = Declared { elicitation: Some(Elicitation { form: false, url: true }), ..ALL };
        assert_eq!(check(&url, ELICIT, &json!({"message": "m"})).unwrap_err()["error"]["code"], -32602);
    }

    #[test]
    fn questions_lose_what_only_legacy_clients_understand() {
        let form =
            json!({"message": "m", "requestedSchema": {"type": "object"}, "task": {}, "_meta": {"progressToken": 1}});
        assert_eq!(check(&PLAIN, ELICIT, &form), Ok(json!({"message": "m", "requestedSchema": {"type": "object"}})));
        let url = json!({"mode": "url", "url": "https://x", "message": "m", "elicitationId": "e", "_meta": {"k": 1}});
        let shown = json!({"mode": "url", "url": "https://x", "message": "m", "_meta": {"k": 1}});
        assert_eq!(check(&ALL, ELICIT, &url), Ok(shown));
        let sample = json!({"messages": [], "maxTokens": 1, "includeContext": "thisServer"});
        assert_eq!(check(&PLAIN, SAMPLE, &sample), Ok(json!({"messages": [], "maxTokens": 1})));
        assert_eq!(check(&ALL, SAMPLE, &sample), Ok(sample));
    }

    #[test]
    fn where_nobody_can_be_asked_roots_are_none_and_the_rest_is_refused() {
        let told = |declared: &Declared, method: &str| answer(&question(method, &json!({})), declared).to_json();
        assert!(told(&ALL, ROOTS).contains(r#""result":{"roots":[]}"#));
        assert!(told(&Declared::default(), ROOTS).contains("-32601"));
        assert!(told(&ALL, ELICIT).contains("-32601") && told(&ALL, SAMPLE).contains("-32601"));
        assert_eq!(told(&Declared::default(), method::PING), r#"{"jsonrpc":"2.0","id":7,"result":{}}"#);
    }
}
