//! The OpenAPI document.

use crate::world::World;
use control_plane::http::{openapi::document, routes};
use serde_json::Value;

#[test]
fn the_document_is_as_reviewed() {
    insta::assert_snapshot!(document(&routes()).to_pretty_json().unwrap());
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn check(document: &Value, value: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
                }
                fields.values().for_each(|value| check(document, value));
            }
            Value::Array(values) => values.iter().for_each(|value| check(document, value)),
            _ => {}
        }
    }
    let document = serde_json::to_value(document(&routes())).unwrap();
    check(&document, &document);
}

#[tokio::test]
async fn the_document_is_served_to_anybody() {
    let world = World::on_sqlite().await;
    let served = world.call("GET", "/api/v1/openapi.json", None, None).await;
    assert_eq!(served.status, 200);
    assert_eq!(served.json(), serde_json::to_value(document(&routes())).unwrap());
}
