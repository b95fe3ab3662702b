//! Reading on in the background: the records that a judgement had no time for, or no need of, are encoded while nothing else
//! is to be judged, so that the next question about the same records finds all of them remembered.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Shared, Task};
use crate::result::ToolResult;

/// Time spent on the records of one result.
const TIME_MAX: Duration = Duration::from_secs(10);
/// Records of one result that are read.
const RECORDS_MAX: usize = 4_000;

impl Shared {
    /// Encodes the records of a result as long as no result waits to be judged.
    pub(super) fn warm(&self, task: &Arc<Task>) {
        let Ok(encoder) = self.model() else { return };
        let Some(found) = ToolResult::open(&task.source).and_then(|result| result.find()) else { return };
        let texts: Vec<&str> = found.records().iter().map(|record| record.spoken.text.as_str()).collect();
        let texts: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).take(RECORDS_MAX).collect();
        let until = Instant::now() + TIME_MAX;
        let go_on = || self.judging.load(Ordering::Relaxed) == 0 && Instant::now() < until;
        if let Err(error) = encoder.encode(&texts, &go_on) {
            tracing::warn!(%error, "records could not be read in advance");
        }
    }
}
