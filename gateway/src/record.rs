//! The record of one exchange: owns it, starts as cancelled, and reaches the audit log exactly once as an outcome.
//!
//! `intent` is durable before anything leaves for an upstream, `close` before the result, or the last piece of a long one, leaves for the client. A record
//! that is dropped instead (the client went away) says so.

mod arguments;
mod telling;

use crate::{
    access::AccessLog,
    audit::{AuditError, Auditor},
    config::Freshness,
    drain::{InFlight, Running},
    metrics::{Course, Metrics, Phase, TraceId},
    traces::Traces,
};
use control_plane_api::{
    audit::{self, Action, AuditEvent, Decision, Outcome},
    name::Name,
    timestamp::Timestamp,
};
use filters::{Exchange, Principal};
use protocol::{meta, method};
use rand::RngCore as _;
use scrubber::Scrubber;
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeSet, sync::Arc, time::Instant};
use telling::Telling;

/// Where records go, and what every one of a pipeline has in common.
#[derive(Clone)]
pub struct Ledger {
    /// The audit log.
    pub auditor: Auditor,
    /// Name of this gateway.
    pub gateway: Name,
    /// Revision under which the pipeline decides.
    pub revision: u64,
    /// The profiles whose calls are recorded with their arguments.
    pub values_of: Arc<BTreeSet<Name>>,
    /// Keeps credentials out of the records.
    pub scrubber: Scrubber,
    /// How long ago that revision was confirmed.
    pub freshness: Freshness,
    /// Counts the exchanges that run.
    pub in_flight: InFlight,
    /// Begins the spans of exchanges.
    pub traces: Traces,
    /// Has a line for every exchange.
    pub access: AccessLog,
}

/// The open record of one exchange.
pub struct Record {
    /// The exchange itself.
    pub exchange: Exchange,
    ledger: Ledger,
    id: String,
    method: String,
    time: Timestamp,
    started: Instant,
    request_bytes: u64,
    /// Bytes of the reply that left before its end was known, and their digest so far.
    passed_bytes: usize,
    passed: Sha256,
    decision: Decision,
    reason: String,
    closed: bool,
    /// What was written down of it as its intent: the outcome says the same, and what came of it.
    intended: Option<Box<AuditEvent>>,
    telling: Telling,
    /// Where its time goes; none for what is only written down, and once it was told.
    course: Option<Course>,
    /// Until the record is dropped; none for who only listens, which ends with the pipeline.
    _running: Option<Running>,
}

impl Record {
    /// Opens the record of `exchange`, which the client asked for as `method` in `request_bytes` bytes.
    #[must_use]
    pub fn open(exchange: Exchange, ledger: Ledger, method: &str, request_bytes: usize) -> Box<Self> {
        let running = (method != method::LISTEN).then(|| ledger.in_flight.enter());
        // What the gateway writes down on its own account was sent by nobody.
        let span = if request_bytes > 0 { ledger.traces.served(&exchange) } else { None };
        Box::new(Self {
            exchange,
            ledger,
            id: exchange_id(),
            method: method.to_owned(),
            time: Timestamp::now(),
            started: Instant::now(),
            request_bytes: u64::try_from(request_bytes).unwrap_or(u64::MAX),
            passed_bytes: 0,
            passed: Sha256::new(),
            decision: Decision::Allow,
            reason: String::new(),
            closed: false,
            intended: None,
            telling: Telling::of(span),
            course: None,
            _running: running,
        })
    }

    /// The id under which the audit log holds this exchange.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The client's method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Time since the exchange began.
    #[must_use]
    pub fn elapsed(&self) -> std::time::Duration {
        self.started.elapsed()
    }

    /// `metrics` are told where the time of the exchange goes and how it ends.
    pub fn observed_by(&mut self, metrics: &Metrics) {
        self.course = Some(metrics.course(self.started));
    }

    /// The exchange goes on with `phase`.
    pub fn enters(&mut self, phase: Phase) {
        if let Some(course) = &mut self.course {
            course.enter(phase);
        }
    }

    /// The exchange goes no further, because it could not be written down.
    pub fn fails(&mut self) {
        self.ends(Outcome::Error);
    }

