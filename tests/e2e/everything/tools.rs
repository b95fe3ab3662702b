//! The list of tools.

use rmcp::model::Tool;
use serde_json::{Value, json};

use crate::made::{form, object};

/// Tools without arguments.
const PLAIN: [&str; 28] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_streaming_elicitation",
    "test_tool_with_logging",
    "test_logging_tool",
    "test_tool_with_progress",
    "test_reconnection",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_missing_capability",
    "test_trigger_tool_change",
    "test_trigger_prompt_change",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_tampered_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_capabilities",
    "failing_job",
    "protocol_error_job",
    "multi_input",
    "test_tool_with_task",
];

pub(crate) fn all() -> Vec<Tool> {
    let plain = PLAIN.into_iter().map(|name| tool(name, json!({"type": "object", "properties": {}})));
    let text = json!({"type": "string"});
    let others = [
        ("test_sampling", form(json!({ "prompt": text }))),
        ("test_elicitation", form(json!({ "message": text }))),
        ("slow_compute", form(json!({"seconds": {"type": "number"}, "label": text}))),
        ("confirm_delete", form(json!({ "filename": text }))),
        ("greet", form(json!({ "name": text }))),
        ("test_x_mcp_header", mirrored()),
        ("json_schema_2020_12_tool", every_keyword()),
    ];
    plain.chain(others.into_iter().map(|(name, schema)| tool(name, schema))).collect()
}

fn tool(name: &'static str, schema: Value) -> Tool {
    Tool::new(name, format!("For the scenarios that call {name}"), object(schema))
}

/// One argument is mirrored into a header.
fn mirrored() -> Value {
    let region = json!({"type": "string", "x-mcp-header": "Region"});
    json!({"type": "object", "properties": {"region": region, "level": {"type": "integer"}}})
}

/// Keywords of JSON Schema 2020-12.
fn every_keyword() -> Value {
    let text = json!({"type": "string"});
    let address = json!({"$anchor": "addressDef", "type": "object", "properties": {"street": text, "city": text}});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": address},
        "properties": {
            "name": text,
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": text,
            "email": text,
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false,
    })
}
