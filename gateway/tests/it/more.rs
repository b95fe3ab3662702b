//! Results that are cut to their budget, and the rest of them: for whom, in every way, by clients of both eras.

use crate::{
    client::Client,
    world::{Answer, World, eventually, objects, server},
};
use control_plane_api::audit::{Action, Decision, Fallback, Outcome, Phase};
use serde_json::{Value, json};

const MORE: &str = "mcpctl_more";
const ROWS: u64 = 300;

/// A server whose results have 500 tokens, in the projects `weekly` and `other`; Ada and Bob are members of both.
fn budgeted() -> Vec<Value> {
    let mut objects = objects(&[server("web", "modern")]);
    let relevance = json!({"enabled": true, "budget_tokens": 500});
    for object in objects.iter_mut().filter(|object| object["kind"] == "server" || object["kind"] == "project") {
        object["spec"]["relevance"] = relevance.clone();
    }
    let project = objects.iter_mut().find(|object| object["name"] == "weekly").unwrap();
    project["spec"]["members"] = json!(["ada", "bob"]);
    let mut other = project.clone();
    other["name"] = json!("other");
    objects.push(other);
    objects
}

fn rows() -> Vec<Value> {
    let text = |n: u64| if n.is_multiple_of(25) { "the firewall blocks port 22" } else { "lunch is served" };
    (0..ROWS).map(|n| json!({"n": n, "text": text(n)})).collect()
}

/// A result of `rows`, cut or whole; what else it says is in there too.
async fn echoed(world: &World, who: &str) -> Answer {
    world.call(who, "web_echo", json!({"rows": rows()})).await
}

fn result(answer: &Answer) -> &Value {
    &answer.last()["result"]
}

/// The numbers of the rows in a result.
fn numbers(result: &Value) -> Vec<u64> {
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    let rows = text["arguments"]["rows"].as_array().unwrap();
    for row in rows {
        assert_eq!(*row, self::rows()[usize::try_from(row["n"].as_u64().unwrap()).unwrap()]);
    }
    rows.iter().map(|row| row["n"].as_u64().unwrap()).collect()
}

fn id(result: &Value) -> String {
    result["_meta"]["mcpctl/relevance"]["id"].as_str().unwrap_or_else(|| panic!("an id: {result}")).to_owned()
}

async fn more(world: &World, who: &str, arguments: Value) -> Answer {
    world.call(who, MORE, arguments).await
}

async fn read(world: &World, who: &str, id: &str) -> Answer {
    world.modern("weekly", who, "resources/read", json!({"uri": format!("mcpctl://results/{id}")})).await
}

#[tokio::test]
async fn what_is_cut_is_had_in_every_way() {
    let world = World::start(&budgeted(), &[]).await;
    let cut = echoed(&world, "ada").await;
    let (first, id) = (numbers(result(&cut)), id(result(&cut)));
    assert!((5..100).contains(&first.len()) && first == (0..first.len() as u64).collect::<Vec<_>>(), "{first:?}");
    let note = result(&cut)["content"][1]["text"].as_str().unwrap();
    assert!(note.contains(&format!("the first {} of {ROWS} records", first.len())) && note.contains(&id), "{note}");

    let nothing_more = json!({"id": id, "query": "", "all": false, "range": ""});
    let next = numbers(result(&more(&world, "ada", nothing_more).await));
    assert_eq!(next[0], first.len() as u64);
    let after = numbers(result(&more(&world, "ada", json!({"id": id})).await));
    assert_eq!(after[0], (first.len() + next.len()) as u64, "what was shown is not shown again");
    let range = numbers(result(&more(&world, "ada", json!({"id": id, "range": "101-103"})).await));
    assert_eq!(range, [100, 101, 102]);
    let query = numbers(result(&more(&world, "ada", json!({"id": id, "query": "firewall"})).await));
    assert!(!query.is_empty() && query.iter().all(|n| n.is_multiple_of(25)), "{query:?}");
    let whole = more(&world, "ada", json!({"id": id, "all": true})).await;
    assert_eq!(numbers(result(&whole)), (0..ROWS).collect::<Vec<_>>());
    assert_eq!(
        (&result(&whole)["content"][1], &result(&whole)["_meta"]),
        (&Value::Null, &Value::Null),
        "as it was sent"
    );

    let told = read(&world, "ada", &id).await;
    let contents = &result(&told)["contents"];
    assert_eq!((&contents[0]["text"], &contents[1]), (&result(&whole)["content"][0]["text"], &Value::Null));
    assert_eq!(contents[0]["uri"], result(&cut)["_meta"]["mcpctl/relevance"]["resource"]);
    let none = more(&world, "ada", json!({"id": id})).await;
    assert!(result(&none)["isError"] == true && none.told().as_str().unwrap().contains("were shown already"));
}

