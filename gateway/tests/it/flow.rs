//! Text of strangers, private data and a way out are kept apart where a project says so.

use crate::world::{World, objects, server};
use control_plane_api::audit::Decision;
use serde_json::json;

#[tokio::test]
async fn z_13_what_strangers_wrote_cannot_carry_private_data_out() {
    let mut server = server("old", "");
    server["spec"]["tools"] = json!([
        {"tool": "echo", "class": "read", "flow": ["untrusted", "private"]},
        {"tool": "die", "class": "write", "flow": ["public"]},
        {"tool": "*", "class": "read"},
    ]);
    let mut objects = objects(&[server]);
    for object in &mut objects {
        match object["kind"].as_str() {
            Some("profile") => object["spec"]["access"] = json!("full"),
            Some("project") => object["spec"]["flow"] = json!("apart"),
            _ => {}
        }
    }
    let world = World::start(&objects, &[]).await;
    assert!(world.call("ada", "old_echo", json!({})).await.told()["pid"].is_u64());
    let (code, told) = world.call("ada", "old_die", json!({})).await.error();
    assert_eq!(code, -32602);
    assert!(
        told.starts_with("permission denied: `old_die` can be seen by strangers") && told.contains("`old_echo`"),
        "{told}"
    );
    assert!(world.call("ada", "old_echo", json!({})).await.told()["pid"].is_u64(), "the server is alive");
    let denied = world.audit().into_iter().find(|event| event.decision == Decision::Deny).unwrap();
    assert!(denied.reason.contains("keeps these apart for 60 minutes"), "{}", denied.reason);
}
