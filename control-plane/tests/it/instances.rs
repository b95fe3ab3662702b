//! Servers in containers: mcpd against engines that speak the real HTTP APIs of Docker and Kubernetes.

mod docker;
mod faults;
mod kubernetes;
mod mcp;
mod orders;
mod real;

use crate::world::World;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, interval};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);
/// The image of every test.
pub(crate) const DIGEST: &str = "sha256:abababababababababababababababababababababababababababababababab";

/// Asks again until there is an answer.
pub(crate) async fn until<T>(what: &str, mut answer: impl AsyncFnMut() -> Option<T>) -> T {
    let (deadline, mut clock) = (Instant::now() + PATIENCE, interval(Duration::from_millis(20)));
    loop {
        clock.tick().await;
        if let Some(answer) = answer().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
    }
}

/// A server with a command of its own in a container with a way out.
pub(crate) fn wrapped(kind: &str, more: &Value) -> Value {
    let env = json!({"TOKEN": {"secret": "token"}, "PLAIN": "x"});
    let transport = json!({"type": "stdio", "command": "server", "args": ["--flag", "; reboot"], "env": env});
    let mut runtime = json!({"type": kind, "image": format!("ghcr.io/x/y@{DIGEST}"), "egress": "any"});
    runtime.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"transport": transport, "runtime": runtime})
}

impl World {
    pub(crate) async fn put_server(&self, name: &str, spec: &Value) {
        let body = json!({"name": name, "spec": spec});
        self.done("PUT", &format!("/api/v1/servers/{name}"), Some(body)).await;
    }

    /// With the secret that [`wrapped`] needs.
    pub(crate) async fn put_wrapped(&self, name: &str, kind: &str) {
        self.done("PUT", "/api/v1/secrets/token", Some(json!({"value": "xoxb-plain"}))).await;
        self.put_server(name, &wrapped(kind, &json!({}))).await;
    }

    /// How the one instance of a server is.
    pub(crate) async fn instance(&self, name: &str) -> Value {
        let all = self.done("GET", &format!("/api/v1/instances/{name}"), None).await;
        assert_eq!(all.as_array().unwrap().len(), 1, "{all}");
        all[0].clone()
    }

    /// How it is, once it is as `wanted` says.
    pub(crate) async fn instance_once(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let (deadline, mut clock) = (Instant::now() + PATIENCE, interval(Duration::from_millis(20)));
        loop {
            clock.tick().await;
            let last = self.instance(name).await;
            if wanted(&last) {
                return last;
            }
            assert!(Instant::now() < deadline, "in vain: {last}");
        }
    }

    pub(crate) async fn healthy(&self, name: &str) -> Value {
        self.instance_once(name, |status| status["health"] == "healthy").await
    }

    pub(crate) async fn order(&self, name: &str, order: &str) -> Value {
        self.done("POST", &format!("/api/v1/instances/{name}/{order}"), None).await
    }
}
