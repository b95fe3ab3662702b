//! The last tier of relevance filtering, as the operator names it.
//!
//! One set of options for all kinds of tiers; which of them a kind needs is checked when it is opened
//! ([`crate::tiers`]). This is the operator's, not a project's: it decides what a machine computes, and whether texts
//! leave it.

use crate::keys::Secret;
use filters_relevance::rerank;
use std::{fmt, path::PathBuf, time::Duration};
use url::Url;

/// What judges the records that the other tiers are least sure of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TierKind {
    /// Nothing: the other tiers decide.
    None,
    /// A BERT cross-encoder in this process.
    CrossEncoder,
    /// A small language model in this process; in a build with the feature `llm`.
    Llm,
    /// A language model behind an OpenAI-compatible server. Texts of records leave this process.
    #[value(name = "openai")]
    OpenAi,
    /// The Gemini CLI. Texts of records leave this machine.
    GeminiCli,
}

/// The options of a last tier.
#[derive(Debug, Clone, clap::Args)]
pub struct TierSettings {
    /// What judges the records that relevance filtering is least sure of; with `openai` and `gemini-cli` their texts leave
    /// this machine.
    #[arg(id = "relevance-tier", long = "relevance-tier", env = "MCP_GATEWAY_RELEVANCE_TIER", default_value = "none")]
    pub kind: TierKind,
    /// Its model: a directory for `cross-encoder`, a GGUF file for `llm`, a name for `openai` and `gemini-cli`.
    #[arg(id = "tier-model", long = "relevance-tier-model", env = "MCP_GATEWAY_RELEVANCE_TIER_MODEL")]
    pub model: Option<String>,
    /// Base URL of the server of `openai`, such as `http://127.0.0.1:11434/v1`.
    #[arg(id = "tier-url", long = "relevance-tier-url", env = "MCP_GATEWAY_RELEVANCE_TIER_URL")]
    pub url: Option<Url>,
    /// File that holds the API key of `openai` or `gemini-cli`.
    #[arg(id = "tier-key-file", long = "relevance-tier-key-file", env = "MCP_GATEWAY_RELEVANCE_TIER_KEY_FILE")]
    pub key_file: Option<PathBuf>,
    /// The API key itself; by its variable, since others can see a command line.
    #[arg(
        id = "tier-key",
        long = "relevance-tier-key",
        env = "MCP_GATEWAY_RELEVANCE_TIER_KEY",
        hide_env_values = true,
        value_parser = key,
        conflicts_with = "tier-key-file"
    )]
    pub key: Option<Key>,
    /// The program of `gemini-cli`.
    #[arg(
        id = "tier-program",
        long = "relevance-tier-program",
        env = "MCP_GATEWAY_RELEVANCE_TIER_PROGRAM",
        default_value = "gemini"
    )]
    pub program: String,
    /// Time it gets for one result, in milliseconds, besides that of the other tiers
    /// [default: 500 for cross-encoder, 3000 for llm, 5000 for openai, 30000 for gemini-cli].
    #[arg(
        id = "tier-deadline-ms",
        long = "relevance-tier-deadline-ms",
        env = "MCP_GATEWAY_RELEVANCE_TIER_DEADLINE_MS",
        value_parser = clap::value_parser!(u64).range(1..=DEADLINE_MS_MAX)
    )]
    pub deadline_ms: Option<u64>,
    /// Records of a result that it is asked about, at most.
    #[arg(
        id = "tier-records-max",
        long = "relevance-tier-records-max",
        env = "MCP_GATEWAY_RELEVANCE_TIER_RECORDS_MAX",
        default_value_t = rerank::RECORDS_MAX as u64,
        value_parser = clap::value_parser!(u64).range(1..=RECORDS_MAX)
    )]
    pub records_max: u64,
    /// Records in one prompt of `openai`.
    #[arg(
        id = "tier-batch-records",
        long = "relevance-tier-batch-records",
        env = "MCP_GATEWAY_RELEVANCE_TIER_BATCH_RECORDS",
        default_value = "10",
        value_parser = clap::value_parser!(u64).range(1..=RECORDS_MAX)
    )]
    pub batch_records: u64,
    /// Requests to `openai`, or programs of `gemini-cli`, at the same time.
    #[arg(
        id = "tier-requests-max",
        long = "relevance-tier-requests-max",
        env = "MCP_GATEWAY_RELEVANCE_TIER_REQUESTS_MAX",
        default_value = "4",
        value_parser = clap::value_parser!(u64).range(1..=REQUESTS_MAX)
    )]
    pub requests_max: u64,
}

/// Bounds of what an operator may ask for.
const DEADLINE_MS_MAX: u64 = 120_000;
const RECORDS_MAX: u64 = 500;
const REQUESTS_MAX: u64 = 64;

impl TierSettings {
    /// Time the tier gets for one result.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        let usual = match self.kind {
            TierKind::None | TierKind::CrossEncoder => 500,
            TierKind::Llm => 3_000,
            TierKind::OpenAi => 5_000,
            TierKind::GeminiCli => 30_000,
        };
        Duration::from_millis(self.deadline_ms.unwrap_or(usual))
    }

    /// Results that may wait for somebody else's answer, besides those that are computed here.
    #[must_use]
    pub fn waiting_jobs(&self) -> usize {
        match self.kind {
            TierKind::None | TierKind::CrossEncoder | TierKind::Llm => 0,
            TierKind::OpenAi | TierKind::GeminiCli => usize::try_from(self.requests_max).unwrap_or(usize::MAX),
        }
    }
}

/// An API key from the environment: usable, and not to be shown.
#[derive(Clone)]
pub struct Key(pub Secret);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

fn key(text: &str) -> Result<Key, String> {
    let text = text.trim();
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(Key(Secret::new(text.to_owned()))) }
}

#[cfg(test)]
mod tests {
    use crate::settings::Settings;
    use clap::Parser as _;
    use std::time::Duration;

    fn check(args: &[&str]) -> Result<super::TierSettings, String> {
        let args = ["mcp-gateway"].iter().chain(args);
        Settings::try_parse_from(args).map(|settings| settings.tier).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_on_unless_named_and_each_kind_has_its_time() {
        assert_eq!(check(&[]).unwrap().kind, super::TierKind::None);
        for (kind, expected) in [("cross-encoder", 500), ("llm", 3_000), ("openai", 5_000), ("gemini-cli", 30_000)] {
            let settings = check(&["--relevance-tier", kind]).unwrap();
            assert_eq!(settings.deadline(), Duration::from_millis(expected), "{kind}");
        }
        let given = check(&["--relevance-tier", "llm", "--relevance-tier-deadline-ms", "7"]).unwrap();
        assert_eq!(given.deadline(), Duration::from_millis(7));
        for bad in ["--relevance-tier=gpt", "--relevance-tier-deadline-ms=0", "--relevance-tier-records-max=501"] {
            assert!(check(&[bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_never_shown() {
        let settings = check(&["--relevance-tier-key", " sk-secret\n"]).unwrap();
        assert!(!format!("{settings:?}").contains("sk-secret"), "{settings:?}");
        assert_eq!(settings.key.unwrap().0.expose(), "sk-secret");
        let refused = check(&["--relevance-tier-key", "sk-secret", "--relevance-tier-key-file", "x"]).unwrap_err();
        assert!(!refused.contains("sk-secret"), "{refused}");
        assert!(check(&["--relevance-tier-key", " "]).is_err());
    }
}
