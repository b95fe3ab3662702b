//! `mcp-server-time`, whose tools all read: what is not named is refused all the same.

use super::{
    installed::Installed,
    rig::{Driven, Setup},
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn mcp_server_time() {
    let Some(installed) = Installed::pypi("mcp-server-time", "python") else { return };
    // Not by the name it has in the catalogue, which knows both of its tools as reading.
    let setup = Setup::of("clock", &installed, &["--local-timezone=UTC"]).words(&["--read-tool", "convert_time"]);
    let time = Driven::start("time", installed, setup).await;
    let noon = json!({"source_timezone": "Europe/Rome", "time": "12:00", "target_timezone": "Asia/Tokyo"});
    let converted = time.read("convert_time", noon, "Asia/Tokyo").await;
    assert_eq!(converted.result["structuredContent"]["target"]["timezone"], "Asia/Tokyo", "{:?}", converted.result);
    let now = json!({"timezone": "UTC"});
    time.refused("get_current_time", now.clone()).await;
    assert!(time.allowed("get_current_time", now).await.contains("UTC"));
    time.finish(&[]).await;
}
