//! Tools that ask a modern client something by their result, and go on when they are called again with the answers.

use rmcp::{
    ErrorData,
    model::{
        CallToolRequestParams, CallToolResponse, ClientCapabilities, InputRequiredResult, InputResponses,
        RequestStateCodec,
    },
};
use serde_json::{Value, json};

use crate::made::{form, made, text};

const PREFIX: &str = "test_input_required_result_";

/// What the tool that `request` calls answers in this round; none if it is none of these.
pub(crate) fn round(
    request: &CallToolRequestParams,
    declared: &ClientCapabilities,
    states: &RequestStateCodec,
) -> Option<Result<CallToolResponse, ErrorData>> {
    let answers = request.input_responses.as_ref();
    let result = match request.name.strip_prefix(PREFIX)? {
        "elicitation" => match accepted(answers, "user_name", "name").and_then(Value::as_str) {
            Some(name) => said(format!("Hello, {name}!")),
            None => asked(json!({"user_name": name()}), None),
        },
        "sampling" => match sampled(answers, "capital_question") {
            Some(reply) => said(format!("The model says: {reply}")),
            None => asked(json!({"capital_question": sample("What is the capital of France?")}), None),
        },
        "list_roots" => match listed(answers) {
            Some(count) => said(format!("The client has {count} roots.")),
            None => asked(json!({"client_roots": roots()}), None),
        },
        "request_state" | "tampered_state" => confirmed(request, states),
        "multiple_inputs" => {
            let all = accepted(answers, "user_name", "name").is_some()
                && sampled(answers, "greeting").is_some()
                && listed(answers).is_some();
            if all {
                said("Everything was answered.")
            } else {
                sealed(states, 1).and_then(|s| asked(all_questions(), s))
            }
        }
        "multi_round" => in_rounds(request, states),
        "capabilities" if answers.is_some() => said("Every question was answered."),
        "capabilities" => askable(declared),
        _ => return None,
    };
    Some(result)
}

/// Remembers that it asked: an answer that comes without that memory answers no question of this server.
fn confirmed(request: &CallToolRequestParams, states: &RequestStateCodec) -> Result<CallToolResponse, ErrorData> {
    if accepted(request.input_responses.as_ref(), "confirm", "ok").is_none() {
        let question = elicit("Please confirm", form(json!({"ok": {"type": "boolean"}})));
        return asked(json!({ "confirm": question }), sealed(states, 1)?);
    }
    match opened(request, states)? {
        Some(_) => said("state-ok"),
        None => Err(ErrorData::invalid_params("this answer belongs to no question", None)),
    }
}

fn in_rounds(request: &CallToolRequestParams, states: &RequestStateCodec) -> Result<CallToolResponse, ErrorData> {
    match opened(request, states)? {
        None => asked(json!({"step1": elicit("Step 1: What is your name?", named())}), sealed(states, 1)?),
        Some(1) => {
            let colour = form(json!({"color": {"type": "string"}}));
            asked(json!({"step2": elicit("Step 2: What is your favourite colour?", colour)}), sealed(states, 2)?)
        }
        Some(_) => said("Both rounds are over."),
    }
}

/// Asks no more than the client declared that it can be asked.
fn askable(declared: &ClientCapabilities) -> Result<CallToolResponse, ErrorData> {
    let mut questions = all_questions();
    if let Value::Object(questions) = &mut questions {
        let can = [
            ("user_name", declared.elicitation.is_some()),
            ("greeting", declared.sampling.is_some()),
            ("client_roots", declared.roots.is_some()),
        ];
        questions.retain(|key, _| can.contains(&(key.as_str(), true)));
        if questions.is_empty() {
            return said("This client can be asked nothing.");
        }
    }
    asked(questions, None)
}

fn sealed(states: &RequestStateCodec, round: u64) -> Result<Option<String>, ErrorData> {
    states.seal_json(&round).map(Some).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

/// The round that `request` is the answer to; none for the first.
fn opened(request: &CallToolRequestParams, states: &RequestStateCodec) -> Result<Option<u64>, ErrorData> {
    let Some(state) = request.request_state.as_deref() else {
        return Ok(None);
    };
    let round = states.open_json(state);
    round.map(Some).map_err(|_| ErrorData::invalid_params("`requestState` is not one of this server's", None))
}

/// A result that asks these `questions`, by key.
pub(crate) fn asks(questions: Value, state: Option<String>) -> Result<InputRequiredResult, ErrorData> {
    Ok(InputRequiredResult::new(Some(made(questions)?), state))
}

fn asked(questions: Value, state: Option<String>) -> Result<CallToolResponse, ErrorData> {
    Ok(asks(questions, state)?.into())
}

fn said(words: impl Into<String>) -> Result<CallToolResponse, ErrorData> {
    Ok(text(words)?.into())
}

/// The field `field` of an accepted form.
pub(crate) fn accepted<'a>(answers: Option<&'a InputResponses>, key: &str, field: &str) -> Option<&'a Value> {
    let answer = answers?.get(key)?;
    let accepted = answer.get("action").and_then(Value::as_str) == Some("accept");
    answer.get("content")?.get(field).filter(|_| accepted)
}

fn sampled<'a>(answers: Option<&'a InputResponses>, key: &str) -> Option<&'a str> {
    answers?.get(key)?.pointer("/content/text")?.as_str()
}

fn listed(answers: Option<&InputResponses>) -> Option<usize> {
    Some(answers?.get("client_roots")?.get("roots")?.as_array()?.len())
}

fn all_questions() -> Value {
    json!({"user_name": name(), "greeting": sample("Greet somebody"), "client_roots": roots()})
}

fn name() -> Value {
    elicit("What is your name?", named())
}

fn named() -> Value {
    form(json!({"name": {"type": "string"}}))
}

pub(crate) fn elicit(message: &str, schema: Value) -> Value {
    let params = json!({"mode": "form", "message": message, "requestedSchema": schema});
    json!({"method": "elicitation/create", "params": params})
}

pub(crate) fn sample(words: &str) -> Value {
    let message = json!({"role": "user", "content": {"type": "text", "text": words}});
    json!({"method": "sampling/createMessage", "params": {"messages": [message], "maxTokens": 100}})
}

fn roots() -> Value {
    json!({"method": "roots/list"})
}
