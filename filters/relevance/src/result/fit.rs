//! How much of a result fits into so many bytes.
//!
//! Counted is what a model reads: the texts or the structured content, whichever is longer, because clients show one of
//! them; neither blocks that are no text, such as images, which nothing here can shorten, nor what is for programs.

use std::collections::BTreeSet;
use std::ops::Range;

use control_plane_api::relevance::Relevance as Settings;

use super::{Found, ToolResult, text};
use crate::segment::json;
use crate::select::BYTES_PER_TOKEN;

/// Bytes that the note may take of a budget.
const NOTE_BYTES_MAX: usize = 600;

/// The bytes of the budget in `settings`; none where there is no budget.
#[must_use]
pub fn budget_bytes(settings: &Settings) -> Option<usize> {
    let tokens = usize::try_from(settings.budget_tokens).unwrap_or(usize::MAX);
    (tokens > 0).then(|| tokens.saturating_mul(BYTES_PER_TOKEN))
}

/// What the budget in `settings` leaves for a result, in bytes, beside what is said about it.
#[must_use]
pub fn room(settings: &Settings) -> usize {
    budget_bytes(settings).map_or(usize::MAX, |bytes| bytes.saturating_sub(NOTE_BYTES_MAX))
}

/// What of a result is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scales {
    /// Bytes of its texts, as JSON.
    escaped: usize,
    /// Bytes of its texts, as they are read.
    read: usize,
    /// Where its structured content is.
    structured: Range<usize>,
}

impl Scales {
    /// The bytes of the whole that count.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.read.max(self.structured.len())
    }
}

impl ToolResult<'_> {
    /// What the whole weighs.
    #[must_use]
    pub fn weigh(&self) -> Scales {
        let texts: Vec<(usize, usize)> =
            self.texts().map(|text| (text.literal.get().len(), text.decoded.len())).collect();
        let structured = self.structured.map(|structured| json::span(self.source, structured));
        Scales {
            escaped: texts.iter().map(|(escaped, _)| escaped).sum(),
            read: texts.iter().map(|(_, read)| read).sum(),
            structured: structured.unwrap_or_default(),
        }
    }

    /// The bytes that count when only the `kept` records are left.
    #[must_use]
    pub fn weight_of(&self, scales: &Scales, found: &Found, kept: &BTreeSet<usize>) -> usize {
        let (mut texts, mut structured) = (scales.escaped, scales.structured.len());
        for edit in self.edits(found, kept) {
            let half = if scales.structured.contains(&edit.span.start) { &mut structured } else { &mut texts };
            *half = (*half + edit.with.len()).saturating_sub(edit.span.len());
        }
        // Escapes are as frequent in what is left as in the whole, more or less.
        let read = texts * scales.read / scales.escaped.max(1);
        read.max(structured)
    }

    /// As many of `order`, from its start, as fit into `bytes_max`.
    #[must_use]
    pub fn most(&self, found: &Found, order: &[usize], bytes_max: usize) -> BTreeSet<usize> {
        let first = |count: usize| -> BTreeSet<usize> { order.iter().take(count).copied().collect() };
        let scales = self.weigh();
        // Twice as many bytes do not fit however they are escaped; which spares measuring large selections.
        let mut room = bytes_max.saturating_mul(2 * scales.escaped.max(1) / scales.read.max(1));
        let size = |index: &usize| found.records().get(*index).map_or(0, |record| record.span.len());
        let fits_at_best = |index: &&usize| {
            let fits = size(index) <= room;
            room = room.saturating_sub(size(index));
            fits
        };
        let mut over = order.iter().take_while(fits_at_best).count() + 1;
        let mut fitting = 0;
        while over - fitting > 1 {
            let middle = fitting + (over - fitting) / 2;
            if self.weight_of(&scales, found, &first(middle)) <= bytes_max { fitting = middle } else { over = middle }
        }
        first(fitting)
    }

    /// The same, but never nothing: who asks for more gets some.
    #[must_use]
    pub fn some(&self, found: &Found, order: &[usize], bytes_max: usize) -> BTreeSet<usize> {
        let most = self.most(found, order, bytes_max);
        if most.is_empty() { order.first().copied().into_iter().collect() } else { most }
    }

    /// The blocks that are text.
    pub(super) fn texts(&self) -> impl Iterator<Item = super::Text<'_>> {
        self.blocks.iter().filter_map(|block| text(block))
    }

    /// Where the text block `text` begins in the source.
    pub(super) fn start_of(&self, text: &super::Text<'_>) -> usize {
        json::span(self.source, text.literal).start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn source(count: usize, with: &Value) -> String {
        let rows: Vec<Value> = (0..count).map(|i| json!({"id": i, "text": format!("message {i}")})).collect();
        let text = serde_json::to_string_pretty(&json!({"rows": rows, "total": count})).unwrap();
        json!({"content": [{"type": "text", "text": text}, with]}).to_string()
    }

    fn check(source: &str, bytes_max: usize) -> usize {
        let result = ToolResult::open(source).unwrap();
        let found = result.find().unwrap();
        let order: Vec<usize> = (0..found.records().len()).collect();
        let most = result.most(&found, &order, bytes_max);
        assert!(most.is_empty() || result.weight_of(&result.weigh(), &found, &most) <= bytes_max);
        if let Some(next) = order.get(most.len()) {
            let more: BTreeSet<usize> = most.iter().copied().chain([*next]).collect();
            assert!(result.weight_of(&result.weigh(), &found, &more) > bytes_max, "one more would have fitted");
        }
        most.len()
    }

    #[test]
    fn as_many_as_fit_and_not_one_more() {
        let source = source(200, &json!({"type": "text", "text": "done"}));
        assert_eq!(check(&source, usize::MAX), 200);
        assert_eq!(check(&source, 10), 0);
        let (few, more) = (check(&source, 2_000), check(&source, 4_000));
        assert!(0 < few && few < more && more < 200, "{few} {more}");
    }

    #[test]
    fn images_do_not_count() {
        let image = json!({"type": "image", "data": "A".repeat(50_000), "mimeType": "image/png"});
        assert!(check(&source(200, &image), 2_000) > 0);
    }

    #[test]
    fn of_two_halves_the_longer_one_counts() {
        let rows: Vec<Value> = (0..200).map(|i| json!({"id": i, "text": format!("message {i}")})).collect();
        let whole = json!({"rows": rows});
        let text = json!([{"type": "text", "text": whole.to_string()}]);
        let (one, both) = (json!({"content": text}), json!({"content": text, "structuredContent": whole}));
        assert_eq!(check(&one.to_string(), 3_000), check(&both.to_string(), 3_000));
    }

    #[test]
    fn no_budget_is_no_bound() {
        assert_eq!(budget_bytes(&Settings { budget_tokens: 0, ..Settings::default() }), None);
        assert_eq!(room(&Settings { budget_tokens: 0, ..Settings::default() }), usize::MAX);
        assert_eq!(room(&Settings { budget_tokens: 1, ..Settings::default() }), 0);
    }
}
