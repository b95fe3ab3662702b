//! How much of a result fits into so many bytes.
//!
//! Counted is what a model reads: everything but blocks that are no text, such as images, which nothing here can shorten.

use std::collections::BTreeSet;

use control_plane_api::relevance::Relevance as Settings;

use super::{Found, ToolResult, text};
use crate::segment::json;
use crate::select::BYTES_PER_TOKEN;

/// Bytes that the note and the report may take of a budget.
const SAID_BYTES_MAX: usize = 1_200;

/// The bytes of the budget in `settings`; none where there is no budget.
#[must_use]
pub fn budget_bytes(settings: &Settings) -> Option<usize> {
    let tokens = usize::try_from(settings.budget_tokens).unwrap_or(usize::MAX);
    (tokens > 0).then(|| tokens.saturating_mul(BYTES_PER_TOKEN))
}

/// What the budget in `settings` leaves for a result, in bytes, beside what is said about it.
#[must_use]
pub fn room(settings: &Settings) -> usize {
    budget_bytes(settings).map_or(usize::MAX, |bytes| bytes.saturating_sub(SAID_BYTES_MAX))
}

impl ToolResult<'_> {
    /// The bytes of the whole that count.
    #[must_use]
    pub fn weight(&self) -> usize {
        let other: usize = self.blocks.iter().filter(|block| text(block).is_none()).map(|block| block.get().len()).sum();
        self.source.len().saturating_sub(other)
    }

    /// The bytes that count when only the `kept` records are left.
    #[must_use]
    pub fn weight_of(&self, found: &Found, kept: &BTreeSet<usize>) -> usize {
        let edits = self.edits(found, kept);
        let cut: usize = edits.iter().map(|edit| edit.span.len()).sum();
        let put: usize = edits.iter().map(|edit| edit.with.len()).sum();
        (self.weight() + put).saturating_sub(cut)
    }

    /// As many of `order`, from its start, as fit into `bytes_max`.
    #[must_use]
    pub fn most(&self, found: &Found, order: &[usize], bytes_max: usize) -> BTreeSet<usize> {
        let first = |count: usize| -> BTreeSet<usize> { order.iter().take(count).copied().collect() };
        // No more than this fits, whatever stands around the records; which spares measuring large selections.
        let mut room = bytes_max;
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
            if self.weight_of(found, &first(middle)) <= bytes_max { fitting = middle } else { over = middle }
        }
        first(fitting)
    }

    /// The same, but never nothing: who asks for more gets some.
    #[must_use]
    pub fn some(&self, found: &Found, order: &[usize], bytes_max: usize) -> BTreeSet<usize> {
        let most = self.most(found, order, bytes_max);
        if most.is_empty() { order.first().copied().into_iter().collect() } else { most }
    }

    /// The bytes of blocks that are text, as they are in the source; what is no text is in the way of no cut.
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
        assert!(most.is_empty() || result.weight_of(&found, &most) <= bytes_max);
        if let Some(next) = order.get(most.len()) {
            let more: BTreeSet<usize> = most.iter().copied().chain([*next]).collect();
            assert!(result.weight_of(&found, &more) > bytes_max, "one more would have fitted");
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
    fn no_budget_is_no_bound() {
        assert_eq!(budget_bytes(&Settings { budget_tokens: 0, ..Settings::default() }), None);
        assert_eq!(room(&Settings { budget_tokens: 0, ..Settings::default() }), usize::MAX);
        assert_eq!(room(&Settings { budget_tokens: 1, ..Settings::default() }), 0);
    }
}
