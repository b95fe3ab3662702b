//! Servers that give their credentials back: nothing of them reaches a client, the audit log, or a result that passes while
//! it comes.

use crate::{
    upstream::{answer, next_request},
    world::{World, eventually, objects, server, token_of},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use control_plane_api::audit::{Action, Outcome, Phase};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// The variable of this test's environment that every server is given as its credential.
const VARIABLE: &str = "CARGO_MANIFEST_DIR";

fn credential() -> String {
    std::env::var(VARIABLE).unwrap()
}

fn secret() -> Value {
    json!({"kind": "secret", "name": "canary", "spec": {"sealed": format!("env:{VARIABLE}")}})
}

/// Every form of the credential that the hostile servers answer with.
fn forms() -> Vec<String> {
    let credential = credential();
    let shifted = |by: usize| BASE64_STANDARD.encode(format!("{}{credential}", "x".repeat(by)));
    let url: String = credential.replace('/', "%2F");
    vec![
        credential.clone(),
        shifted(0),
        shifted(1),
        shifted(2),
        hex::encode(&credential),
        hex::encode_upper(&credential),
        url,
    ]
}

/// Whether any twelve characters in a row of any form are in `text`.
fn leaks(text: &str) -> Option<String> {
    let windows = |form: &String| {
        let bytes: Vec<char> = form.chars().collect();
        bytes.windows(12).map(|window| window.iter().collect::<String>()).collect::<Vec<_>>()
    };
    forms().iter().skip(1).flat_map(windows).chain([credential()]).find(|part| text.contains(part.as_str()))
}

async fn child(traits: &str) -> World {
    let mut server = server("hostile", traits);
    server["spec"]["prefix"] = json!("");
    server["spec"]["transport"]["env"] = json!({"TOKEN": {"secret": "canary", "prefix": "Bearer "}});
    let mut objects = objects(&[server]);
    objects.push(secret());
    World::start(&objects, &[]).await
}

async fn a_child_that_shows_its_environment(traits: &str) {
    let world = child(traits).await;
    let shown = world.call("ada", "env", json!({})).await;
    let text = shown.last().to_string();
    assert!(text.contains("Bearer [redacted:canary]"), "{text}");
    assert_eq!(leaks(&text), None, "{text}");
    // Its last words are in an error, and in what the audit log tells of it.
    let died = world.call("ada", "echo", json!({"a": credential()})).await;
    assert_eq!(leaks(&died.last().to_string()), None);
    let outcome = eventually("the outcome", async || {
        world.audit().into_iter().find(|event| event.phase == Phase::Outcome && !event.redacted.is_empty())
    });
    let outcome = outcome.await;
    assert_eq!((outcome.redacted, outcome.target.as_deref()), (vec!["canary".to_owned()], Some("env")));
}

#[tokio::test]
async fn s_02_a_modern_child_that_shows_its_environment() {
    a_child_that_shows_its_environment("modern").await;
}

#[tokio::test]
async fn s_02_a_legacy_child_that_shows_its_environment() {
    a_child_that_shows_its_environment("").await;
}

#[tokio::test]
async fn s_04_a_token_of_ours_in_the_arguments_goes_nowhere() {
    let world = child("modern").await;
    let token = token_of("bob");
    for arguments in
        [json!({"a": [token.clone()]}), json!({"b": {token.clone(): 1}}), json!({"c": format!("Bearer {token}")})]
    {
        let refused = world.call("ada", "echo", arguments).await;
        assert_eq!(refused.last()["error"]["code"], -32_602, "{:?}", refused.messages);
        assert!(!refused.last().to_string().contains(&token));
    }
    let refused = world.call("ada", &token, json!({})).await;
    assert!(refused.last()["error"]["code"].is_number());
    let events = world.audit();
    assert!(events.iter().filter(|event| event.outcome == Outcome::Denied).count() >= 4);
    assert!(!serde_json::to_string(&events).unwrap().contains(&token));
    assert!(!events.iter().any(|event| event.phase == Phase::Intent && event.target.as_deref() == Some("echo")));
}

/// A server that answers calls with what it was given: its `authorization`, in the form and the place that is asked for.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    url
}

async fn serve(stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    while let Some((head, body)) = next_request(&mut stream).await {
        let request: Value = serde_json::from_slice(&body).unwrap_or_default();
        let header = head.lines().find(|line| line.to_ascii_lowercase().starts_with("authorization: bearer "));
        let given = header.and_then(|line| line.get("authorization: bearer ".len()..)).unwrap_or_default();
        let (kind, text) = match request["method"].as_str() {
            Some("tools/call") => told(&request, given),
            Some("tools/list") => {
                let mut reply = answer(&request);
                reply["result"]["tools"][0]["name"] = json!("tell");
                reply["result"]["tools"][0]["description"] = json!(format!("tells {given}"));
                ("application/json", reply.to_string())
            }
            _ => ("application/json", answer(&request).to_string()),
        };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", text.len());
        stream.get_mut().write_all(format!("{head}{text}").as_bytes()).await.unwrap();
    }
}

