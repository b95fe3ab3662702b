//! A profile: what may be done with one server.

use crate::{argument::ArgumentRule, name::Name, pattern::Pattern, relevance::RelevanceSettings, stale::StaleRule};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which tools, prompts and resources of one server are granted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileSpec {
    /// One line for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The server this profile is about.
    pub server: Name,
    /// The ceiling: nothing above it is granted, whatever `allow` says.
    #[serde(default)]
    pub access: AccessLevel,
    /// The server's own tool names that are granted. Default: all under the ceiling.
    #[serde(default = "everything", skip_serializing_if = "is_everything")]
    pub allow: Vec<Pattern>,
    /// The server's own tool names that are refused; wins over `allow`, also over that of every other profile of a project.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<Pattern>,
    /// What is asked of the arguments of tools. Default: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<ArgumentRule>,
    /// Prompts granted, by their own names. Default: all.
    #[serde(default = "everything", skip_serializing_if = "is_everything")]
    pub prompts: Vec<Pattern>,
    /// Resources granted, by URI. Default: all.
    #[serde(default = "everything", skip_serializing_if = "is_everything")]
    pub resources: Vec<Pattern>,
    /// Relevance settings; a project's win over them.
    #[serde(default, skip_serializing_if = "RelevanceSettings::is_empty")]
    pub relevance: RelevanceSettings,
    /// What is recorded of calls by this profile.
    #[serde(default, skip_serializing_if = "ProfileAudit::is_default")]
    pub audit: ProfileAudit,
    /// How much of it each user may use. Default: what every user may.
    #[serde(default, skip_serializing_if = "ProfileLimits::is_default")]
    pub limits: ProfileLimits,
    /// What a gateway refuses once it was cut off from the control plane for long. Default: writing, after an hour.
    #[serde(default, skip_serializing_if = "StaleRule::is_default")]
    pub stale: StaleRule,
}

impl ProfileSpec {
    /// Everything of `server` that is read-only.
    #[must_use]
    pub fn new(server: Name) -> Self {
        Self {
            description: String::new(),
            server,
            access: AccessLevel::default(),
            allow: everything(),
            deny: Vec::new(),
            arguments: Vec::new(),
            prompts: everything(),
            resources: everything(),
            relevance: RelevanceSettings::default(),
            audit: ProfileAudit::default(),
            limits: ProfileLimits::default(),
            stale: StaleRule::default(),
        }
    }
}

/// What is recorded of calls beyond who, what and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProfileAudit {
    /// How arguments are recorded.
    pub arguments: RecordedArguments,
}

impl ProfileAudit {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How arguments are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordedArguments {
    /// By their SHA-256.
    #[default]
    Digest,
    /// By their values too, except those that look like secrets, which are recorded by a keyed digest.
    Values,
}

/// How much one user may use of one profile; `Limits` holds besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProfileLimits {
    /// Calls begun in a minute, of which as many can be saved up. Absent: no bound but the user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_minute: Option<u32>,
    /// Calls at once. Absent: no bound but the user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_at_once: Option<u32>,
}

impl ProfileLimits {
    /// Whether nothing was said about them.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The ceiling of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AccessLevel {
    /// Only tools whose curated class is `read`. The default, because it is the safe one.
    #[default]
    ReadOnly,
    /// Also tools classed `write`; not `destructive`, not `unknown`.
    ReadWrite,
    /// Every tool, also those nobody has classed.
    Full,
}

pub(crate) fn everything() -> Vec<Pattern> {
    vec![Pattern::from("*")]
}

pub(crate) fn is_everything(patterns: &[Pattern]) -> bool {
    matches!(patterns, [one] if one.as_str() == "*")
}
