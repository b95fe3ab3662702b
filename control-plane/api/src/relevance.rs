//! Relevance settings: written sparsely at server, tool, profile and project, resolved once when a snapshot is compiled.
//!
//! Two things with one machinery: results that are filtered by what the caller looks for, and the budget of every result.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What one place says about relevance filtering; absent fields leave it to the next wider place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RelevanceSettings {
    /// Off: `_context` is neither offered nor used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How careful to be not to lose a relevant record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<Recall>,
    /// Never keep fewer records than this (or all there are).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_records: Option<u32>,
    /// Never keep more records than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_records: Option<u32>,
    /// Never keep more estimated tokens than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Time for judging one result, in milliseconds; past it what is judged so far decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u32>,
    /// Estimated tokens that one result may have, with or without `_context`; of a larger one the client gets as much as
    /// fits, and the way to the rest. 0: as many as there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_tokens: Option<u32>,
}

impl RelevanceSettings {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These settings where they speak, `wider` where they do not.
    #[must_use]
    pub fn or(&self, wider: &Self) -> Self {
        Self {
            enabled: self.enabled.or(wider.enabled),
            recall: self.recall.or(wider.recall),
            min_records: self.min_records.or(wider.min_records),
            max_records: self.max_records.or(wider.max_records),
            max_tokens: self.max_tokens.or(wider.max_tokens),
            deadline_ms: self.deadline_ms.or(wider.deadline_ms),
            budget_tokens: self.budget_tokens.or(wider.budget_tokens),
        }
    }

    /// Every field decided: these settings, the defaults where they are silent.
    #[must_use]
    pub fn resolve(&self) -> Relevance {
        let default = Relevance::default();
        Relevance {
            enabled: self.enabled.unwrap_or(default.enabled),
            recall: self.recall.unwrap_or(default.recall),
            min_records: self.min_records.unwrap_or(default.min_records),
            max_records: self.max_records.unwrap_or(default.max_records),
            max_tokens: self.max_tokens.unwrap_or(default.max_tokens),
            deadline_ms: self.deadline_ms.unwrap_or(default.deadline_ms),
            budget_tokens: self.budget_tokens.unwrap_or(default.budget_tokens),
        }
    }
}

/// The recall knob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recall {
    /// Rather keep too much.
    High,
    /// The default.
    #[default]
    Balanced,
    /// Rather keep too little.
    Tight,
}

/// Settings with every field decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relevance {
    /// Whether results are filtered at all.
    pub enabled: bool,
    /// The recall knob.
    pub recall: Recall,
    /// Floor in records.
    pub min_records: u32,
    /// Ceiling in records.
    pub max_records: u32,
    /// Ceiling in estimated tokens.
    pub max_tokens: u32,
    /// Time for judging one result, in milliseconds.
    pub deadline_ms: u32,
    /// Estimated tokens that one result may have; 0: as many as there are.
    pub budget_tokens: u32,
}

impl Default for Relevance {
    fn default() -> Self {
        Self {
            enabled: true,
            recall: Recall::Balanced,
            min_records: 5,
            max_records: 500,
            max_tokens: 50_000,
            deadline_ms: 300,
            // Claude Code warns of results from 10,000 tokens on, and cuts off those from 25,000 on.
            budget_tokens: 9_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrower_place_wins_and_silence_falls_back() {
        let project = RelevanceSettings { recall: Some(Recall::High), ..Default::default() };
        let server = RelevanceSettings { recall: Some(Recall::Tight), max_records: Some(7), ..Default::default() };
        let resolved = project.or(&server).resolve();
        assert_eq!((resolved.recall, resolved.max_records), (Recall::High, 7));
        assert_eq!(resolved.min_records, Relevance::default().min_records);
    }
}
