//! Time that runs out and places that are taken.

use super::fake::{Fake, caller, only, rim, tool};
use crate::upstream::{Caller, UpstreamError, legacy::Rim};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::sync::Arc;

/// Calls for `who`, whose server asks for a form at once under `id`; what `who` gets.
async fn park(rim: &Arc<Rim>, server: &Arc<Fake>, who: &Caller, id: i64) -> (Value, super::fake::Call) {
    let reply = rim.call(server.clone(), tool("r", json!({})), who).await.unwrap();
    let call = server.call().await;
    call.ask_form(id, "a").await;
    (only(reply).await, call)
}

/// Whether `who` can go on with the call that `asked` is of.
async fn is_parked(rim: &Arc<Rim>, asked: &Value, who: &Caller) -> bool {
    let again = tool("r", json!({"requestState": asked["result"]["requestState"]}));
    let message = only(rim.resume(&again, who).await.unwrap().unwrap()).await;
    message["result"]["resultType"] == "input_required"
}

#[tokio::test]
async fn a_question_nobody_answers_in_time_is_answered_for_them_and_the_call_taken_back() {
    let (rim, server) = (rim(|limits| limits.question_timeout_ms = 20), Fake::new(&json!({})));
    let reply = rim.call(server.clone(), tool("r", json!({})), &caller("ada")).await.unwrap();
    let call = server.call().await;
    call.ask_form(1, "a").await;
    call.ask(2, "sampling/createMessage", &json!({})).await;
    let asked = only(reply).await;
    assert_eq!(server.told().await, json!({"jsonrpc": "2.0", "id": 1, "result": {"action": "cancel"}}));
    assert_eq!(server.told().await["error"]["code"], -32603);
    call.taken_back().await;
    assert!(!is_parked(&rim, &asked, &caller("ada")).await);
    assert_eq!(rim.park.len(), 0);
}

#[tokio::test]
async fn waiting_for_an_answer_is_no_time_of_the_servers() {
    let (rim, server) = (rim(|limits| limits.upstream_call_timeout_ms = 2_000), Fake::new(&json!({})));
    let (asked, call) = park(&rim, &server, &caller("ada"), 1).await;
    // Another call that began later has no time left, so neither had the first if it were on the clock.
    let mut later = rim.call(server.clone(), tool("l", json!({})), &caller("ada")).await.unwrap();
    assert!(matches!(later.next().await, Some(Err(UpstreamError::TimedOut { .. }))));
    let answers = json!({"question-1": {"action": "decline"}});
    let state = &asked["result"]["requestState"];
    let again = tool("r", json!({"requestState": state, "inputResponses": answers}));
    let reply = rim.resume(&again, &caller("ada")).await.unwrap().unwrap();
    call.answer(&json!({})).await;
    assert_eq!(only(reply).await["result"]["resultType"], "complete");
}

#[tokio::test]
async fn a_server_that_does_not_answer_in_time_is_given_up() {
    let (rim, server) = (rim(|limits| limits.upstream_call_timeout_ms = 20), Fake::new(&json!({})));
    let mut reply = rim.call(server.clone(), tool("r", json!({})), &caller("ada")).await.unwrap();
    let call = server.call().await;
    assert!(matches!(reply.next().await, Some(Err(UpstreamError::TimedOut { .. }))));
    call.taken_back().await;
}

#[tokio::test]
async fn who_holds_the_most_places_makes_room() {
    let (rim, server) = (rim(|limits| limits.parked_calls_max = 3), Fake::new(&json!({})));
    let (ada, bob) = (caller("ada"), caller("bob"));
    let (of_bob, _bobs) = park(&rim, &server, &bob, 1).await;
    let (oldest, first) = park(&rim, &server, &ada, 2).await;
    let (second, _second) = park(&rim, &server, &ada, 3).await;
    let (third, _third) = park(&rim, &server, &ada, 4).await;
    assert_eq!(server.told().await, json!({"jsonrpc": "2.0", "id": 2, "result": {"action": "cancel"}}));
    first.taken_back().await;
    assert!(!is_parked(&rim, &oldest, &ada).await);
    assert!(is_parked(&rim, &of_bob, &bob).await);
    assert!(is_parked(&rim, &second, &ada).await && is_parked(&rim, &third, &ada).await);
}

#[tokio::test]
async fn without_a_place_nobody_is_asked_and_the_call_goes_on() {
    let (rim, server) = (rim(|limits| limits.parked_calls_max = 0), Fake::new(&json!({})));
    let reply = rim.call(server.clone(), tool("r", json!({})), &caller("ada")).await.unwrap();
    let call = server.call().await;
    call.ask_form(1, "a").await;
    let answering = async {
        assert_eq!(server.told().await["result"]["action"], "cancel");
        call.answer(&json!({})).await;
    };
    let (message, ()) = tokio::join!(only(reply), answering);
    assert_eq!(message["result"]["resultType"], "complete");
}

#[tokio::test]
async fn letting_go_of_the_server_gives_parked_calls_up() {
    let (rim, server) = (rim(|_| {}), Fake::new(&json!({})));
    let (asked, call) = park(&rim, &server, &caller("ada"), 1).await;
    rim.close();
    call.taken_back().await;
    assert!(!is_parked(&rim, &asked, &caller("ada")).await);
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_call_back_but_not_while_it_is_asked() {
    let (rim, server) = (rim(|_| {}), Fake::new(&json!({})));
    let reply = rim.call(server.clone(), tool("r", json!({})), &caller("ada")).await.unwrap();
    let call = server.call().await;
    drop(reply);
    call.taken_back().await;
    // Its reply is over and dropped; the call is still there.
    let (asked, _call) = park(&rim, &server, &caller("ada"), 1).await;
    assert!(is_parked(&rim, &asked, &caller("ada")).await);
}
