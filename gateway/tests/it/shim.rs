//! Questions of modern servers, put to legacy clients.

use crate::{
    client::{Client, Events},
    world::{World, objects, server},
};
use control_plane_api::audit::{Outcome, Phase};
use serde_json::{Value, json};

async fn world() -> World {
    World::start(&objects(&[server("new", "modern")]), &[]).await
}

fn able() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {"listChanged": true}})
}

/// What became of the calls of `tool`, in order.
fn outcomes(world: &World, tool: &str) -> Vec<Outcome> {
    let of_tool = world.audit().into_iter().filter(|event| event.target.as_deref() == Some(tool));
    of_tool.filter(|event| event.phase == Phase::Outcome).map(|event| event.outcome).collect()
}

#[tokio::test]
async fn several_questions_are_asked_at_once_and_answered_in_any_order() {
    let world = world().await;
    let ada = Client::open(&world, "ada", "2025-11-25", able()).await;
    let asked = json!({"questions": ["form", "url", "sampling", "roots"]});
    let mut stream = ada.stream(1, "new_ask", asked.clone()).await;
    let mut questions = Vec::new();
    for _ in 0..4 {
        questions.push(stream.message().await);
    }
    let url = questions.iter().find(|question| question["params"]["mode"] == "url").unwrap();
    assert!(url["params"]["elicitationId"].as_str().is_some_and(|id| id.len() >= 32));
    let answer_to = |question: &Value| match question["method"].as_str().unwrap() {
        "roots/list" => json!({"roots": []}),
        "sampling/createMessage" => {
            json!({"role": "assistant", "content": {"type": "text", "text": "yes"}, "model": "m"})
        }
        _ => json!({"action": "accept", "content": {"who": "ada"}}),
    };
    for question in questions.iter().rev() {
        assert_eq!(ada.answer(question, answer_to(question)).await, 202);
    }
    let told = stream.told().await;
    assert_eq!(told["state"], "round-1");
    assert_eq!(told["arguments"], asked);
    assert_eq!(told["responses"]["form"], json!({"action": "accept", "content": {"who": "ada"}}));
    assert_eq!(told["responses"]["roots"], json!({"roots": []}));
    assert_eq!(told["responses"]["sampling"]["content"]["text"], "yes");
    assert_eq!(
        outcomes(&world, "new_ask"),
        [Outcome::InputRequired, Outcome::Ok],
        "every round is an exchange of its own"
    );
}

#[tokio::test]
async fn rounds_go_on_until_the_server_knows_enough_or_asked_too_often() {
    let world = world().await;
    let ada = Client::open(&world, "ada", "2025-06-18", able()).await;
    let mut stream = ada.stream(1, "new_ask", json!({"questions": ["form"], "rounds": 3})).await;
    for _ in 0..3 {
        let question = stream.message().await;
        assert!(question["params"].get("mode").is_none(), "2025-06-18 has no modes");
        ada.answer(&question, json!({"action": "decline"})).await;
    }
    let told = stream.told().await;
    assert_eq!((&told["state"], &told["responses"]), (&json!("round-3"), &json!({"form": {"action": "decline"}})));
    let mut stream = ada.stream(2, "new_ask", json!({"questions": ["roots"], "rounds": 100})).await;
    for _ in 0..8 {
        let question = stream.message().await;
        ada.answer(&question, json!({"roots": []})).await;
    }
    let ended = stream.message().await;
    assert_eq!(ended["result"]["isError"], true);
    assert!(ended.to_string().contains("went on asking after 8 rounds"), "{ended}");
    let state_only = ada.ask(3, "tools/call", json!({"name": "new_ask", "arguments": {"rounds": 2}})).await;
    assert_eq!((&state_only.told()["state"], &state_only.told()["responses"]), (&json!("round-2"), &Value::Null));
}

#[tokio::test]
async fn an_error_is_a_cancelled_question_or_the_end_of_the_call() {
    let world = world().await;
    let ada = Client::open(&world, "ada", "2025-11-25", able()).await;
    let refuse = async |question: &Value| {
        let error = json!({"code": -1, "message": "user rejected"});
        ada.send(json!({"jsonrpc": "2.0", "id": question["id"], "error": error})).await.status
    };
    let mut stream = ada.stream(1, "new_ask", json!({"questions": ["form"]})).await;
    assert_eq!(refuse(&stream.message().await).await, 202);
    assert_eq!(stream.told().await["responses"], json!({"form": {"action": "cancel"}}));
    let mut stream = ada.stream(2, "new_ask", json!({"questions": ["sampling", "form"]})).await;
    let questions = [stream.message().await, stream.message().await];
    let (sampling, form) = if questions[0]["method"] == "sampling/createMessage" { (0, 1) } else { (1, 0) };
    refuse(&questions[sampling]).await;
    let cancelled = stream.message().await;
    assert_eq!(cancelled["method"], "notifications/cancelled");
    assert_eq!(cancelled["params"]["requestId"], questions[form]["id"], "the other question is of no use any more");
    let ended = stream.message().await;
    assert_eq!(ended["result"]["isError"], true);
    assert!(ended.to_string().contains("user rejected"), "{ended}");
}

