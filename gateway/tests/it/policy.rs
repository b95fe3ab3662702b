//! What somebody with a good token tries against the rules, at a whole gateway; the truth is what the server got.

use crate::{
    client::Client,
    world::{Answer, World, objects, server, token_of},
};
use control_plane_api::audit::{AuditEvent, Decision, Phase};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Pairs of refusals that are timed in one round.
const PAIRS: usize = 400;
/// Rounds of which one has to show no difference: a machine that is busy makes differences of its own.
const ROUNDS: usize = 20;

/// A legacy and a modern server; ada may call `echo` of the modern one with a path under `/safe`.
fn configuration() -> Vec<Value> {
    let mut objects = objects(&[server("old", ""), server("new", "modern")]);
    let rule = json!({"tools": ["echo", "ask"], "argument": "path", "under": "/safe"});
    for profile in objects.iter_mut().filter(|object| object["name"] == "new-read-only") {
        profile["spec"]["arguments"] = json!([rule, {"tools": ["ask"], "argument": "rounds", "range": {"max": 3}},
            {"tools": ["ask"], "argument": "questions", "one_of": ["form"], "optional": true}]);
    }
    objects
}

/// What was about to be sent to servers, by the client's names.
fn sent(world: &World) -> Vec<AuditEvent> {
    let acted = |event: &AuditEvent| event.phase == Phase::Intent && event.target.is_some();
    world.audit().into_iter().filter(acted).collect()
}

async fn pid(world: &World, server: &str) -> Value {
    let arguments = if server == "new" { json!({"path": "/safe"}) } else { json!({}) };
    world.call("ada", &format!("{server}_echo"), arguments).await.told()["pid"].clone()
}

#[tokio::test]
async fn z02_a_read_only_profile_writes_by_no_revision_batch_task_or_detour() {
    let world = World::start(&objects(&[server("old", ""), server("new", "modern")]), &[]).await;
    let before = [pid(&world, "old").await, pid(&world, "new").await];
    let harmless = sent(&world).len();
    let mut attempts = 0;
    for target in ["old_die", "new_die", "die", "old_old_die", "OLD_DIE", "old_die "] {
        for extra in [json!({}), json!({"task": {"ttl": 1_000}}), json!({"requestState": "s", "inputResponses": {}})] {
            let mut params = json!({"name": target, "arguments": {}});
            params.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            for project in ["weekly", ""] {
                let answer = world.modern(project, "ada", "tools/call", params.clone()).await;
                assert!(answer.last()["error"].is_object(), "{params}: {answer:?}");
                attempts += 1;
            }
        }
        for (method, params) in [
            ("prompts/get", json!({"name": target})),
            ("resources/read", json!({"uri": target})),
            (
                "completion/complete",
                json!({"ref": {"type": "ref/prompt", "name": target}, "argument": {"name": "a", "value": ""}}),
            ),
            ("tasks/get", json!({"taskId": target})),
            ("tools/execute", json!({"name": target})),
        ] {
            let answer = world.modern("weekly", "ada", method, params).await;
            assert!(answer.last()["error"].is_object(), "{method} {target}: {answer:?}");
            attempts += 1;
        }
    }
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let ada = Client::open(&world, "ada", revision, json!({})).await;
        for target in ["old_die", "new_die"] {
            let answer = ada.ask(3, "tools/call", json!({"name": target, "arguments": {}, "task": {"ttl": 9}})).await;
            assert!(answer.last()["error"].is_object(), "{revision}: {answer:?}");
            let answer = ada.ask(4, "resources/subscribe", json!({"uri": target})).await;
            assert!(answer.last()["error"].is_object(), "{revision}: {answer:?}");
            attempts += 2;
        }
    }
    let ada = Client::open(&world, "ada", "2025-03-26", json!({})).await;
    let call = |id: u32| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "old_die"}});
    let batch = ada.send((1..20).map(call).collect()).await;
    assert!(batch.last().as_array().unwrap().iter().all(|answer| answer["error"].is_object()), "{batch:?}");
    let intents: Vec<_> = sent(&world).into_iter().skip(harmless).map(|event| event.target).collect();
    assert_eq!(intents, [], "after {attempts} attempts");
    assert_eq!([pid(&world, "old").await, pid(&world, "new").await], before, "nothing that was called ended a server");
}