    /// Tells metrics how it ended, once.
    fn ends(&mut self, outcome: Outcome) {
        if let Some(course) = self.course.take() {
            let trace = match &self.telling.trace {
                Some(trace) => TraceId::new(trace),
                None => meta::traceparent(&self.exchange.request.params)
                    .as_deref()
                    .and_then(trace_id)
                    .and_then(TraceId::new),
            };
            course.end((&self.method, &self.exchange), outcome, trace);
        }
    }

    /// Notes that `bytes` of the reply leave for the client.
    pub fn passed(&mut self, bytes: &[u8]) {
        self.passed_bytes += bytes.len();
        self.passed.update(bytes);
    }

    /// Bytes of the reply that left so far.
    #[must_use]
    pub fn passed_bytes(&self) -> usize {
        self.passed_bytes
    }

    /// Writes down what is about to be sent upstream.
    ///
    /// # Errors
    /// [`AuditError`] when it is not durable: then nothing may be sent.
    pub async fn intent(&mut self) -> Result<(), AuditError> {
        self.reason =
            self.exchange.allowed_by.as_ref().map(|p| format!("allowed by profile `{p}`")).unwrap_or_default();
        let event = self.event(audit::Phase::Intent, Outcome::Unknown, 0);
        self.intended = Some(event.clone());
        self.ledger.auditor.append(event).await
    }

    /// Notes that the decision is another one now, by `revision`, which is newer than the one under which it began.
    pub fn decided_at(&mut self, revision: u64) {
        self.ledger.revision = revision;
    }

    /// Closes the record as refused for `reason`.
    ///
    /// # Errors
    /// [`AuditError`] when it is not durable.
    pub async fn deny(mut self: Box<Self>, reason: String, reply_bytes: usize) -> Result<(), AuditError> {
        self.decision = Decision::Deny;
        self.reason = reason;
        self.close(Outcome::Denied, reply_bytes).await
    }

    /// Closes the record as let through for `reason`; nothing was asked of a server for it.
    ///
    /// # Errors
    /// [`AuditError`] when it is not durable.
    pub async fn admit(mut self: Box<Self>, reason: String) -> Result<(), AuditError> {
        self.reason = reason;
        self.close(Outcome::Ok, 0).await
    }

    /// Closes the record; the reply will have `reply_bytes` bytes.
    ///
    /// # Errors
    /// [`AuditError`] when it is not durable: then the result may not be sent.
    pub async fn close(mut self: Box<Self>, outcome: Outcome, reply_bytes: usize) -> Result<(), AuditError> {
        self.closed = true;
        let event = self.event(audit::Phase::Outcome, outcome, reply_bytes);
        self.enters(Phase::AuditOutcome);
        self.tell(&event);
        let written = self.ledger.auditor.append(event).await;
        self.ends(if written.is_ok() { outcome } else { Outcome::Error });
        written
    }

    /// Closes the record without writing it down: it is counted, and the count is written down.
    pub fn forget(mut self: Box<Self>) {
        self.closed = true;
        self.ends(Outcome::Denied);
        if let Some(span) = self.telling.span.take() {
            self.decision = Decision::Deny;
            let event = self.event(audit::Phase::Outcome, Outcome::Denied, 0);
            span.end(&event, &self.exchange, None);
        }
    }

    /// What is written down now.
    fn event(&mut self, phase: audit::Phase, outcome: Outcome, reply_bytes: usize) -> Box<AuditEvent> {
        let mut event = self.intended.take().unwrap_or_else(|| Box::new(self.beginning()));
        event.phase = phase;
        event.decision = self.decision;
        event.reason = self.ledger.scrubber.text(&self.reason).into_owned();
        event.outcome = outcome;
        event.revision = self.ledger.revision;
        event.stale_s = self.ledger.freshness.stale_s();
        event.duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        event.reply_bytes = u64::try_from(reply_bytes).unwrap_or(u64::MAX);
        event.reply_digest = (self.passed_bytes > 0).then(|| hex::encode(self.passed.clone().finalize()));
        event.relevance.clone_from(&self.exchange.relevance);
        event.redacted = self.exchange.redacted.keys().map(|name| name.to_string()).collect();
        event
    }

