//! What the client is told: the note for the model that reads the result, and the report for programs.

use control_plane_api::audit::{Fallback, RelevanceOutcome};
use filters::originals::{Unit, uri};
use serde_json::json;

use crate::judge::{Judgement, Tier};
use crate::rerank::Reranked;
use crate::select::BYTES_PER_TOKEN;

/// Characters of the intent that are repeated in the note.
const INTENT_CHARS_MAX: usize = 120;

/// How the whole of a result is had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handle {
    /// The id it is kept under.
    pub id: String,
    /// The gateway's tool for it, by the name the client knows.
    pub tool: String,
}

/// Why a result was not judged as well as it could have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    /// For audit and metrics.
    pub fallback: Fallback,
    /// For people, as the end of a sentence.
    pub told: String,
}

impl Shortfall {
    /// Of `fallback`, in the words that say so.
    #[must_use]
    pub fn new(fallback: Fallback, told: impl Into<String>) -> Self {
        Self { fallback, told: told.into() }
    }

    /// What could have been better about `judgement`; `no_model` says why there is no encoder.
    #[must_use]
    pub fn of_judgement(judgement: &Judgement, no_model: Option<&str>) -> Option<Self> {
        match (no_model, judgement.tier, judgement.unread) {
            (Some(reason), ..) => {
                Some(Self::new(Fallback::ModelMissing, format!("Judged without the encoder: {reason}")))
            }
            (None, Tier::Static, _) => {
                Some(Self::new(Fallback::Deadline, "Judged without the encoder, because time ran out"))
            }
            (None, Tier::Encoder, 0) => None,
            (None, Tier::Encoder, unread) => {
                let told = format!("{unread} doubtful records were judged without the encoder, because time ran out");
                Some(Self::new(Fallback::Deadline, told))
            }
        }
    }
}

/// How many were kept of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// So many are left.
    pub kept: usize,
    /// So many there were.
    pub total: usize,
    /// Of what.
    pub unit: Unit,
}

/// What the note says about a result that was judged by `intent`; `found`: something in it is relevant.
#[must_use]
pub fn of_judgement(count: Count, found: bool, intent: &str, how: Option<&Shortfall>, rest: Option<&Handle>) -> String {
    let (Count { kept, total, unit }, intent) = (count, shortened(intent));
    let unit = unit.name();
    let how = how.map(|shortfall| format!(" {}.", shortfall.told)).unwrap_or_default();
    if kept == total {
        return format!("[mcpctl] all {total} {unit} were kept for \"{intent}\".{how}");
    }
    let first = if found {
        format!("kept {kept} of {total} {unit} relevant to \"{intent}\"; the rest was left out.")
    } else {
        format!("none of {total} {unit} is clearly relevant to \"{intent}\"; the {kept} nearest were kept.")
    };
    format!("[mcpctl] {first}{how} {}", way_back(rest))
}

/// What the note says about a result of which as much was kept as the budget of `tokens` holds; `asked` is what it was to
/// be judged by, and why it was not.
#[must_use]
pub fn of_budget(count: Count, tokens: u32, asked: Option<(&str, &Shortfall)>, rest: Option<&Handle>) -> String {
    let Count { kept, total, unit } = count;
    let asked = asked.map(|(intent, shortfall)| not_filtered(intent, shortfall)).unwrap_or_default();
    let unit = unit.name();
    format!(
        "[mcpctl] {asked}kept the first {kept} of {total} {unit}, as many as the budget of {tokens} tokens holds. {}",
        way_back(rest)
    )
}

/// What is said besides, where a last tier was asked and did not judge everything.
#[must_use]
pub fn of_tier(tier: &str, reranked: &Reranked) -> Option<String> {
    let error = reranked.error.as_ref()?;
    let Reranked { asked, judged, .. } = reranked;
    Some(format!("Of {asked} doubtful records {judged} were judged by {tier}: {error}"))
}

