//! A real MCP client, the official SDK's, started from a `.mcp.json` as a coding assistant would start it. It knows
//! nothing of the gateway: what is in the file is all it is told.

mod answer;

use std::{collections::BTreeMap, io, path::Path, time::Instant};

use rmcp::{
    RoleClient, ServiceError,
    model::{
        CallToolRequestParams, ClientCapabilities, ClientConfig, Implementation, JsonObject, ProtocolVersion,
        ReadResourceRequestParams, ReadResourceResult, Tool,
    },
    service::{ClientInitializeError, ClientLifecycleMode, ClientServiceExt, RunningService},
    transport::TokioChildProcess,
};
use serde::Deserialize;
use tokio::process::Command;

pub use answer::Answer;

/// The key under which the gateway's bridge is registered in a `.mcp.json`.
pub const PROXY: &str = "mcpctl-proxy";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Unreadable { path: String, source: io::Error },
    /// The file is not what clients read.
    #[error("`{path}` is no .mcp.json: {source}")]
    Malformed { path: String, source: serde_json::Error },
    /// The file has other servers only.
    #[error("`{0}` has no server `{PROXY}`: run `mcpctl claude add-mcp-project`")]
    NoEntry(String),
    /// The program the file names does not start.
    #[error("cannot start `{command}`: {source}")]
    Start { command: String, source: io::Error },
    /// The server did not take part in the opening.
    #[error("the server did not open: {0}")]
    Open(#[from] Box<ClientInitializeError>),
    /// The server refused, or the connection broke.
    #[error(transparent)]
    Call(#[from] Box<ServiceError>),
    /// The answer is not one that can be looked into.
    #[error("the answer cannot be read: {0}")]
    Answer(#[from] serde_json::Error),
}

impl ClientError {
    /// What the server said when it answered with an error; none when it was something else that failed.
    pub fn refusal(&self) -> Option<&str> {
        match self {
            Self::Call(error) => match error.as_ref() {
                ServiceError::McpError(error) => Some(&error.message),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What a `.mcp.json` says about one stdio server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// The program.
    pub command: String,
    /// Its arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Its environment, besides the client's own.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    mcp_servers: BTreeMap<String, Entry>,
}

impl Entry {
    /// The gateway's entry in the `.mcp.json` at `path`.
    pub fn read(path: &Path) -> Result<Self, ClientError> {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|source| ClientError::Unreadable { path: name.clone(), source })?;
        let mut file: File =
            serde_json::from_str(&text).map_err(|source| ClientError::Malformed { path: name.clone(), source })?;
        file.mcp_servers.remove(PROXY).ok_or(ClientError::NoEntry(name))
    }

    /// The command, in the environment of this process.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.command);
        command.args(&self.args).envs(&self.env).kill_on_drop(true);
        command
    }
}

/// Which protocol the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// 2026-07-28: no session, every request stands for itself.
    Modern,
    /// 2025-11-25: `initialize` first.
    Legacy,
}

impl Era {
    fn lifecycle(self) -> ClientLifecycleMode {
        match self {
            Self::Modern => ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] },
            Self::Legacy => ClientLifecycleMode::Initialize,
        }
    }
}

/// A client connected to one server.
pub struct Client {
    service: RunningService<RoleClient, ClientConfig>,
}

impl Client {
    /// Starts `command` and opens the conversation; the client calls itself `name`.
    pub async fn start(mut command: Command, era: Era, name: &str) -> Result<Self, ClientError> {
        command.kill_on_drop(true);
        let program = command.as_std().get_program().display().to_string();
        let transport =
            TokioChildProcess::new(command).map_err(|source| ClientError::Start { command: program, source })?;
        let identity = Implementation::new(name, env!("CARGO_PKG_VERSION"));
        let config = ClientConfig::new(ClientCapabilities::default(), identity)
            .with_protocol_version(ProtocolVersion::V_2025_11_25);
        let service = config.serve_with_lifecycle(transport, era.lifecycle()).await.map_err(Box::new)?;
        Ok(Self { service })
    }

    /// All tools, page by page.
    pub async fn tools(&self) -> Result<Vec<Tool>, ClientError> {
        Ok(self.service.list_all_tools().await.map_err(Box::new)?)
    }

    /// Calls a tool.
    pub async fn call(&self, tool: &str, arguments: JsonObject) -> Result<Answer, ClientError> {
        let begin = Instant::now();
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let result = self.service.call_tool(params).await.map_err(Box::new)?;
        let elapsed = begin.elapsed();
        Ok(Answer::new(serde_json::to_value(result)?, elapsed))
    }

    /// Reads a resource.
    pub async fn read(&self, uri: &str) -> Result<ReadResourceResult, ClientError> {
        let params = ReadResourceRequestParams::new(uri);
        Ok(self.service.read_resource(params).await.map_err(Box::new)?)
    }

    /// Ends the conversation and waits for the program's end.
    pub async fn close(mut self) {
        // A program that had ended before is as good.
        self.service.close().await.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientError, Entry};

    fn check(text: &str) -> Result<Entry, ClientError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Entry::read(file.path())
    }

    #[test]
    fn only_the_gateways_entry_is_taken() {
        let entry = check(
            r#"{"mcpServers": {"other": {"command": "x"}, "mcpctl-proxy": {"type": "stdio", "command": "y", "args": ["z"]}}}"#,
        );
        let entry = entry.unwrap();
        assert_eq!((entry.command.as_str(), entry.args), ("y", vec!["z".to_owned()]));
    }

    #[test]
    fn what_is_missing_is_said() {
        let says = |text: &str| check(text).unwrap_err().to_string();
        assert!(says(r#"{"mcpServers": {}}"#).contains("mcpctl claude add-mcp-project"));
        assert!(says("[]").contains("is no .mcp.json"));
        assert!(Entry::read("/nowhere/.mcp.json".as_ref()).unwrap_err().to_string().contains("`/nowhere/.mcp.json`"));
    }
}
