//! The REST API, from the OpenAPI document that `mcpd openapi` prints.

use super::said;
use serde_json::{Map, Value};

const PREFIX: &str = "/api/v1/";
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

pub(super) fn reference() -> String {
    let document: Value = serde_json::from_str(&said("mcpd", &["openapi"])).unwrap();
    let empty = Map::new();
    let paths = document["paths"].as_object().unwrap();
    let mut text = String::new();
    let mut group = "";
    for (path, item) in paths {
        let first =
            path.strip_prefix(PREFIX).unwrap_or(path.trim_start_matches('/')).split('/').next().unwrap_or_default();
        if first != group {
            text.push_str(&format!("## {first}\n\n"));
            group = first;
        }
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                operation_of(&format!("{} {path}", method.to_uppercase()), operation, &mut text);
            }
        }
    }
    text.push_str("## Objects\n\nWhat requests and answers hold.\n\n");
    for (name, schema) in document["components"]["schemas"].as_object().unwrap_or(&empty) {
        text.push_str(&format!("### {name}\n\n{}.\n\n", line(&schema["description"])));
        fields(schema, &mut text);
    }
    text
}

fn operation_of(name: &str, operation: &Value, text: &mut String) {
    text.push_str(&format!(
        "### `{name}`\n\n{}. {}\n\n",
        line(&operation["summary"]),
        said_by(&operation["description"])
    ));
    let body = media(&operation["requestBody"]);
    let answers = operation["responses"].as_object().into_iter().flatten();
    let answers = answers.filter(|(status, _)| *status != "default").map(|(status, answer)| {
        let holds = media(answer).map(|schema| format!(" {schema}")).unwrap_or_default();
        format!("{status}{holds}")
    });
    let takes = body.map(|schema| format!("Takes {schema}. ")).unwrap_or_default();
    text.push_str(&format!("{takes}Answers {}.\n\n", answers.collect::<Vec<_>>().join(" or ")));
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let rows: String = parameters
        .map(|parameter| {
            let [name, place] = ["name", "in"].map(|member| parameter[member].as_str().unwrap_or_default());
            format!("| `{name}` | {place} | {} |\n", line(&parameter["description"]))
        })
        .collect();
    if !rows.is_empty() {
        text.push_str(&format!("| parameter | in | meaning |\n|---|---|---|\n{rows}\n"));
    }
}

/// The schema of what a request or an answer holds.
fn media(part: &Value) -> Option<String> {
    let (kind, content) = part["content"].as_object()?.iter().next()?;
    let schema = type_of(&content["schema"]);
    Some(if kind == "application/json" { schema } else { format!("{schema} as `{kind}`") })
}

fn fields(schema: &Value, text: &mut String) {
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> =
            values.iter().map(|value| format!("`{}`", value.as_str().unwrap_or_default())).collect();
        text.push_str(&format!("One of {}.\n\n", values.join(", ")));
    }
    let alternatives = schema["oneOf"].as_array().or(schema["allOf"].as_array()).into_iter().flatten();
    let alternatives: Vec<String> = alternatives.map(|one| format!("- {}\n", of_alternative(one))).collect();
    if !alternatives.is_empty() {
        let how = if schema["oneOf"].is_array() { "One of" } else { "All of" };
        text.push_str(&format!("{how}:\n\n{}\n", alternatives.concat()));
    }
    let needed: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let rows: String = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, field)| {
            let needed = if needed.contains(&name.as_str()) { ", needed" } else { "" };
            format!("| `{name}` | {}{needed} | {} |\n", type_of(field), line(&field["description"]))
        })
        .collect();
    if !rows.is_empty() {
        text.push_str(&format!("| field | type | meaning |\n|---|---|---|\n{rows}\n"));
    }
}

/// An alternative by its name, or by the fields that it has.
fn of_alternative(one: &Value) -> String {
    let described = line(&one["description"]);
    let parts = one["allOf"].as_array().map_or_else(|| vec![one], |parts| parts.iter().collect());
    let words = parts.iter().map(|part| match part["properties"].as_object() {
        None => type_of(part),
        Some(fields) => {
            let constant =
                |field: &Value| field["enum"][0].as_str().map(|value| format!(" = `{value}`")).unwrap_or_default();
            let names: Vec<String> =
                fields.iter().map(|(name, field)| format!("`{name}`{}", constant(field))).collect();
            names.join(", ")
        }
    });
    let words = words.collect::<Vec<_>>().join(" with ");
    if described.is_empty() { words } else { format!("{words}: {described}") }
}

fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    let alternatives: Vec<String> = schema["oneOf"].as_array().into_iter().flatten().map(type_of).collect();
    if !alternatives.is_empty() {
        return alternatives.join(" or ");
    }
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.clone()],
        Value::Array(kinds) => kinds.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect(),
        _ => vec!["anything".to_owned()],
    };
    let kinds = kinds.join(" or ");
    match &schema["items"] {
        Value::Null => kinds,
        items => format!("{kinds} of {}", type_of(items)),
    }
}

fn said_by(description: &Value) -> String {
    let text = line(description);
    if text.is_empty() { text } else { format!("{text}.") }
}

/// A text as it stands in a cell; names of Rust are no links here.
fn line(text: &Value) -> String {
    let text = text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.replace("[`", "`").replace("`]", "`").replace('|', "\\|").replace('<', "&lt;");
    text.trim_end_matches('.').to_owned()
}
