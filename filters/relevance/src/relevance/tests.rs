//! Tests of the service. No model: what it does with one is tested where judging is.

use super::*;
use crate::tiers::{Scale, TierError, testing::Fake};
use filters::Target;
use filters::originals::{Origin, Owner};
use filters::testing::{MORE, Shelf};
use protocol::method::Primitive;
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

fn keeper(shelf: &Arc<Shelf>) -> Keeper {
    let owner = Owner { principal: "ada".parse().unwrap(), project: None };
    let target = Target::new("slack".parse().unwrap(), "get");
    let origin = Origin { primitive: Primitive::Tool("slack_get".to_owned()), target, arguments: None };
    Keeper { originals: shelf.clone(), of: Some((owner, origin)), tool: Some(MORE.to_owned()) }
}

fn ask(intent: &str, settings: Settings) -> Ask {
    Ask { intent: Intent::read(intent), settings, keeper: keeper(&Arc::default()) }
}

async fn check(
    options: Options,
    result: &RawValue,
    intent: &str,
    settings: Settings,
) -> Option<(Value, RelevanceOutcome)> {
    match Relevance::start(options).shorten(result, ask(intent, settings)).await {
        Filtered::Untouched | Filtered::Whole(_) => None,
        Filtered::Rewritten { result, outcome } => Some((serde_json::from_str(result.get()).unwrap(), outcome)),
    }
}