/// The note on a result that was passed whole although filtering was asked for.
#[must_use]
pub fn of_whole(intent: &str, shortfall: &Shortfall) -> String {
    format!("[mcpctl] {}Everything is here.", not_filtered(intent, shortfall))
}

/// The note on records that were asked for by number; `next` is the first one that was asked for and did not fit.
#[must_use]
pub fn of_range(first: usize, count: Count, next: Option<(usize, usize)>, handle: &Handle) -> String {
    let Count { kept, total, unit } = count;
    let (unit, last) = (unit.name(), first + kept.saturating_sub(1));
    let rest = next.map(|(next, last)| {
        format!(" No more fit into the budget: go on with \"range\": \"{next}-{last}\", or \"all\": true.")
    });
    format!("[mcpctl] {unit} {first}-{last} of {total} of result {}.{}", handle.id, rest.unwrap_or_default())
}

/// The note on the records that come next; `left` were not shown yet.
#[must_use]
pub fn of_next(count: Count, left: usize, handle: &Handle) -> String {
    let Count { kept, total, unit } = count;
    let unit = unit.name();
    let after = match left {
        0 => "All of them were shown now.".to_owned(),
        left => format!("{left} were not shown yet. {}", way_back(Some(handle))),
    };
    format!("[mcpctl] the next {kept} of {total} {unit} of result {}. {after}", handle.id)
}

/// The report as JSON: the outcome, tokens estimated from bytes, and how the whole is had.
#[must_use]
pub fn report(outcome: &RelevanceOutcome, rest: Option<&Handle>) -> String {
    let tokens = |bytes: u64| bytes.div_ceil(BYTES_PER_TOKEN as u64);
    let mut report = json!({
        "kept": outcome.kept,
        "total": outcome.total,
        "bytes_before": outcome.bytes_before,
        "bytes_after": outcome.bytes_after,
        "tokens_before_estimate": tokens(outcome.bytes_before),
        "tokens_after_estimate": tokens(outcome.bytes_after),
        "elapsed_ms": outcome.elapsed_ms,
        "tier": outcome.tier,
    });
    let fallback = outcome.fallback.map(|fallback| ("fallback", fallback.as_str().to_owned()));
    let whole = rest.map(|handle| [("id", handle.id.clone()), ("resource", uri(&handle.id))]);
    if let Some(report) = report.as_object_mut() {
        report.extend(
            fallback.into_iter().chain(whole.into_iter().flatten()).map(|(name, text)| (name.to_owned(), text.into())),
        );
    }
    report.to_string()
}

/// The report about some records of a kept result.
#[must_use]
pub fn place(count: Count, handle: &Handle) -> String {
    json!({"kept": count.kept, "total": count.total, "id": handle.id, "resource": uri(&handle.id)}).to_string()
}

fn not_filtered(intent: &str, shortfall: &Shortfall) -> String {
    format!("not filtered by \"{}\": {}. ", shortened(intent), shortfall.told)
}

