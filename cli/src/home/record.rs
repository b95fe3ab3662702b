//! `daemon.json`: which processes `daemon start` started, and where they listen. `laptop.json`: the local gateway of who is logged
//! in at a company's control plane.

use control_plane_api::{name::Name, timestamp::Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

/// What was started on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DaemonRecord {
    /// Base URL of the control plane.
    #[serde(with = "as_text")]
    pub api_url: Url,
    /// Base URL of the gateway's data path.
    #[serde(with = "as_text")]
    pub gateway_url: Url,
    /// The control plane's process.
    pub mcpd: ProcessRecord,
    /// The gateway's process; absent while a start is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<ProcessRecord>,
}

/// The local gateway of this machine, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LaptopRecord {
    /// Base URL of the company's control plane.
    #[serde(with = "as_text")]
    pub server: Url,
    /// Who is logged in.
    pub user: Name,
    /// What the gateway is called.
    pub gateway: Name,
    /// Base URL of the gateway's data path.
    #[serde(with = "as_text")]
    pub gateway_url: Url,
    /// Base URL of the central gateway.
    pub central_url: String,
    /// Until when it serves without another login.
    pub expires_at: Timestamp,
    /// The gateway's process; absent while it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessRecord>,
}

/// A process, told apart from a later one with the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessRecord {
    /// Process id.
    pub pid: u32,
    /// When it started, in the operating system's own terms (boot and clock tick); never the same for two processes
    /// with one id.
    pub started: String,
}

/// URLs as the texts they are.
mod as_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use url::Url;

    pub(super) fn serialize<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(url.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
        Url::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
