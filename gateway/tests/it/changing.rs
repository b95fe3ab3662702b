//! A server whose tools are what the test says at the moment, behind a gateway; and the truth about what reached it.

use crate::world::{World, eventually, objects, user};
use serde_json::{Value, json};
use std::path::PathBuf;
use tempfile::TempDir;

/// The server.
pub(crate) struct Changing {
    folder: TempDir,
}

impl Changing {
    /// One that offers `tools`, and `touch` and `die`.
    pub(crate) fn new(tools: &[Value]) -> Self {
        let changing = Self { folder: tempfile::tempdir().unwrap() };
        changing.offers(&[tools]);
        changing
    }

    /// From its next list on it offers `pages`.
    pub(crate) fn offers(&self, pages: &[&[Value]]) {
        let mut pages: Vec<Vec<Value>> = pages.iter().map(|page| page.to_vec()).collect();
        pages[0].extend(["touch", "die"].map(tool));
        let fresh = self.folder.path().join("tools.new");
        std::fs::write(&fresh, json!(pages).to_string()).unwrap();
        std::fs::rename(fresh, self.folder.path().join("tools.json")).unwrap();
    }

    /// The object of the server `name`. Its tools read, but `wipe` and `die`.
    pub(crate) fn object(&self, name: &str) -> Value {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/changing_server.py");
        let env = json!({"TOOLS": self.folder.path().join("tools.json"), "TRUTH": self.truth_file()});
        json!({"kind": "server", "name": name, "spec": {"prefix": name,
            "transport": {"type": "stdio", "command": "python3", "args": [script], "env": env},
            "tools": [{"tool": "wipe*", "class": "destructive"}, {"tool": "die", "class": "write"},
                {"tool": "*", "class": "read"}]}})
    }

    fn truth_file(&self) -> PathBuf {
        self.folder.path().join("truth.jsonl")
    }

    /// Every message that reached it, as it came, one a line.
    pub(crate) fn truth(&self) -> String {
        std::fs::read_to_string(self.truth_file()).unwrap_or_default()
    }

    /// The names of the tools it was asked to run.
    pub(crate) fn called(&self) -> Vec<String> {
        let messages = self.truth();
        let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let calls = messages.filter(|message| message["method"] == "tools/call");
        calls.map(|call| call["params"]["name"].as_str().unwrap().to_owned()).collect()
    }
}

/// A tool without arguments.
pub(crate) fn tool(name: &str) -> Value {
    json!({"name": name, "description": format!("Does {name}."), "inputSchema": {"type": "object"}})
}

/// The `servers` in one project of Ada's; she may write, and not destroy.
pub(crate) fn project(servers: &[Value]) -> Vec<Value> {
    let mut all = objects(servers);
    for profile in all.iter_mut().filter(|object| object["kind"] == "profile") {
        profile["spec"]["access"] = json!("read-write");
    }
    all.push(user("root", &["admin"], None));
    all
}

/// The names of the tools that `who` is shown.
pub(crate) async fn tools(world: &World, who: &str) -> Vec<String> {
    let list = world.modern("weekly", who, "tools/list", json!({})).await;
    let tools = list.last()["result"]["tools"].as_array().cloned().unwrap_or_default();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

/// Waits until Ada is shown exactly these tools of the server `old`, besides `touch` and `die`.
pub(crate) async fn shows(world: &World, wanted: &[&str]) {
    let wanted: Vec<String> = wanted.iter().map(|name| format!("old_{name}")).collect();
    eventually(&format!("{wanted:?} and nothing else"), async || {
        let mut found = tools(world, "ada").await;
        found.retain(|name| name.starts_with("old_") && name != "old_touch" && name != "old_die");
        (found == wanted).then_some(())
    })
    .await;
}
