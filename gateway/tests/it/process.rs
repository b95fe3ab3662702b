//! A gateway in a process of its own: one that can be killed, starved and traced.

use crate::world::{Answer, MODERN, eventually, read, token_of};
use control_plane_api::{audit::AuditEvent, timestamp::Timestamp};
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Once,
    time::Duration,
};

pub(crate) struct Gateway {
    pub(crate) process: Child,
    pub(crate) address: String,
    pub(crate) http: reqwest::Client,
    home: PathBuf,
}

impl Gateway {
    /// The gateway that the command `line` starts, with its state in `home`.
    pub(crate) async fn start(line: &[&str], home: &Path, objects: &[Value], limits: &Value) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // Another test of this process may have done so.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let file = home.join("snapshot.json");
        let snapshot = json!({"revision": 1, "issued_at": Timestamp::now(), "objects": objects, "limits": limits});
        std::fs::write(&file, snapshot.to_string()).unwrap();
        let address = home.join("gateway/local/addr");
        let _ = std::fs::remove_file(&address);
        let (program, args) = line.split_first().unwrap();
        let mut command = Command::new(program);
        command.args(args).args(["--listen", "127.0.0.1:0", "--home"]).arg(home).arg("--config-file").arg(&file);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let address = eventually("the address", async || std::fs::read_to_string(&address).ok()).await;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        let gateway = Self { process, address, http, home: home.to_owned() };
        eventually("a configuration in force", async || {
            let asked = gateway.request("tools/list", json!({})).send().await;
            asked.is_ok_and(|answer| answer.status() != 503).then_some(())
        })
        .await;
        gateway
    }

    pub(crate) fn request(&self, method: &str, mut params: Value) -> reqwest::RequestBuilder {
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(MODERN);
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        let request = self.http.post(format!("http://{}/projects/weekly/mcp", self.address));
        let request = request.header("accept", "application/json, text/event-stream").bearer_auth(token_of("ada"));
        let request = request.header("mcp-protocol-version", MODERN).header("mcp-method", method);
        let name = params["name"].as_str().map(str::to_owned);
        let request = request.json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}));
        match name.map(HeaderValue::try_from) {
            Some(Ok(name)) => request.header("mcp-name", name),
            // A name that no header can carry is sent without one.
            Some(Err(_)) | None => request,
        }
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Answer {
        read(self.request("tools/call", json!({"name": tool, "arguments": arguments})).send().await.unwrap()).await
    }

    /// Every audit record so far.
    pub(crate) fn audit(&self) -> Vec<AuditEvent> {
        crate::world::audit_in(&self.home)
    }
}

impl Drop for Gateway {
    /// As hard as it can be.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
