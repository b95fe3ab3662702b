//! The access log, and how much the ordinary log says.

use crate::{
    process::Gateway,
    world::{PROGRAM, World, eventually, objects, read, server, token_of},
};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn line(file: &Path, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually("a line", async || lines(file).into_iter().find(&wanted)).await
}

async fn world(dir: &Path) -> (World, PathBuf) {
    let file = dir.join("access.jsonl");
    let objects = objects(&[server("open", "")]);
    (World::start(&objects, &["--access-log", file.to_str().unwrap()]).await, file)
}

#[tokio::test]
async fn an_exchange_is_one_line_without_arguments() {
    let dir = tempfile::tempdir().unwrap();
    let (world, file) = world(dir.path()).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let meta = json!({"traceparent": format!("00-{trace}-00f067aa0ba902b7-01")});
    let params = json!({"name": "open_echo", "arguments": {"word": "hush-hush"}, "_meta": meta});
    assert_eq!(world.modern("weekly", "ada", "tools/call", params).await.status, 200);
    let told = line(&file, |line| line["target"] == "open_echo").await;
    for (key, value) in [
        ("user", "ada"),
        ("project", "weekly"),
        ("method", "tools/call"),
        ("server", "open"),
        ("decision", "allow"),
        ("outcome", "ok"),
        ("trace_id", trace),
    ] {
        assert_eq!(told[key], value, "{told}");
    }
    let event = world.audit().into_iter().rfind(|event| event.target.as_deref() == Some("open_echo")).unwrap();
    assert_eq!((&told["audit_id"], &told["reply_bytes"]), (&json!(event.id), &json!(event.reply_bytes)));
    assert!(told["request_bytes"].as_u64().unwrap() > 100 && told["time"].is_string(), "{told}");
    assert!(told["upstream_ms"].as_u64().unwrap() <= told["duration_ms"].as_u64().unwrap(), "{told}");
    assert!(!fs::read_to_string(&file).unwrap().contains("hush-hush"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_refusal_is_a_line_and_holds_no_credential() {
    let dir = tempfile::tempdir().unwrap();
    let (world, file) = world(dir.path()).await;
    let token = token_of("zoe");
    assert!(world.call("ada", &token, json!({})).await.last()["error"].is_object());
    let stranger = world.modern_request("weekly", "", "tools/call", json!({"name": "open_echo"}));
    assert_eq!(read(stranger.send().await.unwrap()).await.status, 401);
    let told = line(&file, |line| line["user"].is_null() && line["target"] == "open_echo").await;
    assert_eq!((&told["decision"], &told["outcome"]), (&json!("deny"), &json!("denied")), "{told}");
    let told = line(&file, |line| line["user"] == "ada" && line["decision"] == "deny").await;
    assert!(!told.to_string().contains(&token) && told["upstream_ms"].is_null(), "{told}");
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (world, file) = world(dir.path()).await;
    world.call("ada", "open_echo", json!({})).await;
    line(&file, |line| line["target"] == "open_echo").await;
    fs::rename(&file, dir.path().join("access.jsonl.1")).unwrap();
    let again = async || {
        world.call("ada", "open_log", json!({})).await;
        lines(&file).into_iter().find(|line| line["target"] == "open_log")
    };
    eventually("a line in the new file", again).await;
}

#[tokio::test]
async fn how_much_is_logged_changes_while_the_gateway_runs() {
    let home = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&[PROGRAM], home.path(), &objects(&[server("open", "")]), &json!({})).await;
    let address = fs::read_to_string(home.path().join("gateway/local/admin-addr")).unwrap();
    let url = format!("http://{address}/log");
    let asked = async |request: reqwest::RequestBuilder| {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, first) = asked(gateway.http.get(&url)).await;
    assert!(status == 200 && first.contains("info") && first.contains("pingora_core=warn"), "{first}");
    let wanted = "debug,gateway::upstream=trace";
    assert_eq!(asked(gateway.http.put(&url).body(wanted)).await, (200, "gateway::upstream=trace,debug\n".to_owned()));
    assert_eq!(asked(gateway.http.get(&url)).await.1, "gateway::upstream=trace,debug\n");
    for (body, status, told) in [
        ("deubg".to_owned(), 400, "`deubg` is neither a level"),
        (String::new(), 400, "say how much"),
        ("x".repeat(1 << 20), 413, "at most"),
    ] {
        // The gateway does not read on, which may break what sends it.
        let Ok(answer) = gateway.http.put(&url).body(body).send().await else { continue };
        assert_eq!(answer.status().as_u16(), status);
        let text = answer.text().await.unwrap();
        assert!(text.contains(told), "{text}");
    }
    let page = gateway.http.put(&url).header("origin", "http://localhost").body("trace");
    assert_eq!(asked(page).await.0, 403);
    let rebound = gateway.http.put(&url).header("host", "evil.example").body("trace");
    assert_eq!(asked(rebound).await.0, 403);
    assert_eq!(asked(gateway.http.get(&url)).await.1, "gateway::upstream=trace,debug\n", "nothing of that changed it");
    // What was asked for is what is logged; the gateway goes on serving.
    assert!(gateway.call("open_echo", json!({})).await.told()["pid"].is_number());
}
