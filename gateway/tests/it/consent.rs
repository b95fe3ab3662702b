//! Consent at a server, from the refused call to the served one: a link, a person, a token, the same call again.

use crate::{
    client::Client,
    company::{Company, able, check_link},
    world::eventually,
};
use serde_json::json;

#[tokio::test]
async fn a_modern_client_is_asked_to_show_the_link_and_its_call_goes_on_with_the_token() {
    let company = Company::start().await;
    let asked = company.call("bob", "web_echo", able(), None).await;
    let result = &asked.last()["result"];
    assert_eq!(result["resultType"], "input_required", "{asked:?}");
    let (key, question) = result["inputRequests"].as_object().unwrap().iter().next().unwrap();
    assert_eq!((&question["method"], &question["params"]["mode"]), (&json!("elicitation/create"), &json!("url")));
    check_link(question["params"]["url"].as_str().unwrap());
    // Whoever does not want to is told once more, and not asked again.
    let declined = company.call("bob", "web_echo", able(), Some(json!({key: {"action": "decline"}}))).await;
    assert_eq!(declined.last()["result"]["isError"], true);
    assert!(!company.served("token-of-bob"));

    let again = company.call("bob", "web_echo", able(), Some(json!({key: {"action": "accept"}})));
    let consents = async {
        // The person needs a moment; the call waits for it.
        eventually("the call to wait", async || {
            let waiting = company.world.audit().iter().filter(|e| e.target.as_deref() == Some("web_echo")).count() % 2;
            (waiting == 1).then_some(())
        })
        .await;
        company.connected(&[("ada", "token-of-ada"), ("bob", "token-of-bob")]);
    };
    let (served, ()) = tokio::join!(again, consents);
    assert_eq!(served.told(), "done", "{served:?}");
    assert!(company.served("token-of-bob"));
    assert!(!company.upstream.seen().contains("mcpctl/connect"), "the question was the gateway's own");
}

#[tokio::test]
async fn a_legacy_client_is_asked_in_its_own_way() {
    let company = Company::start().await;
    let bob = Client::open(&company.world, "bob", "2025-11-25", able()).await;
    let mut stream = bob.stream(1, "web_echo", json!({})).await;
    let question = stream.message().await;
    assert_eq!((&question["method"], &question["params"]["mode"]), (&json!("elicitation/create"), &json!("url")));
    check_link(question["params"]["url"].as_str().unwrap());
    company.connected(&[("ada", "token-of-ada"), ("bob", "token-of-bob")]);
    assert_eq!(bob.answer(&question, json!({"action": "accept"})).await, 202);
    assert_eq!(stream.told().await, "done");
    assert!(company.served("token-of-bob"));
}

#[tokio::test]
async fn a_client_that_cannot_show_links_gets_it_as_text() {
    let company = Company::start().await;
    for capabilities in [json!({}), json!({"elicitation": {"form": {}}})] {
        let told = company.call("bob", "web_echo", capabilities, None).await;
        assert_eq!((told.status, &told.last()["result"]["isError"]), (200, &json!(true)));
        let text = told.told();
        check_link(text.as_str().unwrap().rsplit(' ').next().unwrap());
    }
    assert!(!company.served("token-of-bob"));
}
