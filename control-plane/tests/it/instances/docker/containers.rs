//! What the engine has: containers, networks, images, and what it was told to do wrong.

use crate::instances::mcp::McpServer;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A container; one that runs has a server behind its port.
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) body: Value,
    pub(crate) server: Option<McpServer>,
    /// Status with which it ended.
    pub(crate) exit: Option<i64>,
    pub(crate) oom: bool,
    pub(crate) log: Vec<String>,
}

/// What tests look at.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) body: Value,
    pub(crate) port: u16,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) containers: BTreeMap<String, Container>,
    pub(crate) networks: BTreeMap<String, Value>,
    pub(crate) images: BTreeSet<String>,
    pub(crate) created: usize,
    /// Most containers that ran at once.
    pub(crate) peak: usize,
    pub(crate) pulling: bool,
}

impl Container {
    pub(crate) fn new(id: usize, body: Value) -> Self {
        let id = format!("{id:012x}{:052}", 0);
        Self { id, body, server: None, exit: None, oom: false, log: Vec::new() }
    }

    pub(crate) fn seen(&self) -> Seen {
        let port = self.server.as_ref().map_or(0, |server| server.port);
        Seen { id: self.id.clone(), body: self.body.clone(), port }
    }

    /// What `GET /containers/{name}/json` answers.
    pub(crate) fn inspection(&self, name: &str) -> Value {
        let running = self.server.is_some();
        let finished = if self.exit.is_some() { "2026-07-28T09:00:01Z" } else { "0001-01-01T00:00:00Z" };
        let state = json!({
            "Status": if running { "running" } else if self.exit.is_some() { "exited" } else { "created" },
            "Running": running, "Paused": false, "Restarting": false, "OOMKilled": self.oom, "Dead": false, "Pid": 1,
            "ExitCode": self.exit.unwrap_or_default(), "Error": "", "StartedAt": "2026-07-28T09:00:00.123456789Z",
            "FinishedAt": finished,
        });
        let mut ports = serde_json::Map::new();
        for (port, bindings) in self.body["HostConfig"]["PortBindings"].as_object().into_iter().flatten() {
            let host_port = self.server.as_ref().map(|server| server.port.to_string()).unwrap_or_default();
            ports.insert(port.clone(), json!([{"HostIp": bindings[0]["HostIp"], "HostPort": host_port}]));
        }
        let network = self.body["HostConfig"]["NetworkMode"].as_str().unwrap_or("bridge");
        json!({
            "Id": self.id, "Name": format!("/{name}"), "State": state,
            "Config": {"Labels": self.body["Labels"], "Image": self.body["Image"]},
            "NetworkSettings": {"Ports": ports, "Networks": {network: {"IPAddress": "127.0.0.1"}}},
        })
    }

    /// The log as the engine frames it: kind, three zeros, length, text.
    pub(crate) fn framed_log(&self, tail: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in self.log.iter().skip(self.log.len().saturating_sub(tail)) {
            let text = format!("2026-07-28T09:00:00.123456789Z {line}\n");
            bytes.extend_from_slice(&[2, 0, 0, 0]);
            bytes.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }
}
