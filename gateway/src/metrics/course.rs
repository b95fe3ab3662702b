//! The course of one exchange: how long each of its phases takes, and how it ends.

use super::{
    Metrics,
    labels::{OUTCOMES, Served, TraceId, Word, method_index, method_word, outcome_index},
    places::ByOutcome,
};
use control_plane_api::audit::Outcome;
use filters::Exchange;
use protocol::method::{self, Primitive};
use std::time::{Duration, Instant};

/// Where the time of an exchange goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The request passes the filters.
    RequestFilters,
    /// The intent is made durable.
    AuditIntent,
    /// The server, or the gateway in its place, is waited for; so is a client that takes a long result slowly.
    Upstream,
    /// A message passes the filters on its way back.
    ReplyFilters,
    /// The outcome is made durable.
    AuditOutcome,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 5] =
        [Self::RequestFilters, Self::AuditIntent, Self::Upstream, Self::ReplyFilters, Self::AuditOutcome];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequestFilters => "request_filters",
            Self::AuditIntent => "audit_intent",
            Self::Upstream => "upstream",
            Self::ReplyFilters => "reply_filters",
            Self::AuditOutcome => "audit_outcome",
        }
    }
}

/// See the module. It begins with the request's filters.
#[derive(Debug)]
pub struct Course {
    metrics: Metrics,
    begun: Instant,
    phase: Phase,
    since: Instant,
    /// What was spent so far in each of [`Phase::ALL`]; none: it was never there.
    spent: [Option<Duration>; Phase::ALL.len()],
}

impl Metrics {
    /// The course of an exchange that began at `begun`.
    #[must_use]
    pub fn course(&self, begun: Instant) -> Course {
        let spent = [None; Phase::ALL.len()];
        Course { metrics: self.clone(), begun, phase: Phase::RequestFilters, since: begun, spent }
    }
}

impl Course {
    /// It goes on with `phase`, which may be one that it was in before.
    pub fn enter(&mut self, phase: Phase) {
        let now = Instant::now();
        if let Some(spent) = self.spent.get_mut(self.phase as usize) {
            *spent = Some(spent.unwrap_or_default() + now.duration_since(self.since));
        }
        (self.phase, self.since) = (phase, now);
    }

    /// `exchange`, which the client asked for as `method`, ended with `outcome`. What it was part of is told as exemplar.
    pub fn end(mut self, (method, exchange): (&str, &Exchange), outcome: Outcome, trace: Option<TraceId>) {
        self.enter(self.phase);
        let phases = &self.metrics.0.families.phases;
        for (spent, phase) in self.spent.iter().zip(phases) {
            if let Some(spent) = spent {
                phase.observe(spent.as_secs_f64());
            }
        }
        self.metrics.served((method, exchange), outcome, (self.since.duration_since(self.begun), trace));
        if let (Some(done), Some(target)) = (&exchange.relevance, &exchange.target) {
            self.metrics.relevance(&target.server, done);
        }
    }
}

impl Metrics {
    /// An exchange ended.
    fn served(
        &self,
        (method, exchange): (&str, &Exchange),
        outcome: Outcome,
        (elapsed, trace): (Duration, Option<TraceId>),
    ) {
        let place = self.0.places.of(exchange.target.as_ref().map(|target| &target.server));
        let (method, outcome) = (method_index(method), outcome_index(outcome));
        // Only what the catalogue has: a name that leads nowhere is whatever a client made up.
        let called = match (&exchange.primitive, &exchange.target) {
            (Some(Primitive::Tool(name)), Some(_)) if method_word(method) == method::TOOLS_CALL => Some(name),
            _ => None,
        };
        let observe = |by: &ByOutcome, tool: &dyn Fn() -> Word| {
            let Some(series) = by.get(outcome) else { return };
            let create = || {
                self.0.families.served.get_or_create_owned(&Served {
                    mcp_method_name: method_word(method),
                    gen_ai_tool_name: tool(),
                    server: place.label.clone(),
                    error_type: OUTCOMES.get(outcome).copied().unwrap_or_default(),
                })
            };
            series.get_or_init(create).observe(elapsed.as_secs_f64(), trace, None);
        };
        match called {
            Some(name) => {
                let tool = self.0.places.tool(&place, name);
                observe(&tool.served, &|| tool.label.clone());
            }
            None => {
                if let Some(by) = place.method(method) {
                    observe(by, &|| Word::from(""));
                }
            }
        }
    }
}
