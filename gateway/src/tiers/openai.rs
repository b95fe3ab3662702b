//! A language model behind an OpenAI-compatible server: Ollama, vLLM, llama.cpp, DeepSeek, OpenAI.
//!
//! Records go in batches, one prompt each, several at the same time; [`reply`] reads the answers. A batch that fails
//! leaves its records unjudged. The key is in one header and nowhere else: errors name a status, never a body, since
//! servers repeat keys in theirs.

mod reply;

use super::{TierUnusable, size};
use crate::{http_client, keys::Secret, settings::TierSettings};
use filters_relevance::tiers::{
    Reranker, Scale, TierError,
    prompt::{self, INSTRUCTIONS},
};
use futures::{StreamExt as _, stream};
use http::{HeaderValue, StatusCode, header::AUTHORIZATION};
use reqwest::Client;
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::Semaphore};
use url::Url;

/// Time to connect, in milliseconds.
const CONNECT_TIMEOUT_MS: u64 = 2_000;
/// Largest answer read, in bytes: alternatives to every token are long.
const REPLY_BYTES_MAX: usize = 1 << 20;
/// Tokens of an answer: those of a pair for each record, and some for what a model says around them.
const PAIR_TOKENS: usize = 12;
const OTHER_TOKENS: usize = 32;
/// Alternatives to each token that are asked for.
const ALTERNATIVES: u32 = 5;

/// What a request holds besides model and messages. A server that refuses one is asked in the next.
const FORMS: [Form; 3] = [Form::Schema, Form::Options, Form::Plain];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Everything.
    Schema,
    /// No schema of the answer.
    Options,
    /// Nothing: some servers know no log probabilities, some models no temperature or another word for the bound.
    Plain,
}

/// The tier.
pub(super) struct OpenAi {
    http: Client,
    url: Url,
    model: String,
    bearer: Option<HeaderValue>,
    batch_records: usize,
    permits: Semaphore,
    requests_max: usize,
    /// The place in [`FORMS`] of the first that the server does not refuse, as far as is known.
    form: AtomicUsize,
    runtime: Handle,
}