#[tokio::test]
async fn z03_an_argument_outside_its_folder_never_leaves_the_gateway() {
    let world = World::start(&configuration(), &[]).await;
    let ada = Client::open(&world, "ada", "2025-06-18", json!({})).await;
    let inside = world.call("ada", "new_echo", json!({"path": "/safe/x"})).await;
    assert_eq!(inside.told()["arguments"], json!({"path": "/safe/x"}));
    let legacy = ada.ask(1, "tools/call", json!({"name": "new_echo", "arguments": {"path": "/safe/x"}})).await;
    assert!(legacy.last()["result"]["content"].is_array(), "{legacy:?}");
    let allowed = sent(&world).len();
    for arguments in [
        json!({"path": "/safe/../etc/passwd"}),
        json!({"path": "/safe/%2e%2e/x"}),
        json!({"path": "/safe\u{0}/../x"}),
        json!({"path": "/safe/\u{ff0e}\u{ff0e}/x"}),
        json!({"path": ["/safe/x"]}),
        json!({"path": {"toString": "/safe/x"}}),
        json!({"path": null}),
        json!({"path": "/safe/x", "path ": "/x"}),
        json!({"path": "/safe/x", "filename": "/x"}),
        json!({"Path": "/safe/x"}),
        json!({}),
    ] {
        let (code, told) = world.call("ada", "new_echo", arguments.clone()).await.error();
        assert_eq!(code, -32602, "{arguments}");
        let owner = "permission denied: profile `new-read-only` does not grant `echo` with these arguments: argument ";
        assert!(told.starts_with(owner) && told.contains("(audit id "), "{told}");
        let legacy = ada.ask(2, "tools/call", json!({"name": "new_echo", "arguments": arguments})).await;
        assert_eq!(legacy.error().0, -32602, "{arguments}: {legacy:?}");
    }
    assert_eq!(sent(&world).len(), allowed);
    let refused = world.audit().into_iter().filter(|event| event.decision == Decision::Deny);
    assert!(refused.map(|event| event.reason).all(
        |reason| !reason.contains("passwd") && reason.contains("`/safe`") || reason.contains("none of the tool's")
    ));
}

#[tokio::test]
async fn z02_a_retry_with_other_arguments_is_no_retry() {
    let world = World::start(&configuration(), &[]).await;
    let ask = async |arguments: &Value, state: Option<&str>| -> Answer {
        let mut params = json!({"name": "new_ask", "arguments": arguments});
        if let Some(state) = state {
            params["requestState"] = json!(state);
            params["inputResponses"] = json!({});
        }
        world.modern("weekly", "ada", "tools/call", params).await
    };
    let arguments = json!({"path": "/safe/x", "rounds": 1});
    let asked = ask(&arguments, None).await;
    let state = asked.last()["result"]["requestState"].as_str().unwrap_or_else(|| panic!("{asked:?}")).to_owned();
    let before = sent(&world).len();
    for other in [json!({"path": "/x", "rounds": 1}), json!({"path": "/safe/x", "rounds": 9})] {
        assert_eq!(ask(&other, Some(&state)).await.error().0, -32602, "{other}");
    }
    assert_eq!(sent(&world).len(), before);
    assert_eq!(ask(&arguments, Some(&state)).await.told()["arguments"], arguments);
}

#[tokio::test]
async fn a_central_gateway_names_the_argument_and_keeps_the_rule_to_itself() {
    let world = World::start(&configuration(), &["--role", "central"]).await;
    let (code, told) = world.call("ada", "new_echo", json!({"path": "/x"})).await.error();
    let told = told.split(" (audit id").next().unwrap().to_owned();
    assert_eq!(code, -32602);
    assert_eq!(told, "invalid arguments for tool `new_echo`: argument `path` has a value that is not allowed");
    let (_, hidden) = world.call("ada", "new_die", json!({"path": "/x"})).await.error();
    assert!(hidden.starts_with("unknown tool `new_die` (audit id"), "{hidden}");
}

