//! A project: what a client connects to.

use crate::{flow::FlowRule, name::Name, relevance::RelevanceSettings};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Profiles under one name, and who may use them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectSpec {
    /// One line for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The profiles granted; two profiles about one server grant what either grants and neither denies.
    #[serde(default)]
    pub profiles: Vec<Name>,
    /// Users that may use the project. Administrators may use every project.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Name>,
    /// Whether text of strangers, private data and a way out are kept apart.
    #[serde(default, skip_serializing_if = "FlowRule::is_open")]
    pub flow: FlowRule,
    /// Relevance settings for everything called through this project.
    #[serde(default, skip_serializing_if = "RelevanceSettings::is_empty")]
    pub relevance: RelevanceSettings,
}
