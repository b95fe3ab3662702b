//! A configured MCP server: how it is reached, how its tools are named and classed.

use crate::{
    argument::Scalar,
    flow::Flow,
    name::Name,
    oauth::OauthSettings,
    pattern::Pattern,
    relevance::RelevanceSettings,
    runtime::{ContainerSpec, Desired, Orders, Runtime, RuntimeKind},
    sandbox::Sandbox,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};
use utoipa::ToSchema;

/// What an administrator or the catalogue says about one MCP server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerSpec {
    /// One line for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// How the gateway reaches the server.
    pub transport: Transport,
    /// What runs it.
    #[serde(default, skip_serializing_if = "Runtime::is_process")]
    pub runtime: Runtime,
    /// Whether it is to run.
    #[serde(default, skip_serializing_if = "Desired::is_running")]
    pub desired: Desired,
    /// What was asked of its instance; only in snapshots.
    #[serde(default, skip_serializing_if = "Orders::is_none")]
    pub orders: Orders,
    /// How access tokens for the server are obtained; absent: it needs none, or has them among its headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OauthSettings>,
    /// It is the central gateway, as a developer's local gateway sees it: what it offers was judged and pinned there. Filled
    /// by the control plane; ignored when applied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub central: bool,
    /// Prefix of exposed names, joined with `_`. Absent: the server's name. Empty: names are exposed as they are.
    /// A tool whose own name already begins with the prefix and `_` is never prefixed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Which protocol era the server speaks; `auto` probes.
    #[serde(default, skip_serializing_if = "Era::is_auto")]
    pub era: Era,
    /// Curated classes of the server's tools, and relevance settings of their own; first match wins. What no rule names is
    /// [`ToolClass::Unknown`]: the server's own hints never decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolRule>,
    /// Relevance settings for this server's results; a tool's, a profile's and a project's win over them.
    #[serde(default, skip_serializing_if = "RelevanceSettings::is_empty")]
    pub relevance: RelevanceSettings,
    /// Calls that show whether the server's credential is good: when its instance is tested, the first one whose tool it has
    /// is made. Their tools are classed [`ToolClass::Read`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<Probe>,
}

/// A call that shows whether a credential is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The tool, by the server's own name.
    #[schema(example = "get_me")]
    pub tool: String,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, Scalar>,
    /// A text that its result holds; absent: it is enough that it is no error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expects: Option<String>,
}