#[tokio::test]
async fn z09_a_new_server_under_an_old_name_inherits_no_grant() {
    let whole = objects(&[server("old", ""), server("new", "modern")]);
    let world = World::start(&whole, &[]).await;
    assert!(pid(&world, "old").await.is_u64());
    let without: Vec<Value> = whole.iter().filter(|object| object["spec"]["server"] != "old").cloned().collect();
    let mut renamed: Vec<Value> = without.into_iter().filter(|object| object["name"] != "old").collect();
    for project in renamed.iter_mut().filter(|object| object["kind"] == "project") {
        project["spec"]["profiles"] = json!(["new-read-only"]);
    }
    let mut impostor = server("old", "modern");
    impostor["spec"]["prefix"] = json!("new");
    renamed.push(impostor);
    world.configure(2, &renamed);
    crate::world::eventually("the old server's tools are gone", async || {
        world.call("ada", "old_echo", json!({})).await.last()["error"].is_object().then_some(())
    })
    .await;
    let answer = world.call("ada", "new_echo", json!({})).await;
    assert!(answer.told()["pid"].is_u64(), "the impostor takes no name away: {answer:?}");
    for name in ["old_echo", "echo", "old_new_echo"] {
        assert_eq!(world.call("ada", name, json!({})).await.error().0, -32602, "{name}");
    }
    // A call that ran while the server went is revoked by the second revision, which is no grant.
    let granted = |event: &AuditEvent| event.revision == 2 && event.decision == Decision::Allow;
    let servers: Vec<_> = world.audit().into_iter().filter(granted).filter_map(|event| event.server).collect();
    assert!(servers.iter().all(|server| server.as_str() == "new"), "{servers:?}");
}

#[tokio::test]
async fn z10_a_path_that_names_no_project_leads_nowhere() {
    let world = World::start(&objects(&[server("new", "modern")]), &[]).await;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let long = "x".repeat(4_000);
    for name in ["", "WEEKLY", "week%6cy", "weekly%2f", "weekly/", "we\u{435}kly", "*", "weekly%00", &long] {
        let url = format!("http://{}/projects/{name}/mcp", world.address);
        let request = world.http.post(&url).bearer_auth(token_of("ada")).json(&body);
        let status = request.header("accept", "application/json, text/event-stream").send().await.unwrap().status();
        assert_eq!(status.as_u16(), 404, "{url}");
    }
    for gone in ["gone", "weekly2"] {
        assert_eq!(world.modern(gone, "ada", "tools/list", json!({})).await.status, 404, "{gone}");
    }
}

/// How long `calls` take in turn: the medians of both.
async fn medians(world: &World, one: &str, other: &str) -> [Duration; 2] {
    let mut took = [Vec::new(), Vec::new()];
    for pair in 0..PAIRS {
        for side in [pair % 2, 1 - pair % 2] {
            let started = Instant::now();
            let answer = world.call("ada", if side == 0 { one } else { other }, json!({"a": 1})).await;
            took[side].push(started.elapsed());
            assert_eq!(answer.error().0, -32602);
        }
    }
    took.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

#[tokio::test]
async fn z12_denied_and_unknown_are_alike_in_bytes_and_in_time() {
    let mut configuration = objects(&[server("old", "")]);
    configuration.push(json!({"kind": "profile", "name": "other", "spec": {"server": "old", "access": "full"}}));
    configuration
        .push(json!({"kind": "project", "name": "closed", "spec": {"profiles": ["other"], "members": ["bob"]}}));
    let world = World::start(&configuration, &["--role", "central"]).await;
    let bytes = async |project: &str, tool: &str| {
        let params = json!({"name": tool, "arguments": {"a": 1}});
        let response = world.modern_request(project, "ada", "tools/call", params).send().await.unwrap();
        let names = |name: &str| !["date", "content-length"].contains(&name);
        let headers: Vec<String> =
            response.headers().keys().map(ToString::to_string).filter(|name| names(name)).collect();
        let (status, text) = (response.status(), response.text().await.unwrap());
        let (before, id) = text.split_once("(audit id ").expect("an audit id");
        (status, headers, format!("{before}{}", &id[32..]).replace(tool, "NAME"))
    };
    let unknown = bytes("weekly", "old_abc").await;
    assert_eq!(bytes("weekly", "old_die").await, unknown, "denied by a ceiling");
    assert_eq!(bytes("closed", "old_die").await, unknown, "of a project that is not open");
    assert_eq!(bytes("gone", "old_die").await, unknown, "of a project that is not there");
    let mut shown = Vec::new();
    for _ in 0..ROUNDS {
        let [denied, unknown] = medians(&world, "old_die", "old_abc").await;
        let ratio = denied.as_secs_f64() / unknown.as_secs_f64();
        shown.push(ratio);
        if (0.95..=1.05).contains(&ratio) {
            return;
        }
    }
    panic!("denied takes another time than unknown, by the medians of {ROUNDS} rounds: {shown:?}");
}
