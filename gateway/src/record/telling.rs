//! What is told of an exchange besides its audit record: its span, and its line in the access log.

use super::Record;
use crate::traces::Served;
use control_plane_api::audit::AuditEvent;
use std::time::{Duration, Instant};

/// What is gathered for it while the exchange lasts.
#[derive(Default)]
pub(super) struct Telling {
    pub(super) span: Option<Box<Served>>,
    /// Of the trace that the span is part of, which outlives it.
    pub(super) trace: Option<String>,
    /// Of the JSON-RPC error the client is given.
    code: Option<i64>,
    /// When the upstream was asked.
    asked: Option<Instant>,
    /// How long it took until the upstream last said something.
    upstream: Option<Duration>,
}

impl Telling {
    /// Of an exchange with this span.
    pub(super) fn of(span: Option<Box<Served>>) -> Self {
        let trace = span.as_ref().map(|span| span.trace_id());
        Self { span, trace, ..Self::default() }
    }
}

impl Record {
    /// Notes that an upstream is about to be asked; what it gets names the span of this exchange, if there is one.
    pub(crate) fn asks(&mut self) {
        self.telling.asked = Some(Instant::now());
        if let Some(span) = &self.telling.span {
            span.put(&mut self.exchange);
        }
    }

    /// Notes that the upstream said something.
    pub(crate) fn heard(&mut self) {
        self.telling.upstream = self.telling.asked.map(|asked| asked.elapsed());
    }

    /// Notes that the client is given a JSON-RPC error with this `code`.
    pub(crate) fn failed_with(&mut self, code: i64) {
        self.telling.code = Some(code);
    }

    /// Tells how the exchange ended, which is what `event` says.
    pub(super) fn tell(&mut self, event: &AuditEvent) {
        self.ledger.access.tell(event, self.telling.upstream);
        if let Some(span) = self.telling.span.take() {
            span.end(event, &self.exchange, self.telling.code);
        }
    }
}
