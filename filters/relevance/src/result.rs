//! One `tools/call` result as bytes: where its records are, and how it is rewritten so that content and
//! structuredContent keep saying the same.
//!
//! The rewrite is a list of edits on the original text: unknown fields, numbers and spacing survive. A result whose
//! two halves cannot be shown to hold the same records is left alone (2025-06-18, tools: structuredContent must fit
//! the outputSchema, and clients read either half).

pub mod fit;
pub mod note;
mod pieces;

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use serde_json::value::RawValue;

use crate::segment::speaking::Spoken;
use crate::segment::splice::{self, Edit};
use crate::segment::{self, Record, Segmented, Shape, json, unescape};

/// Where the report stands in the result's `_meta`.
pub const META_KEY: &str = "mcpctl/relevance";
/// Where a result says which task it is of (2025-11-25 tasks). Its id means something only while the call lasts.
const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";
/// A text this many times smaller than structuredContent is a remark about it and may stay as it is.
const REMARK_FACTOR: usize = 4;
/// Content blocks that together are taken for records, one each.
const BLOCK_RECORDS_MIN: usize = 8;

/// A result, opened one level deep.
pub struct ToolResult<'a> {
    source: &'a str,
    root: &'a RawValue,
    is_empty: bool,
    stays_whole: bool,
    content: Option<&'a RawValue>,
    blocks: Vec<&'a RawValue>,
    structured: Option<&'a RawValue>,
    meta: Option<&'a RawValue>,
}

/// The records of a result: one segmentation, or two of the same records.
pub struct Found {
    first: Segmented,
    second: Option<Segmented>,
}

impl Found {
    /// What the records were recognised by.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.first.shape()
    }

    /// The records to judge.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        self.first.records()
    }
}

/// A text block and its text.
struct Text<'a> {
    literal: &'a RawValue,
    decoded: String,
    offsets: unescape::Offsets,
}

