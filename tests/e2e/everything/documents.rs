//! Resources, prompts, and words to complete.

use rmcp::{
    ErrorData,
    model::{
        CompleteRequestParams, CompleteResult, GetPromptRequestParams, GetPromptResponse, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult,
    },
};
use serde_json::{Value, json};

use crate::{
    content::{PIXEL, embedded},
    made::{cacheable, complete, form, made},
    rounds,
};

const WORDS: [&str; 3] = ["paris", "park", "party"];

pub(crate) fn resources() -> Result<ListResourcesResult, ErrorData> {
    cacheable(json!({"resources": [
        {"uri": "test://static-text", "name": "static-text", "mimeType": "text/plain"},
        {"uri": "test://watched-resource", "name": "watched-resource", "mimeType": "text/plain"},
        {"uri": "test://static-binary", "name": "static-binary", "mimeType": "image/png"},
    ]}))
}

pub(crate) fn templates() -> Result<ListResourceTemplatesResult, ErrorData> {
    let template =
        json!({"uriTemplate": "test://template/{id}/data", "name": "template", "mimeType": "application/json"});
    cacheable(json!({ "resourceTemplates": [template] }))
}

pub(crate) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let contents = match uri {
        "test://static-text" | "test://watched-resource" => {
            json!({"uri": uri, "mimeType": "text/plain", "text": format!("These are the words of {uri}.")})
        }
        "test://static-binary" => json!({"uri": uri, "mimeType": "image/png", "blob": PIXEL}),
        _ => {
            let id = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
            let missing = || ErrorData::resource_not_found("there is no such resource", Some(json!({ "uri": uri })));
            let text = json!({"id": id.ok_or_else(missing)?}).to_string();
            json!({"uri": uri, "mimeType": "application/json", "text": text})
        }
    };
    cacheable(json!({ "contents": [contents] }))
}

pub(crate) fn prompts() -> Result<ListPromptsResult, ErrorData> {
    let prompt = |name: &str, arguments: &[&str]| {
        let arguments: Vec<Value> = arguments.iter().map(|name| json!({"name": name, "required": true})).collect();
        json!({"name": name, "description": format!("For the scenarios that get {name}"), "arguments": arguments})
    };
    cacheable(json!({"prompts": [
        prompt("test_simple_prompt", &[]),
        prompt("test_prompt_with_arguments", &["arg1", "arg2"]),
        prompt("test_prompt_with_embedded_resource", &["resourceUri"]),
        prompt("test_prompt_with_image", &[]),
        prompt("test_input_required_result_prompt", &[]),
    ]}))
}

pub(crate) fn prompt(request: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let given = |name: &str| {
        let value = request.arguments.as_ref().and_then(|arguments| arguments.get(name));
        value.and_then(Value::as_str).unwrap_or_default()
    };
    let contents = match request.name.as_str() {
        "test_simple_prompt" => vec![words("A simple prompt.")],
        "test_prompt_with_arguments" => {
            vec![words(&format!("Prompt with arguments: arg1='{}', arg2='{}'", given("arg1"), given("arg2")))]
        }
        "test_prompt_with_embedded_resource" => {
            let resource = embedded(given("resourceUri"), "text/plain", "Embedded in a prompt.");
            vec![resource, words("Please read what is embedded.")]
        }
        "test_prompt_with_image" => {
            let image = json!({"type": "image", "data": PIXEL, "mimeType": "image/png"});
            vec![image, words("Please look at the image.")]
        }
        "test_input_required_result_prompt" => {
            let answers = request.input_responses.as_ref();
            match rounds::accepted(answers, "user_context", "context").and_then(Value::as_str) {
                Some(subject) => vec![words(&format!("It is about {subject}."))],
                None => {
                    let question = rounds::elicit("What is it about?", form(json!({"context": {"type": "string"}})));
                    return Ok(rounds::asks(json!({ "user_context": question }), None)?.into());
                }
            }
        }
        other => return Err(ErrorData::invalid_params(format!("there is no prompt `{other}`"), None)),
    };
    let messages: Vec<Value> = contents.iter().map(|content| json!({"role": "user", "content": content})).collect();
    let result: rmcp::model::GetPromptResult = complete(json!({ "messages": messages }))?;
    Ok(result.into())
}

fn words(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

pub(crate) fn completed(request: &CompleteRequestParams) -> Result<CompleteResult, ErrorData> {
    let values: Vec<&str> = WORDS.into_iter().filter(|word| word.starts_with(&request.argument.value)).collect();
    let completion = json!({"values": values, "total": values.len(), "hasMore": false});
    made(json!({"completion": completion, "resultType": "complete"}))
}
