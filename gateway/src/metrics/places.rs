//! Servers and tools as labels: as many as there may be, each made once and found again without allocating. What comes
//! later than that is `other`, and what was found for it is counted there.
//!
//! A place is kept for the life of the process: a counter that vanishes and comes back would count anew.

use super::labels::{METHODS, OTHER, OUTCOMES, TraceId, Word};
use control_plane_api::name::Name;
use parking_lot::RwLock;
use prometheus_client::metrics::{counter::Counter, exemplar::HistogramWithExemplars};
use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Servers that are a label of their own, in the life of a process.
pub const SERVER_LABELS_MAX: usize = 200;
/// Tools that are a label of their own, of all servers together.
pub const TOOL_LABELS_MAX: usize = 200;

/// A histogram whose observations may name a trace.
pub(super) type Latency = HistogramWithExemplars<TraceId>;
/// The histograms of one label but for the outcome.
pub(super) type ByOutcome = [OnceLock<Latency>; OUTCOMES.len()];

/// See the module.
#[derive(Debug)]
pub(super) struct Places {
    servers: RwLock<HashMap<Word, Arc<Place>>>,
    /// Where the gateway itself answers.
    own: Arc<Place>,
    other: Arc<Place>,
    tools: AtomicUsize,
}

/// What is counted of one server.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) label: Word,
    pub(super) allowed: OnceLock<Counter>,
    methods: [ByOutcome; METHODS.len() + 1],
    tools: RwLock<HashMap<Word, Arc<Tool>>>,
    other: Arc<Tool>,
}

/// What is counted of one tool.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) label: Word,
    pub(super) served: ByOutcome,
}

impl Default for Places {
    fn default() -> Self {
        let place = |label| Arc::new(Place::new(Word::from(label)));
        Self { servers: RwLock::default(), own: place(""), other: place(OTHER), tools: AtomicUsize::new(0) }
    }
}

impl Places {
    /// The place of `server`; none: that of the gateway itself.
    pub(super) fn of(&self, server: Option<&Name>) -> Arc<Place> {
        let Some(name) = server.map(Name::as_str) else {
            return self.own.clone();
        };
        if let Some(place) = self.servers.read().get(name) {
            return place.clone();
        }
        let mut servers = self.servers.write();
        if !servers.contains_key(name) && servers.len() >= SERVER_LABELS_MAX {
            return self.other.clone();
        }
        let label = Word::from(name);
        servers.entry(label.clone()).or_insert_with(|| Arc::new(Place::new(label))).clone()
    }

    /// Whether `place` is that of servers without a label of their own.
    pub(super) fn is_other(&self, place: &Arc<Place>) -> bool {
        Arc::ptr_eq(place, &self.other)
    }

    /// What is counted of the tool `name` of the server at `place`.
    pub(super) fn tool(&self, place: &Place, name: &str) -> Arc<Tool> {
        if let Some(tool) = place.tools.read().get(name) {
            return tool.clone();
        }
        let mut tools = place.tools.write();
        if let Some(tool) = tools.get(name) {
            return tool.clone();
        }
        let taken = self
            .tools
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| (taken < TOOL_LABELS_MAX).then_some(taken + 1));
        if taken.is_err() {
            return place.other.clone();
        }
        let tool = Arc::new(Tool::new(Word::from(name)));
        tools.insert(tool.label.clone(), tool.clone());
        tool
    }
}

impl Place {
    fn new(label: Word) -> Self {
        Self {
            label,
            allowed: OnceLock::new(),
            methods: std::array::from_fn(|_| by_outcome()),
            tools: RwLock::default(),
            other: Arc::new(Tool::new(Word::from(OTHER))),
        }
    }

    /// What is counted of the method at that place of [`METHODS`].
    pub(super) fn method(&self, index: usize) -> Option<&ByOutcome> {
        self.methods.get(index)
    }
}

impl Tool {
    fn new(label: Word) -> Self {
        Self { label, served: by_outcome() }
    }
}

fn by_outcome() -> ByOutcome {
    std::array::from_fn(|_| OnceLock::new())
}