#[tokio::test]
async fn who_asks_for_everything_gets_it_and_nothing_is_kept() {
    let world = World::start(&budgeted(), &[]).await;
    let whole = world.call("ada", "web_echo", json!({"rows": rows(), "_context": "all"})).await;
    assert_eq!(numbers(result(&whole)), (0..ROWS).collect::<Vec<_>>());
    assert!(result(&whole)["_meta"].is_null() && result(&whole)["content"][1].is_null());
}

#[tokio::test]
async fn clients_of_older_revisions_get_the_rest_alike() {
    let world = World::start(&budgeted(), &[]).await;
    let client = Client::open(&world, "ada", "2025-11-25", json!({})).await;
    let able = &client.initialized["capabilities"];
    assert!(able["tools"].is_object() && able["resources"].is_object(), "{able}");
    let call = json!({"name": "web_echo", "arguments": {"rows": rows()}});
    let cut = client.ask(1, "tools/call", call).await;
    let (id, first) = (id(result(&cut)), numbers(result(&cut)));
    let next = client.ask(2, "tools/call", json!({"name": MORE, "arguments": {"id": id}})).await;
    assert_eq!(numbers(result(&next))[0], first.len() as u64);
    assert_eq!(result(&next)["resultType"], Value::Null);
    let read = client.ask(3, "resources/read", json!({"uri": format!("mcpctl://results/{id}")})).await;
    assert!(result(&read)["contents"][0]["text"].as_str().unwrap().len() > 10_000 && result(&read)["ttlMs"].is_null());
    let templates = client.ask(4, "resources/templates/list", json!({})).await;
    assert_eq!(result(&templates)["resourceTemplates"][0]["uriTemplate"], "mcpctl://results/{id}");
}

#[tokio::test]
async fn to_anybody_else_an_id_is_one_that_never_was() {
    let world = World::start(&budgeted(), &[]).await;
    let id = id(result(&echoed(&world, "ada").await));
    let unknown = "AAAAAAAAAAAAAAAAAAAAAA";
    let bytes = async |project: &str, who: &str, method: &str, params: Value| {
        let response = world.modern_request(project, who, method, params).send().await.unwrap();
        response.text().await.unwrap()
    };
    let call = |id: &str, mode: Value| {
        let mut arguments = mode;
        arguments["id"] = json!(id);
        json!({"name": MORE, "arguments": arguments})
    };
    for mode in [json!({}), json!({"all": true}), json!({"range": "1-2"}), json!({"query": "lunch"})] {
        let never = bytes("weekly", "ada", "tools/call", call(unknown, mode.clone())).await;
        assert!(never.contains("no result is kept under this id"), "{never}");
        assert_eq!(bytes("weekly", "bob", "tools/call", call(&id, mode.clone())).await, never);
        assert_eq!(bytes("other", "ada", "tools/call", call(&id, mode.clone())).await, never);
        assert_eq!(bytes("", "ada", "tools/call", call(&id, mode)).await, never);
    }
    let uri = |id: &str| json!({"uri": format!("mcpctl://results/{id}")});
    let never = bytes("weekly", "ada", "resources/read", uri(unknown)).await.replace(unknown, &id);
    assert!(never.contains("-32602") && never.contains(&id), "{never}");
    assert_eq!(bytes("weekly", "bob", "resources/read", uri(&id)).await, never);
    assert_eq!(bytes("other", "ada", "resources/read", uri(&id)).await, never);
    assert!(!result(&more(&world, "ada", json!({"id": id})).await)["isError"].as_bool().unwrap_or_default());
}

