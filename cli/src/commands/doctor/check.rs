//! One check: at which hop it is, how it came out, and what mends it.

use crate::failure::Failure;
use serde::Serialize;

/// A part of the way from a client's file to a server's tools, in the order of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Hop {
    /// The folder and the disk everything rests on.
    Machine,
    /// What a client reads: its file, its program.
    Client,
    /// `mcpctl mcp-stdio`, and the token it shows.
    Bridge,
    /// The gateway on this machine.
    Gateway,
    /// A company's gateway.
    Central,
    /// mcpd.
    ControlPlane,
    /// The control plane's database.
    Database,
    /// The servers.
    Upstream,
    /// What the servers are shown.
    Credential,
    /// What projects and profiles grant.
    Policy,
    /// Whether tools are those that were trusted.
    Pin,
    /// What judges relevance.
    Model,
}

/// Every check there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Name {
    Home,
    Disk,
    ClientFile,
    ClientProgram,
    Token,
    Bridge,
    GatewayProcess,
    GatewayPort,
    GatewayConfig,
    GatewayProject,
    CentralGateway,
    ControlPlane,
    Clock,
    Version,
    Gateways,
    Database,
    Server,
    Credential,
    Grants,
    Offered,
    Pin,
    Model,
}

impl Name {
    /// All, in the order of the way.
    #[cfg(test)]
    pub(super) const ALL: [Self; 22] = [
        Self::Home,
        Self::Disk,
        Self::ClientFile,
        Self::ClientProgram,
        Self::Token,
        Self::Bridge,
        Self::GatewayProcess,
        Self::GatewayPort,
        Self::GatewayConfig,
        Self::GatewayProject,
        Self::CentralGateway,
        Self::ControlPlane,
        Self::Clock,
        Self::Version,
        Self::Gateways,
        Self::Database,
        Self::Server,
        Self::Credential,
        Self::Grants,
        Self::Offered,
        Self::Pin,
        Self::Model,
    ];

    /// The hop it belongs to.
    pub(super) fn hop(self) -> Hop {
        match self {
            Self::Home | Self::Disk => Hop::Machine,
            Self::ClientFile | Self::ClientProgram => Hop::Client,
            Self::Token | Self::Bridge => Hop::Bridge,
            Self::GatewayProcess | Self::GatewayPort | Self::GatewayConfig | Self::GatewayProject => Hop::Gateway,
            Self::CentralGateway => Hop::Central,
            Self::ControlPlane | Self::Clock | Self::Version | Self::Gateways => Hop::ControlPlane,
            Self::Database => Hop::Database,
            Self::Server => Hop::Upstream,
            Self::Credential => Hop::Credential,
            Self::Grants | Self::Offered => Hop::Policy,
            Self::Pin => Hop::Pin,
            Self::Model => Hop::Model,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Disk => "disk",
            Self::ClientFile => "client-file",
            Self::ClientProgram => "client-program",
            Self::Token => "token",
            Self::Bridge => "bridge",
            Self::GatewayProcess => "gateway-process",
            Self::GatewayPort => "gateway-port",
            Self::GatewayConfig => "gateway-config",
            Self::GatewayProject => "gateway-project",
            Self::CentralGateway => "central-gateway",
            Self::ControlPlane => "control-plane",
            Self::Clock => "clock",
            Self::Version => "version",
            Self::Gateways => "gateways",
            Self::Database => "database",
            Self::Server => "server",
            Self::Credential => "credential",
            Self::Grants => "grants",
            Self::Offered => "offered",
            Self::Pin => "pin",
            Self::Model => "model",
        }
    }
}

impl Hop {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Client => "client",
            Self::Bridge => "bridge",
            Self::Gateway => "gateway",
            Self::Central => "central",
            Self::ControlPlane => "control-plane",
            Self::Database => "database",
            Self::Upstream => "upstream",
            Self::Credential => "credential",
            Self::Policy => "policy",
            Self::Pin => "pin",
            Self::Model => "model",
        }
    }
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    Ok,
    Warn,
    Fail,
    /// It was not made, because something it depends on failed.
    Skipped,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
        }
    }
}

/// See the module.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Check {
    pub(super) hop: Hop,
    pub(super) name: Name,
    pub(super) state: State,
    pub(super) found: String,
    /// Commands that mend it, one after the other, word for word.
    pub(super) fix: Vec<String>,
    /// What no command mends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
}

impl Check {
    fn new(name: Name, state: State, found: impl Into<String>) -> Self {
        Self { hop: name.hop(), name, state, found: found.into(), fix: Vec::new(), advice: None }
    }

    pub(super) fn ok(name: Name, found: impl Into<String>) -> Self {
        Self::new(name, State::Ok, found)
    }

    pub(super) fn warn(name: Name, found: impl Into<String>) -> Self {
        Self::new(name, State::Warn, found)
    }

    pub(super) fn fail(name: Name, found: impl Into<String>) -> Self {
        Self::new(name, State::Fail, found)
    }

    pub(super) fn skipped(name: Name, because: impl Into<String>) -> Self {
        Self::new(name, State::Skipped, because)
    }

    /// A check that ended in a failure of its own.
    pub(super) fn failure(name: Name, failure: &Failure) -> Self {
        let found = failure.details.first().map(|detail| format!(": {detail}")).unwrap_or_default();
        let check = Self::fail(name, format!("{}{found}", failure.message));
        Self { advice: failure.hint.clone(), ..check }
    }

    /// With a command that mends it; after those that were named before.
    #[must_use]
    pub(super) fn fix(mut self, command: impl Into<String>) -> Self {
        self.fix.push(command.into());
        self
    }

    /// With what to do where no command mends it.
    #[must_use]
    pub(super) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_come_in_the_order_of_the_way() {
        let hops: Vec<Hop> = Name::ALL.iter().map(|name| name.hop()).collect();
        assert!(hops.is_sorted());
        assert!(Name::ALL.is_sorted());
    }

    #[test]
    fn every_check_is_in_the_documentation_once_in_its_order_and_nothing_else_is() {
        let page = include_str!("../../../../docs/doctor.md");
        let (_, table) = page.split_once("## Every check").unwrap();
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
        let found: Vec<(&str, &str)> = rows
            .map(|row| {
                let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`'));
                (cells.next().unwrap(), cells.next().unwrap())
            })
            .collect();
        let expected: Vec<(&str, &str)> = Name::ALL.iter().map(|name| (name.word(), name.hop().word())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_word_is_the_one_that_is_serialised() {
        for name in Name::ALL {
            assert_eq!(serde_json::json!(name), name.word());
            assert_eq!(serde_json::json!(name.hop()), name.hop().word());
        }
    }
}
