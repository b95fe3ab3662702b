//! Tools that ask the client one thing and tell what it answered: by their result where the client is a modern one, by a
//! request of their own where it is not.

use rmcp::{
    ErrorData, Peer, RoleServer, ServiceError,
    model::{CallToolRequestParams, CallToolResponse, CallToolResult, InputRequest, ProtocolVersion},
    service::RequestContext,
};
use serde_json::{Value, json};

use crate::{
    made::{complete, form, made, text},
    rounds,
};

const KEY: &str = "answer";

/// What the tool that `request` calls answers; none if it is none of these.
pub(crate) async fn ask(
    request: &CallToolRequestParams,
    call: &RequestContext<RoleServer>,
) -> Option<Result<CallToolResponse, ErrorData>> {
    let question = question(request)?;
    if call.protocol_version().is_some_and(|version| version < ProtocolVersion::V_2026_07_28) {
        return Some(by_request(question, &call.peer).await.map(Into::into));
    }
    let answer = request.input_responses.as_ref().and_then(|answers| answers.get(KEY));
    Some(match answer {
        Some(answer) => told(answer).map(Into::into),
        None => rounds::asks(json!({ KEY: question }), None).map(Into::into),
    })
}

fn question(request: &CallToolRequestParams) -> Option<Value> {
    let given = |name: &str| {
        let value = request.arguments.as_ref().and_then(|arguments| arguments.get(name));
        value.and_then(Value::as_str).unwrap_or_default()
    };
    Some(match request.name.as_ref() {
        "test_sampling" => rounds::sample(given("prompt")),
        "test_elicitation" => {
            let fields = form(json!({"username": {"type": "string"}, "email": {"type": "string"}}));
            rounds::elicit(given("message"), fields)
        }
        "test_elicitation_sep1034_defaults" => rounds::elicit("Please look through these fields", defaults()),
        "test_elicitation_sep1330_enums" => rounds::elicit("Please choose", choices()),
        _ => return None,
    })
}

async fn by_request(question: Value, peer: &Peer<RoleServer>) -> Result<CallToolResult, ErrorData> {
    let answer = match made(question)? {
        InputRequest::CreateMessage(sampling) => peer.create_message(sampling.params).await.map(|reply| json!(reply)),
        InputRequest::Elicitation(form) => peer.create_elicitation(form.params).await.map(|answer| json!(answer)),
        _ => Err(ServiceError::UnexpectedResponse),
    };
    match answer {
        Ok(answer) => told(&answer),
        Err(error) => {
            let words = format!("the client could not be asked: {error}");
            complete(json!({"content": [{"type": "text", "text": words}], "isError": true}))
        }
    }
}

/// Whatever was answered.
fn told(answer: &Value) -> Result<CallToolResult, ErrorData> {
    match answer.get("action").and_then(Value::as_str) {
        Some(action) => {
            let content = answer.get("content").cloned().unwrap_or_else(|| json!({}));
            text(format!("User response: action={action}, content={content}"))
        }
        None => {
            let reply = answer.pointer("/content/text").and_then(Value::as_str);
            text(format!("LLM response: {}", reply.unwrap_or_default()))
        }
    }
}

fn defaults() -> Value {
    json!({"type": "object", "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": true},
    }})
}

fn choices() -> Value {
    let options = ["option1", "option2", "option3"];
    let titled: Vec<Value> =
        ["1", "2", "3"].iter().map(|n| json!({"const": format!("value{n}"), "title": format!("Choice {n}")})).collect();
    json!({"type": "object", "properties": {
        "untitledSingle": {"type": "string", "enum": options},
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "string", "enum": options}},
        "titledMulti": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"anyOf": titled}},
    }})
}
