//! What is noted about an instance: how it is, why, and when to look again.

use super::{super::Wanted, Care};
use control_plane_api::{
    instance::{InstanceHealth, InstanceState, InstanceStatus, LogLine},
    object::Named,
    runtime::RuntimeKind,
    server::ServerSpec,
    timestamp::Timestamp,
};

/// Until an engine that failed is tried again, in milliseconds.
pub(in crate::instances) const ENGINE_RETRY_MS: i64 = 2_000;
/// First and longest wait before an instance that failed is started again, in milliseconds; doubled in between.
const BACKOFF_MS: i64 = 1_000;
const BACKOFF_MAX_MS: i64 = 60_000;

/// The wait after so many failures in a row, in milliseconds.
fn backoff_ms(failures: u64) -> i64 {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    BACKOFF_MS.saturating_mul(1 << doublings).min(BACKOFF_MAX_MS)
}

impl Care<'_> {
    /// It cannot run, or ended: the next try is later, and later.
    pub(super) fn failed(&mut self, wanted: Option<&Wanted<'_>>, reason: String, last: Vec<LogLine>) {
        self.row.failures = self.row.failures.saturating_add(1);
        self.row.silences = 0;
        self.row.endpoint = None;
        self.look_in(backoff_ms(self.row.failures));
        let Some(wanted) = wanted else { return };
        tracing::warn!(server = %wanted.server.name, reason, "An instance failed");
        self.says(wanted, InstanceState::BackingOff, InstanceHealth::Unhealthy, Some(reason));
        if let Some(status) = &mut self.row.status {
            status.stderr = last.into_iter().map(|line| line.text).collect();
        }
    }

    /// The engine is in trouble. What runs goes on running, for all that is known: nothing is taken back.
    pub(super) fn trouble(&mut self, wanted: Option<&Wanted<'_>>, reason: String) {
        self.look_in(ENGINE_RETRY_MS);
        let Some(wanted) = wanted else { return };
        let state = self.row.status.as_ref().map_or(InstanceState::Pending, |status| status.state);
        self.says(wanted, state, InstanceHealth::Unknown, Some(reason));
    }

    pub(super) fn look_in(&mut self, ms: i64) {
        self.row.next_at = Some(Timestamp::now().plus_millis(ms));
    }

    /// How long it has been in its state.
    pub(super) fn lived_ms(&self) -> i64 {
        let since = self.row.status.as_ref().and_then(|status| status.since);
        since.map_or(0, |since| Timestamp::now().as_millis().saturating_sub(since.as_millis()))
    }

    pub(super) fn says(
        &mut self,
        wanted: &Wanted<'_>,
        state: InstanceState,
        health: InstanceHealth,
        reason: Option<String>,
    ) {
        let previous = self.row.status.take();
        let mut status = previous.unwrap_or_else(|| unknown(wanted.server, self.row.runtime));
        if status.state != state || status.since.is_none() {
            status.since = Some(Timestamp::now());
        }
        status.revision = self.revision;
        status.desired = wanted.server.spec.desired;
        (status.state, status.health, status.reason) = (state, health, reason);
        status.endpoint.clone_from(&self.row.endpoint);
        if state != InstanceState::BackingOff {
            status.stderr.clear();
        }
        if state != InstanceState::Running {
            status.tools = 0;
        }
        self.row.status = Some(status);
    }
}

/// The status of an instance of which nothing is known.
pub(in crate::instances) fn unknown(server: &Named<ServerSpec>, runtime: RuntimeKind) -> InstanceStatus {
    InstanceStatus {
        name: server.name.clone(),
        gateway: None,
        runtime,
        desired: server.spec.desired,
        state: InstanceState::Pending,
        health: InstanceHealth::Unknown,
        reason: None,
        since: None,
        revision: 0,
        restarts: 0,
        tools: 0,
        stderr: Vec::new(),
        endpoint: None,
        runtime_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound() {
        assert_eq!([1, 2, 3, 6, 7, 100].map(backoff_ms), [1_000, 2_000, 4_000, 32_000, 60_000, 60_000]);
    }
}
