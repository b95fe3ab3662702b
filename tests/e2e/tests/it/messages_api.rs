//! A model with a script, behind the Messages API on loopback: it calls one tool after the other and then says `done`.
//! It keeps what it was sent.

use crate::scripted::{self, Reply, Served};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// A call of a tool that the model is to make.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) tool: String,
    pub(crate) input: Value,
}

/// The model; it ends with this value.
pub(crate) struct ScriptedModel {
    pub(crate) url: String,
    script: Arc<Script>,
    _served: Served,
}

struct Script {
    steps: Vec<Step>,
    /// Requests of the conversation in which tools were offered.
    seen: Mutex<Vec<Value>>,
}

impl ScriptedModel {
    pub(crate) async fn start(steps: Vec<Step>) -> Self {
        let script = Arc::new(Script { steps, seen: Mutex::default() });
        let answering = Arc::clone(&script);
        let served = Served::start(move |path, asked| answering.answer(path, asked)).await;
        Self { url: served.url.clone(), script, _served: served }
    }

    /// The tools offered at last, and the result of every step.
    pub(crate) fn seen(&self) -> (Vec<Value>, Vec<Value>) {
        let seen = self.script.seen.lock().unwrap();
        let last = seen.last().expect("the client talked to the model");
        (last["tools"].as_array().unwrap().clone(), results(last))
    }
}

impl Script {
    fn answer(&self, path: &str, asked: &Value) -> Reply {
        if path != "/v1/messages" {
            return ("application/json", json!({"input_tokens": 1}).to_string());
        }
        let message = self.next(asked);
        if asked["stream"] == true { stream(&message) } else { ("application/json", message.to_string()) }
    }

    /// The step after the results that are there already.
    fn next(&self, asked: &Value) -> Value {
        let offered = asked["tools"].as_array().is_some_and(|tools| !tools.is_empty());
        let done = results(asked).len();
        if offered {
            self.seen.lock().unwrap().push(asked.clone());
        }
        let (block, reason) = match self.steps.get(done).filter(|_| offered) {
            Some(step) => {
                let id = format!("toolu_{done}");
                (json!({"type": "tool_use", "id": id, "name": step.tool, "input": step.input}), "tool_use")
            }
            None => (json!({"type": "text", "text": "done"}), "end_turn"),
        };
        json!({
            "id": format!("msg_{done}"), "type": "message", "role": "assistant", "model": asked["model"],
            "content": [block], "stop_reason": reason, "stop_sequence": null,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        })
    }
}

/// The tool results in a request, in order.
fn results(asked: &Value) -> Vec<Value> {
    let messages = asked["messages"].as_array().into_iter().flatten();
    let blocks = messages.flat_map(|message| message["content"].as_array().into_iter().flatten());
    blocks.filter(|block| block["type"] == "tool_result").cloned().collect()
}

/// `message` as the events of a stream, its one block in one piece.
fn stream(message: &Value) -> Reply {
    let block = &message["content"][0];
    let mut start = message.clone();
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    let (empty, delta) = if block["type"] == "tool_use" {
        let delta = json!({"type": "input_json_delta", "partial_json": block["input"].to_string()});
        (json!({"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}}), delta)
    } else {
        (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": block["text"]}))
    };
    let stop = json!({"stop_reason": message["stop_reason"], "stop_sequence": null});
    scripted::stream(&[
        json!({"type": "message_start", "message": start}),
        json!({"type": "content_block_start", "index": 0, "content_block": empty}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ])
}
