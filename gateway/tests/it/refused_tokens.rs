//! Tokens in force that their server does not take: replaced once for each call, or given up.

use crate::{
    company::{Company, check_link},
    world::{Answer, eventually},
};
use control_plane_api::token;
use futures::future::join_all;
use serde_json::json;

const CALLS: usize = 5;

/// Bob is connected, and his first token is revoked.
async fn revoked() -> Company {
    let company = Company::unconnected(&[]).await;
    company.connected(&[("bob", "first")]);
    company.offers("bob", "web_echo").await;
    company.upstream.refuse("first");
    company
}

async fn call(company: &Company) -> Answer {
    company.call("bob", "web_echo", json!({}), None).await
}

fn told(tokens: &[(&str, bool)]) -> Vec<(String, String, bool)> {
    tokens.iter().map(|(text, again)| ("c-bob".to_owned(), token::digest(text), *again)).collect()
}

fn check_leads_to_consent(answer: &Answer) {
    assert_eq!(answer.last()["result"]["isError"], true, "{answer:?}");
    check_link(answer.told().as_str().unwrap().rsplit(' ').next().unwrap());
}

#[tokio::test]
async fn calls_go_on_with_the_token_that_takes_its_place() {
    let company = revoked().await;
    let calls = join_all((0..CALLS).map(|_| call(&company)));
    let renewal = async {
        // All of them wait for what the first of them asked for.
        eventually("the refusals", async || (company.upstream.refusals() == CALLS).then_some(())).await;
        company.connected(&[("bob", "second")]);
    };
    let (answers, ()) = tokio::join!(calls, renewal);
    for answer in answers {
        assert_eq!(answer.told(), "done", "{answer:?}");
    }
    let mut asked = company.control_plane.refusals();
    asked.dedup();
    assert_eq!(asked, told(&[("first", false)]));
    assert_eq!(company.upstream.refusals(), CALLS, "each was repeated once");
}

#[tokio::test]
async fn a_call_is_repeated_once_and_then_leads_to_consent() {
    let company = revoked().await;
    company.upstream.refuse("second");
    let renewal = async {
        eventually("the refusal", async || (company.upstream.refusals() == 1).then_some(())).await;
        company.connected(&[("bob", "second")]);
    };
    let (answer, ()) = tokio::join!(call(&company), renewal);
    check_leads_to_consent(&answer);
    assert_eq!(company.control_plane.refusals(), told(&[("first", false), ("second", true)]));
    assert_eq!(company.upstream.refusals(), 2);
    // The control plane takes it out of force: the next call does not get as far as the server.
    company.connected(&[]);
    company.offers("bob", "web_connect").await;
    check_leads_to_consent(&call(&company).await);
    assert_eq!(company.upstream.refusals(), 2);
}

#[tokio::test]
async fn where_nothing_can_be_renewed_the_user_is_led_to_consent_at_once() {
    let company = revoked().await;
    company.control_plane.replaces("needs_consent");
    check_leads_to_consent(&call(&company).await);
    assert_eq!((company.control_plane.refusals().len(), company.upstream.refusals()), (1, 1));
}

#[tokio::test]
async fn an_outage_is_told_and_nobody_is_sent_to_consent_for_it() {
    let company = revoked().await;
    company.control_plane.replaces("unavailable");
    let (code, message) = call(&company).await.error();
    assert_eq!(code, -32_603);
    assert!(message.contains("another one cannot be obtained now"), "{message}");
    assert_eq!(company.upstream.refusals(), 1);
}
