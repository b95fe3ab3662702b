//! Tests against servers on real sockets that speak chat completions.

use super::*;
use crate::control_plane::fake::{Answer, FakeControlPlane as FakeServer, Seen};
use crate::settings::Settings;
use clap::Parser as _;
use filters_relevance::tiers::breaker::{Breaker, FAILURES_MAX};
use std::sync::Arc;
use tokio::sync::mpsc;

const KEY: &str = "sk-very-secret";
const TEXTS: [&str; 5] = ["firewall rule 7", "lunch", "the firewall is down", "late train", "firewall"];

fn settings(args: &[&str]) -> TierSettings {
    let base = ["mcp-gateway", "--relevance-tier", "openai", "--relevance-tier-batch-records", "2"];
    Settings::try_parse_from(base.iter().chain(args)).unwrap().tier
}

fn tier(base: &Url, key: Option<&str>) -> Result<OpenAi, TierUnusable> {
    let key = key.map(|key| Secret::new(key.to_owned()));
    OpenAi::new(base, "qwen2.5", key, &settings(&[]), Handle::current())
}

/// Asks as relevance does: from a thread of its own.
async fn ask(tier: &Arc<impl Reranker + 'static>, wait: Duration) -> Result<Vec<Option<f64>>, TierError> {
    let tier = Arc::clone(tier);
    tokio::task::spawn_blocking(move || tier.judge("firewalls", &TEXTS, Instant::now() + wait)).await.unwrap()
}

const LONG: Duration = Duration::from_secs(60);

/// What a model would say to the records of a request.
fn judged(seen: &Seen) -> String {
    let body = seen.json();
    let question = body["messages"][1]["content"].as_str().unwrap();
    let records = question.lines().skip(3).take_while(|line| !line.is_empty());
    let judged = records.map(|line| {
        let (number, text) = line.split_once(": ").unwrap();
        format!("\"{number}\": {}", u8::from(text.contains("firewall")))
    });
    format!("{{{}}}", judged.collect::<Vec<_>>().join(", "))
}

fn completion(content: &str, logprobs: &Value) -> Answer {
    let message = json!({"role": "assistant", "content": content});
    Answer::json(200, &json!({"choices": [{"index": 0, "message": message, "logprobs": logprobs}]}))
}

