//! The last tier of relevance filtering, opened as the operator's settings say.
//!
//! What computes in this process is `filters_relevance`'s; what asks somebody else is here: a server ([`openai`]) or a
//! program ([`gemini`]). Both block a thread of relevance, never one of the network, and both have a circuit breaker.
//! Which records are doubtful, and what an answer does, is not known here.

mod gemini;
mod openai;

use crate::{
    keys::Secret,
    settings::{TierKind, TierSettings},
};
use filters_relevance::{
    rerank::Reranking,
    tiers::{
        Reranker, TierError,
        breaker::{Breaker, REST},
        cross_encoder::CrossEncoder,
    },
};
use std::{path::Path, sync::Arc};
use tokio::runtime::Handle;

/// Why the tier that was asked for cannot be had; the gateway does not start without it.
#[derive(Debug, thiserror::Error)]
#[error("the relevance tier cannot be used: {0}")]
pub struct TierUnusable(String);

impl From<TierError> for TierUnusable {
    fn from(error: TierError) -> Self {
        Self(error.to_string())
    }
}

/// Opens the tier that `settings` name; none if none is named. `folder` is the tier's own, made if needed; what waits for
/// others does so on `runtime`.
///
/// # Errors
/// [`TierUnusable`] says what is missing or wrong, and where to set it.
pub fn open(settings: &TierSettings, folder: &Path, runtime: &Handle) -> Result<Option<Reranking>, TierUnusable> {
    let tier: Arc<dyn Reranker> = match settings.kind {
        TierKind::None => return Ok(None),
        TierKind::CrossEncoder => {
            let directory = model(settings, "the directory of a cross-encoder")?;
            Arc::new(CrossEncoder::load(Path::new(directory), threads())?)
        }
        TierKind::Llm => llm(settings)?,
        TierKind::OpenAi => {
            let url = settings.url.as_ref().ok_or_else(|| missing("URL", "the server's base URL"))?;
            let name = model(settings, "the model's name at the server")?;
            Arc::new(Breaker::new(openai::OpenAi::new(url, name, key(settings)?, settings, runtime.clone())?, REST))
        }
        TierKind::GeminiCli => {
            let gemini = gemini::Gemini::new(settings, key(settings)?, folder, runtime.clone())?;
            Arc::new(Breaker::new(gemini, REST))
        }
    };
    match settings.kind {
        TierKind::OpenAi | TierKind::GeminiCli => {
            tracing::warn!(tier = tier.name(), "texts of doubtful records are sent to the relevance tier");
        }
        _ => tracing::info!(tier = tier.name(), "relevance tier loaded"),
    }
    let records_max = size(settings.records_max);
    Ok(Some(Reranking { records_max, ..Reranking::new(tier, settings.deadline()) }))
}

#[cfg(feature = "llm")]
fn llm(settings: &TierSettings) -> Result<Arc<dyn Reranker>, TierUnusable> {
    let file = model(settings, "a GGUF file")?;
    Ok(Arc::new(filters_relevance::tiers::llm::Llm::load(Path::new(file))?))
}

#[cfg(not(feature = "llm"))]
fn llm(_: &TierSettings) -> Result<Arc<dyn Reranker>, TierUnusable> {
    Err(TierUnusable("this build has no language model: build it with `--features llm`, or use `openai`".to_owned()))
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn size(setting: u64) -> usize {
    usize::try_from(setting).unwrap_or(usize::MAX)
}

fn missing(option: &str, what: &str) -> TierUnusable {
    TierUnusable(format!("set `MCP_GATEWAY_RELEVANCE_TIER_{option}` to {what}"))
}

fn model<'a>(settings: &'a TierSettings, what: &str) -> Result<&'a str, TierUnusable> {
    settings.model.as_deref().filter(|model| !model.is_empty()).ok_or_else(|| missing("MODEL", what))
}

/// The key that is given, or the one in the file that is named.
fn key(settings: &TierSettings) -> Result<Option<Secret>, TierUnusable> {
    let Some(file) = &settings.key_file else {
        return Ok(settings.key.as_ref().map(|key| key.0.clone()));
    };
    let unusable = |reason: &str| TierUnusable(format!("the key file `{}` {reason}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| unusable(&format!("cannot be read: {error}")))?;
    let text = zeroize::Zeroizing::new(text);
    match text.trim() {
        "" => Err(unusable("is empty")),
        key => Ok(Some(Secret::new(key.to_owned()))),
    }
}

#[cfg(test)]
mod tests;
