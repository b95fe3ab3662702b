//! Tools that run only as tasks, for people who know nothing of tasks.

use super::fake::{Call, Fake, caller, next, only, request, rim, tool};
use crate::upstream::{Reply, legacy::Rim};
use serde_json::{Value, json};
use std::sync::Arc;

fn server() -> Arc<Fake> {
    Fake::new(&json!({"tasks": {"requests": {"tools": {"call": {}}}}}))
}

/// A rim that saw the list with the tool `t`, which has that `support` for tasks.
async fn knowing(server: &Arc<Fake>, support: &str) -> Arc<Rim> {
    let rim = rim(|_| {});
    let list = request("l", "tools/list", json!({}));
    let reply = rim.call(server.clone(), list, &caller("ada")).await.unwrap();
    let tools = json!({"tools": [{"name": "t", "execution": {"taskSupport": support}}, {"name": "u"}]});
    server.call().await.answer(&tools).await;
    assert_eq!(only(reply).await["result"]["tools"], tools["tools"]);
    rim
}

/// Calls the tool; the server makes it a task.
async fn made(rim: &Arc<Rim>, server: &Arc<Fake>) -> Reply {
    let reply = rim.call(server.clone(), tool("r", json!({})), &caller("ada")).await.unwrap();
    let call = server.call().await;
    assert!(call.params()["task"]["ttl"].as_u64().unwrap() > 0);
    call.answer(&json!({"task": state("working")})).await;
    reply
}

fn state(status: &str) -> Value {
    json!({"taskId": "9", "status": status, "pollInterval": 1})
}

/// The next request to the server, which must be about the task.
async fn about(server: &Arc<Fake>, method: &str) -> Call {
    let call = server.call().await;
    assert_eq!((call.request.method.as_str(), call.params()), (method, json!({"taskId": "9"})));
    call
}

#[tokio::test]
async fn a_tool_that_runs_only_as_a_task_is_run_as_one_and_answered_like_any_other() {
    let server = server();
    let rim = knowing(&server, "required").await;
    let reply = made(&rim, &server).await;
    let serving = async {
        about(&server, "tasks/get").await.answer(&state("working")).await;
        about(&server, "tasks/get").await.answer(&state("completed")).await;
        about(&server, "tasks/result").await.answer(&json!({"content": []})).await;
    };
    let (message, ()) = tokio::join!(only(reply), serving);
    let result = json!({"content": [], "resultType": "complete"});
    assert_eq!(message, json!({"jsonrpc": "2.0", "id": "r", "result": result}));
    assert!(server.is_quiet().await);
}

#[tokio::test]
async fn a_task_with_a_question_has_it_put_to_the_caller() {
    let server = server();
    let rim = knowing(&server, "required").await;
    let reply = made(&rim, &server).await;
    let serving = async {
        about(&server, "tasks/get").await.answer(&state("input_required")).await;
        let result = about(&server, "tasks/result").await;
        result.ask_form(5, "who?").await;
        result
    };
    let (asked, result) = tokio::join!(only(reply), serving);
    let answers = json!({"question-1": {"action": "decline"}});
    let again = tool("r2", json!({"requestState": asked["result"]["requestState"], "inputResponses": answers}));
    let reply = rim.resume(&again, &caller("ada")).await.unwrap().unwrap();
    assert_eq!(server.told().await["result"]["action"], "decline");
    result.answer(&json!({"content": []})).await;
    assert_eq!(only(reply).await["id"], "r2");
    assert!(server.is_quiet().await);
}

#[tokio::test]
async fn a_caller_that_goes_away_cancels_the_task() {
    let server = server();
    let rim = knowing(&server, "required").await;
    let mut reply = made(&rim, &server).await;
    tokio::select! {
        _ = next(&mut reply) => panic!("there is nothing to read"),
        _ = about(&server, "tasks/get") => {}
    }
    drop(reply);
    about(&server, "tasks/cancel").await;
}

#[tokio::test]
async fn a_refusal_teaches_what_no_list_said() {
    let (rim, server) = (rim(|_| {}), server());
    let reply = rim.call(server.clone(), tool("r", json!({})), &caller("ada")).await.unwrap();
    let serving = async {
        let call = server.call().await;
        assert_eq!(call.params()["task"], Value::Null);
        call.refuse(-32601).await;
        server.call().await.answer(&json!({"task": state("completed")})).await;
        about(&server, "tasks/result").await.refuse(-32000).await;
    };
    let (message, ()) = tokio::join!(only(reply), serving);
    assert_eq!(message["error"]["code"], -32000);
    // From now on it is known.
    let _reply = made(&rim, &server).await;
}

#[tokio::test]
async fn who_speaks_of_tasks_is_left_alone() {
    let server = server();
    let rim = knowing(&server, "required").await;
    let reply = rim.call(server.clone(), tool("r", json!({"task": {"ttl": 5}})), &caller("ada")).await.unwrap();
    let call = server.call().await;
    assert_eq!(call.params()["task"], json!({"ttl": 5}));
    call.answer(&json!({"task": state("working")})).await;
    assert_eq!(only(reply).await["result"]["task"], state("working"));
    let get = request("g", "tasks/get", json!({"taskId": "9"}));
    let reply = rim.call(server.clone(), get, &caller("ada")).await.unwrap();
    about(&server, "tasks/get").await.answer(&state("completed")).await;
    assert_eq!(only(reply).await["result"]["status"], "completed");
    assert!(server.is_quiet().await);
}

#[tokio::test]
async fn tools_that_need_no_task_are_called_plainly() {
    let server = server();
    let rim = knowing(&server, "optional").await;
    let reply = rim.call(server.clone(), tool("r", json!({})), &caller("ada")).await.unwrap();
    let call = server.call().await;
    assert_eq!(call.params()["task"], Value::Null);
    call.answer(&json!({})).await;
    assert_eq!(only(reply).await["result"]["resultType"], "complete");
}