impl<'a> ToolResult<'a> {
    /// Opens the raw JSON of a result; `None` if it is no object.
    #[must_use]
    pub fn open(source: &'a str) -> Option<Self> {
        let root = json::parse(source)?;
        let members = json::members(root)?;
        let get = |name: &str| members.iter().find(|(found, _)| found == name).map(|(_, value)| *value);
        let content = get("content");
        Some(Self {
            source,
            root,
            is_empty: members.is_empty(),
            stays_whole: get("isError").is_some_and(|value| value.get() == "true")
                || get("resultType").is_some_and(|kind| kind.get() != r#""complete""#)
                || get("_meta").is_some_and(|meta| meta.get().contains(RELATED_TASK)),
            content,
            blocks: content.and_then(json::elements).unwrap_or_default(),
            structured: get("structuredContent").filter(|value| value.get() != "null"),
            meta: get("_meta"),
        })
    }

    /// Whether nothing may be left out of it, whatever is in it: an error, a question, a state of a task.
    #[must_use]
    pub fn stays_whole(&self) -> bool {
        self.stays_whole
    }

    /// The records, if there are any that can be dropped consistently.
    #[must_use]
    pub fn find(&self) -> Option<Found> {
        if self.stays_whole {
            return None;
        }
        let texts: Vec<Option<Text<'a>>> = self.blocks.iter().map(|block| text(block)).collect();
        let in_text = self.largest(&texts);
        let Some(structured) = self.structured else {
            return in_text.map(|first| Found { first, second: None });
        };
        let in_structure = json::segment(self.source, structured)?;
        match in_text {
            Some(first) if same_records(&first, &in_structure) => Some(Found { first, second: Some(in_structure) }),
            Some(_) => None,
            None => {
                let remarks: usize = texts.iter().flatten().map(|text| text.decoded.len()).sum();
                let is_remark = remarks * REMARK_FACTOR < structured.get().len();
                is_remark.then_some(Found { first: in_structure, second: None })
            }
        }
    }

    /// The result with only the `kept` records, the note as last content block, and the report in `_meta`. The report
    /// is made from the size of the rest. `None` if the edits do not give JSON, which would be a defect here.
    #[must_use]
    pub fn rewrite(
        &self,
        kept: Option<(&Found, &BTreeSet<usize>)>,
        note: &str,
        report: impl FnOnce(usize) -> String,
    ) -> Option<Box<RawValue>> {
        let mut edits = kept.map(|(found, kept)| self.edits(found, kept)).unwrap_or_default();
        edits.push(self.note_edit(note)?);
        let bytes = splice::apply(self.source, edits.clone()).len();
        edits.extend(self.meta_edit(&report(bytes)));
        RawValue::from_string(splice::apply(self.source, edits)).ok()
    }

    /// The edits that leave only the `kept` records, in both halves.
    fn edits(&self, found: &Found, kept: &BTreeSet<usize>) -> Vec<Edit> {
        let segments = std::iter::once(&found.first).chain(&found.second);
        segments.flat_map(|segmented| segmented.edits(self.source, kept)).collect()
    }

    /// The text block with the most records, or the blocks themselves where each is one.
    fn largest(&self, texts: &[Option<Text<'a>>]) -> Option<Segmented> {
        let in_block = |text: &Text<'a>| {
            let start = json::span(self.source, text.literal).start;
            let segmented = segment::segment(&text.decoded)?;
            Some(segmented.moved(|decoded| start + text.offsets.raw(decoded)))
        };
        let inside = texts.iter().flatten().filter_map(in_block).max_by_key(|segmented| segmented.records().len());
        let all_text: Option<Vec<&Text<'a>>> = texts.iter().map(Option::as_ref).collect();
        let blocks = all_text.filter(|texts| texts.len() >= BLOCK_RECORDS_MIN).and_then(|texts| {
            let record = |(block, text): (&&RawValue, &Text<'a>)| Record {
                span: json::span(self.source, block),
                spoken: Spoken::of_text(&text.decoded),
            };
            Segmented::of(Shape::Contents, self.blocks.iter().zip(texts).map(record).collect())
        });
        [inside, blocks].into_iter().flatten().max_by_key(|segmented| segmented.records().len())
    }

    fn note_edit(&self, note: &str) -> Option<Edit> {
        let text = serde_json::to_string(note).ok()?;
        let block = format!(r#"{{"type":"text","text":{text}}}"#);
        let Some(content) = self.content else {
            let comma = if self.is_empty { "" } else { "," };
            return Some(Edit::insert(self.inside(self.root).start, format!(r#""content":[{block}]{comma}"#)));
        };
        if !content.get().starts_with('[') {
            return None;
        }
        match self.blocks.last() {
            Some(last) => Some(Edit::insert(json::span(self.source, last).end, format!(",{block}"))),
            None => Some(Edit::insert(self.inside(content).start, block)),
        }
    }

    fn meta_edit(&self, report: &str) -> Option<Edit> {
        let member = format!(r#""{META_KEY}":{report}"#);
        let Some(meta) = self.meta else {
            return Some(Edit::insert(self.inside(self.root).end, format!(r#","_meta":{{{member}}}"#)));
        };
        let members = json::members(meta)?;
        if let Some((_, old)) = members.iter().find(|(name, _)| name == META_KEY) {
            return Some(Edit { span: json::span(self.source, old), with: report.to_owned() });
        }
        let comma = if members.is_empty() { "" } else { "," };
        Some(Edit::insert(self.inside(meta).start, format!("{member}{comma}")))
    }

    /// The bytes between the brackets of an array or object.
    fn inside(&self, raw: &RawValue) -> Range<usize> {
        let span = json::span(self.source, raw);
        span.start + 1..span.end.saturating_sub(1)
    }
}

/// The text of a content block of type `text`.
fn text(block: &RawValue) -> Option<Text<'_>> {
    let members = json::members(block)?;
    let get = |name: &str| members.iter().find(|(found, _)| found == name).map(|(_, value)| *value);
    let literal = get("text").filter(|_| get("type").is_some_and(|kind| kind.get() == r#""text""#))?;
    let (decoded, offsets) = unescape::unescape(literal.get())?;
    Some(Text { literal, decoded, offsets })
}

/// As many records, and each pair says the same or shares most of its words (one may be a rendering of the other).
fn same_records(one: &Segmented, other: &Segmented) -> bool {
    let pairs = || one.records().iter().zip(other.records()).map(|(a, b)| (&a.spoken.text, &b.spoken.text));
    one.records().len() == other.records().len() && pairs().all(|(a, b)| a == b || mostly_shared(a, b))
}

fn mostly_shared(one: &str, other: &str) -> bool {
    let words = |text: &str| -> HashSet<String> {
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
    };
    let (one, other) = (words(one), words(other));
    one.intersection(&other).count() * 2 > one.len().min(other.len())
}

#[cfg(test)]
mod tests;
