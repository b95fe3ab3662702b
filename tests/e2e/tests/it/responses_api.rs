//! A model with a script, behind the Responses API on loopback: it calls one tool after the other and then says `done`.
//! It keeps what it was sent.

use crate::{
    messages_api::Step,
    scripted::{self, Reply, Served},
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// The model; it ends with this value.
pub(crate) struct ScriptedModel {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Value>>>,
    _served: Served,
}

impl ScriptedModel {
    /// A model that takes `steps` in order, with tools of the group `namespace`.
    pub(crate) async fn start(namespace: &'static str, steps: Vec<Step>) -> Self {
        let seen = Arc::<Mutex<Vec<Value>>>::default();
        let keeping = Arc::clone(&seen);
        let served = Served::start(move |path, asked| {
            assert_eq!(path, "/v1/responses");
            keeping.lock().unwrap().push(asked.clone());
            next(namespace, &steps, asked)
        });
        let served = served.await;
        Self { url: served.url.clone(), seen, _served: served }
    }

    /// The tools of `namespace` offered at last, and what it was told after every call.
    pub(crate) fn seen(&self, namespace: &str) -> (Vec<Value>, Vec<String>) {
        let seen = self.seen.lock().unwrap();
        let last = seen.last().expect("the client talked to the model");
        let groups = last["tools"].as_array().unwrap().iter();
        let tools = groups.filter(|group| group["name"] == namespace).flat_map(|group| group["tools"].as_array());
        (tools.flatten().cloned().collect(), results(last).map(ToString::to_string).collect())
    }
}

/// What calls came to, in a request, in order.
fn results(asked: &Value) -> impl Iterator<Item = &Value> {
    let input = asked["input"].as_array().into_iter().flatten();
    input.filter(|item| item["type"] == "function_call_output").map(|item| &item["output"])
}

/// The call after the results that are there already.
fn next(namespace: &str, steps: &[Step], asked: &Value) -> Reply {
    let done = results(asked).count();
    let item = match steps.get(done) {
        Some(step) => json!({
            "type": "function_call", "id": format!("fc_{done}"), "call_id": format!("call_{done}"),
            "namespace": namespace, "name": step.tool, "arguments": step.input.to_string(),
        }),
        None => json!({
            "type": "message", "id": "msg_1", "role": "assistant",
            "content": [{"type": "output_text", "text": "done"}],
        }),
    };
    let usage = json!({"input_tokens": 1, "output_tokens": 1, "total_tokens": 2});
    scripted::stream(&[
        json!({"type": "response.created", "response": {"id": "resp_1"}}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": {"id": "resp_1", "usage": usage}}),
    ])
}