fn way_back(rest: Option<&Handle>) -> String {
    match rest {
        Some(Handle { id, tool }) => format!(
            "For more call {tool} with {{\"id\": \"{id}\"}}, with \"all\": true for everything, or read {}.",
            uri(id)
        ),
        None => "The rest could not be kept: call the tool again with _context \"all\", or ask it for less.".to_owned(),
    }
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

    const COUNT: Count = Count { kept: 2, total: 900, unit: Unit::Records };

    fn handle() -> Handle {
        Handle { id: "Ab-1".to_owned(), tool: "mcpctl_more".to_owned() }
    }

    fn check(note: &str, expected: &str) {
        let more = "For more call mcpctl_more with {\"id\": \"Ab-1\"}, with \"all\": true for everything, or read mcpctl://results/Ab-1.";
        assert_eq!(note, format!("[mcpctl] {}", expected.replace("MORE", more)));
    }

    #[test]
    fn the_note_says_how_many_and_why_and_how_to_get_the_rest() {
        let rest = handle();
        let note = |found, how: Option<&Shortfall>| of_judgement(COUNT, found, "lost parcels", how, Some(&rest));
        let kept = "kept 2 of 900 records relevant to \"lost parcels\"; the rest was left out.";
        check(&note(true, None), &format!("{kept} MORE"));
        let late = Shortfall::new(Fallback::Deadline, "Time ran out");
        check(&note(true, Some(&late)), &format!("{kept} Time ran out. MORE"));
        let none = "none of 900 records is clearly relevant to \"lost parcels\"; the 2 nearest were kept.";
        check(&note(false, None), &format!("{none} MORE"));
        let all = Count { kept: 900, ..COUNT };
        let note = of_judgement(all, true, "lost parcels", None, None);
        assert_eq!(note, "[mcpctl] all 900 records were kept for \"lost parcels\".");
        let lines = Count { unit: Unit::Lines, ..COUNT };
        let first = "kept the first 2 of 900 lines, as many as the budget of 9000 tokens holds.";
        check(&of_budget(lines, 9_000, None, Some(&rest)), &format!("{first} MORE"));
        let asked = Some(("lost parcels", &late));
        let first = format!("not filtered by \"lost parcels\": Time ran out. {first} MORE");
        check(&of_budget(lines, 9_000, asked, Some(&rest)), &first);
        check(&of_next(COUNT, 7, &rest), "the next 2 of 900 records of result Ab-1. 7 were not shown yet. MORE");
        check(&of_next(COUNT, 0, &rest), "the next 2 of 900 records of result Ab-1. All of them were shown now.");
        check(&of_range(101, COUNT, None, &rest), "records 101-102 of 900 of result Ab-1.");
        assert!(of_range(101, COUNT, Some((103, 200)), &rest).contains("\"range\": \"103-200\""));
    }

    #[test]
    fn what_could_have_been_better_is_said() {
        let said = |tier, unread, no_model| {
            let judgement = Judgement { kept: [1].into(), scores: vec![0.0; 9], tier, unread, found: true };
            Shortfall::of_judgement(&judgement, no_model).map(|shortfall| (shortfall.fallback, shortfall.told))
        };
        assert_eq!(said(Tier::Encoder, 0, None), None);
        let late = "30 doubtful records were judged without the encoder, because time ran out";
        assert_eq!(said(Tier::Encoder, 30, None), Some((Fallback::Deadline, late.to_owned())));
        assert_eq!(said(Tier::Static, 0, None).map(|(fallback, _)| fallback), Some(Fallback::Deadline));
        let missing = Some((Fallback::ModelMissing, "Judged without the encoder: no file".to_owned()));
        assert_eq!(said(Tier::Static, 0, Some("no file")), missing);
    }

    #[test]
    fn what_could_not_be_kept_is_said() {
        assert!(of_budget(COUNT, 1, None, None).contains("could not be kept"));
    }

    #[test]
    fn the_report_has_the_id_and_the_reason() {
        let mut outcome = RelevanceOutcome {
            kept: 1,
            total: 2,
            bytes_before: 9,
            bytes_after: 4,
            elapsed_ms: 0,
            tier: "order".to_owned(),
            fallback: None,
        };
        let read = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
        assert_eq!(read(report(&outcome, None)).as_object().unwrap().len(), 8);
        outcome.fallback = Some(Fallback::QueueFull);
        let report = read(report(&outcome, Some(&handle())));
        assert_eq!((&report["id"], &report["resource"]), (&"Ab-1".into(), &"mcpctl://results/Ab-1".into()));
        assert_eq!((&report["fallback"], &report["tokens_before_estimate"]), (&"queue_full".into(), &3.into()));
    }

    #[test]
    fn a_long_intent_is_cut() {
        assert!(of_whole(&"x".repeat(500), &Shortfall::new(Fallback::Failed, "it failed")).len() < 250);
    }
}