#[tokio::test]
async fn an_id_is_good_for_a_time() {
    let limits = json!({"originals_lifetime_ms": 400});
    let world = World::start_within(&limits, &budgeted(), &[]).await;
    let id = id(result(&echoed(&world, "ada").await));
    eventually("the result to be forgotten", async || {
        let told = more(&world, "ada", json!({"id": id, "range": "1-2"})).await;
        (result(&told)["isError"] == true).then(|| assert!(told.told().as_str().unwrap().contains("no result is kept")))
    })
    .await;
    assert_eq!(read(&world, "ada", &id).await.error().0, -32602);
}

#[tokio::test]
async fn who_may_not_make_the_call_any_more_has_no_rest_of_it() {
    let world = World::start(&budgeted(), &[]).await;
    let id = id(result(&echoed(&world, "ada").await));
    let mut objects = budgeted();
    for object in objects.iter_mut().filter(|object| object["kind"] == "profile") {
        object["spec"]["deny"] = json!(["echo"]);
    }
    world.configure(2, &objects);
    eventually("the tool to be refused", async || (echoed(&world, "ada").await.error().0 != 0).then_some(())).await;
    let told = more(&world, "ada", json!({"id": id, "all": true})).await;
    assert!(told.told().as_str().unwrap().contains("no result is kept"), "{told:?}");
    assert_eq!(read(&world, "ada", &id).await.error().0, -32602);
}

#[tokio::test]
async fn the_tool_is_offered_where_results_are_shortened_and_takes_one_way_at_a_time() {
    let world = World::start(&budgeted(), &[]).await;
    let list = world.modern("weekly", "ada", "tools/list", json!({})).await;
    let tools = result(&list)["tools"].as_array().unwrap();
    let tool = tools.iter().find(|tool| tool["name"] == MORE).unwrap();
    assert_eq!(tool["annotations"]["readOnlyHint"], true);
    assert!(tool["inputSchema"]["properties"]["_context"].is_null(), "it is not filtered itself");
    for (arguments, told) in [
        (json!({}), "missing field `id`"),
        (json!({"id": "x", "all": true, "range": "1-2"}), "pass one of"),
        (json!({"id": "x", "range": "two"}), "is no range"),
        (json!({"id": "x", "first": 2}), "unknown field `first`"),
    ] {
        let answer = more(&world, "ada", arguments).await;
        assert!(result(&answer)["isError"] == true && answer.told().as_str().unwrap().contains(told), "{answer:?}");
    }
    let plain = World::start(&objects(&[server("web", "modern")]), &[]).await;
    let list = plain.modern("weekly", "ada", "tools/list", json!({})).await;
    assert!(result(&list)["tools"].as_array().unwrap().iter().all(|tool| tool["name"] != MORE));
    assert_eq!(more(&plain, "ada", json!({"id": "x"})).await.error().0, -32602, "there is no such tool");
}

#[tokio::test]
async fn all_of_it_is_written_down() {
    let world = World::start(&budgeted(), &[]).await;
    let id = id(result(&echoed(&world, "ada").await));
    more(&world, "ada", json!({"id": id})).await;
    read(&world, "ada", &id).await;
    // No model is there: it is judged by words, or passes within its budget.
    world.call("ada", "web_echo", json!({"rows": rows(), "_context": "firewall"})).await;
    let outcomes: Vec<_> = world.audit().into_iter().filter(|event| event.phase == Phase::Outcome).collect();
    let [.., cut, next, whole, judged] = &outcomes[..] else { panic!("{} outcomes", outcomes.len()) };
    let relevance = cut.relevance.as_ref().unwrap();
    assert_eq!((relevance.total, relevance.tier.as_str(), relevance.fallback), (ROWS, "order", None));
    assert_eq!((next.action, next.target.as_deref(), next.server.as_ref()), (Action::McpCall, Some(MORE), None));
    assert!(next.arguments_digest.is_some() && next.decision == Decision::Allow && next.outcome == Outcome::Ok);
    assert_eq!((whole.action, whole.outcome), (Action::McpRead, Outcome::Ok));
    assert_eq!(judged.relevance.as_ref().unwrap().fallback, Some(Fallback::ModelMissing));
}
