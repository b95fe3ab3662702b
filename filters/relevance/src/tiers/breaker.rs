//! A circuit breaker: a tier that failed several times running is left alone for a while, then tried again once.
//!
//! Without it every result would wait for a server that is down.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Reranker, Scale, TierError};

/// Failures running after which a tier is left alone.
pub const FAILURES_MAX: u32 = 3;
/// How long it is left alone.
pub const REST: Duration = Duration::from_secs(60);

/// A tier with a circuit breaker around it.
pub struct Breaker<R> {
    tier: R,
    rest: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: u32,
    resting_until: Option<Instant>,
}

impl<R: Reranker> Breaker<R> {
    /// `tier`, left alone for `rest` after [`FAILURES_MAX`] failures running.
    #[must_use]
    pub fn new(tier: R, rest: Duration) -> Self {
        Self { tier, rest, state: Mutex::default() }
    }

    /// Whether the tier may be asked. Whoever finds the rest over takes the one try: for the others it goes on.
    fn admits(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = state.resting_until else { return true };
        let now = Instant::now();
        let is_over = now >= until;
        if is_over {
            state.resting_until = Some(now + self.rest);
        }
        is_over
    }

    fn note(&self, has_failed: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !has_failed {
            *state = State::default();
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES_MAX {
            state.resting_until = Some(Instant::now() + self.rest);
            tracing::warn!(
                tier = self.tier.name(),
                rest_secs = self.rest.as_secs(),
                "a relevance tier keeps failing and is left alone for a while"
            );
        }
    }
}

impl<R: Reranker> Reranker for Breaker<R> {
    fn name(&self) -> &'static str {
        self.tier.name()
    }

    fn scale(&self) -> Scale {
        self.tier.scale()
    }

    fn judge(&self, intent: &str, texts: &[&str], deadline: Instant) -> Result<Vec<Option<f64>>, TierError> {
        if !self.admits() {
            return Err(TierError::Resting);
        }
        let answer = self.tier.judge(intent, texts, deadline);
        self.note(answer.is_err());
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Fake;
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A tier that fails as long as the switch is on.
    fn switched(rest: Duration) -> (Breaker<Fake>, Arc<AtomicBool>) {
        let is_down = Arc::new(AtomicBool::new(true));
        let switch = Arc::clone(&is_down);
        let answer = move |_: &str| match switch.load(Ordering::Relaxed) {
            true => Err(TierError::Failed("down".to_owned())),
            false => Ok(Some(0.5)),
        };
        (Breaker::new(Fake::new(Scale::Absolute, answer), rest), is_down)
    }

    fn ask(breaker: &Breaker<Fake>) -> Result<Vec<Option<f64>>, TierError> {
        breaker.judge("x", &["a"], Instant::now())
    }

    fn asked(breaker: &Breaker<Fake>) -> usize {
        breaker.tier.asked.lock().unwrap().len()
    }

    #[test]
    fn a_tier_that_keeps_failing_is_not_asked_again_until_its_rest_is_over() {
        let (breaker, is_down) = switched(Duration::from_secs(3600));
        for _ in 0..FAILURES_MAX {
            assert_eq!(ask(&breaker), Err(TierError::Failed("down".to_owned())));
        }
        is_down.store(false, Ordering::Relaxed);
        assert_eq!(ask(&breaker), Err(TierError::Resting));
        assert_eq!(asked(&breaker), 3);
    }

    #[test]
    fn after_its_rest_one_try_decides() {
        let (breaker, is_down) = switched(Duration::ZERO);
        for _ in 0..=FAILURES_MAX {
            assert_eq!(ask(&breaker), Err(TierError::Failed("down".to_owned())));
        }
        is_down.store(false, Ordering::Relaxed);
        assert_eq!(ask(&breaker), Ok(vec![Some(0.5)]));
        assert_eq!(breaker.state.lock().unwrap().failures, 0);
    }

    #[test]
    fn failures_that_do_not_run_on_are_forgotten() {
        let (breaker, is_down) = switched(Duration::from_secs(3600));
        for _ in 0..FAILURES_MAX * 2 {
            is_down.store(true, Ordering::Relaxed);
            assert!(ask(&breaker).is_err());
            is_down.store(false, Ordering::Relaxed);
            assert!(ask(&breaker).is_ok());
        }
    }
}
