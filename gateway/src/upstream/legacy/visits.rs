//! Addresses that must be visited before a call can succeed: an error of 2025-11-25 servers, a question to modern clients
//! (2025-11-25 client/elicitation, URL elicitation required).
//!
//! Nothing is kept for them: the retry is the call again, and the server knows by itself who has been there.

use super::{Declared, answers, excerpt, questions};
use protocol::{Members, Request, Response, RpcError, code, method};
use serde_json::{json, value::RawValue};

const URL_ELICITATION_REQUIRED: i64 = -32_042;
/// What the keys of such questions begin with; questions of parked calls have others.
const KEY: &str = "visit-";
/// Addresses of one error that are looked at.
const VISITS_MAX: usize = 32;

/// Makes such an error to a call of `method` what a modern client with these capabilities understands.
pub(super) fn shape(response: &mut Response, method: &str, declared: &Declared) {
    let Err(error) = &response.payload else {
        return;
    };
    let askable = matches!(method, method::TOOLS_CALL | method::PROMPTS_GET | method::RESOURCES_READ);
    let visits = visits(error);
    if error.code != URL_ELICITATION_REQUIRED || !askable || visits.is_empty() {
        return;
    }
    response.payload = if declared.elicitation.is_some_and(|parts| parts.url) {
        Ok(asked(&visits))
    } else {
        undeclared(error, &visits, method)
    };
}

/// The answer to a retry that says that an address was not visited: the server would only ask again.
pub(super) fn refused(request: &Request) -> Option<Response> {
    let answers = request.params.object("inputResponses")?;
    let refused = answers.iter().filter(|(key, _)| key.starts_with(KEY)).any(|(_, answer)| {
        let action = Members::open(answer).ok().and_then(|answer| answer.read::<String>("action"));
        matches!(action.as_deref(), Some("decline" | "cancel"))
    });
    let text = "the server needs an address to be visited first, and that was declined";
    refused.then(|| Response { id: Some(request.id.clone()), payload: failure(text, &request.method) })
}

/// The parameters of the elicitations in `error`.
fn visits(error: &RpcError) -> Vec<Members> {
    let data = error.data.as_deref().and_then(|data| Members::open(data).ok()).unwrap_or_default();
    let elicitations: Vec<Box<RawValue>> = data.read("elicitations").unwrap_or_default();
    let opened = elicitations.iter().take(VISITS_MAX).filter_map(|it| Members::open(it).ok());
    opened
        .filter(|it| it.read::<String>("url").is_some())
        .map(|mut it| {
            it.set("mode", "url");
            it.remove("elicitationId");
            it
        })
        .collect()
}

fn asked(visits: &[Members]) -> Box<RawValue> {
    let mut requests = Members::new();
    for (number, params) in (1_usize..).zip(visits) {
        requests.set(&format!("{KEY}{number}"), &answers::entry(questions::ELICIT, params));
    }
    answers::input_required(&requests, None)
}

/// Said in words to a tool's caller, who is a model; in code to others.
fn undeclared(error: &RpcError, visits: &[Members], method: &str) -> Result<Box<RawValue>, RpcError> {
    let urls: Vec<String> = visits.iter().filter_map(|it| it.read("url")).collect();
    let text = format!("{}: open {} in a browser, then try again", excerpt(&error.message), urls.join(" and "));
    if method == method::TOOLS_CALL {
        return failure(&text, method);
    }
    let required = json!({"requiredCapabilities": {"elicitation": {"url": {}}}});
    Err(RpcError::new(code::MISSING_CAPABILITY, text).with_data(&required))
}

fn failure(text: &str, method: &str) -> Result<Box<RawValue>, RpcError> {
    if method != method::TOOLS_CALL {
        return Err(RpcError::new(code::INVALID_PARAMS, text));
    }
    let mut result = Members::new();
    result.set("content", &[json!({"type": "text", "text": text})]);
    result.set("isError", &true);
    result.set("resultType", "complete");
    Ok(result.to_raw())
}

#[cfg(test)]
mod tests {
    use super::{super::declared::Elicitation, *};
    use protocol::{Id, Message};
    use serde_json::Value;

    /// The answer to a call of `method`, by a client that can visit addresses or not.
    fn check(method: &str, url: bool, data: &Value) -> Value {
        let error = RpcError::new(URL_ELICITATION_REQUIRED, "log in").with_data(data);
        let mut response = Response::error(Some(Id::Number(1)), error);
        let declared = Declared { elicitation: Some(Elicitation { form: true, url }), ..Declared::default() };
        shape(&mut response, method, &declared);
        serde_json::from_str(&Message::Response(response).to_json()).unwrap()
    }

    fn data() -> Value {
        json!({"elicitations": [{"mode": "url", "url": "https://x/y", "message": "m", "elicitationId": "e"}, 3]})
    }

    #[test]
    fn an_address_becomes_a_question() {
        let asked = json!({
            "resultType": "input_required",
            "inputRequests": {"visit-1": {
                "method": "elicitation/create", "params": {"mode": "url", "url": "https://x/y", "message": "m"}
            }},
        });
        assert_eq!(check(method::TOOLS_CALL, true, &data())["result"], asked);
        assert_eq!(check(method::PROMPTS_GET, true, &data())["result"], asked);
    }

    #[test]
    fn who_cannot_be_asked_is_told_what_to_do() {
        let told = check(method::TOOLS_CALL, false, &data());
        assert_eq!(told["result"]["isError"], true);
        assert!(told["result"]["content"][0]["text"].as_str().unwrap().contains("https://x/y"));
        let told = check(method::RESOURCES_READ, false, &data());
        assert_eq!(told["error"]["code"], code::MISSING_CAPABILITY);
        assert_eq!(told["error"]["data"]["requiredCapabilities"], json!({"elicitation": {"url": {}}}));
    }

    #[test]
    fn an_error_without_an_address_stays_one() {
        assert_eq!(check(method::TOOLS_CALL, true, &json!({}))["error"]["code"], -32042);
        assert_eq!(check(method::TOOLS_LIST, true, &data())["error"]["code"], -32042);
    }

    #[test]
    fn a_declined_address_ends_the_call() {
        let retry = |answers: Value| {
            let mut params = Members::new();
            params.set("inputResponses", &answers);
            refused(&Request { id: Id::Number(2), method: method::TOOLS_CALL.to_owned(), params })
        };
        assert!(retry(json!({"visit-1": {"action": "decline"}})).is_some());
        assert!(retry(json!({"visit-1": {"action": "accept"}, "question-1": {"action": "decline"}})).is_none());
    }
}
