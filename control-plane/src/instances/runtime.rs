//! What an engine can do for us: one trait, one implementation per engine.
//!
//! Everything is idempotent, and every name follows from installation and server: whatever a dead or slow replica left
//! behind is found again and never doubled. When to do what is deliberately unknown here.

use super::Workload;
use async_trait::async_trait;
use control_plane_api::{instance::LogLine, name::Name, timestamp::Timestamp};
use sha2::{Digest as _, Sha256};

/// Label with the id of the installation, so that several may share an engine.
pub(crate) const INSTALLATION_LABEL: &str = "io.mcpctl.installation";
/// Label with the server's name.
pub(crate) const SERVER_LABEL: &str = "io.mcpctl.server";
/// Label with the digest of the configuration that something was made from.
pub(crate) const CONFIG_LABEL: &str = "io.mcpctl.config";
/// Bytes of a server's name that are in the names of what runs it.
const SLUG_BYTES_MAX: usize = 32;

/// Runs workloads.
#[async_trait]
pub(crate) trait Runtime: Send + Sync {
    /// Whether it starts again by itself what ended.
    fn restarts_itself(&self) -> bool;

    /// Makes `workload` exist and run. What is there under its name already is left as it is.
    async fn start(&self, workload: &Workload) -> Result<(), RuntimeError>;

    /// Ends and removes all that belongs to an instance; nothing there is fine.
    async fn stop(&self, id: &InstanceId) -> Result<(), RuntimeError>;

    /// What is there; none if nothing is.
    async fn inspect(&self, id: &InstanceId, reach: &Reach) -> Result<Option<Observed>, RuntimeError>;

    /// The last `lines` it wrote, oldest first, none older than `since`.
    async fn logs(&self, id: &InstanceId, lines: usize, since: Option<Timestamp>)
    -> Result<Vec<LogLine>, RuntimeError>;

    /// The servers of this installation of which anything is there.
    async fn list(&self) -> Result<Vec<InstanceId>, RuntimeError>;

    /// Waits until something changes; the server it changed for, or none: it could be any.
    async fn changed(&self) -> Result<Option<Name>, RuntimeError>;
}

/// Why an engine did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RuntimeError {
    /// The engine is not there, or in trouble itself. What runs goes on running, for all that is known.
    #[error("{0}")]
    Engine(String),
    /// The workload cannot be run as it is.
    #[error("{0}")]
    Workload(String),
}

/// Which instance, as engines know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InstanceId {
    /// Id of the installation, hex.
    pub(crate) installation: String,
    pub(crate) server: Name,
    /// Kubernetes: where it is.
    pub(crate) namespace: String,
}

impl InstanceId {
    /// The name of everything that belongs to it: a DNS label (RFC 1035) which no other server's name leads to.
    pub(crate) fn object_name(&self) -> String {
        let slug: String = self.server.as_str().chars().take(SLUG_BYTES_MAX).collect();
        let slug = slug.replace('_', "-");
        let hash = hex::encode(Sha256::digest(self.server.as_str()));
        let short = |text: &str| text.chars().take(8).collect::<String>();
        format!("mcpctl-{}-{}-{}", short(&self.installation), slug.trim_matches('-'), short(&hash))
    }
}

/// How an instance is reached once it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The port it listens on inside.
    pub(crate) port: u16,
    /// Path of its endpoint, with the slash.
    pub(crate) path: String,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    /// What the engine calls it.
    pub(crate) runtime_id: String,
    /// Digest of the configuration it was made from.
    pub(crate) config: String,
    pub(crate) phase: Phase,
    /// How often the engine started it again.
    pub(crate) restarts: u64,
    /// Where it is reached.
    pub(crate) endpoint: Option<String>,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not running yet; why, if there is something in the way.
    Starting(Option<String>),
    Running,
    /// It ended, for that reason.
    Ended(String),
}

/// The lines of a log whose every line begins with its time, the last `lines_max` of them that are not older than `since`.
pub(crate) fn log_lines(text: &str, lines_max: usize, since: Option<Timestamp>) -> Vec<LogLine> {
    let line = |line: &str| {
        let (at, text) = line.split_once(' ').unwrap_or((line, ""));
        let at: Timestamp = at.parse().ok()?;
        let text = text.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        Some(LogLine { at, text })
    };
    let lines: Vec<LogLine> =
        text.lines().filter_map(line).filter(|line| since.is_none_or(|since| line.at >= since)).collect();
    let before = lines.len().saturating_sub(lines_max);
    lines.into_iter().skip(before).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(server: &str) -> InstanceId {
        let installation = "0123456789abcdef".to_owned();
        InstanceId { installation, server: server.parse().unwrap(), namespace: "mcpctl".to_owned() }
    }

    #[test]
    fn names_are_dns_labels_and_no_two_servers_share_one() {
        for server in ["a", "a_b", "a-b", &"x".repeat(63), "a-", "0"] {
            let name = id(server).object_name();
            let fits = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            assert!(fits && name.len() <= 63 && name.starts_with("mcpctl-01234567-"), "{name}");
        }
        assert_ne!(id("a_b").object_name(), id("a-b").object_name());
    }

    #[test]
    fn lines_of_a_log_have_a_time_and_nothing_that_moves_a_terminal() {
        let text = "2026-07-28T09:00:00.123456789Z one\u{1b}[2J\nno time\n2026-07-28T09:00:01Z two\n";
        let lines = log_lines(text, 10, None);
        assert_eq!(lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["one[2J", "two"]);
        assert_eq!(log_lines(text, 1, None).len(), 1);
        assert_eq!(log_lines(text, 10, "2026-07-28T09:00:00.5Z".parse().ok())[0].text, "two");
    }
}
