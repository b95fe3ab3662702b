//! What to do about one instance, and doing it. Whoever calls this holds the instance's lease.
//!
//! One call is one step: look what is there, do one thing about it, say when to look again. All that has to be known for
//! the next step is in the row, so that any replica can take it, also after a kill.

mod note;
mod step;

pub(super) use note::{ENGINE_RETRY_MS, unknown};
pub(super) use step::Goal;

use super::{
    Instances, Wanted,
    probe::Answered,
    runtime::{Observed, Runtime, RuntimeError},
};
use crate::store::StoredInstance;
use control_plane_api::instance::{InstanceHealth, InstanceState, STDERR_LINES_MAX};
use std::sync::Arc;
use step::{Step, step};

/// Until an instance that starts is asked again, in milliseconds.
const START_LOOK_MS: i64 = 500;
/// Until an instance that answers is asked again, in milliseconds.
const HEALTH_LOOK_MS: i64 = 10_000;
/// Until an instance that did not answer is asked again, in milliseconds.
const SILENCE_LOOK_MS: i64 = 2_000;
/// Until one that does not run is looked at again: somebody may have started it behind our back. In milliseconds.
const STOPPED_LOOK_MS: i64 = 30_000;
/// Time an instance has from its start to its first answer, in milliseconds.
const START_PATIENCE_MS: i64 = 60_000;
/// Questions in a row that may go unanswered before an instance is started anew.
const SILENCES_MAX: u64 = 3;
/// A life of that length is no failure, in milliseconds.
const LONG_LIFE_MS: i64 = 60_000;

/// One instance in the hands of its holder.
pub(super) struct Care<'a> {
    pub(super) instances: &'a Instances,
    pub(super) row: StoredInstance,
    pub(super) engine: Arc<dyn Runtime>,
    /// Of the configuration that `wanted` is from.
    pub(super) revision: u64,
}

