//! One gateway beside its control plane: what can only be said of both together.

use control_plane_api::{
    gateway::{ControlPlaneStatus, GatewayState, GatewaySummary, ServerState, Skew},
    timestamp::Timestamp,
};
use serde::Serialize;

/// What marks a version that is not mcpd's.
const DIFFERS: &str = "*";
/// What marks a version that mcpd is not tested with.
const UNSUPPORTED: &str = "!";

/// See the module.
#[derive(Serialize)]
pub(in crate::commands) struct Row {
    #[serde(flatten)]
    pub(in crate::commands) gateway: GatewaySummary,
    pub(in crate::commands) state: GatewayState,
    /// How many revisions it has yet to put into force.
    pub(in crate::commands) revisions_behind: u64,
    /// Time since its last report, in seconds; none: it never reported.
    pub(in crate::commands) seen_s: Option<u64>,
    /// Whether its version is one that the control plane is tested with; none: it never reported.
    pub(in crate::commands) version_supported: Option<bool>,
    #[serde(skip)]
    pub(in crate::commands) skew: Option<Skew>,
}

impl Row {
    pub(in crate::commands) fn of(gateway: GatewaySummary, plane: &ControlPlaneStatus) -> Self {
        let now = Timestamp::now();
        let silent = |seen: Timestamp| u64::try_from(now.as_millis().saturating_sub(seen.as_millis()) / 1_000);
        let skew = gateway.status.as_ref().map(|status| Skew::of(&plane.version, &status.version));
        Self {
            state: gateway.state(plane.revision, now),
            revisions_behind: plane.revision.saturating_sub(gateway.revision()),
            seen_s: gateway.seen_at.map(|seen| silent(seen).unwrap_or_default()),
            version_supported: skew.map(|skew| skew != Skew::Unsupported),
            skew,
            gateway,
        }
    }

    pub(in crate::commands) fn revision(&self) -> String {
        self.gateway.status.as_ref().map(|status| status.config.in_force().to_string()).unwrap_or_default()
    }

    /// Revisions behind, and time since it was seen.
    pub(in crate::commands) fn lag(&self) -> String {
        self.seen_s.map(|seen_s| format!("{}/{seen_s}s", self.revisions_behind)).unwrap_or_default()
    }

    /// The version, marked where it is not mcpd's.
    pub(in crate::commands) fn version(&self) -> String {
        let mark = match self.skew {
            Some(Skew::Supported) => DIFFERS,
            Some(Skew::Unsupported) => UNSUPPORTED,
            Some(Skew::None) | None => "",
        };
        self.gateway.status.as_ref().map(|status| format!("{}{mark}", status.version)).unwrap_or_default()
    }

    /// Servers that answer, or were not needed yet, of all that are to run.
    pub(in crate::commands) fn servers(&self) -> String {
        let Some(status) = &self.gateway.status else { return String::new() };
        let all = status.servers.iter().filter(|server| server.state != ServerState::Stopped);
        let well = all.clone().filter(|server| matches!(server.state, ServerState::Ready | ServerState::Idle));
        format!("{}/{}", well.count(), all.count())
    }
}