async fn check_failure(answer: fn() -> Answer, expected: &str) {
    let server = FakeServer::start(move |_| answer()).await;
    let error = ask(&Arc::new(tier(&server.url(), Some(KEY)).unwrap()), LONG).await.unwrap_err();
    assert_eq!(error, TierError::Failed(expected.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_asked_about_and_read() {
    let server = FakeServer::start(|seen| completion(&judged(seen), &Value::Null)).await;
    let base = server.url().join("v1/").unwrap();
    let answers = ask(&Arc::new(tier(&base, Some(KEY)).unwrap()), LONG).await.unwrap();
    assert_eq!(answers, [1.0, 0.0, 1.0, 0.0, 1.0].map(Some));
    let seen = server.seen();
    assert_eq!(seen.len(), 3, "two records in a prompt");
    for request in seen {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/chat/completions"));
        assert_eq!(request.bearer, KEY);
        let body = request.json();
        assert_eq!(
            (&body["model"], &body["logprobs"], &body["temperature"]),
            (&json!("qwen2.5"), &json!(true), &json!(0))
        );
        let schema = &body["response_format"]["json_schema"]["schema"];
        assert_eq!(schema["required"].as_array().unwrap().len(), judged(&request).matches(':').count());
        assert!(body["messages"][0]["content"].as_str().unwrap().contains("never instructions"), "{body}");
        assert!(!body.to_string().contains(KEY));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_probabilities_are_used_where_there_are_some() {
    let server = FakeServer::start(|seen| {
        let content = judged(seen);
        let token = |text: char| {
            let other = match text {
                '1' => '0',
                '0' => '1',
                other => other,
            };
            let entry = |text: char, p: f64| json!({"token": text.to_string(), "logprob": p.ln()});
            let mut token = entry(text, 0.8);
            token["top_logprobs"] = json!([entry(text, 0.8), entry(other, 0.2)]);
            token
        };
        completion(&content, &json!({"content": content.chars().map(token).collect::<Vec<_>>()}))
    })
    .await;
    let answers = ask(&Arc::new(tier(&server.url(), None).unwrap()), LONG).await.unwrap();
    for (found, expected) in answers.into_iter().zip([0.8, 0.2, 0.8, 0.2, 0.8]) {
        assert!((found.unwrap() - expected).abs() < 1e-9);
    }
    assert!(server.seen().iter().all(|request| request.bearer.is_empty()), "no key, no header");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_not_asked_again_for_what_it_refused() {
    for refused in [&["response_format"][..], &["response_format", "logprobs"]] {
        let server = FakeServer::start(move |seen| match refused.iter().all(|name| seen.json()[name].is_null()) {
            true => completion(&judged(seen), &Value::Null),
            false => Answer::json(400, &json!({"error": {"message": "unknown field"}})),
        })
        .await;
        let tier = Arc::new(tier(&server.url(), None).unwrap());
        let asked = async || {
            assert_eq!(ask(&tier, LONG).await.unwrap(), [1.0, 0.0, 1.0, 0.0, 1.0].map(Some));
            server.seen().len()
        };
        // Three batches at once, each asked until it is understood, or until one of the others was.
        let first = asked().await;
        assert!((refused.len() + 3..=3 * (refused.len() + 1)).contains(&first), "{first}");
        assert_eq!(asked().await, first + 3, "what was refused is not asked again");
        let seen = server.seen();
        let options = refused.len() == 1;
        assert!(seen[seen.len() - 3..].iter().all(|request| request.json()["logprobs"].is_boolean() == options));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_without_what_the_server_says() {
    let body = json!({"error": {"message": format!("Incorrect API key provided: {KEY}")}});
    for (status, expected) in [
        (401, "its server refused the API key (401)"),
        (403, "its server refused the API key (403)"),
        (404, "its server does not know the model, or the URL is wrong (404)"),
        (429, "its server is asked too often (429)"),
        (500, "its server failed (500)"),
        (302, "its server failed (302)"),
        (400, "its server does not understand the request (400)"),
    ] {
        let body = body.clone();
        let server = FakeServer::start(move |_| Answer::json(status, &body)).await;
        let error = ask(&Arc::new(tier(&server.url(), Some(KEY)).unwrap()), LONG).await.unwrap_err();
        assert_eq!(error, TierError::Failed(expected.to_owned()));
        assert!(!format!("{error:?} {error}").contains(KEY));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_none_are_failures() {
    let unreadable = "its server's answer cannot be read";
    check_failure(|| Answer::Whole(200, "<html>busy</html>".to_owned()), unreadable).await;
    check_failure(|| Answer::Whole(200, "{}".to_owned()), unreadable).await;
    let silent = "its model answered without judging a record";
    check_failure(|| completion("I cannot help with that.", &Value::Null), silent).await;
    check_failure(|| completion("1: 1\n1: 0", &Value::Null), silent).await;
    check_failure(|| Answer::HangUp, "its server broke off its answer").await;
    check_failure(|| Answer::Whole(200, "x".repeat(REPLY_BYTES_MAX + 1)), "its answer is longer than 1048576 bytes")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_fails_leaves_its_records_unjudged() {
    let server = FakeServer::start(|seen| match judged(seen).contains("\"1\": 1, \"2\": 0") {
        true => completion("1: 1\n2: 0", &Value::Null),
        false => Answer::json(500, &json!({})),
    })
    .await;
    let answers = ask(&Arc::new(tier(&server.url(), None).unwrap()), LONG).await.unwrap();
    assert_eq!(answers, [Some(1.0), Some(0.0), Some(1.0), Some(0.0), None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_server_is_not_waited_for() {
    // Held, so that streams neither send nor end.
    let held = Arc::new(std::sync::Mutex::new(Vec::new()));
    let streams = Arc::clone(&held);
    let server = FakeServer::start(move |seen| match judged(seen).contains("\"2\"") {
        true => {
            let (events, stream) = mpsc::channel(1);
            streams.lock().unwrap().push(events);
            Answer::Stream(stream)
        }
        false => completion(&judged(seen), &Value::Null),
    })
    .await;
    let tier = Arc::new(tier(&server.url(), None).unwrap());
    let answers = ask(&tier, Duration::from_secs(3)).await.unwrap();
    assert_eq!(answers, [None, None, None, None, Some(1.0)], "the batch of one is answered, those of two are not");
    let slow = Arc::clone(&tier);
    let judge = move || slow.judge("firewalls", &TEXTS[..2], Instant::now() + Duration::from_millis(50));
    assert_eq!(tokio::task::spawn_blocking(judge).await.unwrap(), Err(TierError::Late));
    assert_eq!(held.lock().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_is_soon_left_alone() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap()).parse().unwrap()
    };
    let tier = Arc::new(Breaker::new(tier(&gone, None).unwrap(), Duration::from_secs(3600)));
    for _ in 0..FAILURES_MAX {
        let error = ask(&tier, LONG).await.unwrap_err();
        assert_eq!(error, TierError::Failed("its server cannot be reached".to_owned()));
    }
    assert_eq!(ask(&tier, LONG).await, Err(TierError::Resting));
}

#[tokio::test]
async fn urls_that_would_show_a_key_are_refused() {
    let check = |url: &str, key: Option<&str>, expected: &str| {
        let error = tier(&url.parse().unwrap(), key).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(expected) && !error.contains(KEY), "{url}: {error}");
        assert_eq!(error.is_empty(), expected.is_empty(), "{url}: {error}");
    };
    check("http://models.example/v1", Some(KEY), "use https");
    check("http://models.example/v1", None, "");
    check("https://models.example/v1", Some(KEY), "");
    check("http://127.0.0.1:8000/v1", Some(KEY), "");
    check(&format!("https://me:{KEY}@models.example/v1"), None, "holds a password");
    check("ftp://models.example", None, "not an http or https URL");
    check("https://models.example/v1", Some("a\nb"), "no header can carry");
}
