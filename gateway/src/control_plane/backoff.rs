//! Waits that double between failures, with jitter, so that a fleet does not come back in one step.

use rand::Rng as _;
use std::time::Duration;

/// The waits between attempts at one thing.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    /// Waits from `first` on, doubling up to `max`.
    #[must_use]
    pub fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, next: first }
    }

    /// The waits between attempts to reach the control plane: 200 ms to 3 s.
    #[must_use]
    pub fn control_plane() -> Self {
        Self::new(Duration::from_millis(200), Duration::from_secs(3))
    }

    /// An attempt succeeded: the next failure starts from the shortest wait again.
    pub fn reset(&mut self) {
        self.next = self.first;
    }

    /// How long to wait now: at random between half the current step and the whole of it.
    pub fn step(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.max);
        whole.mul_f64(rand::thread_rng().gen_range(0.5..=1.0))
    }

    /// Waits one step.
    #[expect(clippy::disallowed_methods, reason = "a back-off: time itself is the condition")]
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.step()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        for whole in [100, 200, 350, 350] {
            let step = backoff.step();
            assert!(step >= Duration::from_millis(whole / 2) && step <= Duration::from_millis(whole), "{step:?}");
        }
        backoff.reset();
        assert!(backoff.step() <= Duration::from_millis(100));
    }
}
