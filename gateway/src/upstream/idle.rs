//! Servers that do not run: they were asked to stop, or run elsewhere and are not reached yet. Every call is answered at once
//! with what to do about it.

use super::{Caller, Endpoint, Health, Reply, Upstream, UpstreamError, pulse::Pulse};
use async_trait::async_trait;
use control_plane_api::{gateway::ServerState, name::Name, runtime::Desired};
use protocol::Request;
use std::sync::Arc;
use tokio::sync::watch;

/// The upstream for `endpoint`, if there is nothing to be started or connected to.
pub(super) fn open(endpoint: &Endpoint) -> Option<Arc<dyn Upstream>> {
    let name = &endpoint.name;
    let (state, reason) = match (endpoint.spec.desired, endpoint.spec.runtime.kind()) {
        (Desired::Stopped, _) => {
            (ServerState::Stopped, format!("it is stopped: start it with `mcpctl instance start {name}`"))
        }
        (Desired::Running, _) if endpoint.spec.runtime.is_process() => return None,
        (Desired::Running, kind) => {
            let reason = format!("it does not run yet ({kind}): `mcpctl instance status {name}` says why");
            (ServerState::Starting, reason)
        }
    };
    Some(Arc::new(Idle { name: name.clone(), state, reason, pulse: Pulse::new(None) }))
}

struct Idle {
    name: Name,
    state: ServerState,
    reason: String,
    pulse: Pulse,
}

#[async_trait]
impl Upstream for Idle {
    async fn call(&self, _: Request, _: &Caller) -> Result<Reply, UpstreamError> {
        Err(UpstreamError::Unreachable { server: self.name.clone(), reason: self.reason.clone() })
    }

    fn health(&self) -> Health {
        let error = (self.state == ServerState::Starting).then(|| self.reason.clone());
        Health { state: self.state, error, ..self.pulse.health() }
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.pulse.changes()
    }

    async fn close(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::testing::{ask, endpoint, tool};
    use control_plane_api::limits::Limits;
    use serde_json::{Value, json};

    async fn check(more: Value) -> Option<(ServerState, String)> {
        let mut spec = json!({"transport": {"type": "stdio", "command": "true"}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let idle = open(&endpoint(spec, &[], Limits::default()))?;
        let error = ask(&*idle, tool("x", json!({}))).await.unwrap_err();
        Some((idle.health().state, error.to_string()))
    }

    #[tokio::test]
    async fn who_calls_a_server_that_does_not_run_is_told_what_to_do() {
        let (state, told) = check(json!({"desired": "stopped"})).await.unwrap();
        assert_eq!(state, ServerState::Stopped);
        assert!(told.contains("mcpctl instance start x"), "{told}");
        let docker = json!({"type": "docker", "image": "y@sha256:0"});
        let (state, told) = check(json!({"runtime": docker})).await.unwrap();
        assert_eq!(state, ServerState::Starting);
        assert!(told.contains("mcpctl instance status x"), "{told}");
        assert_eq!(check(json!({})).await, None);
    }
}
