//! One result to shorten: what is left of it, and what is said about that. Runs where waiting is nobody's loss.
//!
//! Two ways: by a judgement, or in order, where there is none. Whatever is left out is kept first.

use std::collections::BTreeSet;
use std::time::Instant;

use control_plane_api::audit::{Fallback, RelevanceOutcome};
use control_plane_api::relevance::Relevance as Settings;
use filters::originals::{Rest, Unit};

use super::{Filtered, Keeper};
use crate::intent::Intent;
use crate::judge::Judgement;
use crate::result::fit::{budget_bytes, room};
use crate::result::note::{self, Count, Handle, Shortfall};
use crate::result::{Found, ToolResult};
use crate::select;

/// The tier of a result that was passed whole.
pub(super) const TIER_NONE: &str = "none";
/// The tier of a result of which the first ones were kept.
const TIER_ORDER: &str = "order";

/// One result to shorten.
pub(super) struct Task {
    pub(super) source: String,
    /// What is looked for, where results are judged by it.
    pub(super) intent: Option<Intent>,
    pub(super) settings: Settings,
    pub(super) keeper: Keeper,
    pub(super) started: Instant,
}

/// A judgement, and why it is not a better one.
pub(super) struct Judged {
    pub(super) judgement: Judgement,
    pub(super) shortfall: Option<Shortfall>,
    /// The last tier, if it judged a record.
    pub(super) last: Option<&'static str>,
}

/// What is left of a result.
struct Left<'a> {
    found: &'a Found,
    unit: Unit,
    kept: BTreeSet<usize>,
    /// Every index, those to show first in front.
    order: Vec<usize>,
}

impl Task {
    /// Whether it is within its budget as it is.
    pub(super) fn fits(&self) -> bool {
        budget_bytes(&self.settings).is_none_or(|bytes| self.source.len() <= bytes)
    }

    /// The result with the records that were judged relevant, as far as the budget holds them.
    pub(super) fn judged(&self, result: &ToolResult<'_>, found: &Found, judged: &Judged) -> Filtered {
        let Judged { judgement, shortfall, last } = judged;
        let order = order(judgement);
        let mut kept = judgement.kept.clone();
        let room = room(&self.settings);
        if room < usize::MAX && result.weight_of(&result.weigh(), found, &kept) > room {
            let wanted: Vec<usize> = order.iter().copied().filter(|index| kept.contains(index)).collect();
            kept = result.some(found, &wanted, room);
        }
        let mut outcome = self.outcome();
        outcome.tier = [Some(judgement.tier.name()), *last].into_iter().flatten().collect::<Vec<_>>().join("+");
        outcome.fallback = shortfall.as_ref().map(|shortfall| shortfall.fallback);
        let intent = self.intent.as_ref().map_or("", |intent| intent.raw.as_str());
        let note = |count: Count, rest: Option<&Handle>| {
            note::of_judgement(count, judgement.found, intent, shortfall.as_ref(), rest)
        };
        self.cut(result, Left { found, unit: Unit::Records, kept, order }, note, outcome)
    }