#[tokio::test]
async fn a_long_result_is_cut_and_reported() {
    let (result, outcome) = check(options(), &result(100), "firewall changes", Settings::default()).await.unwrap();
    let rest: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    let kept = rest["messages"].as_array().unwrap();
    assert!(kept.iter().all(|message| message["text"] == "the firewall blocks port 22"));
    assert_eq!((outcome.kept, outcome.total, outcome.tier.as_str()), (10, 100, "static+bm25"));
    assert_eq!(result["_meta"][crate::result::META_KEY]["kept"], 10);
    assert!(outcome.bytes_after < outcome.bytes_before);
    let note = result["content"][1]["text"].as_str().unwrap();
    assert!(note.starts_with("[mcpctl] kept 10 of 100 records relevant to \"firewall changes\""), "{note}");
    assert!(note.contains("mcpctl model pull"), "{note}");
    assert_eq!(outcome.fallback, Some(Fallback::ModelMissing));
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
async fn nothing_relevant_is_said_and_the_nearest_are_kept() {
    let (result, outcome) = check(options(), &result(100), "zirconium", Settings::default()).await.unwrap();
    let note = result["content"][1]["text"].as_str().unwrap();
    assert!(note.starts_with("[mcpctl] none of 100 records is clearly relevant to \"zirconium\""), "{note}");
    assert_eq!(
        (outcome.kept, outcome.tier.as_str(), outcome.fallback),
        (5, "static+bm25", Some(Fallback::ModelMissing))
    );
}

/// The bytes of `result` that a model reads.
fn read(result: &Value) -> usize {
    result["content"].as_array().unwrap().iter().map(|block| block["text"].as_str().unwrap().len()).sum()
}

/// Settings with a budget of `tokens`.
fn budget(tokens: u32) -> Settings {
    Settings { budget_tokens: tokens, ..Settings::default() }
}

#[tokio::test]
async fn the_budget_bounds_what_is_relevant() {
    let (result, outcome) = check(options(), &result(3_000), "firewall", budget(1_000)).await.unwrap();
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(!text.contains("lunch"), "{text}");
    assert!(read(&result) <= 4_000 && (20..300).contains(&outcome.kept), "{outcome:?}");
}

#[tokio::test]
async fn a_text_without_records_is_cut_behind_a_line() {
    let line = |i: usize| format!("fn number_{i}() {{\n    {i}\n}}\n");
    let text: String = (0..500).map(line).collect();
    let source = json!({"content": [{"type": "text", "text": text}]});
    let (cut, outcome) =
        check(options(), &serde_json::value::to_raw_value(&source).unwrap(), "", budget(1_000)).await.unwrap();
    let left = cut["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with(left) && left.ends_with('\n') && left.len() > 1_000, "{left}");
    assert_eq!((outcome.total, outcome.tier.as_str()), (1_500, "order"));
    assert!(cut["content"][1]["text"].as_str().unwrap().contains("of 1500 lines"));
}

#[tokio::test]
async fn what_cannot_be_cut_passes_whole_and_is_counted() {
    let text = "word ".repeat(5_000);
    let shortened = async |source: Value, tokens: u32| {
        let source = serde_json::value::to_raw_value(&source).unwrap();
        Relevance::start(options()).shorten(&source, ask("", budget(tokens))).await
    };
    let structured = json!({"content": [{"type": "text", "text": text}], "structuredContent": {"n": 1}});
    let filtered = shortened(structured.clone(), 1_000).await;
    assert!(matches!(filtered, Filtered::Whole(outcome) if outcome.fallback == Some(Fallback::Uncuttable)));
    assert!(matches!(shortened(structured, 0).await, Filtered::Untouched));
    for whole in [
        json!({"content": [{"type": "text", "text": text}], "isError": true}),
        json!({"content": [{"type": "text", "text": text}], "resultType": "input_required"}),
        json!({"content": [{"type": "image", "data": "A".repeat(50_000), "mimeType": "image/png"}]}),
    ] {
        assert!(matches!(shortened(whole, 1_000).await, Filtered::Untouched));
    }
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
    let filtered = relevance.shorten(&result(100), ask("firewall", Settings::default())).await;
    let Filtered::Rewritten { result: whole, outcome } = filtered else { panic!("a note is missing") };
    assert!(whole.get().contains("too many results are being judged"), "{}", whole.get());
    assert_eq!(outcome.fallback, Some(Fallback::QueueFull));
    let filtered = relevance.shorten(&result(1_000), ask("firewall", budget(1_000))).await;
    let Filtered::Rewritten { result: cut, .. } = filtered else { panic!("it is over its budget") };
    assert!(
        read(&serde_json::from_str(cut.get()).unwrap()) <= 4_000
            && cut.get().contains("too many results are being judged"),
        "{}",
        cut.get()
    );
    release.send(()).unwrap();
}

#[tokio::test]
async fn a_last_tier_decides_the_doubtful_records_and_is_named() {
    let asked = |text: &str| Ok(Some(if text.contains("lunch") { 0.9 } else { 0.5 }));
    let (result, outcome) = last_tier(asked).await;
    let rest: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    let lunches = rest["messages"].as_array().unwrap().iter().filter(|message| message["text"] == "lunch is served");
    assert!(lunches.count() > 0, "the tier says that they are relevant: {rest}");
    assert_eq!(outcome.tier, "static+bm25+fake");
    assert_eq!(result["_meta"][crate::result::META_KEY]["tier"], "static+bm25+fake");
}

#[tokio::test]
async fn a_last_tier_that_fails_changes_nothing_and_the_note_says_so() {
    let (result, outcome) = last_tier(|_| Err(TierError::Failed("its server failed (500)".to_owned()))).await;
    assert_eq!((outcome.kept, outcome.tier.as_str()), (10, "static+bm25"));
    let note = result["content"][1]["text"].as_str().unwrap();
    assert!(note.contains(" Of 100 doubtful records 0 were judged by fake: its server failed (500)."), "{note}");
}

async fn last_tier(
    answer: impl Fn(&str) -> Result<Option<f64>, TierError> + Send + Sync + 'static,
) -> (Value, RelevanceOutcome) {
    let tier = Arc::new(Fake::new(Scale::Absolute, answer));
    let options = Options { reranking: Some(Reranking::new(tier, Duration::from_secs(60))), ..options() };
    check(options, &result(100), "firewall changes", Settings::default()).await.unwrap()
}
