//! Where a reader of an event stream is, and how it goes on after the stream broke off (2025-03-26 transports, resumability;
//! 2025-11-25: `retry`).

use super::{
    gateway::{Gateway, Headers},
    trouble::Trouble,
};
use crate::pause::back_off;
use http::{HeaderName, HeaderValue};
use protocol::sse::Event;
use reqwest::{Response, StatusCode};
use std::time::{Duration, Instant};

/// `Last-Event-ID`.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Before a stream is taken up again, unless it says otherwise.
const RETRY: Duration = Duration::from_secs(1);
/// The longest time before another attempt, whatever the stream says and however many failed.
const RETRY_MAX: Duration = Duration::from_secs(30);
/// Attempts in a row that fail before an answer is given up.
const FAILURES_MAX: u32 = 5;
/// Time without any message after which an answer is given up, however often the stream can be taken up again.
const SILENCE_MAX: Duration = Duration::from_secs(600);

/// How far a stream was read.
pub(super) struct Place {
    last: Option<HeaderValue>,
    retry: Duration,
    failures: u32,
    heard: Instant,
}

impl Default for Place {
    fn default() -> Self {
        Self { last: None, retry: RETRY, failures: 0, heard: Instant::now() }
    }
}

impl Place {
    /// `event` was read.
    pub(super) fn passed(&mut self, event: &Event) {
        let id = event.id.as_deref().filter(|id| !id.is_empty());
        self.last = id.and_then(|id| HeaderValue::from_str(id).ok()).or_else(|| self.last.take());
        self.retry = event.retry_ms.map_or(self.retry, Duration::from_millis).min(RETRY_MAX);
        self.failures = 0;
        if !event.data.is_empty() {
            self.heard = Instant::now();
        }
    }

    /// An attempt to go on failed.
    pub(super) fn failed(&mut self, trouble: &Trouble) {
        tracing::debug!(error = %trouble.to_error().message, "an event stream cannot be taken up again yet");
        self.failures = self.failures.saturating_add(1);
    }

    /// `headers` with those that name this place.
    pub(super) fn headers(&self, mut headers: Headers) -> Headers {
        headers.extend(self.last.clone().map(|last| (LAST_EVENT_ID, last)));
        headers
    }

    /// Lets pass what has to pass before the next attempt.
    pub(super) async fn pause(&self) {
        let doubled = 2_u32.saturating_pow(self.failures.saturating_sub(1).min(8));
        back_off(self.retry.saturating_mul(doubled).min(RETRY_MAX)).await;
    }

    /// The rest of a reply that broke off for `reason`, in the session with those `headers`.
    pub(super) async fn rest(
        &mut self,
        gateway: &Gateway,
        headers: &Headers,
        reason: Option<Trouble>,
    ) -> Result<Response, Trouble> {
        let mut reason = reason.unwrap_or_else(|| Trouble::Lost("the reply ended early".to_owned()));
        loop {
            if self.last.is_none() || self.failures > FAILURES_MAX || self.heard.elapsed() > SILENCE_MAX {
                return Err(reason);
            }
            self.pause().await;
            reason = match gateway.get(self.headers(headers.clone())).await {
                Ok(response) if response.status() == StatusCode::OK => return Ok(response),
                Ok(_) => return Err(reason),
                // Nothing listens, or the connection broke again.
                Err(trouble @ (Trouble::Unreachable { .. } | Trouble::Lost(_))) => {
                    self.failed(&trouble);
                    Trouble::Lost(trouble.to_error().message)
                }
                Err(trouble) => return Err(Trouble::Lost(trouble.to_error().message)),
            };
        }
    }
}
