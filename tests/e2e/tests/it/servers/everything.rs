//! `@modelcontextprotocol/server-everything`, which has a tool that reads and yet tells everything: its environment.

use super::{
    installed::Installed,
    rig::{Driven, Setup},
};
use serde_json::json;

const SECRET: &str = "evr_Bm7Tc3Xw9Ae5Jl1";

#[tokio::test(flavor = "multi_thread")]
async fn server_everything() {
    let Some(installed) = Installed::npm("@modelcontextprotocol/server-everything", "dist/index.js") else { return };
    let setup = Setup::of("everything", &installed, &["stdio"])
        .secret(&["--secret-env", "EVERYTHING_TOKEN", "--token-stdin"], SECRET)
        .words(&["--read-tool", "echo", "get-sum", "get-structured-content"]);
    let everything = Driven::start("everything", installed, setup).await;
    everything.read("echo", json!({"message": "hello there"}), "hello there").await;
    everything.read("get-sum", json!({"a": 2, "b": 3}), "5").await;
    everything.read("get-structured-content", json!({"location": "Chicago"}), "temperature").await;
    everything.refused("get-env", json!({})).await;
    let told = everything.allowed("get-env", json!({})).await;
    assert!(told.contains("EVERYTHING_TOKEN") && told.contains("[redacted:everything-everything-token]"), "{told}");
    everything.finish(&[]).await;
}
