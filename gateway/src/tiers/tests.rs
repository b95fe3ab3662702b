//! Tests of opening a tier: what each kind needs, and what is said where it is missing.

use super::*;
use crate::settings::Settings;
use clap::Parser as _;

fn check(args: &[&str]) -> Result<Option<Reranking>, String> {
    let args = ["mcp-gateway"].iter().chain(args);
    let settings = Settings::try_parse_from(args).unwrap().tier;
    let folder = tempfile::tempdir().unwrap();
    open(&settings, &folder.path().join("tier"), &Handle::current()).map_err(|error| error.to_string())
}

fn refused(args: &[&str], expected: &str) {
    let error = check(args).unwrap_err();
    assert!(error.starts_with("the relevance tier cannot be used: ") && error.contains(expected), "{error}");
}

const OPENAI: [&str; 3] =
    ["--relevance-tier=openai", "--relevance-tier-url=http://127.0.0.1:1/v1", "--relevance-tier-model=m"];

#[tokio::test]
async fn nothing_is_opened_unless_named() {
    assert!(check(&[]).unwrap().is_none());
    assert!(check(&["--relevance-tier-url=http://127.0.0.1:1/v1"]).unwrap().is_none());
}

#[tokio::test]
async fn what_a_kind_needs_is_asked_for() {
    refused(&["--relevance-tier=cross-encoder"], "set `MCP_GATEWAY_RELEVANCE_TIER_MODEL` to the directory");
    let nowhere = ["--relevance-tier=cross-encoder", "--relevance-tier-model=no/such"];
    refused(&nowhere, "`no/such/model.safetensors` cannot be used: it is missing");
    refused(&["--relevance-tier=openai"], "set `MCP_GATEWAY_RELEVANCE_TIER_URL`");
    refused(&OPENAI[..2], "set `MCP_GATEWAY_RELEVANCE_TIER_MODEL`");
    #[cfg(not(feature = "llm"))]
    refused(&["--relevance-tier=llm", "--relevance-tier-model=x.gguf"], "build it with `--features llm`");
    #[cfg(feature = "llm")]
    refused(&["--relevance-tier=llm", "--relevance-tier-model=x.gguf"], "the language model `x.gguf`");
}

#[tokio::test]
async fn a_tier_is_asked_as_much_as_was_set() {
    let args = [&OPENAI[..], &["--relevance-tier-records-max=7", "--relevance-tier-deadline-ms=900"]].concat();
    let reranking = check(&args).unwrap().unwrap();
    assert_eq!((reranking.tier.name(), reranking.records_max), ("openai", 7));
    assert_eq!(reranking.deadline.as_millis(), 900);
}

#[tokio::test]
async fn the_key_comes_from_its_file_or_its_variable() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("key");
    let given = format!("--relevance-tier-key-file={}", path.display());
    let parsed = |args: &[&str]| Settings::try_parse_from(["mcp-gateway"].iter().chain(args)).unwrap().tier;
    let read = |args: &[&str]| key(&parsed(args)).map(|key| key.map(|key| key.expose().to_owned()));
    assert_eq!(read(&[]).unwrap(), None);
    assert_eq!(read(&["--relevance-tier-key=abc"]).unwrap().as_deref(), Some("abc"));
    assert!(read(&[&given]).unwrap_err().to_string().contains("cannot be read"));
    std::fs::write(&path, "\n").unwrap();
    assert!(read(&[&given]).unwrap_err().to_string().contains("is empty"));
    std::fs::write(&path, "sk-1\n").unwrap();
    assert_eq!(read(&[&given]).unwrap().as_deref(), Some("sk-1"));
}
