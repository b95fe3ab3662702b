//! Waiting for something another process does: ask, wait a little, ask again, until a deadline.

use std::time::{Duration, Instant};

/// Between two looks.
const STEP: Duration = Duration::from_millis(100);

/// The moment at which waiting ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// `seconds` from now.
    pub(crate) fn after_secs(seconds: u64) -> Self {
        let now = Instant::now();
        Self(now.checked_add(Duration::from_secs(seconds)).unwrap_or(now))
    }

    /// Waits one step; false once the deadline has passed.
    pub(crate) async fn step(self) -> bool {
        if Instant::now() >= self.0 {
            return false;
        }
        back_off(STEP).await;
        true
    }
}

/// Lets `time` pass before something is tried again.
#[expect(clippy::disallowed_methods, reason = "other processes announce nothing: they can only be asked again")]
pub(crate) async fn back_off(time: Duration) {
    tokio::time::sleep(time).await;
}
