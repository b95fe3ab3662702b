//! What modern clients listen for: resources and tasks of several servers on one stream, and nothing else.

use crate::{
    aggregation::{crowd, shared},
    client::Events,
    world::{World, read},
};
use serde_json::{Value, json};

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// A request of `who`, who knows tasks.
fn knowing_tasks(world: &World, who: &str, method: &str, params: &Value) -> reqwest::RequestBuilder {
    let request = world.modern_request("weekly", who, method, params.clone());
    let sent = request.try_clone().unwrap().build().unwrap();
    let mut body: Value = serde_json::from_slice(sent.body().unwrap().as_bytes().unwrap()).unwrap();
    body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
        json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    match params["taskId"].as_str() {
        Some(id) => request.header("mcp-name", id).json(&body),
        None => request.json(&body),
    }
}

async fn listen(world: &World, who: &str, wanted: Value) -> (Events, Value) {
    let params = json!({"notifications": wanted});
    let mut events = Events::of(knowing_tasks(world, who, "subscriptions/listen", &params).send().await.unwrap());
    let acknowledged = events.message().await;
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(acknowledged["params"]["_meta"][SUBSCRIPTION], 7);
    (events, acknowledged["params"]["notifications"].clone())
}

#[tokio::test]
async fn resources_are_watched_where_they_are_and_only_what_is_there() {
    for traits in ["modern", ""] {
        let world = World::start(&shared(&[crowd("one", traits)]), &[]).await;
        let wanted = json!({"toolsListChanged": true, "resourceSubscriptions": ["mem://note", "mem://other"]});
        let (mut events, honoured) = listen(&world, "ada", wanted).await;
        assert_eq!(honoured, json!({"toolsListChanged": true, "resourceSubscriptions": ["mem://note"]}), "{traits}");
        world.call("ada", "one_touch", json!({})).await;
        let update = events.message().await;
        assert_eq!(update["method"], "notifications/resources/updated", "{traits}");
        assert_eq!(update["params"], json!({"uri": "mem://note", "_meta": {SUBSCRIPTION: 7}}), "{traits}");
    }
}

#[tokio::test]
async fn what_may_not_be_read_is_not_watched() {
    let mut all = shared(&[crowd("one", "modern")]);
    for object in all.iter_mut().filter(|object| object["kind"] == "profile") {
        object["spec"]["resources"] = json!([]);
    }
    let world = World::start(&all, &[]).await;
    let (_events, honoured) = listen(&world, "ada", json!({"resourceSubscriptions": ["mem://note"]})).await;
    assert_eq!(honoured, json!({"resourceSubscriptions": []}));
}

#[tokio::test]
async fn a_task_is_known_to_its_user_by_one_id_everywhere() {
    let world = World::start(&shared(&[crowd("one", "modern,tasks"), crowd("two", "modern")]), &[]).await;
    let ask = async |who: &str, method: &str, params: Value| {
        read(knowing_tasks(&world, who, method, &params).send().await.unwrap()).await
    };
    let begun = ask("ada", "tools/call", json!({"name": "one_begin", "arguments": {}})).await;
    let id = begun.last()["result"]["taskId"].as_str().unwrap().to_owned();
    assert_eq!(begun.last()["result"]["resultType"], "task");
    assert!(!id.contains("t-1"));

    let state = ask("ada", "tasks/get", json!({"taskId": id})).await;
    assert_eq!(state.last()["result"]["status"], "completed", "{state:?}");
    assert_eq!(state.last()["result"]["taskId"], *id);
    for (who, id) in [("bob", id.as_str()), ("ada", "t-1")] {
        let refused = ask(who, "tasks/get", json!({"taskId": id})).await;
        assert_eq!(refused.error().0, -32_602, "{who}");
    }

    let (_others, honoured) = listen(&world, "bob", json!({"taskIds": [id]})).await;
    assert_eq!(honoured, json!({}), "it is none of his");
    let (mut events, honoured) = listen(&world, "ada", json!({"taskIds": [id, "t-2"]})).await;
    assert_eq!(honoured, json!({"taskIds": [id]}));
    world.call("ada", "one_finish", json!({})).await;
    let told = events.message().await;
    assert_eq!(told["method"], "notifications/tasks");
    assert_eq!((&told["params"]["taskId"], &told["params"]["status"]), (&json!(id), &json!("completed")));
    assert_eq!(told["params"]["_meta"][SUBSCRIPTION], 7);
}
