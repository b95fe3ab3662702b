//! Several servers behind one project: pages, cursors, watched resources, methods nobody here knows; and what is handed out
//! sealed.

use crate::{
    client::{Client, Events},
    world::{World, objects, server},
};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The server in `crowd_server.py`.
pub(crate) fn crowd(name: &str, traits: &str) -> Value {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/crowd_server.py");
    json!({"kind": "server", "name": name, "spec": {
        "transport": {"type": "stdio", "command": "python3", "args": [script, traits]},
        "tools": [{"tool": "*", "class": "read"}]}})
}

/// `objects` with bob in the project, and everything granted.
fn shared(servers: &[Value]) -> Vec<Value> {
    let mut all = objects(servers);
    for object in &mut all {
        match object["kind"].as_str() {
            Some("project") => object["spec"]["members"] = json!(["ada", "bob"]),
            Some("profile") => {
                object["spec"]["resources"] = json!(["*"]);
                object["spec"]["access"] = json!("full");
            }
            _ => {}
        }
    }
    all
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page_and_a_cursor_is_its_users() {
    let world = World::start(&shared(&[crowd("many", "modern,many"), crowd("few", "")]), &[]).await;
    let (mut names, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let params = cursor.as_ref().map_or(json!({}), |cursor| json!({"cursor": cursor}));
        let page = world.modern("weekly", "ada", "tools/list", params).await;
        let result = &page.last()["result"];
        names.extend(result["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()));
        pages += 1;
        let next = result["nextCursor"].as_str().map(str::to_owned);
        if let (Some(next), None) = (&next, &cursor) {
            let stolen = world.modern("weekly", "bob", "tools/list", json!({"cursor": next})).await;
            assert_eq!(stolen.error().0, -32_602);
        }
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    let mut sorted = names.clone();
    sorted.dedup();
    assert_eq!((pages, names.len(), sorted.len()), (3, 2_503, 2_503));
    assert_eq!((names[0].as_str(), names[3].as_str()), ("few_mark", "many_t0000"));
    for bad in ["", "junk"] {
        let refused = world.modern("weekly", "ada", "tools/list", json!({"cursor": bad})).await;
        assert_eq!(refused.error().0, -32_602, "{bad}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_empties_nobody_elses_list() {
    let world = World::start(&shared(&[crowd("good", ""), server("bad", "hangs-at-start")]), &[]).await;
    let list = world.modern("weekly", "ada", "tools/list", json!({})).await;
    let result = &list.last()["result"];
    assert_eq!(result["tools"].as_array().unwrap().len(), 3);
    assert_eq!(result["ttlMs"], 0, "the list is not complete");
}

#[tokio::test]
async fn what_a_server_cannot_do_is_not_claimed() {
    let world = World::start(&shared(&[crowd("one", "modern,ui")]), &[]).await;
    let discovered = world.modern("weekly", "ada", "server/discover", json!({})).await;
    let capabilities = &discovered.last()["result"]["capabilities"];
    assert_eq!(
        *capabilities,
        json!({"tools": {"listChanged": true}, "resources": {"subscribe": true, "listChanged": true},
            "extensions": {"com.example/things": {}}})
    );
    let prompts = world.modern("weekly", "ada", "prompts/list", json!({})).await;
    assert_eq!((prompts.status, prompts.error().0), (404, -32_601));
}

#[tokio::test]
async fn a_method_nobody_knows_goes_where_it_belongs() {
    let world = World::start(&shared(&[crowd("one", "modern,ui"), crowd("two", "modern")]), &[]).await;
    let things = world.modern("weekly", "ada", "things/list", json!({"of": "ada"})).await;
    assert_eq!(things.last()["result"]["things"], json!(["ada"]));
    let nobodys = world.modern("weekly", "ada", "stuff/list", json!({})).await;
    assert_eq!((nobodys.status, nobodys.error().0), (404, -32_601));
    // Who may only read may not send what nobody has classed.
    let reading = World::start(&objects(&[crowd("one", "modern,ui")]), &[]).await;
    let refused = reading.modern("weekly", "ada", "things/list", json!({"of": "ada"})).await;
    assert_eq!((refused.status, refused.error().0), (404, -32_601));
}

#[tokio::test]
async fn a_legacy_client_hears_of_the_resources_it_watches() {
    for traits in ["modern", ""] {
        let world = World::start(&shared(&[crowd("one", traits)]), &[]).await;
        let client = Client::open(&world, "ada", "2025-11-25", json!({})).await;
        let mut stream = Events::of(client.get(None).await);
        let watched = client.ask(1, "resources/subscribe", json!({"uri": "mem://note"})).await;
        assert_eq!(watched.last()["result"], json!({}), "{traits}");
        client.ask(2, "tools/call", json!({"name": "one_touch", "arguments": {}})).await;
        let update = stream.message().await;
        assert_eq!(update["method"], "notifications/resources/updated", "{traits}");
        assert_eq!(update["params"], json!({"uri": "mem://note"}), "{traits}");
        let unknown = client.ask(3, "resources/subscribe", json!({"uri": "mem://other"})).await;
        assert!(unknown.last().get("error").is_some());
    }
}

/// A modern call of `who`, who can be asked in a form.
async fn asked(world: &World, who: &str, arguments: Value, more: &Value) -> Value {
    let mut params = json!({"name": "old_ask", "arguments": arguments});
    for (name, value) in more.as_object().unwrap() {
        params[name] = value.clone();
    }
    let request = world.modern_request("weekly", who, "tools/call", params);
    let mut body: Value =
        serde_json::from_slice(request.try_clone().unwrap().build().unwrap().body().unwrap().as_bytes().unwrap())
            .unwrap();
    body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({"elicitation": {"form": {}}});
    crate::world::read(request.json(&body).send().await.unwrap()).await.last().clone()
}

#[tokio::test]
async fn a_legacy_servers_question_reaches_a_modern_client_and_nobody_else_can_answer() {
    let world = World::start(&shared(&[crowd("old", "")]), &[]).await;
    let first = asked(&world, "ada", json!({}), &json!({})).await;
    let result = &first["result"];
    assert_eq!(result["resultType"], "input_required", "{first}");
    let (key, question) = result["inputRequests"].as_object().unwrap().iter().next().unwrap();
    assert_eq!((&question["method"], &question["params"]["message"]), (&json!("elicitation/create"), &json!("who?")));
    let state = result["requestState"].as_str().unwrap();
    let retry = |state: &str| json!({"requestState": state, "inputResponses": {key: {"action": "accept", "content": {"a": 1}}}});
    let mut changed = state.to_owned();
    changed.replace_range(10..11, if &state[10..11] == "A" { "B" } else { "A" });
    for (who, arguments, state) in
        [("bob", json!({}), state), ("ada", json!({"other": 1}), state), ("ada", json!({}), &changed)]
    {
        let refused = asked(&world, who, arguments, &retry(state)).await;
        assert_eq!(refused["error"]["code"], -32_602, "{who} {refused}");
    }
    let done = asked(&world, "ada", json!({}), &retry(state)).await;
    let told: Value = serde_json::from_str(done["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(told, json!({"action": "accept", "content": {"a": 1}}));
}

#[tokio::test]
async fn a_legacy_servers_question_reaches_a_legacy_client() {
    let world = World::start(&shared(&[crowd("old", "")]), &[]).await;
    let client = Client::open(&world, "ada", "2025-06-18", json!({"elicitation": {}})).await;
    let mut stream = client.stream(1, "old_ask", json!({})).await;
    let question = stream.message().await;
    assert_eq!(question["method"], "elicitation/create");
    assert_eq!(client.answer(&question, json!({"action": "decline"})).await, 202);
    let answer = stream.message().await;
    assert_eq!(answer["result"]["content"][0]["text"], r#"{"action": "decline"}"#);
    // A client that declared nothing is never asked: the server is told so.
    let mute = Client::open(&world, "ada", "2025-06-18", json!({})).await;
    let told = mute.ask(1, "tools/call", json!({"name": "old_ask", "arguments": {}})).await;
    assert!(told.last()["result"]["content"][0]["text"].as_str().unwrap().contains("-32601"));
}
