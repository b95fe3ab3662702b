//! Listening at a server that knows subscriptions of the old kind.

use super::fake::{Fake, next, only, request, rim};
use crate::upstream::{Caller, Reply, legacy::Rim};
use serde_json::{Value, json};
use std::sync::Arc;

const ALL: &str = r#"{"tools":{"listChanged":true},"prompts":{},"resources":{"subscribe":true,"listChanged":true}}"#;

fn server() -> Arc<Fake> {
    Fake::new(&serde_json::from_str(ALL).unwrap())
}

/// Listens for `notifications` under `id`; the server is asked for `new` subscriptions and grants them. The reply, and
/// what it acknowledges.
async fn listen(rim: &Arc<Rim>, server: &Arc<Fake>, id: &str, asked: (Value, usize)) -> (Reply, Value) {
    let (notifications, new) = asked;
    let listen = request(id, "subscriptions/listen", json!({"notifications": notifications}));
    let granting = async {
        for _ in 0..new {
            server.grant("resources/subscribe").await;
        }
    };
    let (reply, ()) = tokio::join!(rim.call(server.clone(), listen, &Caller::GATEWAY), granting);
    let mut reply = reply.unwrap();
    let first = next(&mut reply).await;
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(first["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], id);
    (reply, first["params"]["notifications"].clone())
}

#[tokio::test]
async fn only_what_the_server_tells_of_is_acknowledged() {
    let (rim, server) = (rim(|_| {}), server());
    let all = json!({
        "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": false,
        "resourceSubscriptions": ["a:1", "a:1"], "taskIds": ["t"],
    });
    let (_reply, acknowledged) = listen(&rim, &server, "l", (all.clone(), 1)).await;
    assert_eq!(acknowledged, json!({"toolsListChanged": true, "resourceSubscriptions": ["a:1"]}));
    let silent = Fake::new(&json!({"resources": {}}));
    let (_reply, acknowledged) = listen(&rim, &silent, "l", (all, 0)).await;
    assert_eq!(acknowledged, json!({"resourceSubscriptions": []}));
    assert!(silent.is_quiet().await);
}

#[tokio::test]
async fn a_resource_the_server_does_not_let_watch_is_not_acknowledged() {
    let (rim, server) = (rim(|_| {}), server());
    let asked = json!({"notifications": {"resourceSubscriptions": ["a:1", "a:2"]}});
    let listen = request("l", "subscriptions/listen", asked);
    let refusing = async {
        for _ in 0..2 {
            let call = server.call().await;
            if call.params() == json!({"uri": "a:1"}) {
                call.refuse(-32002).await
            } else {
                call.answer(&json!({})).await
            }
        }
    };
    let (reply, ()) = tokio::join!(rim.call(server.clone(), listen, &Caller::GATEWAY), refusing);
    let first = next(&mut reply.unwrap()).await;
    assert_eq!(first["params"]["notifications"]["resourceSubscriptions"], json!(["a:2"]));
}

#[tokio::test]
async fn each_listener_hears_of_its_own_and_the_last_one_unsubscribes() {
    let (rim, server) = (rim(|_| {}), server());
    let (mut one, _) = listen(&rim, &server, "one", (json!({"resourceSubscriptions": ["a:1", "a:2"]}), 2)).await;
    let (mut two, _) = listen(&rim, &server, "two", (json!({"resourceSubscriptions": ["a:2"]}), 0)).await;
    for uri in ["a:10", "a:1", "a:2/part"] {
        server.notice("notifications/resources/updated", &json!({"uri": uri}));
    }
    server.notice("notifications/tools/list_changed", &json!({}));
    server.notice("notifications/resources/updated", &json!({"uri": "a:2"}));
    for (reply, id, uris) in
        [(&mut one, "one", &["a:1", "a:2/part", "a:2"][..]), (&mut two, "two", &["a:2/part", "a:2"])]
    {
        // Five notices are one more than the channel holds: the first counts as missed, and all may have changed.
        let everything: &[&str] = if id == "one" { &["a:1", "a:2"] } else { &["a:2"] };
        for uri in everything.iter().chain(uris) {
            let told = next(reply).await;
            assert_eq!(told["params"]["uri"], **uri, "{id}");
            assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], id);
        }
    }
    drop(one);
    assert_eq!(server.grant("resources/unsubscribe").await, json!({"uri": "a:1"}));
    assert!(server.is_quiet().await);
    drop(two);
    assert_eq!(server.grant("resources/unsubscribe").await, json!({"uri": "a:2"}));
    // It is asked anew once somebody wants it again.
    let _again = listen(&rim, &server, "three", (json!({"resourceSubscriptions": ["a:2"]}), 1)).await;
}

#[tokio::test]
async fn changes_of_lists_are_told_to_who_asked() {
    let (rim, server) = (rim(|_| {}), server());
    let (mut reply, _) = listen(&rim, &server, "l", (json!({"toolsListChanged": true}), 0)).await;
    server.notice("notifications/resources/list_changed", &json!({}));
    server.notice("notifications/tools/list_changed", &json!({}));
    assert_eq!(next(&mut reply).await["method"], "notifications/tools/list_changed");
}

#[tokio::test]
async fn listening_ends_with_the_session() {
    let (rim, server) = (rim(|_| {}), server());
    let (reply, _) = listen(&rim, &server, "l", (json!({"toolsListChanged": true}), 0)).await;
    server.end.cancel();
    let result = json!({"resultType": "complete", "_meta": {"io.modelcontextprotocol/subscriptionId": "l"}});
    assert_eq!(only(reply).await, json!({"jsonrpc": "2.0", "id": "l", "result": result}));
}