impl Care<'_> {
    /// Takes one step. The row as it is then; none: there is nothing left of the instance.
    pub(super) async fn tend(mut self, wanted: Option<Wanted<'_>>) -> Option<StoredInstance> {
        let goal = Goal::of(wanted.as_ref());
        if self.row.handled != goal.as_str() {
            // What failed before may do now.
            (self.row.failures, self.row.silences) = (0, 0);
            goal.as_str().clone_into(&mut self.row.handled);
        }
        let done = match (&goal, &wanted) {
            (Goal::Running(config), Some(wanted)) => self.run(wanted, config).await,
            _ => self.end(wanted.as_ref()).await,
        };
        match done {
            Ok(()) if goal == Goal::Gone => return None,
            Ok(()) => {}
            Err(RuntimeError::Engine(reason)) => self.trouble(wanted.as_ref(), reason),
            Err(RuntimeError::Workload(reason)) => self.failed(wanted.as_ref(), reason, Vec::new()),
        }
        Some(self.row)
    }

    async fn run(&mut self, wanted: &Wanted<'_>, config: &str) -> Result<(), RuntimeError> {
        let observed = self.engine.inspect(&wanted.id, &wanted.reach()).await?;
        match step(config, observed.as_ref(), self.engine.restarts_itself()) {
            Step::Start => self.start(wanted).await?,
            Step::Replace => {
                // A cluster puts the new one in the place of the old one.
                if !self.engine.restarts_itself() {
                    self.engine.stop(&wanted.id).await?;
                }
                self.start(wanted).await?;
            }
            Step::Await(reason) => {
                self.look_in(START_LOOK_MS);
                self.says(wanted, InstanceState::Starting, InstanceHealth::Unknown, reason);
            }
            Step::Ask => self.ask(wanted, observed.as_ref()).await?,
            Step::Bury(reason) => self.bury(wanted, &reason).await?,
        }
        if let (Some(status), Some(observed)) = (&mut self.row.status, observed) {
            // What was cleared away has no name any more.
            let there = self.engine.restarts_itself() || status.state != InstanceState::BackingOff;
            status.runtime_id = there.then_some(observed.runtime_id);
            status.restarts = status.restarts.max(observed.restarts);
        }
        Ok(())
    }

    async fn start(&mut self, wanted: &Wanted<'_>) -> Result<(), RuntimeError> {
        self.row.endpoint = None;
        let workload = wanted.workload(&self.instances.keys).map_err(RuntimeError::Workload)?;
        tracing::info!(server = %wanted.server.name, image = workload.container.image, "Starting an instance");
        self.engine.start(&workload).await?;
        self.look_in(START_LOOK_MS);
        self.says(wanted, InstanceState::Starting, InstanceHealth::Unknown, None);
        Ok(())
    }

    /// Asks a running instance how it is. Gateways are told of it once it answers.
    async fn ask(&mut self, wanted: &Wanted<'_>, observed: Option<&Observed>) -> Result<(), RuntimeError> {
        let endpoint = observed.and_then(|observed| observed.endpoint.clone());
        let answered = match &endpoint {
            Some(endpoint) => self.instances.probe.ask(endpoint).await.map_err(|error| error.to_string()),
            None => Err("it has no address yet".to_owned()),
        };
        match answered {
            Ok(Answered { tools, .. }) => {
                self.row.silences = 0;
                self.row.endpoint = endpoint;
                self.look_in(HEALTH_LOOK_MS);
                self.says(wanted, InstanceState::Running, InstanceHealth::Healthy, None);
                if self.lived_ms() >= LONG_LIFE_MS {
                    self.row.failures = 0;
                }
                if let Some(status) = &mut self.row.status {
                    status.tools = tools.len() as u64;
                    status.endpoint.clone_from(&self.row.endpoint);
                }
                Ok(())
            }
            Err(reason) => self.silent(wanted, &reason).await,
        }
    }

    async fn silent(&mut self, wanted: &Wanted<'_>, reason: &str) -> Result<(), RuntimeError> {
        self.row.silences = self.row.silences.saturating_add(1);
        let told = Some(format!("it does not answer: {reason}"));
        let starting = self.row.status.as_ref().is_none_or(|status| status.state != InstanceState::Running);
        if starting && self.lived_ms() < START_PATIENCE_MS {
            self.look_in(START_LOOK_MS);
            self.says(wanted, InstanceState::Starting, InstanceHealth::Unhealthy, told);
            return Ok(());
        }
        if self.row.silences >= SILENCES_MAX && !self.engine.restarts_itself() {
            return self.bury(wanted, &format!("it does not answer: {reason}")).await;
        }
        self.look_in(SILENCE_LOOK_MS);
        self.says(wanted, InstanceState::Running, InstanceHealth::Unhealthy, told);
        Ok(())
    }

    /// Notes why an instance ended, with its last words; clears what is left of it where the engine does not start it again.
    async fn bury(&mut self, wanted: &Wanted<'_>, reason: &str) -> Result<(), RuntimeError> {
        let lines = self.engine.logs(&wanted.id, STDERR_LINES_MAX, None).await.unwrap_or_default();
        let lines = wanted.blotted(&self.instances.keys, lines);
        if !self.engine.restarts_itself() {
            self.engine.stop(&wanted.id).await?;
            if self.lived_ms() >= LONG_LIFE_MS {
                self.row.failures = 0;
            }
        }
        self.failed(Some(wanted), reason.to_owned(), lines);
        if let Some(status) = &mut self.row.status
            && !self.engine.restarts_itself()
        {
            status.restarts = status.restarts.saturating_add(1);
        }
        Ok(())
    }

    /// Ends what is there.
    async fn end(&mut self, wanted: Option<&Wanted<'_>>) -> Result<(), RuntimeError> {
        // Without a configuration only the row knows which engine it was; the rest follows from the name.
        let ids = match wanted {
            Some(wanted) => vec![wanted.id.clone()],
            None => {
                let all = self.engine.list().await?;
                all.into_iter().filter(|id| id.server == self.row.server).collect()
            }
        };
        for id in &ids {
            self.engine.stop(id).await?;
        }
        self.row.endpoint = None;
        self.look_in(STOPPED_LOOK_MS);
        if let Some(wanted) = wanted {
            self.says(wanted, InstanceState::Stopped, InstanceHealth::Unknown, None);
            if let Some(status) = &mut self.row.status {
                status.runtime_id = None;
            }
        }
        Ok(())
    }
}