    /// The result within its budget, the first records of it; whole where it fits. `shortfall` is why it was not judged,
    /// where that was asked for.
    pub(super) fn in_order(&self, shortfall: Option<&Shortfall>) -> Filtered {
        let Some(result) = ToolResult::open(&self.source) else {
            return Filtered::Untouched;
        };
        let room = room(&self.settings);
        if self.fits() || budget_bytes(&self.settings).is_some_and(|bytes| result.weigh().weight() <= bytes) {
            return self.whole(&result, shortfall);
        }
        let mut outcome = self.outcome();
        TIER_ORDER.clone_into(&mut outcome.tier);
        outcome.fallback = shortfall.map(|shortfall| shortfall.fallback);
        let asked = self.intent.as_ref().map(|intent| intent.raw.as_str()).zip(shortfall);
        let tokens = self.settings.budget_tokens;
        let note = |count: Count, rest: Option<&Handle>| note::of_budget(count, tokens, asked, rest);
        let all = |found: &Found| (0..found.records().len()).collect::<Vec<_>>();
        if let Some(found) = result.find() {
            let order = all(&found);
            let kept = result.most(&found, &order, room);
            if !kept.is_empty() || result.lines().is_none() {
                return self.cut(&result, Left { found: &found, unit: Unit::Records, kept, order }, note, outcome);
            }
        }
        if let Some(found) = result.lines() {
            let order = all(&found);
            let kept = result.some(&found, &order, room);
            return self.cut(&result, Left { found: &found, unit: Unit::Lines, kept, order }, note, outcome);
        }
        match shortfall {
            Some(_) => self.whole(&result, shortfall),
            None if result.stays_whole() => Filtered::Untouched,
            None => Filtered::Whole(RelevanceOutcome { fallback: Some(Fallback::Uncuttable), ..self.outcome() }),
        }
    }

    /// The result as it is, with a note that says why if judging it was asked for.
    fn whole(&self, result: &ToolResult<'_>, shortfall: Option<&Shortfall>) -> Filtered {
        let (Some(intent), Some(shortfall)) = (&self.intent, shortfall) else {
            return Filtered::Untouched;
        };
        let outcome = RelevanceOutcome { fallback: Some(shortfall.fallback), ..self.outcome() };
        finish(result, None, &note::of_whole(&intent.raw, shortfall), None, outcome)
    }

    /// Keeps the original and cuts the result.
    fn cut(
        &self,
        result: &ToolResult<'_>,
        left: Left<'_>,
        note: impl FnOnce(Count, Option<&Handle>) -> String,
        mut outcome: RelevanceOutcome,
    ) -> Filtered {
        let Left { found, unit, kept, order } = left;
        let total = found.records().len();
        let rest = order.into_iter().filter(|index| !kept.contains(index));
        let indices: Vec<u32> = rest.filter_map(|index| u32::try_from(index).ok()).collect();
        // Without anything left out the original is what the client has.
        let handle = if indices.is_empty() { None } else { self.keeper.keep(&self.source, Rest { unit, indices }) };
        let count = Count { kept: kept.len(), total, unit };
        outcome.kept = kept.len() as u64;
        outcome.total = total as u64;
        finish(result, Some((found, &kept)), &note(count, handle.as_ref()), handle.as_ref(), outcome)
    }

    fn outcome(&self) -> RelevanceOutcome {
        let elapsed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        RelevanceOutcome { elapsed_ms, ..untouched(self.source.len(), None) }
    }
}

/// What became of a result of which nothing was left out.
pub(super) fn untouched(bytes: usize, fallback: Option<Fallback>) -> RelevanceOutcome {
    RelevanceOutcome {
        kept: 0,
        total: 0,
        bytes_before: bytes as u64,
        bytes_after: bytes as u64,
        elapsed_ms: 0,
        tier: TIER_NONE.to_owned(),
        fallback,
    }
}

/// Every index, those to show first in front: the kept ones, then the others, the best first.
pub(super) fn order(judgement: &Judgement) -> Vec<usize> {
    let (kept, others): (Vec<usize>, Vec<usize>) =
        select::ranked(&judgement.scores).into_iter().partition(|index| judgement.kept.contains(index));
    [kept, others].concat()
}

pub(super) fn finish(
    result: &ToolResult<'_>,
    kept: Option<(&Found, &BTreeSet<usize>)>,
    note: &str,
    rest: Option<&Handle>,
    mut outcome: RelevanceOutcome,
) -> Filtered {
    let rewritten = result.rewrite(kept, note, |bytes| {
        outcome.bytes_after = bytes as u64;
        note::report(&outcome, rest)
    });
    match rewritten {
        Some(result) => Filtered::Rewritten { result, outcome },
        None => Filtered::Untouched,
    }
}