    /// What is known of it from the beginning.
    fn beginning(&self) -> AuditEvent {
        let exchange = &self.exchange;
        let meta = meta::view(&exchange.request.params);
        // Whatever a client chose may hold what it must not.
        let clean = |text: &str| self.ledger.scrubber.text(text).into_owned();
        let token_id = match &exchange.principal {
            Principal::Anonymous => None,
            Principal::User { token_id, .. } => Some(token_id.clone()),
        };
        AuditEvent {
            id: self.id.clone(),
            gateway: self.ledger.gateway.clone(),
            seq: 0,
            time: self.time,
            phase: audit::Phase::Intent,
            action: action_of(&self.method),
            method: clean(&self.method),
            user: exchange.principal.name().cloned(),
            token_id,
            project: exchange.project.as_deref().map(clean),
            server: exchange.target.as_ref().map(|target| target.server.clone()),
            target: exchange.primitive.as_ref().map(|primitive| clean(primitive.name())),
            decision: self.decision,
            reason: String::new(),
            outcome: Outcome::Unknown,
            arguments_digest: arguments_digest(exchange),
            arguments: self.arguments(),
            client: meta.get(meta::CLIENT_INFO).and_then(meta::implementation).as_deref().map(clean),
            peer: exchange.peer.map(|peer| peer.to_string()),
            request_id: Some(clean(&exchange.request.id.to_string())),
            trace_id: match &self.telling.trace {
                Some(trace) => Some(trace.clone()),
                None => meta.text(meta::TRACEPARENT).as_deref().and_then(trace_id).map(str::to_owned),
            },
            revision: self.ledger.revision,
            stale_s: None,
            duration_ms: 0,
            request_bytes: self.request_bytes,
            reply_bytes: 0,
            reply_digest: None,
            relevance: None,
            redacted: Vec::new(),
        }
    }

    /// The arguments, where the profile that allowed the call wants them recorded.
    fn arguments(&self) -> Option<serde_json::Value> {
        let profile = self.exchange.allowed_by.as_ref()?;
        let raw = self.exchange.request.params.get("arguments").filter(|_| self.ledger.values_of.contains(profile))?;
        let recorded = arguments::recorded(raw, &self.ledger.auditor).to_string();
        serde_json::from_str(&self.ledger.scrubber.text(&recorded)).ok()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.closed {
            let outcome = if self.passed_bytes > 0 { Outcome::Partial } else { Outcome::Cancelled };
            self.ends(outcome);
            let event = self.event(audit::Phase::Outcome, outcome, self.passed_bytes);
            self.tell(&event);
            let auditor = self.ledger.auditor.clone();
            tokio::spawn(async move { auditor.append(event).await });
        }
    }
}

/// Sortable by time, unguessable: 48 bits of milliseconds, 80 random ones, in hex.
fn exchange_id() -> String {
    let millis = u64::try_from(Timestamp::now().as_millis()).unwrap_or_default().to_be_bytes();
    let mut bytes = [0_u8; 16];
    rand::thread_rng().fill_bytes(&mut bytes);
    for (byte, time) in bytes.iter_mut().zip(millis.iter().skip(2)) {
        *byte = *time;
    }
    hex::encode(bytes)
}

fn action_of(method: &str) -> Action {
    match method {
        method::TOOLS_CALL => Action::McpCall,
        method::RESOURCES_READ => Action::McpRead,
        method::PROMPTS_GET => Action::McpPrompt,
        method::DISCOVER | method::INITIALIZE => Action::McpOpen,
        _ if method::list_member(method).is_some() => Action::McpList,
        _ => Action::McpOther,
    }
}

fn arguments_digest(exchange: &Exchange) -> Option<String> {
    exchange.request.params.get("arguments").map(|raw| hex::encode(Sha256::digest(raw.get())))
}

/// The trace id of a W3C `traceparent`.
fn trace_id(traceparent: &str) -> Option<&str> {
    traceparent.split('-').nth(1).filter(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_id_sorts_by_time() {
        let (first, second) = (exchange_id(), exchange_id());
        assert_eq!(first.len(), 32);
        assert!(first.get(..12) <= second.get(..12));
        assert_ne!(first, second);
    }

    #[test]
    fn a_trace_id_is_read_only_from_a_whole_traceparent() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id(&format!("00-{id}-00f067aa0ba902b7-01")), Some(id));
        assert_eq!(trace_id("junk"), None);
        assert_eq!(trace_id("00-zz-1-1"), None);
    }
}
