//! Keeps apart what must not flow together: who read text that strangers wrote, and data that is not for everyone, may
//! for a time not call what strangers can see, where the project says so.
//!
//! Remembered is who read, not in which conversation: clients have none that the gateway could trust. Resources and
//! prompts count as whatever the server's tools bring in. What a result says is deliberately not looked at.

use crate::{Cause, Exchange, Filter, LocalReply, Target};
use control_plane_api::{
    flow::{Flow, FlowRule},
    name::Name,
    server::ServerSpec,
    snapshot::Snapshot,
    timestamp::Timestamp,
};
use protocol::{code, method::Primitive};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

/// Users whose reading is remembered; beyond it those are forgotten whose last reading is the oldest.
const USERS_MAX: usize = 100_000;

/// Who read what, and when; outlives the filters of one configuration.
#[derive(Debug, Default)]
pub struct Flows(Mutex<HashMap<Name, Seen>>);

/// What a user read last.
#[derive(Debug, Clone, Default)]
struct Seen {
    untrusted: Option<Reading>,
    private: Option<Reading>,
}

#[derive(Debug, Clone)]
struct Reading {
    at: Timestamp,
    name: String,
}

impl Seen {
    fn last(&self) -> Option<Timestamp> {
        self.untrusted.iter().chain(&self.private).map(|reading| reading.at).max()
    }
}

impl Flows {
    fn of(&self, user: &Name) -> Seen {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(user).cloned().unwrap_or_default()
    }

    fn note(&self, user: &Name, flows: &[Flow], reading: &Reading) {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= USERS_MAX && !users.contains_key(user) {
            let oldest = users.iter().min_by_key(|(_, seen)| seen.last()).map(|(user, _)| user.clone());
            oldest.map(|user| users.remove(&user));
        }
        let seen = users.entry(user.clone()).or_default();
        if flows.contains(&Flow::Untrusted) {
            seen.untrusted = Some(reading.clone());
        }
        if flows.contains(&Flow::Private) {
            seen.private = Some(reading.clone());
        }
    }
}

/// The filter, compiled from one snapshot.
pub struct FlowFilter {
    servers: HashMap<Name, Marked>,
    /// The projects that keep flows apart, and the profiles they grant.
    apart: HashSet<String>,
    profiles: BTreeSet<Name>,
    window_ms: i64,
    flows: Arc<Flows>,
    now: fn() -> Timestamp,
}

/// What the primitives of one server mean.
struct Marked {
    spec: ServerSpec,
    /// What any of its tools brings in.
    brought: Vec<Flow>,
}

impl Marked {
    fn of(spec: &ServerSpec) -> Self {
        let marks: BTreeSet<Flow> = spec.tools.iter().flat_map(|rule| rule.flow.iter().copied()).collect();
        Self { spec: spec.clone(), brought: marks.into_iter().filter(|flow| *flow != Flow::Public).collect() }
    }
}

impl FlowFilter {
    /// Compiles `snapshot`; `now` is the clock.
    #[must_use]
    pub fn compile(snapshot: &Snapshot, flows: Arc<Flows>, now: fn() -> Timestamp) -> Self {
        let apart = || snapshot.projects().filter(|(_, project)| project.flow == FlowRule::Apart);
        Self {
            servers: snapshot.servers().map(|(name, spec)| (name.clone(), Marked::of(spec))).collect(),
            apart: apart().map(|(name, _)| name.to_string()).collect(),
            profiles: apart().flat_map(|(_, project)| project.profiles.iter().cloned()).collect(),
            window_ms: i64::try_from(snapshot.limits.flow_window_ms).unwrap_or(i64::MAX),
            flows,
            now,
        }
    }

    /// Whether the exchange is held to the rule: through a project that has it, or without one by a profile of such a
    /// project, so that leaving the project out of the URL is no way around it.
    fn is_held(&self, exchange: &Exchange) -> bool {
        match &exchange.project {
            Some(project) => self.apart.contains(project),
            None => exchange.allowed_by.as_ref().is_some_and(|profile| self.profiles.contains(profile)),
        }
    }

    fn flows_of(&self, primitive: &Primitive, target: &Target) -> &[Flow] {
        let Some(server) = self.servers.get(&target.server).filter(|_| !target.connects) else {
            return &[];
        };
        match primitive {
            Primitive::Tool(_) => server.spec.flow_of(&target.name),
            Primitive::Prompt(_) | Primitive::Resource(_) => &server.brought,
        }
    }

    /// The reading, if it is not too long ago; one that seems to lie in the future, because the clock was set back, is not.
    fn fresh(&self, reading: Option<Reading>) -> Option<Reading> {
        reading.filter(|reading| (self.now)().as_millis().saturating_sub(reading.at.as_millis()) < self.window_ms)
    }

    fn refusal(&self, user: &Name, name: &str) -> Option<LocalReply> {
        let seen = self.flows.of(user);
        let (untrusted, private) = (self.fresh(seen.untrusted)?, self.fresh(seen.private)?);
        let told = format!(
            "permission denied: `{name}` can be seen by strangers, and you read what strangers may have written (`{}`) and \
             what is private (`{}`); this project keeps these apart for {} minutes",
            untrusted.name,
            private.name,
            self.window_ms.saturating_add(59_999) / 60_000
        );
        Some(LocalReply::refusal(Cause::Flow, code::INVALID_PARAMS, told.clone(), told))
    }
}

impl Filter for FlowFilter {
    fn name(&self) -> &'static str {
        "flow"
    }

    fn needs_whole(&self, _exchange: &Exchange) -> bool {
        false
    }

    fn admit(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        // Nobody's reading is remembered where no project asks for it.
        if self.apart.is_empty() {
            return ControlFlow::Continue(());
        }
        let (Some(primitive), Some(target), Some(user)) =
            (&exchange.primitive, &exchange.target, exchange.principal.name())
        else {
            return ControlFlow::Continue(());
        };
        let flows = self.flows_of(primitive, target);
        if flows.contains(&Flow::Public)
            && self.is_held(exchange)
            && let Some(reply) = self.refusal(user, primitive.name())
        {
            return ControlFlow::Break(reply);
        }
        // Noted when asked and not when answered: a result that is still on its way counts.
        if !flows.is_empty() {
            let reading = Reading { at: (self.now)(), name: primitive.name().to_owned() };
            self.flows.note(user, flows, &reading);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests;