#[tokio::test]
async fn who_declared_nothing_is_asked_nothing() {
    let world = world().await;
    for (revision, able, question) in [
        ("2025-11-25", json!({}), "form"),
        ("2025-11-25", json!({"elicitation": {}}), "url"),
        ("2025-03-26", json!({"elicitation": {}}), "form"),
    ] {
        let ada = Client::open(&world, "ada", revision, able).await;
        let answer = ada.ask(1, "tools/call", json!({"name": "new_ask", "arguments": {"questions": [question]}})).await;
        assert_eq!(answer.messages.len(), 1);
        assert!(answer.last().to_string().contains("did not declare"), "{}", answer.last());
    }
}

#[tokio::test]
async fn a_capability_that_a_server_misses_is_told_in_the_clients_own_words() {
    let world = world().await;
    let required = json!({"requiredCapabilities": {"sampling": {}}});
    let arguments = json!({"capabilities": {"sampling": {}}});
    let call = json!({"name": "new_require", "arguments": arguments});
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let lacking = Client::open(&world, "ada", revision, json!({"roots": {}})).await;
        let refused = lacking.ask(1, "tools/call", call.clone()).await;
        let (status, (code, told)) = (refused.status, refused.error());
        assert_eq!((status, code, told.as_str()), (200, -32_600, "a client capability is missing"), "{revision}");
        assert_eq!(refused.last()["error"]["data"], required, "{revision}");
        // It was declared, and has got lost between the client and the server.
        let having = Client::open(&world, "ada", revision, able()).await;
        let refused = having.ask(1, "tools/call", call.clone()).await;
        assert_eq!((refused.status, refused.error().0), (200, -32_603), "{revision}");
        assert_eq!(refused.last()["error"].get("data"), None, "{revision}");
    }
    let modern = world.call("ada", "new_require", arguments).await;
    assert_eq!((modern.status, modern.error().0), (400, -32_021));
    assert_eq!(modern.last()["error"]["data"], required);
    assert!(outcomes(&world, "new_require").iter().all(|outcome| *outcome == Outcome::Error));
}

#[tokio::test]
async fn a_client_without_streams_is_asked_on_the_one_it_opened() {
    let world = world().await;
    let ada = Client::open(&world, "ada", "2025-06-18", able()).await;
    let params = json!({"name": "new_ask", "arguments": {"questions": ["roots"]}});
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let refused = crate::world::read(ada.post(&call, "application/json").await).await;
    assert!(refused.last().to_string().contains("there is no stream to ask it on"), "{}", refused.last());
    let mut stream = Events::of(ada.get(None).await);
    let answer = async {
        let question = stream.message().await;
        ada.answer(&question, json!({"roots": []})).await
    };
    let (response, answered) = tokio::join!(ada.post(&call, "application/json"), answer);
    assert_eq!(answered, 202);
    assert_eq!(crate::world::read(response).await.told()["responses"], json!({"roots": {"roots": []}}));
}

#[tokio::test]
async fn nobody_else_can_answer_and_a_cancelled_call_takes_its_questions_back() {
    let world = world().await;
    let ada = Client::open(&world, "ada", "2025-11-25", able()).await;
    let other = Client::open(&world, "ada", "2025-11-25", able()).await;
    let mut stream = ada.stream(1, "new_ask", json!({"questions": ["roots"]})).await;
    let question = stream.message().await;
    assert_eq!(other.answer(&question, json!({"roots": [{"uri": "file:///forged"}]})).await, 202);
    assert_eq!(ada.answer(&question, json!({"roots": []})).await, 202);
    assert_eq!(stream.told().await["responses"], json!({"roots": {"roots": []}}));
    let mut stream = ada.stream(2, "new_ask", json!({"questions": ["roots"]})).await;
    let question = stream.message().await;
    ada.send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}})).await;
    let cancelled = stream.message().await;
    assert_eq!(
        (&cancelled["method"], &cancelled["params"]["requestId"]),
        (&json!("notifications/cancelled"), &question["id"])
    );
    assert!(stream.message().await.is_null());
}