fn told(request: &Value, given: &str) -> (&'static str, String) {
    let (place, id) = (request["params"]["arguments"]["place"].as_str().unwrap_or_default(), &request["id"]);
    let padding =
        "padding ".repeat(request["params"]["arguments"]["padding"].as_u64().unwrap_or(0).try_into().unwrap());
    let form = request["params"]["arguments"]["form"].as_u64().unwrap_or(0);
    let said = forms()[usize::try_from(form).unwrap()].clone();
    assert_eq!(given, credential());
    let result = |members: Value| {
        let mut result = json!({"resultType": "complete", "content": []});
        for (name, value) in members.as_object().unwrap() {
            result[name] = value.clone();
        }
        json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string()
    };
    let text = |text: String| json!({"content": [{"type": "text", "text": text}]});
    match place {
        "text" => ("application/json", result(text(format!("{padding}{said} {padding}")))),
        "structured" => ("application/json", result(json!({"structuredContent": {"a": [{said.clone(): said}]}}))),
        "blob" => {
            let resource = json!({"type": "resource", "resource": {"uri": "x:y", "blob": said}});
            ("application/json", result(json!({"content": [resource]})))
        }
        "meta" => ("application/json", result(json!({"_meta": {"x": said}, "isError": true}))),
        "error" => {
            let error = json!({"code": -32_000, "message": format!("bad {said}"), "data": {"sent": said}});
            ("application/json", json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string())
        }
        _ => {
            let token = &request["params"]["_meta"]["progressToken"];
            let params = json!({"progressToken": token, "progress": 1, "message": said});
            let note = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params});
            ("text/event-stream", format!("data: {note}\n\ndata: {}\n\n", result(text("done".to_owned()))))
        }
    }
}

async fn behind(url: &str) -> World {
    let transport =
        json!({"type": "http", "url": url, "headers": {"Authorization": {"secret": "canary", "prefix": "Bearer "}}});
    let server = json!({"kind": "server", "name": "echo", "spec": {"prefix": "", "transport": transport,
        "tools": [{"tool": "*", "class": "read"}]}});
    let mut objects = objects(&[server]);
    objects.push(secret());
    World::start_within(&json!({"reply_stream_bytes_min": 65_536}), &objects, &[]).await
}

async fn call(world: &World, arguments: Value) -> String {
    let params = json!({"name": "tell", "arguments": arguments, "_meta": {"progressToken": "t"}});
    world.modern_request("weekly", "ada", "tools/call", params).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn s_02_no_place_and_no_form_of_an_answer_shows_a_credential() {
    let world = behind(&echo().await).await;
    for place in ["text", "structured", "blob", "meta", "error", "progress"] {
        for form in 0..forms().len() {
            let text = call(&world, json!({"place": place, "form": form})).await;
            assert!(text.contains("[redacted:canary]"), "{place} {form}: {text}");
            assert_eq!(leaks(&text), None, "{place} {form}: {text}");
        }
    }
    // The text of a list is kept for who asks again, but for one that something was blotted out of: that is told each time.
    for _ in 0..2 {
        let listed = world.modern("weekly", "ada", "tools/list", json!({})).await;
        assert!(listed.last().to_string().contains("tells [redacted:canary]"), "{:?}", listed.messages);
    }
    let lists = world.audit().into_iter().filter(|event| event.action == Action::McpList);
    let redacted: Vec<_> = lists.filter(|event| event.phase == Phase::Outcome).map(|event| event.redacted).collect();
    assert!(redacted.len() > 1 && redacted.iter().all(|names| names == &["canary"]), "{redacted:?}");
}

#[tokio::test]
async fn s_09_a_result_that_passes_while_it_comes_is_scanned_while_it_passes() {
    let world = behind(&echo().await).await;
    for form in 0..forms().len() {
        // Large enough to pass while it comes, with the credential at another place of a piece each time.
        let text = call(&world, json!({"place": "text", "form": form, "padding": 40_000 + 977 * form})).await;
        assert_eq!(leaks(&text), None, "form {form}");
        let message: Value = serde_json::from_str(&text).unwrap();
        let said = message["result"]["content"][0]["text"].as_str().unwrap();
        assert!(said.contains("[redacted:canary]") && said.len() > 2 * 8 * 40_000, "form {form}");
    }
    let outcome = world.audit().into_iter().rfind(|event| event.phase == Phase::Outcome && event.target.is_some());
    assert_eq!(outcome.unwrap().redacted, ["canary"]);
}
