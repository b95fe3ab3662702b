//! More of a result that was shortened: those of its records that are asked for, out of the original.
//!
//! The original is cut as it was cut before, so that every record, its frame and the envelope come back as they were
//! sent. Who may have it was decided by whoever opened it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use control_plane_api::relevance::Relevance as Settings;
use filters::originals::{Rest, Unit};
use serde_json::value::RawValue;

use super::{Relevance, Shared, task, within_budget};
use crate::intent::Intent;
use crate::result::fit::room;
use crate::result::note::{self, Count, Handle};
use crate::result::{Found, ToolResult};

/// A result that was kept.
pub struct Kept {
    /// As the server sent it.
    pub original: String,
    /// What of it was not shown yet.
    pub rest: Rest,
    /// How it is had.
    pub handle: Handle,
}

/// Which of its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The next ones that were not shown.
    Next,
    /// Those of these indices.
    Range(Range<usize>),
    /// Those that are relevant to this.
    Query(Intent),
}

/// More of a result.
pub struct More {
    /// Of which.
    pub kept: Kept,
    /// What of it.
    pub wanted: Wanted,
    /// How it is judged, and the budget.
    pub settings: Settings,
}

/// What is answered.
#[derive(Debug)]
pub struct Served {
    /// A result with the records that were asked for, and a note.
    pub result: Box<RawValue>,
    /// Their indices.
    pub shown: BTreeSet<usize>,
}

/// What is shown, and what is said about it.
struct Choice {
    shown: BTreeSet<usize>,
    note: String,
}

impl Relevance {
    /// Serves more of a kept result.
    ///
    /// # Errors
    /// Says why there is none, for who asked.
    pub async fn more(&self, more: More) -> Result<Served, String> {
        let shared = Arc::clone(&self.shared);
        let failed = || "looking into the kept result failed: ask for all of it".to_owned();
        match more.wanted {
            Wanted::Query(_) => {
                let served = self.in_pool(move |is_given_up| more.serve(&shared, is_given_up)).await;
                served.unwrap_or_else(|shortfall| Err(format!("not filtered: {}", shortfall.told)))
            }
            Wanted::Next | Wanted::Range(_) => {
                let served = tokio::task::spawn_blocking(move || more.serve(&shared, &|| false)).await;
                served.unwrap_or_else(|_| Err(failed()))
            }
        }
    }
}

impl More {
    fn serve(&self, shared: &Shared, is_given_up: &(dyn Fn() -> bool + Sync)) -> Result<Served, String> {
        let whole = || "the kept result has no records: ask for all of it".to_owned();
        let result = ToolResult::open(&self.kept.original).ok_or_else(whole)?;
        let found = match self.kept.rest.unit {
            Unit::Records => result.find(),
            Unit::Lines => result.lines(),
        };
        let found = found.ok_or_else(whole)?;
        let Choice { shown, note } = match &self.wanted {
            Wanted::Next => self.next(&result, &found)?,
            Wanted::Range(range) => self.range(&result, &found, range)?,
            Wanted::Query(intent) => self.query(&result, &found, intent, (shared, is_given_up))?,
        };
        let report = |_: usize| note::place(self.count(&found, shown.len()), &self.kept.handle);
        let result = result.rewrite(Some((&found, &shown)), &note, report).ok_or_else(whole)?;
        Ok(Served { result, shown })
    }

    fn next(&self, result: &ToolResult<'_>, found: &Found) -> Result<Choice, String> {
        let total = found.records().len();
        let rest = self.kept.rest.indices.iter().filter_map(|index| usize::try_from(*index).ok());
        let order: Vec<usize> = rest.filter(|index| *index < total).collect();
        if order.is_empty() {
            return Err(format!(
                "all {total} {} were shown already: pass all, a range or a query to see them again",
                self.kept.rest.unit.name()
            ));
        }
        let shown = result.some(found, &order, room(&self.settings));
        let note = note::of_next(self.count(found, shown.len()), order.len() - shown.len(), &self.kept.handle);
        Ok(Choice { shown, note })
    }

    fn range(&self, result: &ToolResult<'_>, found: &Found, range: &Range<usize>) -> Result<Choice, String> {
        let total = found.records().len();
        let order: Vec<usize> = (range.start..range.end.min(total)).collect();
        let (Some(first), Some(last)) = (order.first(), order.last()) else {
            return Err(format!("there are only {total} {}", self.kept.rest.unit.name()));
        };
        let shown = result.some(found, &order, room(&self.settings));
        let next = (shown.len() < order.len()).then_some((first + shown.len() + 1, last + 1));
        let note = note::of_range(first + 1, self.count(found, shown.len()), next, &self.kept.handle);
        Ok(Choice { shown, note })
    }

    fn query(
        &self,
        result: &ToolResult<'_>,
        found: &Found,
        intent: &Intent,
        (shared, is_given_up): (&Shared, &(dyn Fn() -> bool + Sync)),
    ) -> Result<Choice, String> {
        let settings = within_budget(&self.settings, result, found);
        let judged = shared.judge(found.records(), intent, &settings, (Instant::now(), is_given_up));
        let order = task::order(&judged.judgement);
        let wanted: Vec<usize> = order.into_iter().take(judged.judgement.kept.len()).collect();
        let shown = result.some(found, &wanted, room(&self.settings));
        let (count, rest) = (self.count(found, shown.len()), Some(&self.kept.handle));
        let note = note::of_judgement(count, judged.judgement.found, &intent.raw, judged.shortfall.as_ref(), rest);
        Ok(Choice { shown, note })
    }

    fn count(&self, found: &Found, kept: usize) -> Count {
        Count { kept, total: found.records().len(), unit: self.kept.rest.unit }
    }
}

#[cfg(test)]
mod tests;
