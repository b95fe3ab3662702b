//! One text filtered in the open: what it was taken for, what every record says and scores, and what is left of it.
//!
//! For people who try a filter and for measuring one. It does what the service does to a result ([`crate::relevance`]),
//! without its threads, its queue and the size below which a result passes untouched.

use std::time::{Duration, Instant};

use control_plane_api::audit::RelevanceOutcome;
pub use control_plane_api::relevance::Relevance as Settings;
use filters::originals::Unit;
use serde_json::value::RawValue;

use crate::encoder::Encoder;
use crate::intent::Intent;
use crate::judge::{self, Judgement};
use crate::result::note::{self, Count, Shortfall};
use crate::result::{Found, ToolResult};
use crate::segment::{self, Record, Segmented, Shape, json};

/// The types of content blocks (2025-06-18, server/tools).
const BLOCK_TYPES: [&str; 5] = ["text", "image", "audio", "resource", "resource_link"];

/// What a text is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The result of a `tools/call`, or the whole response that carries it.
    ToolResult,
    /// A text of any shape.
    Text,
}

/// The text is not what it was said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no result of a tools/call: a JSON object with `content` or `structuredContent`, or a response with one"
)]
pub struct NoToolResult;

/// A text and its records.
pub struct Trial<'a> {
    source: &'a str,
    parts: Parts<'a>,
}

enum Parts<'a> {
    Result(Box<(ToolResult<'a>, Option<Found>)>),
    Text(Option<Segmented>),
}

/// What was decided about it.
pub struct Tried {
    /// The verdict.
    pub judgement: Judgement,
    /// How long judging took.
    pub elapsed: Duration,
    /// The text as it is left: a result with its note and report, any other text with nothing but records left out.
    pub left: String,
}

impl<'a> Trial<'a> {
    /// Finds the records of `source`, which is a result where it looks like one, unless `kind` says what it is.
    ///
    /// # Errors
    /// [`NoToolResult`] when `kind` asks for a result and it is none.
    pub fn open(source: &'a str, kind: Option<Kind>) -> Result<Self, NoToolResult> {
        let result = if kind == Some(Kind::Text) { None } else { tool_result(source) };
        let (source, parts) = match result {
            Some(raw) => {
                let result = ToolResult::open(raw).ok_or(NoToolResult)?;
                let found = result.find();
                (raw, Parts::Result(Box::new((result, found))))
            }
            None if kind == Some(Kind::ToolResult) => return Err(NoToolResult),
            None => (source, Parts::Text(segment::segment(source))),
        };
        Ok(Self { source, parts })
    }

    /// What it was taken for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.parts {
            Parts::Result(_) => Kind::ToolResult,
            Parts::Text(_) => Kind::Text,
        }
    }

    /// Its bytes; of a response those of the result in it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.source.len()
    }

    /// The shape that was recognised, if any was: a text without one is never filtered.
    #[must_use]
    pub fn shape(&self) -> Option<Shape> {
        match &self.parts {
            Parts::Result(parts) => parts.1.as_ref().map(Found::shape),
            Parts::Text(segmented) => segmented.as_ref().map(Segmented::shape),
        }
    }

    /// Its records in source order.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        match &self.parts {
            Parts::Result(parts) => parts.1.as_ref().map(Found::records).unwrap_or_default(),
            Parts::Text(segmented) => segmented.as_ref().map(Segmented::records).unwrap_or_default(),
        }
    }

    /// Judges the records and leaves out the others; the deadline in `settings` counts from now. `None` where there is
    /// nothing to judge. `no_model` says why there is no encoder.
    #[must_use]
    pub fn judge(
        &self,
        intent: &Intent,
        settings: &Settings,
        encoder: Option<&Encoder>,
        no_model: Option<&str>,
    ) -> Option<Tried> {
        if self.records().is_empty() {
            return None;
        }
        let started = Instant::now();
        let go_on = || started.elapsed() < judge::reading_time(settings);
        let judgement = judge::judge(self.records(), intent, settings, encoder, &go_on);
        let elapsed = started.elapsed();
        let left = self.left(&judgement, intent, elapsed, no_model)?;
        Some(Tried { judgement, elapsed, left })
    }

    fn left(
        &self,
        judgement: &Judgement,
        intent: &Intent,
        elapsed: Duration,
        no_model: Option<&str>,
    ) -> Option<String> {
        match &self.parts {
            Parts::Text(segmented) => Some(segmented.as_ref()?.keep(self.source, &judgement.kept)),
            Parts::Result(parts) => {
                let (result, found) = parts.as_ref();
                let total = self.records().len();
                let count = Count { kept: judgement.kept.len(), total, unit: Unit::Records };
                let shortfall = Shortfall::of_judgement(judgement, no_model);
                let note = note::of_judgement(count, judgement.found, &intent.raw, shortfall.as_ref(), None);
                let report = |bytes: usize| {
                    let outcome = RelevanceOutcome {
                        kept: judgement.kept.len() as u64,
                        total: total as u64,
                        bytes_before: self.source.len() as u64,
                        bytes_after: bytes as u64,
                        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
                        tier: judgement.tier.name().to_owned(),
                        fallback: shortfall.as_ref().map(|shortfall| shortfall.fallback),
                    };
                    note::report(&outcome, None)
                };
                let kept = found.as_ref().map(|found| (found, &judgement.kept));
                Some(result.rewrite(kept, &note, report)?.get().to_owned())
            }
        }
    }
}

/// The result in `source`: the whole of it, or the `result` of a response.
fn tool_result(source: &str) -> Option<&str> {
    let source = source.trim();
    let root = json::parse(source)?;
    if is_tool_result(root) {
        return Some(source);
    }
    let result = member(root, "result")?;
    is_tool_result(result).then(|| source.get(json::span(source, result)))?
}

/// Other JSON has a member `content` too; what is in a result's says which type of block it is.
fn is_tool_result(raw: &RawValue) -> bool {
    let is_block = |block: &&RawValue| {
        member(block, "type").is_some_and(|kind| BLOCK_TYPES.contains(&kind.get().trim_matches('"')))
    };
    let blocks = member(raw, "content").and_then(json::elements);
    blocks.is_some_and(|blocks| blocks.iter().all(is_block))
        || member(raw, "structuredContent").is_some_and(|value| value.get().starts_with('{'))
}

fn member<'a>(raw: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    json::members(raw)?.into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
}

/// A shape's name in words, such as `json lines`.
#[must_use]
pub fn shape_name(shape: Shape) -> String {
    let mut words = String::new();
    for letter in format!("{shape:?}").chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests;