/// What came of a [`Probe`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Probed {
    /// The tool that was called.
    pub tool: String,
    /// Why the credential is not shown to be good; absent: it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl ServerSpec {
    /// A server of which only this is said.
    #[must_use]
    pub fn new(transport: Transport) -> Self {
        Self {
            description: String::new(),
            transport,
            runtime: Runtime::default(),
            desired: Desired::default(),
            orders: Orders::default(),
            oauth: None,
            central: false,
            prefix: None,
            era: Era::default(),
            tools: Vec::new(),
            relevance: RelevanceSettings::default(),
            probes: Vec::new(),
        }
    }

    /// What runs its instance; none where somebody else runs it.
    #[must_use]
    pub fn instance(&self) -> Option<RuntimeKind> {
        match (&self.runtime, &self.transport) {
            (Runtime::Process, Transport::Http { .. }) => None,
            (runtime, _) => Some(runtime.kind()),
        }
    }

    /// The names of the secrets its transport and its container need.
    pub fn secrets(&self) -> impl Iterator<Item = &Name> {
        self.transport.secrets().chain(self.runtime.container().into_iter().flat_map(ContainerSpec::secrets))
    }

    /// The prefix in force for a server called `name`, without the joining `_`.
    #[must_use]
    pub fn prefix_for<'a>(&'a self, name: &'a Name) -> &'a str {
        self.prefix.as_deref().unwrap_or_else(|| name.as_str())
    }

    /// The curated class of the server's tool `tool` (its own name).
    #[must_use]
    pub fn class_of(&self, tool: &str) -> ToolClass {
        self.rule_of(tool).map_or(ToolClass::Unknown, |rule| rule.class)
    }

    /// What calling the server's tool `tool` (its own name) means for the flow of information.
    #[must_use]
    pub fn flow_of(&self, tool: &str) -> &[Flow] {
        self.rule_of(tool).map_or(&[], |rule| &rule.flow)
    }

    /// Relevance settings for results of the server's tool `tool` (its own name): its rule's where they speak, else the
    /// server's.
    #[must_use]
    pub fn relevance_of(&self, tool: &str) -> RelevanceSettings {
        self.rule_of(tool).map_or_else(|| self.relevance.clone(), |rule| rule.relevance.or(&self.relevance))
    }

    fn rule_of(&self, tool: &str) -> Option<&ToolRule> {
        self.tools.iter().find(|rule| rule.tool.matches(tool))
    }
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Transport {
    /// A child process of the gateway, one JSON-RPC message per line.
    Stdio {
        /// Program: an absolute path, or a name looked up in the gateway's `PATH`.
        command: String,
        /// Arguments, passed as they are; there is no shell.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        args: Vec<String>,
        /// The environment the child gets besides the gateway's short allow-list (`PATH`, `HOME`, locale, …).
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        env: BTreeMap<String, Value>,
        /// How the process is confined.
        #[serde(default, skip_serializing_if = "Sandbox::is_default")]
        sandbox: Sandbox,
    },
    /// An HTTP endpoint: Streamable HTTP, or the older HTTP+SSE where it answers only that.
    Http {
        /// `http` or `https` URL of the MCP endpoint.
        url: String,
        /// Headers added to every request, for example `Authorization`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, Value>,
        /// The server speaks HTTP+SSE (2024-11-05) and is not to be asked for anything else.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        sse: bool,
    },
}

impl Transport {
    /// The names of the secrets this transport needs.
    pub fn secrets(&self) -> impl Iterator<Item = &Name> {
        let values = match self {
            Self::Stdio { env, .. } => env.values(),
            Self::Http { headers, .. } => headers.values(),
        };
        values.filter_map(Value::secret)
    }
}

/// A value given in the clear, or a reference to a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Value {
    /// The value itself. Not for credentials.
    Plain(String),
    /// The secret of this name, with an optional text in front of it (such as `Bearer `).
    Secret {
        /// Name of the secret object.
        secret: Name,
        /// Text put before the secret.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        prefix: String,
    },
}

impl Value {
    /// The secret it refers to.
    #[must_use]
    pub fn secret(&self) -> Option<&Name> {
        match self {
            Self::Secret { secret, .. } => Some(secret),
            Self::Plain(_) => None,
        }
    }
}

/// Which era of the protocol a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Era {
    /// Ask it: `server/discover` first, `initialize` if it does not know that.
    #[default]
    Auto,
    /// 2026-07-28 and later: every request carries its own metadata.
    Modern,
    /// 2025-11-25 and before: `initialize` opens a session.
    Legacy,
}

impl Era {
    /// Whether the era is to be found by probing.
    #[must_use]
    pub fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

/// A curated statement about tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolRule {
    /// The server's own tool names this rule speaks of.
    pub tool: Pattern,
    /// What such a tool does.
    pub class: ToolClass,
    /// What calling it means for the flow of information; see [`crate::project::ProjectSpec::flow`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flow: Vec<Flow>,
    /// Relevance settings for its results; a profile's and a project's win over them.
    #[serde(default, skip_serializing_if = "RelevanceSettings::is_empty")]
    pub relevance: RelevanceSettings,
}

/// What calling a tool does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToolClass {
    /// Reads only.
    Read,
    /// Changes something that can be changed back.
    Write,
    /// Deletes or overwrites.
    Destructive,
    /// Nobody has said. Refused wherever writing is.
    Unknown,
}

impl fmt::Display for ToolClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destructive => "destructive",
            Self::Unknown => "unknown",
        })
    }
}
