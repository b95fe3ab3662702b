//! What the client is told: the note for the model that reads the result, and the report for programs.

use control_plane_api::audit::RelevanceOutcome;
use serde_json::json;

use crate::judge::{Judgement, Tier};
use crate::rerank::Reranked;
use crate::select::BYTES_PER_TOKEN;

/// Characters of the intent that are repeated in the note.
const INTENT_CHARS_MAX: usize = 120;
const WAY_BACK: &str = "Call the tool again without _context (or with _context \"*\") to get everything.";

/// What the note says about a judged result.
#[must_use]
pub fn of_judgement(judgement: &Judgement, total: usize, intent: &str, no_model: Option<&str>) -> String {
    let (kept, intent) = (judgement.kept.len(), shortened(intent));
    let first = if judgement.found {
        format!("kept {kept} of {total} records relevant to \"{intent}\"; the rest was left out.")
    } else {
        format!("none of {total} records is clearly relevant to \"{intent}\"; the {kept} nearest were kept.")
    };
    let how = match (judgement.tier, no_model) {
        (Tier::Bm25, Some(reason)) => format!(" Judged by shared words only: {reason}."),
        (Tier::Bm25, None) => " Judged by shared words only, because time ran out.".to_owned(),
        (Tier::MiniLm, _) if judgement.unread > 0 => {
            format!(" {} records were judged by shared words only, because time ran out.", judgement.unread)
        }
        (Tier::MiniLm, _) => String::new(),
    };
    format!("[mcpctl] {first}{how} {WAY_BACK}")
}

/// What is said besides, where a last tier was asked and did not judge everything.
#[must_use]
pub fn of_tier(tier: &str, reranked: &Reranked) -> Option<String> {
    let error = reranked.error.as_ref()?;
    let Reranked { asked, judged, .. } = reranked;
    Some(format!(" Of {asked} doubtful records {judged} were judged by {tier}: {error}."))
}

/// The note on a result that was passed whole although filtering was asked for.
#[must_use]
pub fn of_whole(intent: &str, reason: &str) -> String {
    format!("[mcpctl] not filtered by \"{}\": {reason}. Everything is here.", shortened(intent))
}

/// The report as JSON: the outcome, and tokens estimated from bytes.
#[must_use]
pub fn report(outcome: &RelevanceOutcome) -> String {
    let tokens = |bytes: u64| bytes.div_ceil(BYTES_PER_TOKEN as u64);
    json!({
        "kept": outcome.kept,
        "total": outcome.total,
        "bytes_before": outcome.bytes_before,
        "bytes_after": outcome.bytes_after,
        "tokens_before_estimate": tokens(outcome.bytes_before),
        "tokens_after_estimate": tokens(outcome.bytes_after),
        "elapsed_ms": outcome.elapsed_ms,
        "tier": outcome.tier,
    })
    .to_string()
}

fn shortened(intent: &str) -> String {
    if intent.chars().count() <= INTENT_CHARS_MAX {
        return intent.to_owned();
    }
    let mut short: String = intent.chars().take(INTENT_CHARS_MAX).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(judgement: Judgement, no_model: Option<&str>, expected: &str) {
        assert_eq!(of_judgement(&judgement, 900, "lost parcels", no_model), format!("[mcpctl] {expected} {WAY_BACK}"));
    }

    fn judgement(tier: Tier) -> Judgement {
        Judgement { kept: [1, 4].into(), scores: Vec::new(), tier, unread: 0, found: true }
    }

    #[test]
    fn the_note_says_how_many_and_how() {
        let kept = "kept 2 of 900 records relevant to \"lost parcels\"; the rest was left out.";
        check(judgement(Tier::MiniLm), None, kept);
        let late = Judgement { unread: 30, ..judgement(Tier::MiniLm) };
        check(late, None, &format!("{kept} 30 records were judged by shared words only, because time ran out."));
        check(judgement(Tier::Bm25), Some("no model"), &format!("{kept} Judged by shared words only: no model."));
    }

    #[test]
    fn nothing_relevant_is_said() {
        let nothing = Judgement { found: false, ..judgement(Tier::MiniLm) };
        check(nothing, None, "none of 900 records is clearly relevant to \"lost parcels\"; the 2 nearest were kept.");
    }

    #[test]
    fn a_long_intent_is_cut() {
        assert!(of_whole(&"x".repeat(500), "busy").len() < 250);
    }
}
