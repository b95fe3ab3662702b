//! Tests of the service. No model: what it does with one is tested where judging is.

use super::*;
use crate::tiers::{Scale, TierError, testing::Fake};
use serde_json::{Value, json};

fn options() -> Options {
    Options { result_bytes_min: 100, ..Options::new(PathBuf::from("no/such/directory")) }
}

/// A result of `count` messages, every tenth about a firewall.
fn result(count: usize) -> Box<RawValue> {
    let text = |i: usize| if i.is_multiple_of(10) { "the firewall blocks port 22" } else { "lunch is served" };
    let rows: Vec<Value> = (0..count).map(|i| json!({"text": text(i), "n": i})).collect();
    let text = json!({"messages": rows}).to_string();
    serde_json::value::to_raw_value(&json!({"content": [{"type": "text", "text": text}]})).unwrap()
}

async fn check(
    options: Options,
    result: &RawValue,
    intent: &str,
    settings: Settings,
) -> Option<(Value, RelevanceOutcome)> {
    match Relevance::start(options).filter_result(result, intent, settings).await {
        Filtered::Untouched => None,
        Filtered::Rewritten { result, outcome } => Some((serde_json::from_str(result.get()).unwrap(), outcome)),
    }
}

#[tokio::test]
async fn a_long_result_is_cut_and_reported() {
    let (result, outcome) = check(options(), &result(100), "firewall changes", Settings::default()).await.unwrap();
    let rest: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    let kept = rest["messages"].as_array().unwrap();
    assert!(kept.iter().all(|message| message["text"] == "the firewall blocks port 22"));
    assert_eq!((outcome.kept, outcome.total, outcome.tier.as_str()), (10, 100, "bm25"));
    assert_eq!(result["_meta"][crate::result::META_KEY]["kept"], 10);
    assert!(outcome.bytes_after < outcome.bytes_before);
    let note = result["content"][1]["text"].as_str().unwrap();
    assert!(note.starts_with("[mcpctl] kept 10 of 100 records relevant to \"firewall changes\""), "{note}");
    assert!(note.contains("mcpctl model pull"), "{note}");
}

#[tokio::test]
async fn short_results_and_no_intent_pass_untouched() {
    let settings = Settings::default();
    assert!(check(options(), &result(29), "firewall", settings).await.is_none());
    assert!(check(options(), &result(100), "*", settings).await.is_none());
    assert!(check(options(), &result(100), "", settings).await.is_none());
    assert!(check(options(), &result(100), "firewall", Settings { enabled: false, ..settings }).await.is_none());
    let large = Options { result_bytes_min: 1_000_000, ..options() };
    assert!(check(large, &result(100), "firewall", settings).await.is_none());
}

#[tokio::test]
async fn what_cannot_be_judged_passes_whole_and_says_so() {
    let original: Value = serde_json::from_str(result(100).get()).unwrap();
    let (result, outcome) = check(options(), &result(100), "zirconium", Settings::default()).await.unwrap();
    assert_eq!(result["content"][0], original["content"][0]);
    let note = result["content"][1]["text"].as_str().unwrap();
    assert!(note.starts_with("[mcpctl] not filtered by \"zirconium\""), "{note}");
    assert_eq!(outcome.tier, TIER_NONE);
}

#[tokio::test]
async fn a_full_queue_passes_whole_and_says_so() {
    let none = Options { queue_max: 1, jobs_max: 1, ..options() };
    let relevance = Relevance::start(none);
    let (started, has_started) = std::sync::mpsc::sync_channel(1);
    let (release, is_released) = std::sync::mpsc::sync_channel::<()>(1);
    let is_released = Arc::new(Mutex::new(is_released));
    let block = || {
        let (started, is_released) = (started.clone(), Arc::clone(&is_released));
        Box::new(move || {
            started.send(()).unwrap();
            is_released.lock().unwrap().recv().unwrap();
        })
    };
    // The queue may still hold the warm-up.
    while relevance.pool.submit(block()).is_err() {
        std::thread::yield_now();
    }
    has_started.recv().unwrap();
    relevance.pool.submit(Box::new(|| ())).unwrap();
    let filtered = relevance.filter_result(&result(100), "firewall", Settings::default()).await;
    let Filtered::Rewritten { result, .. } = filtered else { panic!("a note is missing") };
    assert!(result.get().contains("too many results are being judged"), "{}", result.get());
    release.send(()).unwrap();
}

#[tokio::test]
async fn a_last_tier_decides_the_doubtful_records_and_is_named() {
    let asked = |text: &str| Ok(Some(if text.contains("lunch") { 0.9 } else { 0.5 }));
    let (result, outcome) = last_tier(asked).await;
    let rest: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    let lunches = rest["messages"].as_array().unwrap().iter().filter(|message| message["text"] == "lunch is served");
    assert!(lunches.count() > 0, "the tier says that they are relevant: {rest}");
    assert_eq!(outcome.tier, "bm25+fake");
    assert_eq!(result["_meta"][crate::result::META_KEY]["tier"], "bm25+fake");
}

#[tokio::test]
async fn a_last_tier_that_fails_changes_nothing_and_the_note_says_so() {
    let (result, outcome) = last_tier(|_| Err(TierError::Failed("its server failed (500)".to_owned()))).await;
    assert_eq!((outcome.kept, outcome.tier.as_str()), (10, "bm25"));
    let note = result["content"][1]["text"].as_str().unwrap();
    assert!(note.ends_with(" Of 100 doubtful records 0 were judged by fake: its server failed (500)."), "{note}");
}

async fn last_tier(
    answer: impl Fn(&str) -> Result<Option<f64>, TierError> + Send + Sync + 'static,
) -> (Value, RelevanceOutcome) {
    let tier = Arc::new(Fake::new(Scale::Absolute, answer));
    let options = Options { reranking: Some(Reranking::new(tier, Duration::from_secs(60))), ..options() };
    check(options, &result(100), "firewall changes", Settings::default()).await.unwrap()
}
