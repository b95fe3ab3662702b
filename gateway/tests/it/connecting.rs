//! The tool by which a user connects a server: who is shown it, what it answers, and when it goes.

use crate::{
    client::{Client, Events},
    company::{Company, able, check_link},
    world::eventually,
};
use control_plane_api::audit::{Decision, Outcome};
use serde_json::json;

const TOOL: &str = "web_connect";

#[tokio::test]
async fn while_nobody_is_connected_a_tool_gives_the_link() {
    let company = Company::unconnected(&[]).await;
    for project in ["weekly", ""] {
        let list = company.world.modern(project, "bob", "tools/list", json!({})).await;
        let tools = list.last()["result"]["tools"].as_array().unwrap();
        assert_eq!((tools.len(), &tools[0]["name"]), (1, &json!(TOOL)), "{project}: {list:?}");
        assert_eq!(tools[0]["annotations"], json!({"readOnlyHint": false, "openWorldHint": true}));
        assert_eq!(tools[0]["inputSchema"]["properties"], json!({}), "nothing is filtered by relevance");
        assert!(tools[0]["description"].as_str().unwrap().starts_with("Connect your account at web: "));
    }
    let told = company.call("bob", TOOL, json!({}), None).await;
    assert_eq!(told.last()["result"]["isError"], true);
    check_link(told.told().as_str().unwrap().rsplit(' ').next().unwrap());
    assert_eq!(company.upstream.seen(), "", "the server was asked for nothing");
}

#[tokio::test]
async fn whoever_opens_the_link_sees_the_tools_instead() {
    let company = Company::unconnected(&[]).await;
    let asked = company.call("bob", TOOL, able(), None).await;
    let questions = asked.last()["result"]["inputRequests"].as_object().unwrap().clone();
    let (key, question) = questions.iter().next().unwrap();
    check_link(question["params"]["url"].as_str().unwrap());
    let declined = company.call("bob", TOOL, able(), Some(json!({key: {"action": "decline"}}))).await;
    assert_eq!(declined.last()["result"]["isError"], true);
    company.connected(&[("bob", "token-of-bob")]);
    let connected = company.call("bob", TOOL, able(), Some(json!({key: {"action": "accept"}}))).await;
    assert!(connected.told().as_str().unwrap().contains("is connected"), "{connected:?}");
    company.offers("bob", "web_echo").await;
    assert_eq!(company.tools("weekly", "bob").await, ["web_echo"]);
    // The tools are the same for everybody; Ada has yet to connect.
    assert_eq!(company.tools("weekly", "ada").await, ["web_echo", TOOL]);
    company.connected(&[]);
    company.offers("bob", TOOL).await;
}

#[tokio::test]
async fn clients_of_both_eras_are_told_that_the_list_has_changed() {
    let company = Company::unconnected(&[]).await;
    let legacy = Client::open(&company.world, "bob", "2025-11-25", json!({})).await;
    assert_eq!(legacy.initialized["capabilities"]["tools"], json!({"listChanged": true}));
    let list = legacy.ask(1, "tools/list", json!({})).await;
    assert_eq!(list.last()["result"]["tools"][0]["name"], TOOL);
    let mut old = Events::of(legacy.get(None).await);
    let wanted = json!({"notifications": {"toolsListChanged": true}});
    let listen = company.world.modern_request("weekly", "bob", "subscriptions/listen", wanted);
    let mut new = Events::of(listen.send().await.unwrap());
    assert_eq!(new.message().await["method"], "notifications/subscriptions/acknowledged");
    company.connected(&[("bob", "token-of-bob")]);
    for events in [&mut new, &mut old] {
        while events.message().await["method"] != "notifications/tools/list_changed" {}
    }
    assert!(!company.tools("weekly", "bob").await.contains(&TOOL.to_owned()));
}

#[tokio::test]
async fn only_who_may_use_the_server_can_connect_it_and_all_of_it_is_audited() {
    let company = Company::unconnected(&["--role", "central"]).await;
    assert_eq!(company.tools("bare", "bob").await, [""; 0]);
    let call = async |project: &str, tool: &str| {
        let params = json!({"name": tool, "arguments": {}});
        let answer = company.world.modern(project, "bob", "tools/call", params).await;
        let (code, message) = answer.error();
        // Every refusal has an audit id of its own.
        (answer.status, code, message.split(" (audit id").next().unwrap().replace(tool, "TOOL"))
    };
    let unknown = call("weekly", "web_nothing").await;
    for project in ["bare", "solo", "nowhere"] {
        assert_eq!(call(project, TOOL).await, unknown, "{project}");
    }
    company.call("bob", TOOL, json!({}), None).await;
    let records = eventually("the records", async || {
        let audit = company.world.audit();
        let mine = audit.into_iter().filter(|event| event.target.as_deref() == Some(TOOL));
        let told: Vec<_> = mine
            .filter(|event| event.outcome != Outcome::Unknown)
            .map(|event| (event.project.unwrap(), event.server.map(|server| server.to_string()), event.decision))
            .collect();
        (told.len() == 4).then_some(told)
    })
    .await;
    let row = |project: &str, server: Option<&str>, decision| (project.to_owned(), server.map(str::to_owned), decision);
    assert_eq!(
        records,
        [
            row("bare", None, Decision::Deny),
            row("solo", Some("web"), Decision::Deny),
            row("nowhere", None, Decision::Deny),
            row("weekly", Some("web"), Decision::Allow),
        ]
    );
}
