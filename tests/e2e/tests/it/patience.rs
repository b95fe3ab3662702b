//! Waiting for what another process does, with an end.

use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};

const STEP: Duration = Duration::from_millis(50);
/// Longer than anything takes on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks again and again until there is something to see; `what` is what is being waited for.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    let mut steps = interval(STEP);
    steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while begin.elapsed() < PATIENCE {
        steps.tick().await;
        if let Some(seen) = look().await {
            return seen;
        }
    }
    panic!("waited {} seconds in vain until {what}", PATIENCE.as_secs());
}
