//! When a child that died may be started again: at once after a long life, later and later after short ones.

use control_plane_api::limits::Limits;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The book of one server's deaths.
pub(super) struct Restarts {
    first: Duration,
    longest: Duration,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    /// Short lives in a row.
    failures: u32,
    retry_at: Option<Instant>,
    reason: String,
}

impl Restarts {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            first: Duration::from_millis(limits.restart_backoff_ms),
            longest: Duration::from_millis(limits.restart_backoff_max_ms),
            book: Mutex::default(),
        }
    }

    /// A child lived from `born` to `now` and went away for that `reason`.
    pub(super) fn died(&self, born: Instant, now: Instant, reason: &str) {
        let mut book = self.lock();
        let long_life = now.saturating_duration_since(born) >= self.longest;
        book.failures = if long_life { 0 } else { book.failures.saturating_add(1) };
        let doublings = book.failures.saturating_sub(1).min(31);
        let wait = self.first.saturating_mul(1 << doublings).min(self.longest);
        book.retry_at = if book.failures == 0 { None } else { Some(now + wait) };
        reason.clone_into(&mut book.reason);
    }

    /// What to tell a caller who comes before the wait is over.
    pub(super) fn wait(&self, now: Instant) -> Option<String> {
        let book = self.lock();
        let left = book.retry_at?.checked_duration_since(now).filter(|left| !left.is_zero())?;
        Some(format!("{}; it is started again in {:.1} s at the earliest", book.reason, left.as_secs_f64()))
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kills a child after each of `lives_ms`; the waits in between, in milliseconds.
    fn check(lives_ms: &[u64]) -> Vec<u64> {
        let limits = Limits { restart_backoff_ms: 500, restart_backoff_max_ms: 3_000, ..Limits::default() };
        let restarts = Restarts::new(&limits);
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for life in lives_ms {
            let born = now;
            now += Duration::from_millis(*life);
            restarts.died(born, now, "it is dead");
            let mut wait = 0;
            while restarts.wait(now + Duration::from_millis(wait)).is_some() {
                wait += 500;
            }
            waits.push(wait);
            now += Duration::from_millis(wait);
        }
        waits
    }

    #[test]
    fn short_lives_make_longer_waits_up_to_the_bound() {
        assert_eq!(check(&[1, 1, 1, 1, 1]), [500, 1_000, 2_000, 3_000, 3_000]);
    }

    #[test]
    fn a_long_life_is_forgiven() {
        assert_eq!(check(&[1, 1, 3_000, 1]), [500, 1_000, 0, 500]);
    }

    #[test]
    fn who_comes_too_early_is_told_when_to_come() {
        let restarts = Restarts::new(&Limits::default());
        let now = Instant::now();
        assert_eq!(restarts.wait(now), None);
        restarts.died(now, now, "it exited with status 1");
        let told = restarts.wait(now).unwrap();
        assert_eq!(told, "it exited with status 1; it is started again in 0.5 s at the earliest");
    }
}