impl OpenAi {
    /// The model `model` of the server at `base`.
    pub(super) fn new(
        base: &Url,
        model: &str,
        key: Option<Secret>,
        settings: &TierSettings,
        runtime: Handle,
    ) -> Result<Self, TierUnusable> {
        let unusable = |reason: &str| TierUnusable(format!("the URL of the relevance tier's server {reason}"));
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(unusable("is not an http or https URL"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(unusable("holds a password: put the key into `MCP_GATEWAY_RELEVANCE_TIER_KEY_FILE`"));
        }
        if key.is_some() && base.scheme() == "http" && !http_client::is_loopback(base) {
            return Err(unusable("is http, over which no key is sent: use https"));
        }
        let mut url = base.clone();
        match url.path_segments_mut() {
            Ok(mut path) => path.pop_if_empty().extend(["chat", "completions"]),
            Err(()) => return Err(unusable("has no path")),
        };
        let bearer = key.as_ref().map(bearer).transpose()?;
        let requests_max = size(settings.requests_max);
        Ok(Self {
            http: http_client::builder(base, Duration::from_millis(CONNECT_TIMEOUT_MS))
                .build()
                .map_err(|error| unusable(&format!("cannot be used: {error}")))?,
            url,
            model: model.to_owned(),
            bearer,
            batch_records: size(settings.batch_records),
            permits: Semaphore::new(requests_max),
            requests_max,
            form: AtomicUsize::new(0),
            runtime,
        })
    }

    /// The probabilities of one batch.
    async fn batch(&self, intent: &str, texts: &[&str]) -> Result<Vec<Option<f64>>, TierError> {
        let _permit = self.permits.acquire().await.map_err(|_| TierError::Late)?;
        let question = prompt::question(intent, texts);
        for (number, form) in FORMS.iter().enumerate().skip(self.form.load(Ordering::Relaxed)) {
            match self.post(&self.body(*form, &question, texts.len())).await {
                Err(Refusal::Request) => {}
                Err(Refusal::Failed(error)) => return Err(error),
                Ok(answer) => {
                    self.form.fetch_max(number, Ordering::Relaxed);
                    return reply::probabilities(&answer, texts.len());
                }
            }
        }
        Err(TierError::Failed("its server does not understand the request (400)".to_owned()))
    }

    fn body(&self, form: Form, question: &str, count: usize) -> Value {
        let messages = json!([{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": question}]);
        let plain = json!({"model": self.model, "messages": messages, "stream": false});
        let options = json!({
            "temperature": 0,
            "max_tokens": count * PAIR_TOKENS + OTHER_TOKENS,
            "logprobs": true,
            "top_logprobs": ALTERNATIVES,
        });
        let schema = json!({"name": "verdicts", "strict": true, "schema": prompt::schema(count)});
        let format = json!({"response_format": {"type": "json_schema", "json_schema": schema}});
        let parts = match form {
            Form::Schema => vec![plain, options, format],
            Form::Options => vec![plain, options],
            Form::Plain => vec![plain],
        };
        parts.iter().filter_map(Value::as_object).flat_map(|part| part.clone()).collect()
    }

    async fn post(&self, body: &Value) -> Result<Vec<u8>, Refusal> {
        let mut request = self.http.post(self.url.clone()).json(body);
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, bearer.clone());
        }
        let mut response = request.send().await.map_err(|error| unreachable(&error))?;
        refused(response.status())?;
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
            answer.extend_from_slice(&chunk);
            if answer.len() > REPLY_BYTES_MAX {
                return Err(TierError::Failed(format!("its answer is longer than {REPLY_BYTES_MAX} bytes")).into());
            }
        }
        Ok(answer)
    }

    /// All batches, until `deadline`; what has been answered by then counts.
    async fn all(&self, intent: &str, texts: &[&str], deadline: Instant) -> Result<Vec<Option<f64>>, TierError> {
        let batch = |(number, texts)| async move { (number, self.batch(intent, texts).await) };
        let mut batches =
            stream::iter(texts.chunks(self.batch_records).enumerate().map(batch)).buffer_unordered(self.requests_max);
        let mut answers = vec![None; texts.len()];
        let mut failure = None;
        loop {
            match tokio::time::timeout_at(deadline.into(), batches.next()).await {
                Ok(Some((number, Ok(judged)))) => {
                    let slots = answers.iter_mut().skip(number * self.batch_records);
                    slots.zip(judged).for_each(|(slot, probability)| *slot = probability);
                }
                Ok(Some((_, Err(error)))) => failure = Some(error),
                Ok(None) => break,
                Err(_) => {
                    failure.get_or_insert(TierError::Late);
                    break;
                }
            }
        }
        match failure {
            Some(error) if answers.iter().all(Option::is_none) => Err(error),
            _ => Ok(answers),
        }
    }
}

impl Reranker for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn scale(&self) -> Scale {
        Scale::Absolute
    }

    fn judge(&self, intent: &str, texts: &[&str], deadline: Instant) -> Result<Vec<Option<f64>>, TierError> {
        self.runtime.block_on(self.all(intent, texts, deadline))
    }
}

/// Why a request brought nothing.
enum Refusal {
    /// The server does not understand it.
    Request,
    /// Anything else.
    Failed(TierError),
}

impl From<TierError> for Refusal {
    fn from(error: TierError) -> Self {
        Self::Failed(error)
    }
}

fn refused(status: StatusCode) -> Result<(), Refusal> {
    let reason = match status.as_u16() {
        200..=299 => return Ok(()),
        400 | 422 => return Err(Refusal::Request),
        401 | 403 => "refused the API key",
        404 => "does not know the model, or the URL is wrong",
        429 => "is asked too often",
        _ => "failed",
    };
    Err(TierError::Failed(format!("its server {reason} ({})", status.as_u16())).into())
}

/// Without the URL: it may tell more than a note should.
fn unreachable(error: &reqwest::Error) -> Refusal {
    let reason = if error.is_connect() { "cannot be reached" } else { "broke off its answer" };
    TierError::Failed(format!("its server {reason}")).into()
}

fn bearer(key: &Secret) -> Result<HeaderValue, TierUnusable> {
    let bearer = zeroize::Zeroizing::new(format!("Bearer {}", key.expose()));
    let mut bearer = HeaderValue::from_str(&bearer)
        .map_err(|_| TierUnusable("the API key has characters no header can carry".to_owned()))?;
    bearer.set_sensitive(true);
    Ok(bearer)
}

#[cfg(test)]
mod tests;
