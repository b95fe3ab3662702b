//! Showing a list: as much of it as was asked for, once or again whenever it has changed.

use crate::{
    args::show::{Limit, Watch},
    failure::Failure,
    output::{Output, Report, Seen},
    pause::back_off,
};
use std::time::Duration;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Shows what `find` finds; with `--watch` what of it has changed since, for as long as somebody reads.
pub(crate) async fn show<R: Report>(
    watch: Watch,
    output: Output,
    mut find: impl AsyncFnMut() -> Result<R, Failure>,
) -> Result<(), Failure> {
    if !watch.watch {
        return output.report(&find().await?);
    }
    let mut seen = Seen::default();
    while output.news(&find().await?, &mut seen)?.is_continue() {
        back_off(LOOK).await;
    }
    Ok(())
}

/// The first of `rows`, and a word about the rest.
pub(crate) fn limited<T>(mut rows: Vec<T>, limit: Limit, output: Output) -> Vec<T> {
    let Some(max) = limit.limit.and_then(|max| usize::try_from(max).ok()) else { return rows };
    let more = rows.len().saturating_sub(max);
    if more > 0 {
        output.note(format!("{more} more: `--limit {}` shows all", rows.len()));
        rows.truncate(max);
    }
    rows
}
